/**
 * What each client has done, and the page of the documentation that says so.
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** What may be walked, in the order of the page. */
export const STEPS = {
  discovery: 'discovery',
  code: 'code with PKCE',
  iss: '`iss` of the answer',
  idToken: 'ID token: signature, `nonce`',
  atHash: 'ID token: `at_hash`',
  userinfo: 'userinfo',
  refresh: 'refresh',
  logout: 'RP-initiated logout',
  backchannel: 'back-channel logout',
  silent: '`prompt=none`',
  none: 'public client',
  basic: '`client_secret_basic`',
  post: '`client_secret_post`',
  privateKeyJwt: '`private_key_jwt`',
  clientCredentials: 'client credentials',
  device: 'device grant',
  par: 'pushed authorization request',
  formPost: '`form_post`',
  dpop: 'DPoP',
  dpopNonce: 'DPoP: server nonce',
  guard: 'API behind the guard crate',
  bearer: 'API of its own: token by its signature',
  introspection: 'introspection',
  revocation: 'revocation',
  registration: 'dynamic registration',
  noScript: 'browser without JavaScript',
}

/** @typedef {keyof typeof STEPS} StepName */

/** @type {Map<string, { version: string, steps: Set<StepName> }>} */
const clients = new Map()

/**
 * A client; `did` is called where a test has seen that a step works.
 *
 * @param {string} name
 * @param {string} version
 */
export function walker(name, version) {
  const steps = clients.get(name)?.steps ?? new Set()
  clients.set(name, { version, steps })
  return (/** @type {StepName[]} */ ...names) => {
    for (const step of names) {
      if (!(step in STEPS)) throw new Error(`there is no step ${step}`)
      steps.add(step)
    }
  }
}

/**
 * The version of an npm package that runs here.
 *
 * @param {string} name
 */
export const npmVersion = (name) =>
  JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version

const lock = () => readFileSync(new URL('../rust/Cargo.lock', import.meta.url), 'utf8')

/** @param {string} name of a Rust crate */
export const crateVersion = (name) => new RegExp(`name = "${name}"\nversion = "(.+)"`).exec(lock())?.[1] ?? '?'

const requirements = () => readFileSync(new URL('../python/requirements.txt', import.meta.url), 'utf8')

/** @param {string} name of a Python package */
export const pythonVersion = (name) => new RegExp(`^${name}==(\\S+)`, 'm').exec(requirements())?.[1] ?? '?'

/** @param {string} name of a Debian package; what Debian adds to the version is left out */
export const debianVersion = (name) =>
  execFileSync('dpkg-query', ['--show', '--showformat', '${source:Upstream-Version}', name], { encoding: 'utf8' })

/** Markdown: a row for each step, a column for each client. */
export function table() {
  const columns = [...clients].map(([name, { version, steps }]) => ({ title: `${name} ${version}`, steps }))
  const rows = Object.entries(STEPS).map(([step, title]) => [
    title,
    ...columns.map(({ steps }) => (steps.has(/** @type {StepName} */ (step)) ? '✓' : '')),
  ])
  const head = ['', ...columns.map(({ title }) => title)]
  return [head, head.map((_, at) => (at ? ':-:' : '---')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
