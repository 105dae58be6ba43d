/**
 * The ID token of a code exchange. It came straight from the token endpoint over TLS, which stands in for the signature
 * (OIDC Core §3.1.3.7 point 6).
 *
 * @module
 */

/** @import { Context } from '../options.js' */

/**
 * Check the claims; the device's own clock has no say, because it may be hours off.
 *
 * @param {unknown} token
 * @param {Context} context
 * @param {string} nonce of the request
 * @param {number} serverTime from the answer's `Date`, milliseconds, or NaN
 * @returns {string | undefined} the subject, or nothing when a check fails
 */
export function subjectOf(token, { issuer, clientId }, nonce, serverTime) {
  try {
    const [, payload = ''] = `${token}`.split('.')
    // Bytes as Latin-1: what is compared here is ASCII, and JSON's own signs are too.
    const { iss, aud, azp = clientId, nonce: n, exp, sub } = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')))
    // For us and nobody else, as text or as a list of one.
    const ours = aud === clientId || (aud.length === 1 && aud[0] === clientId)
    const good = iss === issuer && ours && azp === clientId && n === nonce && !(exp * 1000 <= serverTime) && exp > 0
    return good && typeof sub === 'string' ? sub : undefined
  } catch {
    return undefined
  }
}
