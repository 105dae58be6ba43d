/**
 * The way out to the authorization server: code flow with PKCE S256. RFC 6749 §4.1.1, RFC 7636 §4.2, OIDC Core §3.1.2.1.
 *
 * @module
 */

import { refusal, send } from '../lib/http.js'
import { base64url, random } from '../lib/random.js'
import { home } from '../lib/url.js'
import { keep } from './pending.js'

/** @import { Context } from '../options.js' */
/** @import { Redirect } from '../brama.js' */

/**
 * Keep what the way back needs and build the address to go to.
 *
 * @param {Context} context
 * @param {Redirect} wishes
 * @returns {Promise<string>}
 * @throws {AuthError} `discovery`, `network`, `timeout`, `storage`
 */
export async function authorizationRequest(context, { returnTo, loginHint, prompt, uiLocales }) {
  const { env, clientId, scope, redirectPath } = context
  const { authorization, token } = await discover(context)
  const verifier = random(env.crypto)
  const nonce = random(env.crypto)
  const state = `${Date.now()}.${random(env.crypto)}`
  const digest = await env.crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))
  await keep(context, state, { verifier, nonce, tokenEndpoint: token, returnTo: home(returnTo, env.location) })
  const url = new URL(authorization)
  /** @type {Record<string, string | undefined>} */
  const parameters = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: env.location.origin + redirectPath,
    scope,
    state,
    nonce,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: 'S256',
    login_hint: loginHint,
    prompt,
    ui_locales: uiLocales,
  }
  for (const [name, value] of Object.entries(parameters)) if (value) url.searchParams.set(name, value)
  return url.href
}

/**
 * The issuer's endpoints. OIDC Discovery §4; the document must be the issuer's own (§4.3).
 *
 * @param {Context} context
 * @returns {Promise<{ authorization: string, token: string }>}
 */
async function discover(context) {
  const answer = await send(context, `${context.issuer}/.well-known/openid-configuration`, { credentials: 'omit' })
  const { issuer, authorization_endpoint: authorization, token_endpoint: token } = answer.body
  if (answer.status === 429 || answer.status >= 500) throw refusal(context, answer, 'discovery')
  if (issuer !== context.issuer || typeof authorization !== 'string' || typeof token !== 'string')
    throw context.fail('discovery', { message: `issuer ${issuer}` })
  return { authorization, token }
}
