/**
 * Reading and checking a JWT as an API that trusts nobody does. RFC 7519, RFC 9068.
 *
 * @module
 */

import { webcrypto } from 'node:crypto'

/** @param {string} part */
const json = (part) => JSON.parse(Buffer.from(part, 'base64url').toString())

/** @param {string} token */
export function decode(token) {
  const [header, claims] = token.split('.')
  return { header: json(header), claims: json(claims) }
}

/**
 * Whether one of the server's published keys signed it (ES256).
 *
 * @param {string} token
 * @param {string} url the server
 */
export async function isSigned(token, url) {
  const [header, claims, signature] = token.split('.')
  const { keys } = await (await fetch(`${url}/oauth2/jwks`)).json()
  const jwk = keys.find((/** @type {{ kid: string }} */ { kid }) => kid === json(header).kid)
  const key = await webcrypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify'])
  const signed = Buffer.from(`${header}.${claims}`)
  return webcrypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(signature, 'base64url'), signed)
}
