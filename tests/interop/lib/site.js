/**
 * Somebody else's web server: an app that is signed in to. It keeps what visited it, and serves modules as they lie in
 * `node_modules`, so that a page runs a library without any build step.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'
import http from 'node:http'

/** @typedef {{ method: string, url: URL, headers: http.IncomingHttpHeaders, body: string }} Visit */
/** @typedef {{ status?: number, headers?: Record<string, string>, body?: string | Buffer }} Answer */

const KINDS = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8' }

/**
 * @param {{ host?: string, pages?: Record<string, string | URL | ((visit: Visit) => Answer | Promise<Answer>)> }} [options]
 *   `127.0.0.1` is another site than `localhost`; a page is a text, a file or a function
 */
export async function openSite({ host = '127.0.0.1', pages = {} } = {}) {
  /** @type {Visit[]} */
  const visits = []
  const server = http.createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', origin)
    const parts = []
    for await (const part of request) parts.push(part)
    const visit = { method: request.method ?? '', url, headers: request.headers, body: Buffer.concat(parts).toString() }
    if (url.pathname !== '/favicon.ico') visits.push(visit)
    const page = pages[url.pathname] ?? '<!doctype html><title>The app</title><h1>The app</h1>'
    const kind = page instanceof URL && page.pathname.endsWith('.js') ? KINDS.js : KINDS.html
    /** @type {Answer} */
    const answer = typeof page === 'function' ? await page(visit) : { body: page instanceof URL ? await readFile(page) : page }
    response.writeHead(answer.status ?? 200, { 'content-type': kind, 'cache-control': 'no-store', ...answer.headers })
    response.end(answer.body)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const origin = `http://${host}:${port}`
  return {
    origin,
    pages,
    /** @param {string} path */
    visits: (path) => visits.filter(({ url }) => url.pathname === path),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
