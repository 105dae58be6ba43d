/**
 * Addresses: parse without throwing, stay at home, forget the answer of a sign-in.
 *
 * @module
 */

/**
 * @param {string | URL} address
 * @param {string} [base]
 * @returns {URL | undefined}
 */
export function parse(address, base) {
  try {
    return new URL(address, base)
  } catch {
    return undefined
  }
}

/**
 * An address to go to after sign-in or sign-out: of this origin, or the front page. Always absolute, because a path alone
 * may begin with `//` and then means another host.
 *
 * @param {string | undefined} address as the app, or somebody through the app, gave it
 * @param {Location} location
 * @returns {string}
 */
export function home(address, { origin, protocol, href }) {
  const url = parse(address ?? href, href)
  return origin + (url?.origin === origin && url.protocol === protocol ? url.pathname + url.search + url.hash : '/')
}

/** What an authorization response may add to our redirect URI. RFC 6749 §4.1.2, RFC 9207 §2, OIDC Session §2. */
const RESPONSE = ['code', 'state', 'iss', 'error', 'error_description', 'error_uri', 'session_state']

/**
 * The same address without the authorization response; everything else stays.
 *
 * @param {URL} url
 * @returns {string}
 */
export function withoutResponse(url) {
  const clean = new URL(url)
  for (const name of RESPONSE) clean.searchParams.delete(name)
  return clean.href
}
