import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { AuthError, createAuth } from '../brama.js'
import { HERE, World } from './support/world.js'

const iss = encodeURIComponent(HERE)
const login = (world) => world.open().signIn({ username: 'olena', password: 'wrong' })
const answering = (path, response) => {
  const world = new World()
  world.server.override[path] = () => response
  return world
}
const json = (status, body, headers) => Response.json(body, { status, headers })
/** The error after coming back with a response. */
async function back(response, world = new World()) {
  const tab = world.open()
  await tab.signIn()
  const { error } = await world.open({}, world.tab(world.server.approve(tab.env.left, 'olena', response))).ready()
  return error
}

/** Every code and a way to get it. */
const ways = {
  config: () => {
    try {
      new World().open({ clientId: '' })
    } catch (error) {
      return error
    }
  },
  discovery: async () =>
    (await answering('/.well-known/openid-configuration', json(200, { issuer: 'https://evil.example', authorization_endpoint: `${HERE}/a`, token_endpoint: `${HERE}/t` })).open().signIn()).error,
  network: async () => {
    const world = new World()
    world.offline = true
    return (await login(world)).error
  },
  timeout: async () => {
    const world = new World()
    world.server.override['/api/auth/login'] = () => new Promise(() => {})
    return (await world.open({ timeoutMs: 20 }).signIn({ username: 'a', password: 'b' })).error
  },
  stale_callback: async () => {
    const world = new World()
    return (await world.open({}, world.tab(`${HERE}/callback?code=a&state=b&iss=${iss}`)).ready()).error
  },
  callback: () => back({ code: 'unknown' }),
  session_expired: async () => {
    const world = new World()
    const [tab] = await world.tabs(1, { user: 'olena' })
    world.server.grants.clear()
    return (await tab.token({ fresh: true })).error
  },
  signed_out: async () => (await new World().open().token()).error,
  denied: () => back({ code: undefined, error: 'access_denied' }),
  storage: async () => {
    const world = new World()
    world.blocked = true
    return (await world.open().signIn()).error
  },
  insecure_context: async () => {
    const world = new World()
    const env = world.tab()
    env.isSecureContext = false
    return (await world.open({}, env).ready()).error
  },
  origin_not_allowed: async () => (await new World().open().token({ resource: 'https://evil.example' })).error,
  invalid_credentials: async () => (await login(new World())).error,
  too_many_attempts: async () => (await login(answering('/api/auth/login', json(429, { error: 'too_many_attempts' }, { 'retry-after': '30' })))).error,
}

const RETRYABLE = ['network', 'timeout', 'too_many_attempts']

for (const [code, way] of Object.entries(ways)) {
  test(`error ${code}`, async () => {
    const error = await way()
    assert.ok(error instanceof AuthError && error instanceof Error)
    assert.equal(error.code, code)
    assert.equal(error.name, 'AuthError')
    assert.equal(error.retryable, RETRYABLE.includes(code))
    assert.equal(error.help, `${HERE}/sdk/errors.html#${code}`)
  })
}

test('each code of the type has a way here and a place on the help page', () => {
  const source = readFileSync(new URL('../lib/error.js', import.meta.url), 'utf8')
  const union = /@typedef \{([^}]+)\} ErrorCode/.exec(source)[1]
  const codes = [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code)
  assert.deepEqual(codes.sort(), Object.keys(ways).sort())
  const page = readFileSync(new URL('../errors.html', import.meta.url), 'utf8')
  for (const code of codes) assert.ok(page.includes(`id="${code}"`), code)
})

test('the server’s answers to a sign-in', async () => {
  const cases = [
    [403, { error: 'origin_not_allowed' }, {}, 'origin_not_allowed', undefined],
    [503, { error: 'temporarily_unavailable' }, { 'retry-after': '2' }, 'network', 2],
    [401, { error: 'insufficient_authorization' }, {}, 'denied', undefined],
    [400, { error: 'invalid_request' }, {}, 'denied', undefined],
    [200, { token_type: 'Bearer' }, {}, 'network', undefined],
    [200, { access_token: 'x', token_type: 'DPoP' }, {}, 'network', undefined],
  ]
  for (const [status, body, headers, code, retryAfter] of cases) {
    const { error } = await login(answering('/api/auth/login', json(status, body, headers)))
    assert.deepEqual([error.code, error.retryAfter, error.oauth], [code, retryAfter, body.error])
  }
})

test('errors in the authorization response', async () => {
  const cases = { access_denied: 'denied', login_required: 'denied', consent_required: 'denied', invalid_scope: 'callback', server_error: 'callback' }
  for (const [oauth, code] of Object.entries(cases)) {
    const error = await back({ code: undefined, error: oauth })
    assert.deepEqual([error.code, error.oauth], [code, oauth])
  }
})

test('a refused sign-in by redirect does not end the session that was there', async () => {
  const world = new World()
  await world.tabs(1, { user: 'olena' })
  const tab = world.open()
  await tab.signIn({ prompt: 'login' })
  const state = await world.open({}, world.tab(world.server.approve(tab.env.left, 'olena', { code: undefined, error: 'access_denied' }))).ready()
  assert.deepEqual([state.status, state.error.code], ['signed-in', 'denied'])
})

test('an insecure page can do nothing and says why', async () => {
  const world = new World()
  const env = world.tab()
  env.isSecureContext = false
  const tab = world.open({}, env)
  assert.equal((await tab.signIn()).error.code, 'insecure_context')
  assert.equal((await tab.signIn({ username: 'a', password: 'b' })).error.code, 'insecure_context')
  assert.equal((await tab.ready()).status, 'signed-out')
  assert.equal((await tab.token()).error.code, 'insecure_context')
})

test('wrong options are found at once', () => {
  const wrong = [
    { clientId: undefined },
    { issuer: 'https://id.example/' },
    { issuer: 'http://id.example' },
    { issuer: 'http://localhost.evil.example' },
    { issuer: 'https://id.example?x' },
    { issuer: 'id.example' },
    { apis: ['api.example'] },
    { apis: 'https://api.example' },
    { apis: ['javascript:alert(1)'] },
    { redirectPath: 'callback' },
    { redirectPath: '//evil.example' },
    { redirectPath: '/callback?x' },
    { storage: 'cookie' },
    { timeoutMs: 0 },
    { mode: 'bff' },
    { dpop: 'false' },
  ]
  for (const options of wrong) assert.throws(() => new World().open(options), { code: 'config' }, JSON.stringify(options))
  for (const issuer of ['https://id.example', 'https://id.example:8443/tenant', 'http://localhost:8420', 'http://127.0.0.1:8420', 'http://[::1]:8420', 'http://app.localhost'])
    createAuth({ clientId: 'shop', issuer })
})
