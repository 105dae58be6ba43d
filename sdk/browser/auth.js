/**
 * The session of this tab: its state, its token, and the one refresh that all tabs share.
 *
 * Order is kept by numbers: every token and every sign-out gets `n`, larger than all before it in any tab, so whoever meets a
 * larger one knows that it is late. `turn` counts changes of who is signed in here; work that began in an earlier turn is dropped.
 *
 * @module
 */

import { authorizationRequest } from './authorize/request.js'
import { exchange, readResponse } from './authorize/response.js'
import { take } from './authorize/pending.js'
import { post, refusal, send } from './lib/http.js'
import { random } from './lib/random.js'
import { home } from './lib/url.js'
import { readOptions } from './options.js'
import { checkOrigin, resourceRequest } from './resource.js'
import { exclusively } from './tabs/lock.js'
import { openTabs } from './tabs/tabs.js'
import { fresh, granted, hold, left } from './token/record.js'
import { openVault } from './token/vault.js'

/** @import { Auth, Options, Password, State, User } from './brama.js' */
/** @import { AuthError, ErrorCode } from './lib/error.js' */
/** @import { Message } from './tabs/tabs.js' */
/** @import { Held, Shared } from './token/record.js' */

/** How long another tab may take to answer, milliseconds. */
const ANSWER = 300
/** How long to listen before a refresh when other tabs are open: their news may be on its way. */
const LISTEN = 20

/**
 * @param {typeof globalThis} env
 * @param {Options} options
 * @returns {Auth}
 */
