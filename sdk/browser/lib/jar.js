/**
 * Web Storage that never throws: it may be blocked, full, or hold something else.
 *
 * @module
 */

/**
 * @typedef {object} Jar
 * @property {(key: string) => any} get null = nothing there, undefined = blocked or unreadable
 * @property {(key: string, value?: unknown) => boolean} set whether it worked; undefined removes
 */

/**
 * @param {() => Storage} area getting at it may already throw
 * @returns {Jar}
 */
export const jar = (area) => ({
  get(key) {
    try {
      return JSON.parse(area().getItem(key) ?? 'null')
    } catch {
      return undefined
    }
  },
  set(key, value) {
    try {
      if (value === undefined) area().removeItem(key)
      else area().setItem(key, JSON.stringify(value))
      return true
    } catch {
      return false
    }
  },
})
