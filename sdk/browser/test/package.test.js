import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { PARTS, size } from '../tools/size.js'
import { PUBLIC, writeTypes } from '../tools/types.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (file) => readFileSync(join(root, file), 'utf8')

for (const part of Object.keys(PARTS)) {
  test(`the part ${part} fits its budget`, async () => {
    const { gzip, budget } = await size(part)
    assert.ok(gzip <= budget, `${gzip} of ${budget} bytes`)
  })
}

test('the part dpop is loaded by those who ask for it alone', () => {
  const outside = readdirSync(root, { recursive: true }).filter((file) => /\.js$/.test(file) && !/^(node_modules|test|tools|dpop)\b/.test(file))
  const importers = outside.filter((file) => /^import .*\/dpop\//m.test(read(file)))
  assert.deepEqual(importers, [])
  assert.match(read('options.js'), /dpop \? \(await import\('\.\/dpop\/dpop\.js'\)/)
  assert.ok(JSON.parse(read('package.json')).files.includes('dpop/'))
})

test('strict types pass and the public API is the reviewed one (else: npm run types, and look at the diff)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'brama-api-'))
  try {
    writeTypes(folder)
    for (const file of PUBLIC) assert.equal(readFileSync(join(folder, file), 'utf8'), read(`types/${file}`), file)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('no dependencies; imports are relative and named with their ending', () => {
  assert.equal(JSON.parse(read('package.json')).dependencies, undefined)
  const modules = readdirSync(root, { recursive: true }).filter((file) => /\.js$/.test(file) && !/^(node_modules|test|tools)\b/.test(file))
  assert.ok(modules.length > 10)
  for (const file of modules) {
    for (const [, from] of read(file).matchAll(/^(?:import|export) .*from '([^']+)'/gm)) assert.match(from, /^\.\.?\/.+\.js$/, file)
  }
})

test('the lock file names no registry', () => {
  assert.ok(!/https?:\/\/registry|"resolved"/.test(read('package-lock.json')))
})
