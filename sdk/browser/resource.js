/**
 * Requests to protected resources. RFC 6750 §2.1; the token goes to listed origins only, and there only to the address asked for.
 *
 * @module
 */

import { parse } from './lib/url.js'

/** @import { Context } from './options.js' */

/**
 * `fetch` with a token. Once more with a new token when the answer says that this one no longer serves: the 401 decides, not a
 * clock. Only a request with a body gets a fresh token first, where the browser shows the body, so that nothing large is sent in vain.
 *
 * Redirects are not followed: a browser does not let us see where one leads, and the token must not go there.
 *
 * @param {Context} context
 * @param {(refused?: string, stale?: boolean) => Promise<{ value: string }>} token the current token; another one than
 *   `refused`; perhaps a stale one
 * @param {RequestInfo | URL} input
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 * @throws {AuthError}
 */
export async function resourceRequest(context, token, input, init) {
  const { env, fail, note } = context
  let request
  try {
    const target = input instanceof env.Request ? input : new URL(input, env.location.href)
    request = new env.Request(target, { ...init, redirect: 'manual' })
  } catch (cause) {
    throw fail('config', { cause })
  }
  checkOrigin(context, request.url)

  /** @param {string} value */
  const send = async (value) => {
    const copy = request.clone()
    copy.headers.set('authorization', `Bearer ${value}`)
    try {
      return await context.fetch(copy)
    } catch (cause) {
      if (request.signal.aborted) throw cause
      throw fail('network', { cause })
    }
  }
  const { value } = await token(undefined, !request.body)
  let response = await send(value)
  if (response.status === 401 && refusesToken(response)) {
    note(`${request.url.split('?')[0]} 401`)
    response = await send((await token(value)).value)
  }
  if (response.type === 'opaqueredirect' && init?.redirect !== 'manual')
    throw fail('origin_not_allowed', { message: `${request.url} redirects` })
  return response
}

/**
 * The answer is about the token itself: `invalid_token`, or no reason given. RFC 6750 §3.1.
 *
 * @param {Response} response
 */
function refusesToken({ headers }) {
  const [, error = 'invalid_token'] = /(?:^|[\s,])error="?([^",\s]+)/i.exec(headers.get('www-authenticate') ?? '') ?? []
  return error === 'invalid_token'
}

/**
 * @param {Context} context
 * @param {string | URL} address where a token is to go
 * @throws {AuthError} `origin_not_allowed`
 */
export function checkOrigin({ env, origins, fail }, address) {
  const { origin = '' } = parse(address, env.location?.href) ?? {}
  if (!origins.has(origin)) throw fail('origin_not_allowed', { message: `${origin} is not in apis` })
}
