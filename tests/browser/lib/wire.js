/**
 * A proxy between the browser and the server: it is the server's public address, so everything passes here. It remembers what
 * passed, and a test may delay a request, change its headers, or lose the answer after the server has acted.
 *
 * @module
 */

import http from 'node:http'
import https from 'node:https'

/**
 * @typedef {object} Passed
 * @property {string} method
 * @property {string} path
 * @property {URLSearchParams} query
 * @property {http.IncomingHttpHeaders} headers of the request
 * @property {string} body of the request
 * @property {number | undefined} status
 * @property {string[]} cookies `Set-Cookie` of the answer
 * @property {http.IncomingHttpHeaders} answered headers of the answer
 * @property {string} text of the answer, when it is JSON
 */

/**
 * What to do with a request: change its headers, wait before it goes on, lose its answer.
 *
 * @typedef {{ headers?: Record<string, string>, before?: Promise<unknown>, after?: Promise<unknown>, lose?: boolean }} Treatment
 */

/**
 * Open the proxy; `aim` says later where it leads.
 *
 * @param {{ key: string, cert: string }} [tls] what it speaks TLS with
 */
export async function openWire(tls) {
  /** @type {Passed[]} */
  let log = []
  /** @type {(request: http.IncomingMessage) => Treatment | undefined} */
  let treat = () => undefined
  let upstream = 0

  /** @type {http.RequestListener} */
  const pass = async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const treatment = treat(request) ?? {}
    const body = []
    for await (const part of request) body.push(part)
    /** @type {Passed} */
    const passed = {
      ...{ method: request.method ?? '', path: url.pathname, query: url.searchParams, headers: request.headers },
      ...{ body: Buffer.concat(body).toString(), status: undefined, cookies: [], answered: {}, text: '' },
    }
    log.push(passed)
    await treatment.before
    const onward = http.request(
      {
        port: upstream,
        host: '127.0.0.1',
        method: request.method,
        path: request.url,
        headers: { ...request.headers, ...treatment.headers },
        agent: false,
      },
      async (answer) => {
        passed.status = answer.statusCode
        passed.cookies = answer.headers['set-cookie'] ?? []
        passed.answered = answer.headers
        const parts = []
        for await (const part of answer) parts.push(part)
        const content = Buffer.concat(parts)
        if (/json/.test(answer.headers['content-type'] ?? '') && !answer.headers['content-encoding'])
          passed.text = content.toString()
        await treatment.after
        if (treatment.lose) return response.destroy()
        response.writeHead(
          answer.statusCode ?? 502,
          answer.statusMessage,
          answer.rawHeaders.length > 0 ? pairs(answer.rawHeaders) : [],
        )
        response.end(content)
      },
    )
    onward.on('error', () => response.destroy())
    onward.end(Buffer.concat(body))
  }
  const server = tls ? https.createServer(tls, pass) : http.createServer(pass)
  server.on('clientError', (_, socket) => socket.destroy())
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())

  return {
    port,
    url: `${tls ? 'https' : 'http'}://localhost:${port}`,
    /** @param {number} port the server's own */
    aim: (port) => void (upstream = port),
    /** @param {typeof treat} [how] nothing: let everything pass */
    treat: (how = () => undefined) => void (treat = how),
    /** Forget what passed so far. */
    forget: () => void (log = []),
    /**
     * What passed since then.
     *
     * @param {string} [method]
     * @param {string} [path]
     */
    passed: (method, path) => log.filter((one) => (!method || one.method === method) && (!path || one.path === path)),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** @param {string[]} raw names and values in turn */
function pairs(raw) {
  // The proxy sends the whole body at once; how it was framed before does not matter any more.
  const kept = []
  for (let at = 0; at < raw.length; at += 2) {
    if (!/^(transfer-encoding|connection|keep-alive)$/i.test(raw[at])) kept.push(raw[at], raw[at + 1])
  }
  return kept
}
