/**
 * The program, a browser, and the clients that the tests have registered.
 *
 * @module
 */

import { chmodSync, cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openWorld } from '../../browser/lib/world.js'
import { certificate } from './certificate.js'
import { run } from './programs.js'

/** @typedef {import('../../browser/lib/server.js').Server} Server */

/** Where the built programs are. */
export const TARGET = fileURLToPath(new URL('../../../target/', import.meta.url))
export const PROGRAM = process.env.BRAMA_BIN || `${TARGET}debug/brama`

const here = (/** @type {string} */ path) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** Settings of the server that are off unless asked for. */
const SETTINGS = ['registration.mode=token', 'tokens.dpop_nonce=required'].flatMap((setting) => ['--set', setting])

/** What is written goes there; programs of other users read it too. */
const folder = mkdtempSync(join(tmpdir(), 'brama-interop-'))
chmodSync(folder, 0o755)
symlinkSync(here('node_modules'), join(folder, 'node_modules'))
after(() => rmSync(folder, { recursive: true }))

/**
 * A server and what is to be there before the tests begin.
 *
 * @param {{ key: string, cert: string }} [tls]
 */
function make(tls) {
  /** @type {((server: Server) => Promise<unknown>)[]} */
  const preparations = []

  /**
   * A web server, a client: what fails fails the tests that ask for it.
   *
   * @template T
   * @param {(server: Server) => Promise<T>} make
   * @returns {() => T}
   */
  function prepared(make) {
    /** @type {T} */
    let made
    /** @type {unknown} */
    let failure = new Error('asked for too early')
    const keep = (/** @type {T} */ value) => ((made = value), (failure = undefined))
    preparations.push((server) => make(server).then(keep, (error) => (failure = error)))
    return () => {
      if (failure) throw failure
      return made
    }
  }

  /**
   * Register an app with `brama client add`.
   *
   * @param {string} id
   * @param {string} type
   * @param {() => Record<string, string | string[] | true>} settings flags without `--`
   * @returns {() => { client_id: string, client_secret?: string }}
   */
  const register = (id, type, settings) =>
    prepared(async (server) => {
      const flags = Object.entries(settings()).flatMap(([name, value]) =>
        value === true ? [`--${name}`] : [value].flat().flatMap((one) => [`--${name}`, one]),
      )
      return JSON.parse(await server.command(['client', 'add', id, '--type', type, ...flags, '--json']))
    })

  /**
   * A copy of a guide's folder, where its commands have run in the shell as they stand in the documentation.
   *
   * @param {string} guide a folder of `guides`
   * @param {() => Record<string, string>} [env]
   * @param {string[]} [scripts]
   * @returns {() => { cwd: string, env: Record<string, string> }} where it is, and the environment afterwards
   */
  const registered = (guide, env = () => ({}), scripts = ['register.sh']) =>
    prepared(async (server) => {
      const cwd = join(folder, guide)
      cpSync(here(`guides/${guide}`), cwd, { recursive: true })
      const place = { BRAMA_DATA_DIR: server.dataDir, BRAMA_PUBLIC_URL: server.url, ...server.elsewhere }
      const settings = { ...place, ISSUER: server.url }
      const path = [dirname(PROGRAM), `${TARGET}interop/python/bin`, process.env.PATH].join(':')
      const lines = ['{', ...scripts.map((script) => `source ./${script}`), '} >&2', 'env -0']
      const all = await run('bash', ['-euo', 'pipefail', '-ac', lines.join('\n')], { cwd, env: { PATH: path, ...settings, ...env() } })
      const pair = (/** @type {string} */ text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]
      return { cwd, env: Object.fromEntries(all.split('\0').filter(Boolean).map(pair)) }
    })

  const world = openWorld({
    ...{ flags: SETTINGS, tls },
    prepare: async (server) => {
      register('interop-ready', 'native', () => ({ 'redirect-uri': 'http://127.0.0.1/ready' }))
      for (const prepare of preparations) await prepare(server)
      const question = '/oauth2/authorize?response_type=code&client_id=interop-ready&code_challenge_method=S256'
      const last = new URL(question, server.url)
      last.searchParams.set('redirect_uri', 'http://127.0.0.1/ready')
      last.searchParams.set('code_challenge', 'x'.repeat(43))
      // A running server notices within a second.
      for (let tries = 0; (await server.here(last.pathname + last.search)).status !== 303; tries++) {
        if (tries > 200) throw new Error('the server does not notice that clients were added')
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
  })
  return { prepared, register, registered, world }
}

/** The server of most clients, as `brama dev` starts it. */
export const { prepared, register, registered, world } = make()

/** The server of clients that want https, and the file of the authority that they have to trust. */
export const authority = join(folder, 'ca.pem')
export const secure = make(certificate(authority))
