/** `npm run size`: what the whole SDK weighs, bundled, minified and compressed. */

import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

/** The budget in bytes: 6.0 KB. */
export const BUDGET = 6000

/** @returns {Promise<{ minified: number, gzip: number }>} */
export async function size() {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../brama.js', import.meta.url))],
    ...{ bundle: true, minify: true, write: false, format: 'esm', target: 'es2022' },
  })
  const [{ contents }] = outputFiles
  return { minified: contents.length, gzip: gzipSync(contents, { level: 9 }).length }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log({ ...(await size()), budget: BUDGET })
