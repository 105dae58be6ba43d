/** What the documentation says about clients. It runs last: it compares with what the others have done. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RESULTS, showTable, shownTable, unusedFiles, wrongPages } from './lib/snippets.js'
import { table } from './lib/walked.js'

describe('documentation', () => {
  test('the code of the guides is the code that ran here', () => {
    assert.deepEqual(wrongPages(), [], 'run `npm run docs` in tests/interop')
    assert.deepEqual(unusedFiles(), [], 'show these files in a page of docs/how-to, or remove them')
  })

  test('the table of clients says what was walked here', () => {
    const walked = table()
    console.log(`\n${walked}\n`)
    if (process.env.INTEROP_WRITE) showTable(walked)
    assert.equal(shownTable(), walked, `${RESULTS}: run \`INTEROP_WRITE=1 npm test\` in tests/interop after all clients have passed`)
  })
})
