/**
 * What the tabs of one origin know together: a channel for what must stay in memory, and a stamp in `localStorage` that holds
 * no secret and tells a tab whether it has missed something.
 *
 * @module
 */

import { jar } from '../lib/jar.js'

/** @import { Context } from '../options.js' */
/** @import { Shared } from '../token/record.js' */
/** @import { User } from '../brama.js' */
/** @import { ErrorCode } from '../lib/error.js' */

/**
 * The last thing that happened to the client's session in this browser.
 *
 * @typedef {object} Stamp
 * @property {number} n its place in the order of tokens and sign-outs; grows
 * @property {string} s the sign-in
 * @property {number} e when its token ends, milliseconds since 1970
 * @property {0 | 1 | 2} out 1 = signed out here but the server has not heard it yet, 2 = signed out
 */

/**
 * @typedef {{ ask: number }
 *   | { token: Shared, user: User | null }
 *   | { user: User, s: string }
 *   | { out: number, code: ErrorCode | undefined }
 *   | { failed: ErrorCode, retryAfter: number | undefined }} Message
 */

/**
 * @typedef {object} Tabs
 * @property {() => void} open
 * @property {() => void} close
 * @property {(message: Message) => void} say
 * @property {() => Stamp | null | undefined} read null = nothing yet, undefined = the storage is blocked
 * @property {(stamp: Stamp) => void} write
 * @property {() => boolean} others other tabs seem to be open
 * @property {() => void} nobody they did not answer: a tab that crashed could not say goodbye
 */

/**
 * @param {Context} context
 * @param {(message: Message) => void} hear
 * @returns {Tabs}
 */
export function openTabs({ env, name }, hear) {
  /** @type {BroadcastChannel | undefined} */
  let channel
  const present = `${name}:tabs`
  const { get, set } = jar(() => env.localStorage)
  return {
    open() {
      try {
        if (channel) return
        channel = new env.BroadcastChannel(name)
        channel.onmessage = ({ data }) => hear(data)
        set(present, ~~get(present) + 1)
      } catch {
        // Forbidden here: this tab is on its own.
      }
    },
    close() {
      if (!channel) return
      channel.close()
      channel = undefined
      set(present, Math.max(0, ~~get(present) - 1))
    },
    say: (message) => channel?.postMessage(message),
    read: () => get(name),
    write: (stamp) => set(name, stamp),
    others: () => get(present) > 1,
    nobody: () => set(present, 1),
  }
}
