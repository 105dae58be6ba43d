/**
 * Reads the options once; everything behind this file may trust them.
 *
 * @module
 */

import { AuthError } from './lib/error.js'
import { parse } from './lib/url.js'

/** @import { Options } from './brama.js' */
/** @import { ErrorCode, ErrorDetail } from './lib/error.js' */

/**
 * What every part gets: the checked options, the browser, and two ways to speak.
 *
 * @typedef {object} Context
 * @property {typeof globalThis} env the browser; tests pass their own
 * @property {string} issuer
 * @property {string} clientId
 * @property {string} scope
 * @property {string} redirectPath
 * @property {'memory' | 'session' | 'persistent'} storage
 * @property {number} timeoutMs
 * @property {Set<string>} origins the only origins that may get a token
 * @property {string} name of everything shared between tabs: the client at this issuer
 * @property {(input: RequestInfo, init?: RequestInit) => Promise<Response>} fetch the one way out; with `dpop` through the part that
 *   proves, which is loaded at the first call
 * @property {boolean} [alone] this tab's key is not the other tabs': the browser let it keep nothing
 * @property {(code: ErrorCode, detail?: ErrorDetail) => AuthError} fail
 * @property {(what: string) => void} note keeps a decision for `debug()`
 */

/**
 * @param {typeof globalThis} env
 * @param {Options} options
 * @param {Context['note']} note
 * @returns {Context}
 * @throws {AuthError} `config`
 */
export function readOptions(env, options, note) {
  const here = env.location?.origin
  const {
    issuer = here,
    clientId,
    apis = [],
    scope = 'openid profile email',
    redirectPath = '/callback',
    storage = 'memory',
    timeoutMs = 10_000,
    mode = 'cookie',
    dpop = false,
  } = options
  /** @type {Context['fail']} */
  const fail = (code, detail) => new AuthError(code, `${issuer}/sdk/errors.html#${code}`, detail)
  /** @param {keyof Options} option @param {unknown} holds */
  const need = (option, holds) => {
    if (!holds) throw fail('config', { message: `option ${option}` })
  }
  need('clientId', clientId)
  need('issuer', issuer && isIssuer(issuer))
  need('apis', Array.isArray(apis) && apis.every((api) => /^https?:$/.test(parse(api)?.protocol ?? '')))
  need('redirectPath', /^\/(?![/\\])[^?#]*$/.test(redirectPath))
  need('storage', /^(memory|session|persistent)$/.test(storage))
  need('timeoutMs', timeoutMs > 0)
  need('mode', mode === 'cookie')
  need('dpop', dpop === !!dpop)
  const origins = new Set(apis.map((api) => new URL(api).origin))
  if (here) origins.add(here)
  const name = `brama:${issuer}:${clientId}`
  /** @type {Context} */
  const context = {
    ...{ env, issuer: /** @type {string} */ (issuer), clientId, scope, redirectPath, storage, timeoutMs, origins, name, fail, note },
    // Its own folder: an app without it does not load it.
    fetch: async (...call) => (dpop ? (await import('./dpop/dpop.js')).send(context, ...call) : env.fetch(...call)),
  }
  return context
}

/**
 * An issuer as RFC 8414 §2 wants it; plain http only for the machine itself.
 *
 * @param {string} issuer
 */
function isIssuer(issuer) {
  return !/[?#\s]|\/$/.test(issuer) && /^https:\/\/\w|^http:\/\/(([\w-]+\.)*localhost|127\.[\d.]+|\[::1])(:\d+)?(\/|$)/.test(issuer)
}
