/**
 * The real program, `brama dev`, with its data in a folder that goes away afterwards.
 *
 * @module
 */

import { execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ask } from './plain.js'
import { openWire } from './wire.js'

const PROGRAM = process.env.BRAMA_BIN || fileURLToPath(new URL('../../../target/debug/brama', import.meta.url))

/** A port that was free a moment ago. */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer()
    probe.on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {net.AddressInfo} */ (probe.address())
      probe.close(() => resolve(port))
    })
  })
}

/** An empty database of its own in the cluster that the checks have started, or nothing: a file of the folder. */
async function database() {
  const { BRAMA_TEST_DATABASE: kind = 'sqlite', BRAMA_TEST_POSTGRES: cluster = '' } = process.env
  if (kind === 'sqlite') return {}
  if (kind !== 'postgres' || !cluster) throw new Error(`BRAMA_TEST_DATABASE=${kind} needs BRAMA_TEST_POSTGRES, the URL of a cluster`)
  const name = `browser_${process.pid}_${randomUUID().replaceAll('-', '')}`
  const url = new URL(cluster)
  await promisify(execFile)('psql', ['--no-psqlrc', '--quiet', '--dbname', cluster, '--command', `CREATE DATABASE ${name}`])
  url.pathname = `/${name}`
  return { BRAMA_DATABASE_URL: url.href }
}

/**
 * Everything a database keeps, as bytes: what is stored is found in it, and what is not stored is not.
 *
 * @param {string} folder where the file is, if it is one
 * @param {string | undefined} url of PostgreSQL
 */
async function contents(folder, url) {
  if (url) {
    const { stdout } = await promisify(execFile)('pg_dump', ['--data-only', '--dbname', url], { maxBuffer: 2 ** 28 })
    const bytes = [...stdout.matchAll(/\\\\x([0-9a-f]+)/g)].map(([, digits]) => Buffer.from(digits, 'hex'))
    return Buffer.concat([Buffer.from(stdout), ...bytes])
  }
  const names = (await readdir(folder)).filter((name) => /\.db(-wal)?$/.test(name))
  if (names.length === 0) throw new Error(`no database in ${folder}`)
  return Buffer.concat(await Promise.all(names.map((name) => readFile(join(folder, name)))))
}

/**
 * Start it and wait until it is ready.
 *
 * @param {string[]} [flags] more flags of `brama dev`
 * @param {{ key: string, cert: string }} [tls] the proxy before it speaks TLS
 * @param {Record<string, string>} [settings] variables such as `BRAMA_TOKENS__DPOP_NONCE`
 */
export async function startServer(flags = [], tls, settings = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'brama-browser-'))
  const dataDir = join(folder, 'data')
  const wire = await openWire(tls)
  const port = await freePort()
  wire.aim(port)
  const place = ['--data-dir', dataDir, '--public-url', wire.url]
  // Settings of the machine must not reach the program.
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('BRAMA_'))
  const elsewhere = await database()
  const env = { ...Object.fromEntries(clean), ...elsewhere, ...settings }
  const child = spawn(PROGRAM, ['dev', '--listen', `127.0.0.1:${port}`, ...place, ...flags], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kill = () => child.kill('SIGKILL')
  process.on('exit', kill)
  let output = ''
  let failure = ''
  child.stdout.on('data', (part) => (output += part))
  child.stderr.on('data', (part) => (output += part))
  child.on('error', (error) => (failure = `${PROGRAM} does not start: ${error.message}; build it with \`cargo build -p brama\``))
  child.on('exit', (code, signal) => (failure ||= `the server ended with ${code ?? signal}`))

  const here = (/** @type {string} */ path, headers = {}) =>
    ask(`http://127.0.0.1:${port}${path}`, { headers: { host: new URL(wire.url).host, ...headers } })
  const started = Date.now()
  for (;;) {
    if (failure || Date.now() - started > 30_000) throw new Error(`${failure || 'the server is not ready after 30 s'}\n${output}`)
    if ((await here('/readyz').catch(() => undefined))?.status === 200) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const demo = JSON.parse((await here('/demo/config.json')).text)

  return {
    url: wire.url,
    wire,
    dataDir,
    /** Variables that say where its database is, if that is no file of the folder. */
    elsewhere,
    /** Ask the server itself for a path of its, without the proxy. */
    here,
    /** Everything the database keeps. */
    stored: () => contents(dataDir, elsewhere.BRAMA_DATABASE_URL),
    /** The demo user's name and password. */
    user: { username: /** @type {string} */ (demo.username), password: /** @type {string} */ (demo.password) },
    /** What the server has said so far. */
    output: () => output,

    /**
     * Run an administration command while the server runs.
     *
     * @param {string[]} args
     * @param {string} [input] for its standard input
     * @returns {Promise<string>} its standard output
     */
    command: (args, input = '') =>
      new Promise((resolve, reject) => {
        const done = (/** @type {Error | null} */ error, /** @type {string} */ stdout, /** @type {string} */ stderr) =>
          error ? reject(new Error(`brama ${args.join(' ')}: ${stdout}${stderr}`)) : resolve(stdout)
        const run = execFile(PROGRAM, [...args, ...place], { cwd: folder, env }, done)
        run.stdin?.end(input)
      }),

    /**
     * Register an app.
     *
     * @param {string} id
     * @param {string} type
     * @param {Record<string, string>} settings flags without `--`
     * @returns {Promise<{ client_id: string, client_secret?: string }>}
     */
    async addClient(id, type, settings) {
      const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
      const client = JSON.parse(await this.command(['client', 'add', id, '--type', type, ...flags, '--json']))
      // A running server notices within a second.
      await new Promise((resolve) => setTimeout(resolve, 1100))
      return client
    },

    /**
     * Add an account.
     *
     * @param {string} username
     * @param {string} password
     */
    async addUser(username, password) {
      await this.command(['user', 'add', username, '--email', `${username}@example.ua`, '--password-stdin'], `${password}\n`)
      return { username, password }
    },

    async stop() {
      process.off('exit', kill)
      const ended = new Promise((resolve) => child.once('exit', resolve))
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM')
        const timer = setTimeout(kill, 5000)
        await ended
        clearTimeout(timer)
      }
      await wire.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** @typedef {Awaited<ReturnType<typeof startServer>>} Server */