export function makeAuth(env, options) {
  /** @type {string[]} */
  const decisions = []
  /** @param {string} what */
  const note = (what) => {
    if (decisions.push(`${new Date().toISOString()} ${what}`) > 50) decisions.shift()
  }
  const context = readOptions(env, options, note)
  const { fail } = context
  const tabs = openTabs(context, hear)
  /** @type {ReturnType<typeof openVault> | undefined} */
  let vault
  /** @type {Set<(state: State) => void>} */
  const listeners = new Set()
  /** @type {State} */
  let state = Object.freeze({ status: 'loading', user: null, storage: context.storage, error: null })
  /** @type {Held | undefined} */
  let held
  /** @type {User | null} */
  let user = null
  /** @type {string | undefined} the subject its ID token named */
  let subject
  let n = 0
  let s = ''
  let turn = 0
  /** @type {Promise<unknown> | undefined} */
  let starting
  /** @type {Promise<void> | undefined} */
  let naming
  /** @type {Promise<Held> | undefined} */
  let refreshing
  /** @type {((news: () => Held) => void) | undefined} ends the wait of a refresh: another tab has its outcome */
  let settle
  /** @type {{ until: number, error: AuthError } | undefined} the server asked to wait */
  let pause

  /** @param {Partial<State>} change */
  function set(change) {
    const next = { ...state, ...change }
    if (Object.entries(next).every(([key, value]) => value === state[/** @type {keyof State} */ (key)])) return
    if (next.status !== state.status) note(`${next.status} ${next.error?.code ?? ''}`)
    state = Object.freeze(next)
    for (const listener of [...listeners]) tell(listener)
  }

  /** @param {(state: State) => void} listener */
  function tell(listener) {
    try {
      listener(state)
    } catch (error) {
      env.reportError(error)
    }
  }

  // ── What happened elsewhere ──────────────────────────────────────────────────────────────────────────────────────────

  /** @param {Message} message */
  function hear(message) {
    if ('token' in message) {
      if (context.alone || message.token.n <= n) return
      note('token from another tab')
      adopt(message.token, message.user)
      settle?.(theHeld)
      if (!starting) void enter()
    } else if ('ask' in message) {
      if (held && held.n > message.ask && fresh(env, held)) publish()
    } else if ('user' in message) {
      if (!held || message.s !== s || user) return
      user = message.user
      if (state.status === 'signed-in') set({ user })
    } else if ('out' in message) {
      if (message.out > n) leave(message.out, message.code)
    } else {
      settle?.(() => {
        throw fail(message.failed, { retryAfter: message.retryAfter })
      })
    }
  }

  function publish() {
    if (held) tabs.say({ token: held, user })
  }

  /**
   * Hold a token, whoever got it. With another sign-in the person may be another one: nothing of the first one stays.
   *
   * @param {Shared} token
   * @param {User | null} [whose] if known
   */
  function adopt(token, whose = null) {
    if (token.s === s) {
      user ??= whose
    } else {
      turn++
      user = whose
      subject = undefined
    }
    ;({ n, s } = token)
    vault?.write(token)
    held = hold(env, token)
  }

  /** The next place in the order. */
  const next = () => Math.max(Date.now(), n + 1, (tabs.read()?.n ?? 0) + 1)

  /**
   * Hold a token that the server gave this tab, and tell the others.
   *
   * @param {{ value: string, ttl: number }} granted
   * @param {string} [session] default: a new sign-in
   */
  function keep({ value, ttl }, session = random(env.crypto)) {
    const token = { value, ttl, expires: Date.now() + ttl, n: next(), s: session }
    adopt(token)
    tabs.write({ n, s, e: token.expires, out: 0 })
    publish()
  }

  /** Know nothing any more. */
  function forget() {
    turn++
    held = undefined
    user = null
    s = ''
  }

  /**
   * Signed out, here or elsewhere.
   *
   * @param {number} at
   * @param {ErrorCode} [code] why, when the user did not ask for it
   */
  function leave(at, code) {
    forget()
    n = at
    vault?.write()
    settle?.(theHeld)
    set({ status: 'signed-out', user, error: code ? fail(code) : null })
  }

  /**
   * Nobody is signed in from now on, in any tab.
   *
   * @param {1 | 2} out
   * @param {ErrorCode} [code]
   */
  function everyone(out, code) {
    const at = next()
    tabs.write({ n: at, s: '', e: 0, out })
    tabs.say({ out: at, code })
    leave(at, code)
  }

  /**
   * A token is there: find out whose, then say so once.
   *
   * @param {AuthError} [error]
   */
  async function enter(error) {
    if (!user) {
      if (state.status === 'signed-in') set({ user })
      await (naming ??= whose().finally(() => (naming = undefined)))
    }
    if (held) set({ status: 'signed-in', user, error: error?.code === 'stale_callback' ? null : (error ?? null) })
  }

  /**
   * Ask `/userinfo`; a failure leaves the user unknown.
   *
   * @returns {Promise<void>}
   */
  async function whose() {
    if (!held) return
    const began = turn
    const headers = { authorization: `Bearer ${held.value}` }
    const answer = await send(context, `${context.issuer}/userinfo`, { headers, credentials: 'omit' }).catch(() => undefined)
    if (turn !== began) return whose()
    const { status, body } = answer ?? {}
    // OIDC Core §5.3.2: the same person as in the ID token.
    if (user || status !== 200 || typeof body?.['sub'] !== 'string' || body['sub'] !== (subject ?? body['sub'])) return
    user = /** @type {User} */ (body)
    tabs.say({ user, s })
  }

  // ── One refresh ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The token, or the reason why there is none. */
  function theHeld() {
    if (held) return held
    throw state.error ?? fail('signed_out')
  }

  /**
   * A token that is not `refused`, from wherever there is one.
   *
   * @param {string} [refused]
   * @returns {Promise<Held>}
   */
  async function renew(refused) {
    if (held && held.value !== refused && fresh(env, held)) return held
    refreshing ??= refresh().finally(() => (refreshing = undefined))
    return refreshing
  }

  /** @returns {Promise<Held>} */
  async function refresh() {
    if (pause && pause.until > env.performance.now()) throw pause.error
    const [began, seen] = [turn, n]
    const enough = new AbortController()
    /** @type {(() => Held) | undefined} */
    let news
    settle = (outcome) => {
      news ??= outcome
      enough.abort()
    }

    /** @param {boolean} waited */
    const work = async (waited) => {
      const stamp = tabs.read()
      const later = stamp && stamp.n > n
      if (!news && held && later && stamp.out) throw fail('signed_out')
      const expected = waited || (later && stamp.e > Date.now() && (held || tabs.others()))
      if (!news && (expected || tabs.others())) {
        await new Promise((resolve) => {
          enough.signal.onabort = resolve
          setTimeout(resolve, expected ? ANSWER : LISTEN)
          tabs.say({ ask: n })
        })
        if (!news && expected) tabs.nobody()
      }
      if (news) return news()
      if (n === seen) {
        const answer = await post(context, 'refresh')
        const token = granted(answer)
        const now = tabs.read()
        if (turn === began && !(now?.out && now.n !== stamp?.n)) {
          if (!token) throw refusal(context, answer)
          keep(token, now?.s || s || undefined)
        }
      }
      return theHeld()
    }

    try {
      const token = await exclusively(context, work, enough)
      if (!user && !starting) void enter()
      return token
    } catch (cause) {
      const error = /** @type {AuthError} */ (cause)
      const { code, retryAfter } = error
      if (error.retryable && !news) tabs.say({ failed: code, retryAfter })
      if (retryAfter) pause = { until: env.performance.now() + Math.min(retryAfter, 300) * 1000, error }
      if (held && turn === began) {
        if (code === 'session_expired') everyone(2, code)
        if (code === 'signed_out') leave(tabs.read()?.n ?? n)
      }
      throw error
    } finally {
      settle = undefined
    }
  }

  /**
   * Tell the server; the stamp remembers until it has heard. Under the lock, so that this answer and that of a refresh or a
   * sign-in do not overwrite each other's cookies.
   */
  const tellServer = () =>
    result(() =>
      exclusively(context, async () => {
        const answer = await post(context, 'logout')
        if (answer.status >= 400) throw refusal(context, answer)
        const stamp = tabs.read()
        if (stamp?.out) tabs.write({ ...stamp, out: 2 })
      }),
    )

  // ── Start ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Open what a page has; false where nothing can work. */
  function open() {
    if (!env.location || !env.isSecureContext) return false
    tabs.open()
    if (vault) return true
    vault = openVault(context)
    set({ storage: vault.kind })
    env.addEventListener('pagehide', tabs.close)
    env.addEventListener('pageshow', ({ persisted }) => {
      if (persisted) comeBack()
    })
    env.addEventListener('online', () => {
      pause = undefined
      if (state.status === 'loading') void ready()
      else if (tabs.read()?.out === 1) void tellServer()
    })
    return true
  }

  /** Out of the back/forward cache: learn first whether somebody signed out, or somebody else in, meanwhile. */
  function comeBack() {
    const stamp = tabs.read()
    note('back from the cache')
    tabs.open()
    if (stamp?.out && stamp.n > n) leave(stamp.n)
    else if (stamp === undefined || (stamp && stamp.n > n && stamp.s !== s)) {
      forget()
      set({ status: 'loading', user })
    }
    if (state.status === 'loading') void ready()
  }

  async function ready() {
    if (state.status === 'loading') await (starting ??= begin().finally(() => (starting = undefined)))
    return state
  }

  async function begin() {
    if (!env.location) return
    if (!open()) return set({ status: 'signed-out', error: fail('insecure_context') })
    const began = turn
    const error = await finishRedirect()
    if (options.dpop) {
      // Only now is it known what can be kept.
      await result(/** @type {() => Promise<unknown>} */ (context.fetch))
      set({ storage: (vault = openVault(context)).kind })
    }
    const stamp = tabs.read()
    const stored = vault?.read()
    if (!held && stored && fresh(env, hold(env, stored)) && (!stamp || stamp.s === stored.s)) adopt(stored)
    if (held) return enter(error)
    if (turn !== began) return
    if (stamp?.out === 1) {
      const told = await tellServer()
      if (turn === began) set({ status: 'signed-out', error: error ?? told.error ?? null })
      return
    }
    const { error: refused } = await result(renew)
    if (held) return enter(error)
    if (turn !== began || !refused) return
    if (refused.retryable) return set({ error: refused })
    // Nobody signed in is how most visits begin, not an error.
    set({ status: 'signed-out', error: error ?? (/^signed_out$|^session/.test(refused.code) ? null : refused) })
  }

  /** @returns {Promise<AuthError | undefined>} */
  async function finishRedirect() {
    const response = readResponse(context)
    if (!response) return undefined
    let returnTo
    const { error } = await result(() =>
      exclusively(context, async () => {
        const pending = await take(context, response.state)
        if (!pending) throw fail('stale_callback')
        returnTo = pending.returnTo
        const { sub, ...token } = await exchange(context, pending, response)
        keep(token)
        subject = sub
      }),
    )
    note(`sign-in by redirect ${error?.code ?? 'done'}`)
    if (returnTo) env.history.replaceState(env.history.state, '', returnTo)
    return error
  }

  // ── What the app calls ───────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<({ ok: true, error?: undefined } & T) | { ok: false, error: AuthError }>}
   */
  async function result(work) {
    try {
      return { ok: true, ...(await work()) }
    } catch (error) {
      return { ok: false, error: /** @type {AuthError} */ (error) }
    }
  }

  /**
   * Sign-in by the app's own form.
   *
   * @param {Password} password
   */
  async function login({ username, password }) {
    await exclusively(context, async () => {
      const answer = await post(context, 'login', { username, password })
      const token = granted(answer)
      if (!token) throw refusal(context, answer)
      keep(token)
    })
    await enter()
  }

  /**
   * @param {string} [refused]
   * @param {boolean} [stale] an old one will do: the answer tells whether it still serves
   * @returns {Promise<Held>}
   */
  async function current(refused, stale) {
    if (!held) await ready()
    const token = theHeld()
    return stale ? token : renew(refused)
  }

  return {
    ready,
    get state() {
      return state
    },
    subscribe(listener) {
      listeners.add(listener)
      tell(listener)
      return () => listeners.delete(listener)
    },
    signIn: (how = {}) =>
      result(async () => {
        if (!open()) throw fail('insecure_context')
        if ('password' in how) return login(how)
        env.location.assign(await authorizationRequest(context, how))
      }),
    async signOut({ returnTo } = {}) {
      open()
      everyone(1)
      const told = await tellServer()
      if (told.ok && returnTo !== undefined) env.location.assign(home(returnTo, env.location))
      return told
    },
    token: ({ resource, fresh: another } = {}) =>
      result(async () => {
        if (resource !== undefined) checkOrigin(context, resource)
        const token = await current(another ? held?.value : undefined)
        return { token: token.value, expiresIn: Math.round(left(env, token) / 1000) }
      }),
    fetch: (input, init) => resourceRequest(context, current, input, init),
    debug: () => ({
      ...{ issuer: context.issuer, clientId: context.clientId, origins: [...context.origins] },
      ...{ ...state, user: !!user, expiresIn: held && left(env, held) / 1000, decisions: [...decisions] },
    }),
  }
}
