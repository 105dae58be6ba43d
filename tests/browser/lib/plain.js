/**
 * Requests as curl makes them: Node's own `fetch` adds headers that only browsers should send.
 *
 * @module
 */

import http from 'node:http'

/**
 * @param {string} url
 * @param {{ method?: string, headers?: Record<string, string>, body?: string }} [request]
 * @returns {Promise<{ status: number | undefined, headers: http.IncomingHttpHeaders, cookies: string[], text: string }>}
 */
export function ask(url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent: false }, async (answer) => {
      const parts = []
      for await (const part of answer) parts.push(part)
      const cookies = answer.headers['set-cookie'] ?? []
      resolve({ status: answer.statusCode, headers: answer.headers, cookies, text: Buffer.concat(parts).toString() })
    })
    request.on('error', reject)
    request.end(body)
  })
}
