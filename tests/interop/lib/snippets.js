/**
 * The code in the documentation is the code of the tests. A block below a line `<!-- tests/interop/guides/… -->` is that
 * file, and what stands between `<!-- walked -->` and `<!-- end -->` is the table of the last run.
 *
 * `npm run docs` writes the files into the pages; the tests only compare.
 *
 * @module
 */

import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = new URL('../../../', import.meta.url)
const read = (/** @type {string} */ path) => readFileSync(new URL(path, ROOT), 'utf8')
const BLOCK = /<!-- (tests\/interop\/\S+) -->\n\n```(\w+)\n([^]*?)```/g

/** The pages with code of ours. */
const PAGES = readdirSync(new URL('docs/how-to', ROOT)).map((name) => `docs/how-to/${name}`)
export const RESULTS = 'docs/reference/interoperability.md'

/** A page as it has to be. @param {string} path */
const right = (path) => read(path).replace(BLOCK, (_, file, language) => `<!-- ${file} -->\n\n\`\`\`${language}\n${read(file)}\`\`\``)

/** Pages whose code is not that of the files. */
export const wrongPages = () => PAGES.filter((path) => read(path) !== right(path))

/** Files of guides that no page shows. */
export function unusedFiles() {
  const used = new Set(PAGES.flatMap((path) => [...read(path).matchAll(BLOCK)].map(([, file]) => file)))
  const folders = readdirSync(new URL('tests/interop/guides', ROOT))
  const inside = (/** @type {string} */ folder) => readdirSync(new URL(`tests/interop/guides/${folder}`, ROOT))
  const files = folders.flatMap((folder) => inside(folder).map((name) => `tests/interop/guides/${folder}/${name}`))
  return files.filter((file) => !used.has(file))
}

const TABLE = /(<!-- walked -->\n\n)[^]*?(\n\n<!-- end -->)/

/** The table that the page shows. */
export const shownTable = () => TABLE.exec(read(RESULTS))?.[0].replace(TABLE, (all, open, close) => all.slice(open.length, -close.length))

/** @param {string} table */
export const showTable = (table) => writeFileSync(new URL(RESULTS, ROOT), read(RESULTS).replace(TABLE, (_, open, close) => open + table + close))

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const path of wrongPages()) {
    writeFileSync(new URL(path, ROOT), right(path))
    console.log(`${path} is written`)
  }
}
