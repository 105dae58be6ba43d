/**
 * Random values and base64url.
 *
 * @module
 */

/**
 * Bytes as base64url without padding. RFC 4648 §5.
 *
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')

/**
 * 256 random bits as 43 characters: a code verifier (RFC 7636 §4.1), a `state`, a `nonce`.
 *
 * @param {Crypto} crypto
 * @returns {string}
 */
export const random = (crypto) => base64url(crypto.getRandomValues(new Uint8Array(32)))
