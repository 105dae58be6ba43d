import { text } from 'node:stream/consumers'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const seen = new Set()
let keys

// Whom the server has signed out: `sub` and `sid` of a logout token that is genuine, for us, fresh and new.
export async function signedOut(config, request) {
  const { issuer, jwks_uri } = config.serverMetadata()
  keys ??= createRemoteJWKSet(new URL(jwks_uri))
  const token = new URLSearchParams(await text(request)).get('logout_token')
  const { payload } = await jwtVerify(token, keys, {
    issuer,
    audience: config.clientMetadata().client_id,
    typ: 'logout+jwt',
    maxTokenAge: '3 minutes',
    requiredClaims: ['jti', 'events', 'sid', 'sub'],
  })
  if (!(EVENT in payload.events) || 'nonce' in payload || seen.has(payload.jti)) throw new Error('not a fresh logout token')
  seen.add(payload.jti)
  return payload
}
