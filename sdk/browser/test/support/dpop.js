/**
 * A server and an API on other sites than the app, which take no token without the proof of its key. RFC 9449 §4.3, as the real
 * server checks it: the clock, the nonce, and that a proof serves once.
 */

import { createHash } from 'node:crypto'
import { HERE, Server, World } from './world.js'

export const ID = 'https://id.other'
export const API = 'https://api.third'

/** The server's clock is right, whatever a test does to the device's. */
const realNow = Date.now.bind(Date)

const hash = (text) => createHash('sha256').update(text).digest('base64url')
const json = (part) => JSON.parse(Buffer.from(part, 'base64url').toString())
export const thumbprint = ({ crv, kty, x, y }) => hash(JSON.stringify({ crv, kty, x, y }))
/** What a proof says. */
export const proofOf = (request) => request.headers.get('dpop') && json(request.headers.get('dpop').split('.')[1])

export class BoundServer extends Server {
  /** Whether proofs need a nonce: at the server, at the API. */
  demands = { server: false, api: false }
  nonces = { server: 'nonce-server-1', api: 'nonce-api-1' }
  /** The jti of every proof that came, in order. */
  proofs = []
  seen = new Set()
  /** Tokens of these grants are put into a cookie, because the app is on the server's site. */
  sameSite = false
  /** Whether scripts may read challenges and clocks of the API. */
  exposed = true

  /** A new nonce from now on; the one before is worth nothing. */
  turn(kind) {
    this.nonces[kind] = `nonce-${kind}-${Number(this.nonces[kind].split('-')[2]) + 1}`
  }

  error(kind, code) {
    const nonce = code === 'use_dpop_nonce' ? { 'dpop-nonce': this.nonces[kind] } : {}
    const date = { date: new Date(realNow()).toUTCString() }
    if (kind === 'server') return Response.json({ error: code }, { status: 400, headers: { ...nonce, ...date } })
    const readable = this.exposed ? { 'www-authenticate': `Bearer, DPoP error="${code}", algs="ES256"`, ...date } : {}
    return new Response(null, { status: 401, headers: { ...nonce, ...readable } })
  }

