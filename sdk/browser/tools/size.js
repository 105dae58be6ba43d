/** `npm run size`: what the SDK weighs, bundled, minified and compressed. */

import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

/**
 * The parts and their budgets in bytes: what every app loads, 6.0 KB, and what only apps with `dpop: true` load besides.
 *
 * @type {Record<'core' | 'dpop', { entry: string, budget: number, apart: RegExp }>}
 */
export const PARTS = {
  core: { entry: 'brama.js', budget: 6000, apart: /\/dpop\// },
  dpop: { entry: 'dpop/dpop.js', budget: 2500, apart: /\/lib\// },
}

/**
 * @param {keyof typeof PARTS} part
 * @returns {Promise<{ minified: number, gzip: number, budget: number }>}
 */
export async function size(part) {
  const { entry, budget, apart } = PARTS[part]
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../${entry}`, import.meta.url))],
    ...{ bundle: true, minify: true, write: false, format: 'esm', target: 'es2022' },
    // What the other part brings.
    plugins: [{ name: 'apart', setup: ({ onResolve }) => onResolve({ filter: apart }, ({ path }) => ({ path, external: true })) }],
  })
  const [{ contents }] = outputFiles
  return { minified: contents.length, gzip: gzipSync(contents, { level: 9 }).length, budget }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) for (const part of /** @type {const} */ (['core', 'dpop'])) console.log(part, await size(part))
