/**
 * Somebody else's web server: an app that is signed in to, or an attacker.
 *
 * @module
 */

import http from 'node:http'

/** @typedef {{ url: URL, headers: http.IncomingHttpHeaders, method: string, form: URLSearchParams }} Visit */

/**
 * @param {{ host?: string }} [options] `127.0.0.1` is another site than `localhost`; another port of `localhost` is the same site
 */
export async function openSite({ host = '127.0.0.1' } = {}) {
  /** @type {Visit[]} */
  let visits = []
  /** @type {Record<string, string>} */
  const pages = {}
  const server = http.createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', origin)
    if (url.pathname === '/favicon.ico') return void response.writeHead(204).end()
    let body = ''
    for await (const piece of request) body += piece
    visits.push({ url, headers: request.headers, method: request.method ?? '', form: new URLSearchParams(body) })
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
    response.end(pages[url.pathname] ?? '<!doctype html><title>The app</title><h1>The app</h1>')
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const origin = `http://${host}:${port}`
  return {
    origin,
    /** What is at a path; anything else is a plain page. */
    pages,
    /** @param {string} [path] */
    visits: (path) => visits.filter(({ url }) => !path || url.pathname === path),
    forget: () => void (visits = []),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
