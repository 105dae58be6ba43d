/**
 * The part for apps on another site than the server: tokens bound to a key of this browser. RFC 9449.
 *
 * It stands between the SDK and the network and does what the browser does with the HttpOnly cookie on the server's own site:
 * takes the refresh token out of an answer, keeps it, and presents it. The rest of the SDK goes on speaking of bearer tokens, and to
 * the cookie endpoints; here these calls become requests to the token and revocation endpoints, each with a proof of its own.
 *
 * @module
 */

import { makeKey, makeProof } from './key.js'
import { openStore } from './store.js'

/** @import { Context } from '../options.js' */
/** @import { Row } from './store.js' */

/** @typedef {(input: RequestInfo, init: RequestInit | undefined) => Promise<Response>} Send */

/** So far may clocks differ before proofs are made by the server's, milliseconds: less than a server allows. */
const TOLERANCE = 10_000
const NONCE = 'use_dpop_nonce'
const PROOF = 'invalid_dpop_proof'

/** @type {WeakMap<Context, Promise<Send>>} */
const opened = new WeakMap()

/**
 * `fetch` for everything that the SDK sends. Without an address nothing is sent: it only finds out what the browser allows.
 *
 * @param {Context} context
 * @param {RequestInfo} [input]
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function send(context, input, init) {
  if (!opened.has(context)) opened.set(context, open(context))
  const go = await /** @type {Promise<Send>} */ (opened.get(context))
  return input ? go(input, init) : new Response()
}

/**
 * @param {Context} context
 * @returns {Promise<Send>}
 */
