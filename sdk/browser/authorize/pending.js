/**
 * Sign-ins that are on their way through the authorization server: at most an hour, each taken once.
 * A state begins with the time it was made, so old ones are a range of keys. IndexedDB, so that any tab can take it and only one does; `sessionStorage` where that is blocked.
 *
 * @module
 */

import { jar } from '../lib/jar.js'

/** @import { Context } from '../options.js' */

/**
 * @typedef {object} Pending
 * @property {string} verifier RFC 7636 §4.1
 * @property {string} nonce
 * @property {string} tokenEndpoint of the server this sign-in was sent to, so no other can be mixed in
 * @property {string} returnTo
 */

/** States made before this are too old. */
const hourAgo = () => `${Date.now() - 3_600_000}`

/**
 * @param {Context} context
 * @param {string} state
 * @param {Pending} pending
 * @throws {AuthError} `storage`
 */
export async function keep(context, state, pending) {
  const key = state + context.name
  try {
    await inStore(context, (store) => {
      store.delete(context.env.IDBKeyRange.upperBound(hourAgo()))
      return store.put(pending, key)
    })
  } catch (cause) {
    if (!jar(() => context.env.sessionStorage).set(key, pending)) throw context.fail('storage', { cause })
  }
}

/**
 * Read and forget in one transaction: of two takers one gets it.
 *
 * @param {Context} context
 * @param {string} state
 * @returns {Promise<Pending | undefined>}
 */
export async function take(context, state) {
  const key = state + context.name
  /** @type {Pending | undefined} */
  let pending
  try {
    pending = await inStore(context, (store) => {
      const found = store.get(key)
      store.delete(key)
      return found
    })
  } catch {
    // Blocked: then it was kept in the other place.
  }
  const session = jar(() => context.env.sessionStorage)
  pending ??= session.get(key) ?? undefined
  session.set(key)
  return key > hourAgo() ? pending : undefined
}

/**
 * @template T
 * @param {Context} context
 * @param {(store: IDBObjectStore) => IDBRequest<T>} work
 * @returns {Promise<T>} when the transaction is complete
 */
function inStore({ env }, work) {
  return new Promise((resolve, reject) => {
    const open = env.indexedDB.open('brama', 1)
    open.onupgradeneeded = () => open.result.createObjectStore('pending')
    open.onerror = reject
    open.onsuccess = () => {
      const db = open.result
      const transaction = db.transaction('pending', 'readwrite')
      const request = work(transaction.objectStore('pending'))
      transaction.onabort = reject
      transaction.oncomplete = () => {
        db.close()
        resolve(request.result)
      }
    }
  })
}
