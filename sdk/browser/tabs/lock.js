/**
 * One at a time for all tabs of this origin.
 *
 * @module
 */

/** @import { Context } from '../options.js' */

/**
 * Run `work` under a Web Lock. Without the lock API, where it is forbidden, or when the wait gets too long, `work` runs all the
 * same: the server's replay rule makes that safe, the lock only makes it quiet.
 *
 * The wait is at most as long as one call of somebody else and 2 s.
 *
 * @template T
 * @param {Context} context
 * @param {(waited: boolean) => Promise<T>} work runs once; `waited`: somebody else held the lock
 * @param {AbortController} [enough] aborts the wait; `work` then runs at once
 * @returns {Promise<T>}
 */
export async function exclusively({ env, name, timeoutMs }, work, enough = new AbortController()) {
  /** @type {Promise<T> | undefined} */
  let running
  /** @param {boolean} waited */
  const run = (waited) => (running ??= work(waited))
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  try {
    const { locks } = env.navigator
    await locks.request(name, { ifAvailable: true }, (lock) => (lock ? run(false) : undefined))
    if (!running) {
      timer = setTimeout(() => enough.abort(), timeoutMs + 2000)
      await locks.request(name, { signal: enough.signal }, () => {
        clearTimeout(timer)
        return run(true)
      })
    }
  } catch {
    // Missing, forbidden or waited long enough; or the work itself failed, and `run` knows.
  }
  clearTimeout(timer)
  return run(timer !== undefined)
}