  /** The key behind the proof of a request, or why there is none. */
  async check(request, kind, token) {
    const proof = request.headers.get('dpop')
    if (!proof) return { error: 'invalid_dpop_proof' }
    const [header, claims, signature] = proof.split('.')
    const { typ, alg, jwk, ...more } = json(header)
    const { jti, htm, htu, iat, nonce, ath } = json(claims)
    this.proofs.push(jti)
    const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify'])
    const signed = await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(signature, 'base64url'), Buffer.from(`${header}.${claims}`))
    const { origin, pathname } = new URL(request.url)
    const right = signed && typ === 'dpop+jwt' && alg === 'ES256' && Object.keys(more).length === 0 && jwk.d === undefined
    const meant = htm === request.method && htu === origin + pathname && ath === (token && hash(token)) && jti.length >= 22
    if (!right || !meant || this.seen.has(jti)) return { error: 'invalid_dpop_proof' }
    if (nonce === undefined ? this.demands[kind] : nonce !== this.nonces[kind]) return { error: 'use_dpop_nonce' }
    const age = realNow() / 1000 - iat
    if (nonce === undefined && (age > 60 || age < -30)) return { error: 'invalid_dpop_proof' }
    this.seen.add(jti)
    return { jkt: thumbprint(jwk) }
  }

  /** Tokens for a grant; the refresh token in the body. */
  bound(grant, more = {}) {
    const token = this.mint(grant.user)
    this.tokens.set(token, { user: grant.user, jkt: grant.jkt })
    const refresh = this.sameSite ? {} : { refresh_token: `rt:${grant.id}:${grant.generation}` }
    if (this.sameSite) this.cookie = `rt:${grant.id}:${grant.generation}`
    return Response.json(
      { access_token: token, token_type: 'DPoP', expires_in: this.expiresIn, ...refresh, ...more },
      { headers: { date: new Date(realNow()).toUTCString() } },
    )
  }

  /** The replay rule for bound tokens: the predecessor gets the same successor. */
  rotate(token, jkt) {
    const [, id, generation] = `${token}`.split(':')
    const grant = this.grants.get(id)
    if (!grant || grant.jkt !== jkt || Number(generation) < grant.generation - 1) return undefined
    if (Number(generation) === grant.generation) grant.generation++
    return grant
  }

  async answer(request) {
    this.requests.push(request)
    const { origin, pathname } = new URL(request.url)
    const special = await this.override[pathname]?.(request)
    if (special) return special
    if (origin !== ID || pathname === '/userinfo') {
      const [scheme, token] = (request.headers.get('authorization') ?? '').split(' ')
      const { user, jkt } = this.tokens.get(token) ?? {}
      if (scheme !== 'DPoP' || !user) return this.error('api', 'invalid_token')
      const proof = await this.check(request, 'api', token)
      if (proof.error) return this.error('api', proof.error)
      if (proof.jkt !== jkt) return this.error('api', 'invalid_token')
      if (pathname === '/userinfo') return Response.json({ sub: `id-${user}`, name: user })
      return Response.json({ user, token, address: request.url, body: await request.text() })
    }
    if (pathname === '/.well-known/openid-configuration')
      return Response.json({ issuer: ID, authorization_endpoint: `${ID}/oauth2/authorize`, token_endpoint: `${ID}/oauth2/token` })
    const form = new URLSearchParams(await request.text())
    if (pathname === '/oauth2/revoke') {
      if (this.demands.server && !request.headers.get('dpop')) return this.error('server', 'use_dpop_nonce')
      this.grants.delete(form.get('token').split(':')[1])
      return new Response(null)
    }
    if (pathname === '/api/auth/logout') {
      this.grants.delete(`${this.cookie}`.split(':')[1])
      this.cookie = undefined
      return new Response(null, { status: 204 })
    }
    const { jkt, error } = await this.check(request, 'server')
    if (error) return this.error('server', error)
    if (pathname === '/api/auth/refresh') {
      const grant = this.rotate(this.cookie, jkt)
      return grant ? this.bound(grant) : Response.json({ error: 'login_required' }, { status: 401 })
    }
    if (form.get('grant_type') === 'refresh_token') {
      const grant = this.rotate(form.get('refresh_token'), jkt)
      return grant ? this.bound(grant) : this.error('server', 'invalid_grant')
    }
    const code = this.codes.get(form.get('code'))
    if (!code || (code.jkt && code.jkt !== jkt)) return this.error('server', 'invalid_grant')
    this.codes.delete(form.get('code'))
    const grant = { id: `g${Math.random()}`, user: code.user, generation: 1, jkt }
    this.grants.set(grant.id, grant)
    const claims = { iss: ID, aud: 'shop', sub: `id-${code.user}`, nonce: code.nonce, exp: Math.floor(realNow() / 1000) + 300, ...code.claims }
    return this.bound(grant, { id_token: ['{}', JSON.stringify(claims), ''].map((part) => Buffer.from(part).toString('base64url')).join('.') })
  }

  approve(authorizationUrl, user = 'olena', { claims } = {}) {
    const { searchParams } = new URL(authorizationUrl)
    const url = new URL(super.approve(authorizationUrl, user, { iss: ID, claims }))
    this.codes.get(url.searchParams.get('code')).jkt = searchParams.get('dpop_jkt')
    return url.href
  }
}

export class FarWorld extends World {
  server = new BoundServer()

  open(options = {}, env = this.tab()) {
    return super.open({ issuer: ID, apis: [API], dpop: true, ...options }, env)
  }

  /** Sign in by redirect, and come back in the same tab. */
  async signIn(user = 'olena', options = {}, env = this.tab()) {
    const { ok, error } = await this.open(options, env).signIn()
    if (!ok) throw error
    env.fire('pagehide')
    env.location.href = this.server.approve(env.left, user)
    const auth = this.open(options, Object.assign(this.tab(env.location.href, env.sessionStorage), { indexedDB: env.indexedDB }))
    await auth.ready()
    return auth
  }

  /** Tabs that are signed in. */
  async tabs(count, { user = 'olena', ...options } = {}) {
    const tabs = [await this.signIn(user, options)]
    while (tabs.length < count) tabs.push(this.open(options))
    for (const tab of tabs) await tab.ready()
    this.server.requests.length = 0
    return tabs
  }

  /** What is kept for the client. */
  get row() {
    return this.keys.get(`brama:${ID}:shop`)
  }

  /** How often this address was asked at the server. */
  refreshes() {
    return this.server.count('/oauth2/token')
  }
}

export { HERE }
