import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test from 'node:test'
import { HERE, World, settled } from './support/world.js'

/** Start a sign-in by redirect; the address of the authorization request. */
async function leave(world, how = {}, options = {}) {
  const tab = world.open(options)
  assert.deepEqual(await tab.signIn(how), { ok: true })
  return tab.env.left
}

/** A tab at the callback. */
const at = (world, href, options = {}) => world.open(options, world.tab(href))

test('B1 B2 the request: code, PKCE S256, state, nonce', async () => {
  const world = new World()
  const url = new URL(await leave(world, { loginHint: 'olena', prompt: 'login', uiLocales: 'uk en' }))
  const q = Object.fromEntries(url.searchParams)
  assert.equal(url.origin + url.pathname, `${HERE}/oauth2/authorize`)
  assert.deepEqual(
    { ...q, state: 0, nonce: 0, code_challenge: 0 },
    {
      ...{ response_type: 'code', client_id: 'shop', redirect_uri: `${HERE}/callback`, scope: 'openid profile email' },
      ...{ state: 0, nonce: 0, code_challenge: 0, code_challenge_method: 'S256' },
      ...{ login_hint: 'olena', prompt: 'login', ui_locales: 'uk en' },
    },
  )
  const [pending] = world.rows.values()
  assert.match(pending.verifier, /^[\w-]{43}$/)
  assert.equal(createHash('sha256').update(pending.verifier).digest('base64url'), q.code_challenge)
  assert.equal(pending.nonce, q.nonce)
  assert.ok(!url.href.includes(pending.verifier))
})

test('B5 B6 back with a code: signed in, address clean, at returnTo', async () => {
  const world = new World()
  const tab = at(world, world.server.approve(await leave(world, { returnTo: '/cart?x=1#y' })))
  const ready = tab.ready()
  assert.equal(tab.env.location.href, `${HERE}/callback`, 'clean before any call')
  assert.equal(world.server.count('/oauth2/token'), 0)
  const { status, user, error } = await ready
  assert.deepEqual([status, user.name, error], ['signed-in', 'olena', null])
  assert.equal(tab.env.location.href, `${HERE}/cart?x=1#y`)
  assert.equal(world.rows.size, 0)
})

test('the token request carries code, verifier, client and redirect URI', async () => {
  const world = new World()
  const href = world.server.approve(await leave(world))
  const { verifier } = [...world.rows.values()][0]
  let form
  world.server.override['/oauth2/token'] = async (request) => void (form = Object.fromEntries(new URLSearchParams(await request.clone().text())))
  await at(world, href).ready()
  assert.deepEqual({ ...form, code: 0 }, { grant_type: 'authorization_code', code: 0, redirect_uri: `${HERE}/callback`, client_id: 'shop', code_verifier: verifier })
})

test('T-13 double ready(), two instances, a copy in another tab: one exchange, no error', async () => {
  const world = new World()
  const href = world.server.approve(await leave(world))
  const env = world.tab(href)
  const tabs = [world.open({}, env), world.open({}, env), at(world, href)]
  const states = await Promise.all(tabs.flatMap((tab) => [tab.ready(), tab.ready()]))
  await settled()
  for (const { status, error } of states) assert.deepEqual([status, error], ['signed-in', null])
  assert.equal(world.server.count('/oauth2/token'), 1)
})

test('a stale callback is a value: stale_callback, address clean', async () => {
  const world = new World()
  const tab = at(world, `${HERE}/callback?code=a&state=b&iss=${encodeURIComponent(HERE)}&keep=1`)
  const { status, error } = await tab.ready()
  assert.deepEqual([status, error.code], ['signed-out', 'stale_callback'])
  assert.equal(tab.env.location.href, `${HERE}/callback?keep=1`)
})

test('a state is stale after an hour', async (t) => {
  const world = new World()
  const href = world.server.approve(await leave(world))
  const real = Date.now
  t.mock.method(Date, 'now', () => real() + 3_600_001)
  assert.equal((await at(world, href).ready()).error.code, 'stale_callback')
  await leave(world)
  assert.equal(world.rows.size, 1, 'old states go when a new one comes')
})

