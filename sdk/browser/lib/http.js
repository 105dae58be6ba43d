/**
 * Calls of the SDK itself to the issuer, and what a refusal means.
 *
 * @module
 */

/** @import { Context } from '../options.js' */
/** @import { AuthError, ErrorCode } from './error.js' */

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {Headers} headers
 * @property {Record<string, unknown>} body empty when the answer is no JSON object
 */

/**
 * One request, bounded by `timeoutMs` up to the last byte. A redirect counts as a failure: nothing of ours redirects, captive
 * portals do.
 *
 * @param {Context} context
 * @param {string} url
 * @param {RequestInit} [init]
 * @returns {Promise<Answer>}
 * @throws {AuthError} `network` or `timeout`
 */
export async function send(context, url, init) {
  const { timeoutMs, fail, note } = context
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), timeoutMs)
  try {
    const response = await context.fetch(url, { cache: 'no-store', redirect: 'error', ...init, signal: abort.signal })
    const text = await response.text()
    note(`${url} ${response.status}`)
    return { status: response.status, headers: response.headers, body: object(text) }
  } catch (cause) {
    const code = abort.signal.aborted ? 'timeout' : 'network'
    note(`${url} ${code}`)
    throw fail(code, { cause })
  } finally {
    clearTimeout(timer)
  }
}

/**
 * POST JSON to one of the cookie endpoints; the browser adds and takes the cookies.
 *
 * @param {Context} context
 * @param {'login' | 'refresh' | 'logout'} endpoint
 * @param {Record<string, string>} [body]
 * @returns {Promise<Answer>}
 */
export const post = (context, endpoint, body) =>
  send(context, `${context.issuer}/api/auth/${endpoint}`, {
    method: 'POST',
    credentials: 'include',
    keepalive: endpoint === 'logout',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, client_id: context.clientId }),
  })

/**
 * The error behind an answer that is not the one hoped for. Without an OAuth `error` in it the answer came from something else
 * (a proxy, a portal), so it says nothing about the session: `network`.
 *
 * @param {Context} context
 * @param {Answer} answer
 * @param {ErrorCode} [other] the code for a refusal with no code of its own
 * @returns {AuthError}
 */
export function refusal({ fail }, { status, headers, body }, other = 'denied') {
  const oauth = text(body['error'])
  /** @type {ErrorCode} */
  let code = other
  if (status === 429) code = 'too_many_attempts'
  else if (status < 400 || status >= 500 || !oauth) code = 'network'
  else if (oauth === 'login_required' && status === 401) code = 'session_expired'
  else if (oauth === 'invalid_credentials' || oauth === 'origin_not_allowed') code = oauth
  return fail(code, { oauth, message: text(body['error_description']), retryAfter: Number(headers.get('retry-after')) || undefined })
}

/** @param {unknown} value */
const text = (value) => (typeof value === 'string' ? value : undefined)

/**
 * @param {string} json
 * @returns {Record<string, unknown>}
 */
function object(json) {
  try {
    return Object(JSON.parse(json))
  } catch {
    return {}
  }
}
