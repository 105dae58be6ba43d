/**
 * An app written by hand: the authorization request with PKCE, and the exchange. RFC 7636.
 *
 * @module
 */

import { createHash, randomBytes } from 'node:crypto'

/**
 * @param {string} server
 * @param {{ client: string, redirectUri: string, scope?: string, extra?: Record<string, string> }} app
 */
export function authorizationRequest(server, { client, redirectUri, scope = 'openid profile', extra = {} }) {
  const verifier = randomBytes(32).toString('base64url')
  const state = randomBytes(16).toString('base64url')
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const url = new URL('/oauth2/authorize', server)
  const parameters = {
    ...{ response_type: 'code', client_id: client, redirect_uri: redirectUri, scope, state },
    ...{ code_challenge: challenge, code_challenge_method: 'S256', ...extra },
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return { url: url.href, verifier, challenge, state }
}
