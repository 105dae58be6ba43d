/**
 * The way back: recognise our own answer, clean the address, change the code for a token. RFC 6749 §4.1.2 and §4.1.3, RFC 9207.
 *
 * @module
 */

import { post, refusal, send } from '../lib/http.js'
import { withoutResponse } from '../lib/url.js'
import { granted } from '../token/record.js'
import { subjectOf } from '../token/id_token.js'

/** @import { Context } from '../options.js' */
/** @import { Pending } from './pending.js' */

/**
 * The authorization response in this page's address, if it is one for us: on our path, from our issuer, with a state.
 * Anything else belongs to somebody else and stays untouched. The address is clean before this returns.
 *
 * @param {Context} context
 * @returns {{ state: string, code: string | undefined, error: string | undefined } | undefined}
 */
export function readResponse({ env, issuer, redirectPath }) {
  const url = new URL(env.location.href)
  const { state, code, error, iss } = Object.fromEntries(url.searchParams)
  if (url.pathname !== redirectPath || iss !== issuer || !state || !(code || error)) return undefined
  env.history.replaceState(env.history.state, '', withoutResponse(url))
  return { state, code, error }
}

/**
 * Judge the response and send the token request. The browser takes the refresh cookie out of the answer.
 * Errors in the response: RFC 6749 §4.1.2.1; `login_required` and its like: OIDC Core §3.1.2.6.
 *
 * @param {Context} context
 * @param {Pending} pending
 * @param {{ code: string | undefined, error: string | undefined }} response
 * @returns {Promise<{ value: string, ttl: number, sub?: string }>}
 * @throws {AuthError} `denied`, `callback`, `network`, `timeout`, `too_many_attempts`
 */
export async function exchange(context, { verifier, nonce, tokenEndpoint }, { code, error: oauth }) {
  const { env, clientId, redirectPath, scope, fail } = context
  if (oauth || !code) throw fail(/^access_denied$|_required$/.test(`${oauth}`) ? 'denied' : 'callback', { oauth })
  const answer = await send(context, tokenEndpoint, {
    method: 'POST',
    credentials: 'include',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: env.location.origin + redirectPath,
      client_id: clientId,
      code_verifier: verifier,
    }),
  })
  const token = granted(answer)
  if (!token) throw refusal(context, answer, 'callback')
  if (!/\bopenid\b/.test(scope)) return token
  const serverTime = Date.parse(answer.headers.get('date') ?? '')
  const sub = subjectOf(answer.body['id_token'], context, nonce, serverTime)
  if (!sub) {
    // The cookie is set already: what we do not accept must not come back at the next restore.
    await post(context, 'logout')
    throw fail('callback', { message: 'ID token' })
  }
  return { ...token, sub }
}
