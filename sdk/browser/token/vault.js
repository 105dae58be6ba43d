/**
 * Where the access token lives between page loads, if anywhere. Promise A3: memory unless the app asks for more.
 *
 * @module
 */

import { jar } from '../lib/jar.js'

/** @import { Context } from '../options.js' */
/** @import { Shared } from './record.js' */

/**
 * @typedef {object} Vault
 * @property {'memory' | 'session' | 'persistent'} kind what the browser really allows
 * @property {() => Shared | undefined} read
 * @property {(record?: Shared) => void} write nothing = forget
 */

/**
 * @param {Context} context
 * @returns {Vault}
 */
export function openVault({ env, storage, name }) {
  const key = `${name}:token`
  const { get, set } = jar(() => (storage === 'session' ? env.sessionStorage : env.localStorage))
  // Blocked, as in a cross-site frame: memory.
  const kept = storage !== 'memory' && set(key, get(key) ?? undefined)
  return {
    kind: kept ? storage : 'memory',
    read: () => (kept && get(key)) || undefined,
    write: (record) => kept && set(key, record),
  }
}
