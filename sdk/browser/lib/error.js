/**
 * The one kind of error this SDK gives out. Its `code` is stable; texts are not.
 *
 * @module
 */

/**
 * What went wrong, as a word that never changes:
 *
 * - `config` an option or argument is wrong: fix the code
 * - `discovery` the issuer's metadata is missing or names another issuer
 * - `network` no usable answer from the server; nobody was signed out
 * - `timeout` no answer within `timeoutMs`; nobody was signed out
 * - `stale_callback` the page was opened with the answer to a sign-in that is over or unknown
 * - `callback` the answer to a sign-in did not pass a check, or the server refused it
 * - `session_expired` the session ended on the server: sign in again
 * - `signed_out` nobody is signed in
 * - `denied` the user or the server said no
 * - `storage` the browser refuses to keep what a redirect needs
 * - `insecure_context` the page is neither https nor localhost
 * - `origin_not_allowed` the address is not one of `apis`, or the server does not list this origin
 * - `invalid_credentials` user name and password do not fit
 * - `too_many_attempts` wait `retryAfter` seconds
 *
 * @typedef {'config' | 'discovery' | 'network' | 'timeout' | 'stale_callback' | 'callback' | 'session_expired'
 *   | 'signed_out' | 'denied' | 'storage' | 'insecure_context' | 'origin_not_allowed' | 'invalid_credentials'
 *   | 'too_many_attempts'} ErrorCode
 */

/**
 * @typedef {object} ErrorDetail
 * @property {string | undefined} [message] for developers, in English
 * @property {string | undefined} [oauth] the server's own `error` value (RFC 6749 §5.2)
 * @property {number | undefined} [retryAfter] seconds to wait (RFC 9110 §10.2.3)
 * @property {unknown} [cause]
 */

/** An error of the SDK. Methods return it as a value; only `fetch` and `createAuth` throw it. */
export class AuthError extends Error {
  /**
   * @param {ErrorCode} code
   * @param {string} help
   * @param {ErrorDetail} [detail]
   */
  constructor(code, help, { message, cause, oauth, retryAfter } = {}) {
    super(message || code, { cause })
    this.name = 'AuthError'
    /** @type {ErrorCode} What went wrong. */
    this.code = code
    /** @type {string} Address of the page about this code. */
    this.help = help
    /** @type {boolean} The same call may succeed later without the user doing anything. */
    this.retryable = /^(network|timeout|too_many_attempts)$/.test(code)
    /** @type {string | undefined} The server's own `error` value. */
    this.oauth = oauth
    /** @type {number | undefined} Seconds to wait before the next try. */
    this.retryAfter = retryAfter
  }
}
