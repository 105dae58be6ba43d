/**
 * Other programs: run to the end, or kept until the tests are over.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'

/** @typedef {{ env?: Record<string, string | undefined>, cwd?: string, input?: string | null }} How `input`: null leaves the standard input open */

/** How long anything may take. */
const PATIENCE = 30_000

/** Settings of the machine must not reach what is tested. */
const CLEAN = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('BRAMA_') && !/_proxy$/i.test(name)))

/**
 * Start a program; it is killed with the tests at the latest.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {How} [how]
 */
export function start(program, args, { env = {}, cwd, input } = {}) {
  const child = spawn(program, args, { cwd, env: { ...CLEAN, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  let stdout = ''
  let failure = ''
  const said = () => `${program} ${args.join(' ')}: ${failure}\n${output}`
  child.on('error', (error) => (failure = error.message))
  child.stdin.on('error', () => undefined)
  if (input !== null) child.stdin.end(input)
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part))
  child.stdout.on('data', (part) => (stdout += part))
  const kill = () => child.kill('SIGKILL')
  process.on('exit', kill)
  const ended = new Promise((resolve) => child.once('close', (code) => resolve(process.off('exit', kill) && code)))
  child.on('error', () => child.emit('close', 127))
  return {
    child,
    ended,
    output: () => output,
    /**
     * Wait until something holds that this program brings about.
     *
     * @template T
     * @param {() => T | Promise<T>} what
     */
    async until(what) {
      for (const began = Date.now(); ; ) {
        const over = child.exitCode !== null || child.signalCode !== null
        const found = await what()
        if (found) return found
        if (over || failure || Date.now() - began > PATIENCE) throw new Error(said())
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    /**
     * Wait until it says something.
     *
     * @param {RegExp} what
     */
    says(what) {
      return this.until(() => what.exec(output))
    },
    /** Wait until it ends; anything but success is an error. Its standard output is the answer. */
    async succeeds() {
      const timer = setTimeout(() => ((failure = 'it does not end'), kill()), PATIENCE)
      const code = await ended
      clearTimeout(timer)
      if (code !== 0) throw new Error(said())
      return stdout
    },
    async stop() {
      child.kill('SIGTERM')
      const timer = setTimeout(kill, 5000)
      await ended
      clearTimeout(timer)
    },
  }
}

/** @param {string} program @param {string[]} args @param {How} [how] */
export const run = (program, args, how) => start(program, args, how).succeeds()

/** A port that was free a moment ago. */
export async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = /** @type {net.AddressInfo} */ (probe.address())
  probe.close()
  return port
}
