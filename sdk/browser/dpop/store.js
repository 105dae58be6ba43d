/**
 * Where the key and the refresh token bound to it live: one row of IndexedDB for each client of an issuer, so that neither is ever
 * there without the other. Where the browser forbids that, in the memory of this tab.
 *
 * @module
 */

/** @import { Context } from '../options.js' */
/** @import { Key } from './key.js' */

/**
 * @typedef {Key & {
 *   refresh?: string | undefined, cookie?: boolean | undefined, out?: boolean | undefined, skew?: number | undefined,
 * }} Row `refresh`: the refresh token; `cookie`: the browser has it instead (same site); `out`: signed out, and the server may not
 *   have heard it; `skew`: the server's clock less this device's, milliseconds
 */

/**
 * @typedef {object} Store
 * @property {() => Promise<Row | undefined>} read
 * @property {(work: (row: Row | undefined) => Row | undefined) => Promise<Row | undefined>} change read and write in one
 *   transaction: of two tabs one is first. Resolves to what is there afterwards
 */

/**
 * @param {Context} context
 * @returns {Promise<Store>}
 */
export async function openStore(context) {
  const { env, name, note } = context
  /** @type {Row | undefined} */
  let memory
  let proven = false

  /**
   * @param {IDBTransactionMode} mode
   * @param {(row: Row | undefined) => Row | undefined} work
   * @returns {Promise<Row | undefined>}
   */
  const inDatabase = (mode, work) =>
    new Promise((resolve, reject) => {
      const open = env.indexedDB.open('brama-dpop', 1)
      open.onupgradeneeded = () => open.result.createObjectStore('rows')
      open.onerror = reject
      open.onsuccess = () => {
        const db = open.result
        /** @param {unknown} cause */
        const giveUp = (cause) => {
          db.close()
          reject(cause)
        }
        try {
          const transaction = db.transaction('rows', mode)
          const rows = transaction.objectStore('rows')
          const found = rows.get(name)
          /** @type {Row | undefined} */
          let row
          found.onsuccess = () => {
            try {
              row = work(found.result)
              if (row !== found.result) row ? rows.put(row, name) : rows.delete(name)
            } catch {
              // Some browsers keep rows but no keys.
              transaction.abort()
            }
          }
          transaction.onabort = giveUp
          transaction.oncomplete = () => {
            db.close()
            resolve(row)
          }
        } catch (cause) {
          // Somebody else's database of this name.
          giveUp(cause)
        }
      }
    })

  /**
   * @param {IDBTransactionMode} mode
   * @param {(row: Row | undefined) => Row | undefined} work
   */
  async function act(mode, work) {
    if (!context.alone) {
      try {
        const row = await inDatabase(mode, work)
        proven ||= row !== undefined
        return row
      } catch (cause) {
        // A place that has worked before will work again: nobody is signed out for a moment's trouble.
        if (proven) throw cause
        note('IndexedDB is blocked')
        context.alone = true
        context.storage = 'memory'
      }
    }
    return (memory = work(memory))
  }

  const read = () => act('readonly', (row) => row)
  await read()
  return { read, change: (work) => act('readwrite', work) }
}