test('T-14 answers for others stay untouched: another path, another issuer, no issuer', async () => {
  const iss = encodeURIComponent(HERE)
  for (const href of [`${HERE}/other?code=a&state=b&iss=${iss}`, `${HERE}/callback?code=a&state=b&iss=https%3A%2F%2Fevil.example`, `${HERE}/callback?code=a&state=b`, `${HERE}/callback?state=b&iss=${iss}`]) {
    const tab = at(new World(), href)
    const { error } = await tab.ready()
    assert.equal(tab.env.location.href, href)
    assert.equal(error, null)
  }
})

test('mix-up: an answer in the name of another issuer leaves the sign-in open', async () => {
  const world = new World()
  const url = await leave(world)
  await at(world, world.server.approve(url, 'olena', { iss: 'https://evil.example' })).ready()
  assert.equal(world.rows.size, 1)
  assert.equal((await at(world, world.server.approve(url)).ready()).status, 'signed-in')
})

test('a wrong ID token signs nobody in, now or at the next start', async () => {
  const wrong = { nonce: { nonce: 'other' }, iss: { iss: `${HERE}/` }, aud: { aud: 'blog' }, azp: { aud: ['shop', 'blog'], azp: 'blog' }, exp: { exp: 1000 }, sub: { sub: undefined } }
  for (const [claim, claims] of Object.entries(wrong)) {
    const world = new World()
    const { status, error } = await at(world, world.server.approve(await leave(world), 'olena', { claims })).ready()
    assert.deepEqual([status, error.code], ['signed-out', 'callback'], claim)
    assert.equal((await world.open().ready()).status, 'signed-out', claim)
  }
})

test('T-07 the ID token is judged without the device clock', async (t) => {
  for (const hours of [-48, 48]) {
    const world = new World()
    const href = world.server.approve(await leave(world))
    const real = Date.now
    world.server.override['/oauth2/token'] = () => {
      t.mock.restoreAll()
      return undefined
    }
    t.mock.method(Date, 'now', () => real() + hours * 600_000)
    assert.notEqual((await at(world, href).ready()).error?.code, 'callback')
    t.mock.restoreAll()
  }
})

test('a userinfo answer about somebody else is not believed', async () => {
  const world = new World()
  world.server.override['/userinfo'] = () => Response.json({ sub: 'id-mallory', name: 'mallory' })
  const { status, user } = await at(world, world.server.approve(await leave(world))).ready()
  assert.deepEqual([status, user], ['signed-in', null])
})

test('blocked IndexedDB: the tab keeps the verifier in sessionStorage', async () => {
  const world = new World()
  const env = world.tab()
  env.indexedDB = undefined
  const tab = world.open({}, env)
  assert.equal((await tab.signIn({ returnTo: '/cart' })).ok, true)
  const back = world.tab(world.server.approve(env.left), env.sessionStorage)
  back.indexedDB = undefined
  assert.equal((await world.open({}, back).ready()).status, 'signed-in')
  assert.equal([...env.sessionStorage.items.keys()].length, 0)
})

test('without the openid scope no ID token is expected', async () => {
  const world = new World()
  const options = { scope: 'orders' }
  const href = world.server.approve(await leave(world, {}, options), 'olena', { claims: { iss: 'x' } })
  assert.equal((await at(world, href, options).ready()).status, 'signed-in')
})

test('returnTo stays at home', async () => {
  for (const evil of ['https://evil.example/', '//evil.example', '/\\evil.example', 'javascript:alert(1)', `blob:${HERE}/x`, 'http://app.example/']) {
    const world = new World()
    const tab = at(world, world.server.approve(await leave(world, { returnTo: evil })))
    await tab.ready()
    assert.equal(tab.env.location.href, `${HERE}/`, evil)
  }
})
