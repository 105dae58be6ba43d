/** `npm run types`: write the public API report, `types/brama.d.ts` and what it names, into a folder (default `types`). */

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The public part; the other modules are nobody's business. */
export const PUBLIC = ['brama.d.ts', 'lib/error.d.ts']

const root = fileURLToPath(new URL('..', import.meta.url))

/** @param {string} folder */
export function writeTypes(folder) {
  const all = mkdtempSync(join(tmpdir(), 'brama-types-'))
  try {
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', root, '--outDir', all], { stdio: 'inherit' })
    for (const file of PUBLIC) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      copyFileSync(join(all, file), join(folder, file))
    }
  } finally {
    rmSync(all, { recursive: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeTypes(process.argv[2] ?? join(root, 'types'))
