/**
 * A browser with as many tabs as a test needs, and a small server behind it.
 *
 * Tabs of one world share what tabs of one origin share: storage, locks, channels, cookies. The server keeps the contract: a
 * refresh token rotates, and its direct predecessor gets the same successor again.
 */

import { makeAuth } from '../../auth.js'

export const HERE = 'https://app.example'

const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Let everything that is ready run. */
export async function settled(turns = 12) {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export function storage(blocked = () => false) {
  const items = new Map()
  const guard = () => {
    if (blocked()) throw new DOMException('blocked', 'SecurityError')
  }
  return {
    items,
    getItem: (key) => (guard(), items.get(key) ?? null),
    setItem: (key, value) => (guard(), void items.set(key, String(value))),
    removeItem: (key) => (guard(), void items.delete(key)),
  }
}

export function lockManager() {
  const queues = new Map()
  const next = (name) => {
    const [first] = queues.get(name) ?? []
    if (!first || first.held) return
    first.held = true
    first.signal?.removeEventListener('abort', first.leave)
    setImmediate(async () => {
      try {
        first.resolve(await first.work({ name }))
      } catch (error) {
        first.reject(error)
      } finally {
        queues.get(name).shift()
        next(name)
      }
    })
  }
  return {
    queues,
    request: (name, options, work) =>
      new Promise((resolve, reject) => {
        const queue = queues.get(name) ?? queues.set(name, []).get(name)
        if (options.ifAvailable && queue.length > 0) return resolve(work(null))
        if (options.signal?.aborted) return reject(options.signal.reason)
        const entry = { work, resolve, reject, signal: options.signal }
        entry.leave = () => {
          queue.splice(queue.indexOf(entry), 1)
          reject(options.signal.reason)
        }
        options.signal?.addEventListener('abort', entry.leave)
        queue.push(entry)
        next(name)
      }),
  }
}

/** One object store for each database; a transaction is one step, as it is for other tabs. */
function indexedDatabase(databases, blocked, keyless) {
  return {
    open(name) {
      const rows = databases[name]
      const queue = []
      const later = (work) => {
        const request = {}
        queue.push(() => {
          request.result = work()
          request.onsuccess?.()
        })
        return request
      }
      const store = {
        get: (key) => later(() => structuredClone(rows.get(key))),
        put(value, key) {
          if (keyless() && value.secret) throw new DOMException('could not be cloned', 'DataCloneError')
          const copy = structuredClone(value)
          return later(() => (rows.set(key, copy), key))
        },
        delete: (key) =>
          later(() => {
            for (const known of [...rows.keys()]) if (key.upper === undefined ? known === key : known <= key.upper) rows.delete(known)
          }),
      }
      let aborted = false
      const transaction = { objectStore: () => store, abort: () => void (aborted = true) }
      const open = { result: { createObjectStore() {}, close() {}, transaction: () => transaction } }
      setImmediate(() => {
        if (blocked()) return open.onerror(new Error('UnknownError'))
        open.onupgradeneeded()
        open.onsuccess()
        setImmediate(() => {
          for (const step of queue) if (!aborted) step()
          aborted ? transaction.onabort(new Error('AbortError')) : transaction.oncomplete?.()
        })
      })
      return open
    },
  }
}

/** What the server does unless a test says otherwise. */
export class Server {
  requests = []
  tokens = new Map()
  grants = new Map()
  codes = new Map()
  cookie = undefined
  /** Tests put functions here: path → (request) => Response | undefined */
  override = {}
  expiresIn = 900

  count(path) {
    return this.requests.filter((request) => new URL(request.url).pathname === path).length
  }

  mint(user) {
    const token = `at-${user}-${Math.random()}`
    this.tokens.set(token, user)
    return token
  }

  /** All access tokens die, as they do after their 15 minutes. */
  expireAll() {
    this.tokens.clear()
  }

  signIn(user) {
    const id = `g${Math.random()}`
    this.grants.set(id, { user, generation: 1 })
    this.cookie = `${id}:1`
  }

  granted(user, more = {}) {
    return Response.json(
      { access_token: this.mint(user), token_type: 'Bearer', expires_in: this.expiresIn, scope: 'openid profile email', ...more },
      { headers: { date: new Date().toUTCString() } },
    )
  }

  async answer(request) {
    this.requests.push(request)
    const { pathname } = new URL(request.url)
    const special = await this.override[pathname]?.(request)
    if (special) return special
    const error = (status, code, headers = {}) => Response.json({ error: code, error_description: `because ${code}` }, { status, headers })
    const user = this.tokens.get(request.headers.get('authorization')?.replace(/^Bearer /, ''))
    switch (pathname) {
      case '/.well-known/openid-configuration':
        return Response.json({ issuer: HERE, authorization_endpoint: `${HERE}/oauth2/authorize`, token_endpoint: `${HERE}/oauth2/token` })
      case '/api/auth/login': {
        const { username, password } = await request.json()
        if (password !== 'right') return error(401, 'invalid_credentials')
        this.signIn(username)
        return this.granted(username)
      }
      case '/api/auth/refresh': {
        const [id, generation] = (this.cookie ?? '').split(':')
        const grant = this.grants.get(id)
        if (!grant || Number(generation) < grant.generation - 1) return error(401, 'login_required')
        if (Number(generation) === grant.generation) grant.generation++
        this.cookie = `${id}:${grant.generation}`
        return this.granted(grant.user)
      }
      case '/api/auth/logout':
        this.grants.delete((this.cookie ?? '').split(':')[0])
        this.cookie = undefined
        return new Response(null, { status: 204 })
      case '/oauth2/token': {
        const form = new URLSearchParams(await request.text())
        const code = this.codes.get(form.get('code'))
        this.codes.delete(form.get('code'))
        if (!code) return error(400, 'invalid_grant')
        this.signIn(code.user)
        const claims = { iss: HERE, aud: 'shop', sub: `id-${code.user}`, nonce: code.nonce, exp: Math.floor(Date.now() / 1000) + 300, ...code.claims }
        return this.granted(code.user, { id_token: `${base64url({ alg: 'ES256' })}.${base64url(claims)}.sig` })
      }
      case '/userinfo':
        return user ? Response.json({ sub: `id-${user}`, name: user }) : error(401, 'invalid_token')
      default:
        return user ? Response.json({ user, body: await request.text() }) : error(401, 'invalid_token', { 'www-authenticate': 'Bearer error="invalid_token"' })
    }
  }

  /** The user signs in on the server's page; back comes the address of the callback. */
  approve(authorizationUrl, user = 'olena', { claims, ...response } = {}) {
    const { searchParams } = new URL(authorizationUrl)
    const code = `code-${Math.random()}`
    this.codes.set(code, { user, nonce: searchParams.get('nonce'), claims })
    const url = new URL(searchParams.get('redirect_uri'))
    for (const [name, value] of Object.entries({ code, state: searchParams.get('state'), iss: HERE, ...response })) if (value) url.searchParams.set(name, value)
    return url.href
  }
}

export class World {
  server = new Server()
  blocked = false
  /** The browser keeps rows, but no keys in them. */
  keyless = false
  /** How long a message between tabs takes, milliseconds. */
  slowness = 0
  offline = false
  locks = lockManager()
  localStorage = storage(() => this.blocked)
  channels = new Map()
  /** Sign-ins on their way. */
  rows = new Map()
  /** Keys and what is bound to them. */
  keys = new Map()
  errors = []

  /** A new tab at an address, not yet with the SDK in it. */
  tab(href = `${HERE}/`, session = storage(() => this.blocked)) {
    const world = this
    const events = new EventTarget()
    const history = {
      state: null,
      replaceState(_, __, url) {
        location.href = new URL(url, location.href).href
      },
    }
    const location = {
      href,
      get origin() {
        return new URL(this.href).origin
      },
      get protocol() {
        return new URL(this.href).protocol
      },
      assign: (url) => void (env.left = new URL(url, location.href).href),
    }
    const env = {
      left: undefined,
      location,
      history,
      isSecureContext: true,
      crypto,
      performance: { now: () => performance.now() },
      Request,
      navigator: { locks: world.locks },
      sessionStorage: session,
      localStorage: world.localStorage,
      indexedDB: indexedDatabase({ brama: world.rows, 'brama-dpop': world.keys }, () => world.blocked, () => world.keyless),
      IDBKeyRange: { upperBound: (upper) => ({ upper }) },
      BroadcastChannel: class {
        constructor(name) {
          this.all = world.channels.get(name) ?? world.channels.set(name, new Set()).get(name)
          this.all.add(this)
        }
        postMessage(message) {
          const data = structuredClone(message)
          const later = world.slowness ? (work) => setTimeout(work, world.slowness) : setImmediate
          for (const channel of this.all) if (channel !== this) later(() => this.all.has(channel) && channel.onmessage({ data }))
        }
        close() {
          this.all.delete(this)
        }
      },
      addEventListener: (...args) => events.addEventListener(...args),
      fire: (type, more = {}) => events.dispatchEvent(Object.assign(new Event(type), more)),
      reportError: (error) => world.errors.push(error),
      async fetch(input, init) {
        const request = new Request(input, init)
        if (request.signal.aborted) throw request.signal.reason
        if (world.offline) throw new TypeError('Failed to fetch')
        const aborted = new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(request.signal.reason)))
        const response = await Promise.race([world.server.answer(request), aborted])
        if (response.redirected302 && request.redirect === 'manual') return { type: 'opaqueredirect', status: 0, headers: new Headers() }
        return response
      },
    }
    return env
  }

  /** A tab with the SDK. */
  open(options = {}, env = this.tab()) {
    const auth = makeAuth(env, { clientId: 'shop', timeoutMs: 1000, ...options })
    return Object.assign(auth, { env })
  }

  /** Tabs that are ready, signed in as `user` when one is given. */
  async tabs(count, { user, ...options } = {}) {
    if (user) this.server.signIn(user)
    const tabs = Array.from({ length: count }, () => this.open(options))
    for (const tab of tabs) await tab.ready()
    this.server.requests.length = 0
    return tabs
  }
}
