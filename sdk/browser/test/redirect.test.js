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

test('CODE-09 verifier, state and nonce are three values of 256 bits, and the verifier is in no address, message or storage but its own', async (t) => {
  const logged = []
  for (const name of ['log', 'info', 'warn', 'error', 'debug', 'trace']) t.mock.method(console, name, (...said) => void logged.push(...said.map(String)))
  const seen = new Set()
  for (let round = 0; round < 5; round++) {
    const world = new World()
    const messages = []
    const env = world.tab()
    const replaced = []
    const out = world.open({}, env)
    new (class extends env.BroadcastChannel {
      onmessage = ({ data }) => void messages.push(JSON.stringify(data))
    })(`brama:${HERE}:shop`)
    assert.deepEqual(await out.signIn({ returnTo: '/cart' }), { ok: true })
    const [[key, { verifier, nonce }]] = [...world.rows]
    const { searchParams } = new URL(env.left)
    const state = searchParams.get('state')
    assert.ok(key.startsWith(state))
    for (const value of [verifier, nonce, state.split('.').at(-1)]) {
      assert.equal(Buffer.from(value, 'base64url').length, 32)
      assert.ok(!seen.has(value), 'made anew each time, and for each purpose')
      seen.add(value)
    }
    const back = world.tab(world.server.approve(env.left))
    const { replaceState } = back.history
    back.history.replaceState = (...to) => (replaced.push(JSON.stringify(to)), replaceState.apply(back.history, to))
    const tab = world.open({}, back)
    assert.equal((await tab.ready()).status, 'signed-in')
    await settled()
    const [exchange] = world.server.requests.filter((request) => new URL(request.url).pathname === '/oauth2/token')
    assert.equal(exchange.method, 'POST')
    const storages = [world.localStorage, env.sessionStorage, back.sessionStorage].map(({ items }) => JSON.stringify([...items]))
    const addresses = [env.left, env.location.href, back.location.href, ...replaced, ...world.server.requests.flatMap(({ url, referrer }) => [url, referrer])]
    for (const text of [...addresses, ...messages, ...storages, ...logged, ...world.errors.map(String)]) assert.ok(!text.includes(verifier), text)
    assert.ok(replaced.length > 0 && messages.length > 0)
    assert.equal(world.rows.size, 0)
  }
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

test('MIXUP-01 MIXUP-02 an answer in the name of another issuer, or of none, leaves the sign-in open', async () => {
  const world = new World()
  const url = await leave(world)
  for (const iss of ['https://evil.example', `${HERE}/`, `${HERE}.evil.example`, '']) {
    const { status } = await at(world, world.server.approve(url, 'olena', { iss })).ready()
    assert.equal(status, 'signed-out', iss)
    assert.equal(world.server.count('/oauth2/token'), 0, iss)
    assert.equal(world.rows.size, 1, iss)
  }
  assert.equal((await at(world, world.server.approve(url)).ready()).status, 'signed-in')
})

test('AUDISS-03 AUDISS-06 AUDISS-08 a wrong ID token signs nobody in, now or at the next start', async () => {
  const wrong = [
    ...['iss', 'aud', 'exp', 'nonce', 'sub'].flatMap((claim) => [{ [claim]: undefined }, { [claim]: null }, { [claim]: [] }]),
    ...['other', ''].map((nonce) => ({ nonce })),
    ...[`${HERE}/`, 'https://evil.example', ''].map((iss) => ({ iss })),
    ...['blog', '', ['blog'], ['shop', 'blog'], ['blog', 'shop'], [['shop']], { 0: 'shop' }].map((aud) => ({ aud })),
    { aud: ['shop', 'blog'], azp: 'blog' },
    { aud: ['shop', 'blog'], azp: 'shop' },
    { azp: 'blog' },
    { exp: 1000 },
    { exp: -1 },
  ]
  for (const claims of wrong) {
    const claim = JSON.stringify(claims)
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

test('CODE-09 blocked IndexedDB: the tab keeps the verifier in its own sessionStorage until it is back, and nowhere else', async () => {
  const world = new World()
  const env = world.tab()
  env.indexedDB = undefined
  const messages = []
  const tab = world.open({}, env)
  new (class extends env.BroadcastChannel {
    onmessage = ({ data }) => void messages.push(JSON.stringify(data))
  })(`brama:${HERE}:shop`)
  assert.equal((await tab.signIn({ returnTo: '/cart' })).ok, true)
  const kept = [...env.sessionStorage.items]
  assert.equal(kept.length, 1)
  const state = new URL(env.left).searchParams.get('state')
  const { verifier, nonce } = JSON.parse(kept[0][1])
  assert.ok(kept[0][0].includes(state) && !kept[0][0].includes(verifier))
  const values = [verifier, nonce, state.split('.').at(-1)]
  for (const value of values) assert.equal(Buffer.from(value, 'base64url').length, 32)
  assert.equal(new Set(values).size, 3)
  const back = world.tab(world.server.approve(env.left), env.sessionStorage)
  back.indexedDB = undefined
  const replaced = []
  const { replaceState } = back.history
  back.history.replaceState = (...to) => (replaced.push(JSON.stringify(to)), replaceState.apply(back.history, to))
  assert.equal((await world.open({}, back).ready()).status, 'signed-in')
  await settled()
  assert.equal([...env.sessionStorage.items.keys()].length, 0)
  assert.equal(world.rows.size, 0)
  const addresses = [env.left, env.location.href, back.location.href, ...replaced, ...world.server.requests.flatMap(({ url, referrer }) => [url, referrer])]
  const others = [JSON.stringify([...world.localStorage.items]), ...messages, ...world.errors.map(String)]
  for (const text of [...addresses, ...others]) assert.ok(!text.includes(verifier), text)
  assert.ok(replaced.length > 0)
})

test('without the openid scope no ID token is expected', async () => {
  const world = new World()
  const options = { scope: 'orders' }
  const href = world.server.approve(await leave(world, {}, options), 'olena', { claims: { iss: 'x' } })
  assert.equal((await at(world, href, options).ready()).status, 'signed-in')
})

test('OPENREDIR-05 returnTo stays at home', async () => {
  for (const evil of ['https://evil.example/', '//evil.example', '/\\evil.example', 'javascript:alert(1)', `blob:${HERE}/x`, 'http://app.example/']) {
    const world = new World()
    const tab = at(world, world.server.approve(await leave(world, { returnTo: evil })))
    await tab.ready()
    assert.equal(tab.env.location.href, `${HERE}/`, evil)
  }
})

test('OPENREDIR-05 a path that would be another host if it were resolved again is gone to as a whole address', async () => {
  for (const path of ['/.//evil.example', '/x/..//evil.example/y', '/.//evil.example/%2e%2e']) {
    const world = new World()
    const tab = at(world, world.server.approve(await leave(world, { returnTo: path })))
    await tab.ready()
    const { origin, pathname } = new URL(tab.env.location.href)
    assert.deepEqual([origin, pathname.startsWith('//')], [HERE, true], path)
  }
})
