/**
 * A token as this tab holds it, and how long it is good.
 *
 * @module
 */

/** @import { Answer } from '../lib/http.js' */

/**
 * @typedef {object} Shared what tabs tell each other and what a storage keeps
 * @property {string} value the access token
 * @property {number} ttl its whole life in milliseconds, from `expires_in`
 * @property {number} expires its end by this device's wall clock, milliseconds since 1970
 * @property {number} n its place in the order of tokens and sign-outs
 * @property {string} s the sign-in it came from, a random name
 */

/** @typedef {Shared & { mono: number }} Held `mono`: its end by this page's monotonic clock */

/**
 * The token in an answer of the token, login or refresh endpoint. RFC 6749 §5.1.
 *
 * @param {Answer} answer
 * @returns {{ value: string, ttl: number } | undefined}
 */
export function granted({ status, body }) {
  const { access_token: value, token_type: type, expires_in: seconds } = body
  if (status !== 200 || typeof value !== 'string' || !/^bearer$/i.test(`${type}`)) return undefined
  return { value, ttl: (Number(seconds) || 300) * 1000 }
}

/**
 * Take a record over from another tab or from a storage: the monotonic clock is this page's own.
 *
 * @param {typeof globalThis} env
 * @param {Shared} shared
 * @returns {Held}
 */
export const hold = (env, shared) => ({ ...shared, mono: env.performance.now() + shared.expires - Date.now() })

/**
 * Milliseconds until the end, by the clock that says less: the wall clock may be moved, the monotonic one may stop in sleep.
 *
 * @param {typeof globalThis} env
 * @param {Held} held
 */
export const left = (env, { expires, mono }) => Math.min(expires - Date.now(), mono - env.performance.now())

/**
 * Good for one more request: not within the last tenth of its life, at most 10 s.
 *
 * @param {typeof globalThis} env
 * @param {Held} held
 */
export const fresh = (env, held) => left(env, held) > Math.min(10_000, held.ttl / 10)