async function open(context) {
  const { env, issuer, clientId, note } = context
  const store = await openStore(context)
  /** @type {Map<string, string>} by place */
  const nonces = new Map()
  /** @type {number | undefined} what this tab has learnt about the device's clock */
  let skew
  /** @type {{ token: string, row: Promise<Row | undefined> } | undefined} the key of the present access token */
  let present

  /** The key, made when there is none. */
  async function ensure() {
    const usable = (/** @type {Row | undefined} */ row) => (row?.out ? undefined : row)
    const row = usable(await store.read())
    if (row) return row
    const made = await makeKey(env.crypto)
    return /** @type {Row} */ (await store.change((now) => usable(now) ?? made))
  }

  /**
   * The key that an access token is bound to. Another token may come with another key: somebody signed out and in elsewhere.
   *
   * @param {string} token
   */
  function keyOf(token) {
    if (present?.token !== token) {
      present = { token, row: store.read() }
      present.row.catch(() => (present = undefined))
    }
    return present.row
  }

  /**
   * Send a request with a proof; again, at most once for each reason, when nothing but the proof was wrong.
   *
   * @param {Request} request
   * @param {Row} row
   * @param {string} [token] the access token in it; none: it goes to the authorization server
   * @param {boolean} [proving] false: prove only when the server asks
   * @returns {Promise<Response>}
   */
  async function prove(request, row, token, proving = true) {
    // RFC 9449 §8, §9: an authorization server and an API have nonces of their own, even on one origin.
    const place = `${new URL(request.url).origin} ${!token}`
    let nonce = nonces.get(place)
    for (const healed = new Set(); ; ) {
      const behind = skew ?? row.skew ?? 0
      const copy = request.clone()
      const proof = { token, nonce, now: Date.now() + behind }
      if (proving) copy.headers.set('dpop', await makeProof(env.crypto, row, request, proof))
      const answer = await env.fetch(copy)
      const given = answer.headers.get('dpop-nonce') ?? undefined
      if (given) nonces.set(place, given)
      const reason = token ? complaint(answer, given !== nonce) : (await json(answer))['error']
      // What an API says may come out of a cache with the time of then, but for this refusal.
      const differs = Date.parse(answer.headers.get('date') ?? '') - Date.now()
      const late = Math.abs(differs - behind) > TOLERANCE && (!token || reason === PROOF)
      skew = late ? differs : behind
      // A browser repeats a request whose answer was lost, proof and all, and is told that the proof was used. The server bears
      // yet another one; at an API it might do something twice.
      const again = reason === NONCE ? given : reason === PROOF && (late || !token || /^(GET|HEAD)$/.test(request.method))
      if (!again || healed.has(reason)) return answer
      note(`${request.url.split('?')[0]} ${reason}`)
      healed.add(reason)
      nonce = given ?? nonce
      proving = true
    }
  }

  /**
   * A request to the server itself instead of one to a cookie endpoint.
   *
   * @param {Request} request
   * @param {'token' | 'revoke'} endpoint
   * @param {Record<string, string>} fields
   */
  const instead = ({ signal, cache, redirect, keepalive }, endpoint, fields) =>
    new env.Request(`${issuer}/oauth2/${endpoint}`, {
      ...{ method: 'POST', credentials: 'omit', signal, cache, redirect, keepalive },
      body: new URLSearchParams({ ...fields, client_id: clientId }),
    })

  /**
   * The metadata, with a place to go to for codes that this key alone can redeem. RFC 9449 §10.
   *
   * @param {Response} answer
   */
  async function bind(answer) {
    const metadata = await json(answer)
    const { authorization_endpoint: address } = metadata
    if (typeof address !== 'string') return answer
    const url = new URL(address)
    const { jkt } = await ensure()
    // A key in memory would be gone on the way back.
    if (!context.alone) url.searchParams.set('dpop_jkt', jkt)
    return new Response(JSON.stringify({ ...metadata, authorization_endpoint: url.href }), answer)
  }

  /**
   * Take the refresh token out of an answer. Only now is the one before it forgotten: until then a lost answer is asked for again
   * with the same one, which the server's replay rule makes safe.
   *
   * @param {Response} answer
   * @param {(refresh: string | undefined) => (now: Row | undefined) => Row | undefined} change
   * @returns {Promise<Response>} no answer of use if it is not bound (RFC 9449 §5)
   */
  async function keep(answer, change) {
    const { token_type: type, refresh_token: refresh, ...rest } = await json(answer)
    if (!answer.ok) return answer
    if (!/^dpop$/i.test(`${type}`)) return new Response(null, { status: 502 })
    // Where this cannot be written, the one before goes on serving.
    await store.change(change(typeof refresh === 'string' ? refresh : undefined)).catch(() => note('not written'))
    return new Response(JSON.stringify({ ...rest, token_type: 'Bearer' }), answer)
  }

  /**
   * @param {Request} request
   * @param {Row | undefined} row
   * @returns {Promise<Response>}
   */
  async function refresh(request, row) {
    if (row?.out) await signOut(request, row).catch(() => {})
    else if (row?.cookie) return keep(await prove(request, row), () => (now) => now)
    else if (row?.refresh) {
      const { refresh: token } = row
      const mine = (/** @type {Row | undefined} */ now) => now?.refresh === token
      const answer = await prove(instead(request, 'token', { grant_type: 'refresh_token', refresh_token: token }), row)
      if ((await json(answer))['error'] !== 'invalid_grant')
        return keep(answer, (refresh = token) => (now) => (now && mine(now) ? { ...now, refresh, skew } : now))
      // It is over, unless somebody signed in meanwhile.
      const other = await store.change((now) => (mine(now) ? undefined : now))
      if (other) return refresh(request, other)
    }
    return new Response('{"error":"login_required"}', { status: 401 })
  }

  /**
   * Key and tokens go when the server has heard it; until then they serve nobody.
   *
   * @param {Request} request
   * @param {Row | undefined} row
   * @returns {Promise<Response>}
   */
  async function signOut(request, row) {
    let answer = new Response(null, { status: 204 })
    if (!row) return answer
    await store.change((now) => now && { ...now, out: true })
    if (row.cookie) answer = await env.fetch(request)
    else if (row.refresh) answer = await prove(instead(request, 'revoke', { token: row.refresh }), row, undefined, false)
    if (answer.status < 500 && answer.status !== 429) await store.change((now) => (now?.out ? undefined : now))
    return answer
  }

  return async (input, init) => {
    const request = new env.Request(input, init)
    const [, token] = /^Bearer (.+)/.exec(request.headers.get('authorization') ?? '') ?? []
    if (token) {
      const row = await keyOf(token)
      // Without the key: what the API would say.
      if (!row) return new Response(null, { status: 401, headers: { 'www-authenticate': 'DPoP' } })
      request.headers.set('authorization', `DPoP ${token}`)
      return prove(request, row, token)
    }
    if (request.method === 'GET') return bind(await env.fetch(request))
    if (input === `${issuer}/api/auth/refresh`) return refresh(request, await store.read())
    if (input === `${issuer}/api/auth/logout`) return signOut(request, await store.read())
    // A code; or a password, where the app is on the server's site.
    const row = await ensure()
    return keep(await prove(request, row), (refresh) => () => ({ ...row, refresh, cookie: !refresh, skew }))
  }
}

/**
 * What an API says about the proof. RFC 9449 §7.1.
 *
 * @param {Response} answer
 * @param {boolean} news whether it gave another nonce than the one in the proof
 */
function complaint({ status, headers }, news) {
  if (status !== 401) return undefined
  const challenge = headers.get('www-authenticate')
  // Where the API does not let scripts read its challenge, a new nonce tells enough.
  if (!challenge) return news ? NONCE : undefined
  return /\berror="?(use_dpop_nonce|invalid_dpop_proof)\b/i.exec(challenge)?.[1]
}

/**
 * @param {Response} answer
 * @returns {Promise<Record<string, unknown>>}
 */
async function json(answer) {
  try {
    return Object(await answer.clone().json())
  } catch {
    return {}
  }
}
