import assert from 'node:assert/strict'
import test from 'node:test'
import { home, withoutResponse } from '../lib/url.js'
import { HERE } from './support/world.js'

/** Numbers that are random but the same in each run (mulberry32). */
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const PIECES = ['/', '//', '\\', ':', '@', '.', '..', '?', '#', '%2f', '%5c', '\t', '\n', ' ', 'evil.example', 'app.example', 'https:', 'http:', 'javascript:', 'data:', 'blob:', 'x', '[', '\u0000', '\u202e', '＠', '。']
const RESPONSE = ['code', 'state', 'iss', 'error', 'error_description', 'error_uri', 'session_state']
const location = { origin: HERE, protocol: 'https:', href: `${HERE}/now?a=1#b` }

test('OPENREDIR-04 home(): whatever it is given, the result is of this origin, also when it is resolved again', () => {
  const next = random(1)
  for (let round = 0; round < 20_000; round++) {
    const address = Array.from({ length: 1 + next() * 7 }, () => PIECES[Math.floor(next() * PIECES.length)]).join('')
    const result = home(address, location)
    assert.equal(new URL(result).origin, HERE, JSON.stringify(address))
    assert.equal(new URL(result, 'https://elsewhere.example/').protocol, 'https:')
    assert.equal(home(result, location), result, 'a second time changes nothing')
  }
})

test('home(): ordinary addresses stay what they are', () => {
  const cases = { '/cart': '/cart', 'cart?x=1#y': '/cart?x=1#y', '?q': '/now?q', '#h': '/now?a=1#h', [`${HERE}/a`]: '/a', '/.//evil.example': '//evil.example', 'https://u:p@app.example/x': '/x' }
  for (const [given, path] of Object.entries(cases)) assert.equal(home(given, location), HERE + path)
  assert.equal(home(undefined, location), location.href)
})

test('withoutResponse(): nothing of the response stays, everything else does', () => {
  const next = random(2)
  const names = [...RESPONSE, 'page', 'q', 'Code', 'state2', 'ключ']
  for (let round = 0; round < 5000; round++) {
    const url = new URL(`${HERE}/callback`)
    const parameters = Array.from({ length: next() * 8 }, () => [names[Math.floor(next() * names.length)], `${next()} &=#+ї`])
    for (const [name, value] of parameters) url.searchParams.append(name, value)
    if (next() < 0.5) url.hash = 'part'
    const clean = new URL(withoutResponse(url))
    assert.deepEqual([...clean.searchParams], parameters.filter(([name]) => !RESPONSE.includes(name)))
    assert.equal(clean.hash, url.hash)
    assert.equal(clean.pathname, url.pathname)
  }
})
