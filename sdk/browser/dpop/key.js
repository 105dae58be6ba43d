/**
 * A key that never leaves the browser, and proofs made with it. RFC 9449 §4.2, RFC 7638.
 *
 * @module
 */

import { base64url, random } from '../lib/random.js'

/**
 * @typedef {object} Key
 * @property {CryptoKey} secret scripts may sign with it, not read it
 * @property {{ crv: string, kty: string, x: string, y: string }} jwk its public half
 * @property {string} jkt the thumbprint of that
 */

/** @param {string} text */
const bytes = (text) => new TextEncoder().encode(text)

/**
 * @param {Crypto} crypto
 * @param {string} text
 */
const sha256 = async (crypto, text) => base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes(text))))

const ES256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/**
 * @param {Crypto} crypto
 * @returns {Promise<Key>}
 */
export async function makeKey(crypto) {
  const { privateKey: secret, publicKey } = await crypto.subtle.generateKey(ES256, false, ['sign', 'verify'])
  const { x = '', y = '' } = await crypto.subtle.exportKey('jwk', publicKey)
  // The order of RFC 7638 §3.2.
  const jwk = { crv: 'P-256', kty: 'EC', x, y }
  return { secret, jwk, jkt: await sha256(crypto, JSON.stringify(jwk)) }
}

/**
 * A proof for one request. It must not be sent twice: each has a `jti` of its own.
 *
 * @param {Crypto} crypto
 * @param {Key} key
 * @param {{ method: string, url: string }} request
 * @param {{ token: string | undefined, nonce: string | undefined, now: number }} claims `token`: the access token beside it; `now`:
 *   the server's time as far as we know it, milliseconds since 1970
 * @returns {Promise<string>}
 */
export async function makeProof(crypto, { secret, jwk }, { method, url }, { token, nonce, now }) {
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk }
  const claims = {
    jti: random(crypto),
    htm: method,
    htu: url.replace(/[?#].*/s, ''),
    iat: Math.floor(now / 1000),
    nonce,
    ath: token && (await sha256(crypto, token)),
  }
  const signed = [header, claims].map((part) => base64url(bytes(JSON.stringify(part)))).join('.')
  return `${signed}.${base64url(new Uint8Array(await crypto.subtle.sign(ES256, secret, bytes(signed))))}`
}
