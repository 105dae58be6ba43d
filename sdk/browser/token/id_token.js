/**
 * The ID token of a code exchange. It came straight from the token endpoint over TLS, which stands in for the signature
 * (OIDC Core §3.1.3.7 point 6).
 *
 * @module
 */

/**
 * Check the claims; the device's own clock has no say, because it may be hours off.
 *
 * @param {unknown} token
 * @param {{ issuer: string, clientId: string, nonce: string, serverTime: number }} expected `serverTime`: from the answer's `Date`,
 *   milliseconds, or NaN
 * @returns {string | undefined} the subject, or nothing when a check fails
 */
export function subjectOf(token, { issuer, clientId, nonce, serverTime }) {
  try {
    const [, payload = ''] = `${token}`.split('.')
    // Bytes as Latin-1: what is compared here is ASCII, and JSON's own signs are too.
    const { iss, aud, azp = clientId, nonce: n, exp, sub } = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')))
    const good =
      iss === issuer && [aud].flat().includes(clientId) && azp === clientId && n === nonce && !(exp * 1000 <= serverTime) && exp > 0
    return good && typeof sub === 'string' ? sub : undefined
  } catch {
    return undefined
  }
}
