/** Apps on another site: tokens bound to a key of this browser (RFC 9449, option `dpop`). */

import assert from 'node:assert/strict'
import test from 'node:test'
import { API, FarWorld, HERE, ID, proofOf } from './support/dpop.js'
import { World, settled, storage } from './support/world.js'

const orders = `${API}/orders`
const status = (tab, address = orders, init) => tab.fetch(address, init).then((answer) => answer.status, ({ code }) => code)
/** Everything that scripts of the page can read without the SDK. */
const readable = (world, tab) => [...world.localStorage.items.values(), ...tab.env.sessionStorage.items.values()].join()

// ── What must not happen ───────────────────────────────────────────────────────────────────────────────────────────────

test('T-18 an API that is not listed gets neither token nor proof: nothing is sent', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  for (const address of ['https://evil.example/', `${API}.evil.example/`, 'http://api.third/', `${ID}/userinfo`]) {
    await assert.rejects(tab.fetch(address), { code: 'origin_not_allowed' }, address)
    assert.equal((await tab.token({ resource: address })).error.code, 'origin_not_allowed', address)
  }
  assert.equal(world.server.requests.length, 0)
})

test('an API that asks for a nonce again and again is asked twice, and its answer is the answer', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  for (const exposed of [true, false]) {
    world.server.exposed = exposed
    world.server.requests.length = 0
    world.server.override['/orders'] = () => (world.server.turn('api'), world.server.error('api', 'use_dpop_nonce'))
    assert.equal(await status(tab), 401)
    // Where the challenge cannot be read, it may as well be the token: one more with a new one.
    assert.equal(world.server.count('/orders'), exposed ? 2 : 4)
    assert.equal(tab.state.status, 'signed-in')
  }
})

test('a server that asks for a nonce again and again is asked twice, and nobody is signed out', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  world.server.expireAll()
  world.server.override['/oauth2/token'] = () => (world.server.turn('server'), world.server.error('server', 'use_dpop_nonce'))
  const { refresh } = world.row
  assert.equal((await tab.token({ fresh: true })).error.oauth, 'use_dpop_nonce')
  assert.equal(world.refreshes(), 2)
  assert.deepEqual([tab.state.status, world.row.refresh], ['signed-in', refresh])
  world.server.override = {}
  assert.equal(await status(tab), 200)
})

test('a 401 that scripts cannot read, with the nonce that was sent, is about the token', async () => {
  const world = new FarWorld()
  world.server.exposed = false
  world.server.demands.api = true
  const [tab] = await world.tabs(1)
  assert.equal(await status(tab), 200)
  world.server.requests.length = 0
  world.server.override['/orders'] = () => new Response(null, { status: 401, headers: { 'dpop-nonce': world.server.nonces.api } })
  assert.equal(await status(tab), 401)
  assert.deepEqual([world.server.count('/orders'), world.refreshes()], [2, 1])
})

test('use_dpop_nonce without a nonce is not answered', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  world.server.override['/orders'] = () => new Response(null, { status: 401, headers: { 'www-authenticate': 'DPoP error="use_dpop_nonce"' } })
  assert.equal(await status(tab), 401)
  assert.equal(world.server.count('/orders'), 1)
})

test('T-17 the key is lost: signed out in all tabs, as after any other end of a session', async () => {
  const world = new FarWorld()
  const [one, two] = await world.tabs(2)
  world.keys.clear()
  world.server.expireAll()
  assert.equal(await status(one), 'session_expired')
  await settled()
  for (const tab of [one, two]) assert.deepEqual([tab.state.status, tab.state.error.code], ['signed-out', 'session_expired'])
  assert.equal(world.refreshes(), 0)
  const again = await world.open().ready()
  assert.deepEqual([again.status, again.error], ['signed-out', null])
  assert.equal((await world.signIn()).state.status, 'signed-in')
})

test('the key is lost before the first call with a token: no call without a proof', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1, { storage: 'persistent' })
  tab.env.fire('pagehide')
  world.keys.clear()
  const next = world.open({ storage: 'persistent' })
  await next.ready()
  assert.equal(await status(next), 'session_expired')
  assert.equal(next.state.status, 'signed-out')
  assert.equal(world.server.requests.length, 0)
})

test('T-17 the key cannot be read, and a copy of the refresh token is worth nothing without it', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  const { secret, refresh } = world.row
  assert.equal(secret.extractable, false)
  for (const format of ['jwk', 'pkcs8', 'raw']) await assert.rejects(crypto.subtle.exportKey(format, secret))
  const thief = new FarWorld()
  thief.server.grants = world.server.grants
  const other = await thief.signIn('mallory')
  other.env.fire('pagehide')
  thief.keys.set(`brama:${ID}:shop`, { ...thief.row, refresh })
  assert.equal((await thief.open().ready()).status, 'signed-out')
  assert.equal(thief.refreshes(), 2, 'it was tried')
  assert.equal(await status(tab), 200)
})

test('the refresh token is in IndexedDB and nowhere else', async () => {
  const world = new FarWorld()
  const said = []
  const env = world.tab()
  const spy = new env.BroadcastChannel(`brama:${ID}:shop`)
  spy.onmessage = ({ data }) => said.push(data)
  const [tab] = await world.tabs(1, { storage: 'persistent' })
  await tab.token({ fresh: true })
  await settled()
  const places = [readable(world, tab), JSON.stringify(said), JSON.stringify(tab.debug())].join()
  assert.ok(said.length > 0)
  assert.match(world.row.refresh, /^rt:/)
  assert.ok(!places.includes('rt:'), places)
  for (const { url, headers } of world.server.requests) assert.ok(!`${url} ${headers.get('authorization')}`.includes('rt:'))
})

test('RFC 9449 §5 an answer that is not bound is no answer: nothing is kept, nobody is signed in', async () => {
  const world = new FarWorld()
  world.server.override['/oauth2/token'] = () => Response.json({ access_token: 'at-plain', refresh_token: 'rt:plain', token_type: 'Bearer', expires_in: 900 })
  const tab = await world.signIn()
  assert.deepEqual([tab.state.status, tab.state.error.code], ['signed-out', 'network'])
  assert.equal(world.row.refresh, undefined)
})

test('AUDISS-08 an ID token without our nonce: refused, its refresh token revoked, the key gone', async () => {
  const elsewhere = new FarWorld().open()
  await elsewhere.signIn()
  const world = new FarWorld()
  const before = world.open()
  await before.signIn()
  const nonces = [elsewhere, before].map(({ env }) => new URL(env.left).searchParams.get('nonce'))
  for (const nonce of [...nonces, undefined, null, '', [], 'other']) {
    const tab = world.open()
    await tab.signIn()
    tab.env.fire('pagehide')
    const back = world.open({}, world.tab(world.server.approve(tab.env.left, 'olena', { claims: { nonce } })))
    const { status, error } = await back.ready()
    assert.deepEqual([status, error.code], ['signed-out', 'callback'], nonce)
    assert.deepEqual([world.server.grants.size, world.keys.size], [0, 0], nonce)
    assert.equal(world.server.count('/oauth2/revoke'), 1, nonce)
    world.server.requests.length = 0
    back.env.fire('pagehide')
  }
})

test('a proof that an API refuses for another reason than the clock is not made anew for what changes something', async () => {
  for (const [method, calls] of [['POST', 1], ['PUT', 1], ['GET', 2]]) {
    const world = new FarWorld()
    const [tab] = await world.tabs(1)
    world.server.override['/orders'] = () => world.server.error('api', 'invalid_dpop_proof')
    assert.equal(await status(tab, orders, { method }), 401)
    assert.equal(world.server.count('/orders'), calls, method)
    assert.equal(world.refreshes(), 0)
  }
})

test('without the option nothing of this happens', async () => {
  const world = new World()
  const [tab] = await world.tabs(1, { user: 'olena' })
  await tab.fetch('/orders')
  await tab.signIn()
  assert.ok(!tab.env.left.includes('dpop_jkt'))
  assert.equal(world.keys.size, 0)
  for (const { headers } of world.server.requests) assert.equal(headers.get('dpop'), null)
})

// ── What happens ───────────────────────────────────────────────────────────────────────────────────────────────────────

test('RFC 9449 §10 the code is bound to the key, and so are the tokens', async () => {
  const world = new FarWorld()
  const tab = world.open()
  assert.deepEqual(await tab.signIn({ returnTo: '/cart' }), { ok: true })
  const { searchParams } = new URL(tab.env.left)
  assert.match(searchParams.get('dpop_jkt'), /^[\w-]{43}$/)
  assert.equal(searchParams.get('dpop_jkt'), world.row.jkt)
  const back = world.open({}, world.tab(world.server.approve(tab.env.left)))
  const { status, user, error } = await back.ready()
  assert.deepEqual([status, user.name, error], ['signed-in', 'olena', null])
  assert.equal(back.env.location.href, `${HERE}/cart`)
  const exchange = world.server.requests.find(({ url }) => url === `${ID}/oauth2/token`)
  assert.deepEqual([proofOf(exchange).htm, proofOf(exchange).htu, proofOf(exchange).ath], ['POST', `${ID}/oauth2/token`, undefined])
  assert.match(world.row.refresh, /^rt:/)
})

test('each call carries its own proof: method, address without query and fragment, hash of the token', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  for (const init of [{}, { method: 'POST', body: 'x' }, { method: 'DELETE' }, { method: 'POST', body: new Blob(['streamed']).stream(), duplex: 'half' }])
    assert.equal(await status(tab, `${orders}?q=1#part`, init), 200)
  assert.equal(await status(tab, new Request(`${API}/a%20b`)), 200)
  assert.equal(await status(tab, '/own'), 200)
  assert.equal(new Set(world.server.proofs).size, world.server.proofs.length)
  const { authorization } = Object.fromEntries(world.server.requests.at(-1).headers)
  assert.match(authorization, /^DPoP at-olena/)
})

test('BINDING-02 50 parallel calls with a nonce retry: each gets its own answer with its own token, no proof is sent twice', async () => {
  const world = new FarWorld()
  const [one, two] = await world.tabs(2)
  world.server.demands.api = true
  const sent = []
  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const tab = index % 2 ? one : two
      const { token } = await tab.token()
      const answer = await tab.fetch(`${API}/items/${index}`, { method: 'POST', body: `body ${index}` })
      assert.equal(answer.status, 200)
      const { address, body, token: used } = await answer.json()
      assert.deepEqual([address, body, used], [`${API}/items/${index}`, `body ${index}`, token])
    }),
  )
  for (const request of world.server.requests) {
    const proof = proofOf(request)
    sent.push(proof.jti)
    assert.equal(proof.htu, request.url, 'the proof of this very request')
  }
  assert.equal(world.server.requests.length, 100, '50 without a nonce, 50 with one')
  assert.equal(new Set(sent).size, sent.length, 'a proof was sent twice')
  for (let index = 0; index < 50; index++) assert.equal(world.server.count(`/items/${index}`), 2)
  assert.equal(world.refreshes(), 0)
})

test('BINDING-02 50 parallel calls whose token and nonce are both too old: one refresh, and all come through with the new token', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  const { token: old } = await tab.token()
  world.server.demands = { server: true, api: true }
  world.server.expireAll()
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => tab.fetch(`${API}/items/${index}`).then((answer) => answer.json())))
  const { token } = await tab.token()
  assert.notEqual(token, old)
  assert.deepEqual(answers.map(({ address, token: used }) => [address, used]), Array.from({ length: 50 }, (_, index) => [`${API}/items/${index}`, token]))
  assert.equal(world.refreshes(), 2, 'one refresh, asked for its nonce')
  assert.equal(new Set(world.server.proofs).size, world.server.proofs.length)
})

test('RFC 9449 §8.2 a nonce is used until the next one; server and API have their own, and so has each origin', async () => {
  const world = new FarWorld()
  world.server.demands = { server: true, api: true }
  const [tab] = await world.tabs(1)
  assert.equal(await status(tab), 200)
  world.server.requests.length = 0
  assert.equal(await status(tab), 200)
  assert.equal((await tab.token({ fresh: true })).ok, true)
  assert.deepEqual(world.server.requests.map(({ url }) => url), [orders, `${ID}/oauth2/token`])
  assert.deepEqual(world.server.requests.map((request) => proofOf(request).nonce), ['nonce-api-1', 'nonce-server-1'])
  assert.equal(await status(tab, '/own'), 200)
  assert.deepEqual(world.server.requests.slice(2).map((request) => proofOf(request).nonce), [undefined, 'nonce-api-1'])
  world.server.turn('api')
  assert.equal(await status(tab), 200)
  // A new one on an answer that is none the worse.
  world.server.override['/news'] = () => (world.server.turn('api'), new Response('', { headers: { 'dpop-nonce': world.server.nonces.api } }))
  await tab.fetch(`${API}/news`)
  world.server.requests.length = 0
  assert.equal(await status(tab), 200)
  assert.equal(world.server.requests.length, 1)
})

test('T-01 8 tabs × 5 calls with dead tokens: one refresh, 40 successes', async () => {
  const world = new FarWorld()
  const tabs = await world.tabs(8)
  for (let round = 0; round < 3; round++) {
    world.server.expireAll()
    world.server.requests.length = 0
    const answers = await Promise.all(tabs.flatMap((tab) => Array.from({ length: 5 }, () => status(tab))))
    assert.deepEqual(new Set(answers), new Set([200]))
    assert.equal(world.refreshes(), 1)
  }
})

test('T-12 8 tabs restored at once: one refresh', async () => {
  const world = new FarWorld()
  const [first] = await world.tabs(1)
  first.env.fire('pagehide')
  const tabs = Array.from({ length: 8 }, () => world.open())
  await Promise.all(tabs.map((tab) => tab.ready()))
  assert.deepEqual(new Set(tabs.map((tab) => tab.state.user.name)), new Set(['olena']))
  assert.equal(world.refreshes(), 1)
})

test('T-04 a lost answer is asked for again with the same token', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  const { refresh } = world.row
  const sent = []
  let lost = true
  world.server.override['/oauth2/token'] = async (request) => {
    sent.push(new URLSearchParams(await request.clone().text()).get('refresh_token'))
    if (!lost) return undefined
    // Committed, but the answer never came.
    world.server.grants.get(refresh.split(':')[1]).generation++
    lost = false
    throw new TypeError('Failed to fetch')
  }
  assert.equal((await tab.token({ fresh: true })).error.code, 'network')
  assert.deepEqual([tab.state.status, world.row.refresh], ['signed-in', refresh])
  assert.equal((await tab.token({ fresh: true })).ok, true)
  assert.deepEqual(sent, [refresh, refresh])
  assert.notEqual(world.row.refresh, refresh)
  assert.equal(await status(tab), 200)
})

test('a browser that repeats a request by itself, proof and all, signs nobody out', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  let first = true
  world.server.override['/oauth2/token'] = async (request) => {
    if (!first) return undefined
    first = false
    await world.server.answer(request.clone())
    return undefined
  }
  assert.equal((await tab.token({ fresh: true })).ok, true)
  assert.equal(await status(tab), 200)
})

test('two tabs without locks refresh at once: both go on, and the newest token is kept', async () => {
  const world = new FarWorld()
  const [one] = await world.tabs(1)
  const env = world.tab()
  env.navigator = {}
  env.BroadcastChannel = undefined
  const two = world.open({}, env)
  await two.ready()
  for (let round = 0; round < 5; round++) {
    const [a, b] = await Promise.all([one.token({ fresh: true }), two.token({ fresh: true })])
    assert.deepEqual([a.ok, b.ok], [true, true])
    const [, id, generation] = world.row.refresh.split(':')
    assert.equal(Number(generation), world.server.grants.get(id).generation)
  }
})

test('a refresh that ends after a sign-in of somebody else does not undo it', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  const held = new Map(world.keys)
  await world.signIn('taras')
  const taras = world.row
  // An answer about the session before: its token is not the one that is kept any more.
  world.keys.set(`brama:${ID}:shop`, held.get(`brama:${ID}:shop`))
  let release
  world.server.override['/oauth2/token'] = () => new Promise((resolve) => (release ??= () => resolve(undefined)))
  const renewing = tab.token({ fresh: true })
  while (!release) await settled()
  world.keys.set(`brama:${ID}:shop`, taras)
  world.server.override = {}
  release()
  await renewing
  assert.equal(world.row.refresh, taras.refresh)
})

test('a refresh that fails after a sign-in of somebody else goes on with that one', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  const [[name, olena]] = world.keys
  const other = await world.signIn('taras')
  other.env.fire('pagehide')
  const taras = world.row
  world.keys.set(name, olena)
  world.server.override['/oauth2/token'] = () => {
    world.keys.set(name, taras)
    world.server.override = {}
    return world.server.error('server', 'invalid_grant')
  }
  assert.equal((await tab.token({ fresh: true })).ok, true)
  assert.equal(await tab.fetch(orders).then((answer) => answer.json()).then(({ user }) => user), 'taras')
})

test('a reload keeps the session; the end of it on the server ends it here', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  const { jkt } = world.row
  tab.env.fire('pagehide')
  const again = world.open()
  assert.deepEqual([(await again.ready()).status, again.state.user.name], ['signed-in', 'olena'])
  assert.equal(world.row.jkt, jkt, 'the same key')
  again.env.fire('pagehide')
  world.server.grants.clear()
  const last = await world.open().ready()
  assert.deepEqual([last.status, last.error, world.keys.size], ['signed-out', null, 0])
})

test('A8 T-15 a sign-out revokes, deletes key and tokens, and reaches all tabs', async () => {
  const world = new FarWorld()
  const tabs = await world.tabs(3)
  const { refresh, jkt } = world.row
  let form
  world.server.override['/oauth2/revoke'] = async (request) => void (form = Object.fromEntries(new URLSearchParams(await request.clone().text())))
  assert.deepEqual(await tabs[0].signOut({ returnTo: '/bye' }), { ok: true })
  assert.deepEqual(form, { token: refresh, client_id: 'shop' })
  assert.equal(world.server.requests.at(-1).headers.get('dpop'), null, 'no proof where none is asked for')
  assert.equal(tabs[0].env.left, `${HERE}/bye`)
  await settled()
  for (const tab of tabs) assert.equal(tab.state.status, 'signed-out')
  assert.deepEqual([world.server.grants.size, world.keys.size], [0, 0])
  assert.equal((await world.open().ready()).status, 'signed-out')
  const next = await world.signIn('taras')
  assert.notEqual(world.row.jkt, jkt)
  // The other tabs take the new token over, and its key with it.
  await settled()
  for (const tab of [next, ...tabs]) assert.deepEqual(await tab.fetch(orders).then((answer) => answer.json()).then(({ user }) => user), 'taras')
  assert.equal(world.refreshes(), 1)
})

test('a server that wants a proof for the revocation gets one', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  world.server.demands.server = true
  assert.equal((await tab.signOut()).ok, true)
  assert.deepEqual(world.server.requests.map((request) => proofOf(request)?.nonce), [undefined, 'nonce-server-1'])
  assert.deepEqual([world.server.grants.size, world.keys.size], [0, 0])
})

test('a sign-out that the server did not hear serves nobody, and is repeated by the next ready()', async () => {
  for (const [trouble, stamps] of [['offline', true], ['offline', false], [503, true], [429, true]]) {
    const world = new FarWorld()
    const [tab] = await world.tabs(1)
    world.offline = trouble === 'offline'
    world.server.override['/oauth2/revoke'] = () => Response.json({ error: 'temporarily_unavailable' }, { status: trouble })
    assert.equal((await tab.signOut()).error.retryable, true)
    tab.env.fire('pagehide')
    world.offline = false
    world.server.override = {}
    const env = world.tab()
    if (!stamps) env.localStorage = storage(() => true)
    assert.equal((await world.open({}, env).ready()).status, 'signed-out')
    assert.equal(world.refreshes(), 0)
    assert.deepEqual([world.server.grants.size, world.keys.size], [0, 0])
  }
})

test('a sign-in after a sign-out that the server did not hear has a new key', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  const { jkt } = world.row
  world.offline = true
  await tab.signOut()
  world.offline = false
  assert.equal((await world.signIn('taras')).state.user.name, 'taras')
  assert.notEqual(world.row.jkt, jkt)
})

test('T-07 a device clock that is wrong changes nothing: the server’s clock is learnt from its answer', async (t) => {
  for (const hours of [-2, 2, 24 * 31]) {
    for (const exposed of [true, false]) {
      const world = new FarWorld()
      world.server.exposed = exposed
      const real = Date.now
      t.mock.method(Date, 'now', () => real() + hours * 3_600_000)
      const [tab] = await world.tabs(1)
      assert.deepEqual([tab.state.status, tab.state.user?.name], ['signed-in', 'olena'], `${hours} h`)
      assert.equal(await status(tab), 200)
      /** Another tab knows it from the first one. */
      const another = async () => {
        const other = world.open()
        await other.ready()
        world.server.requests.length = 0
        assert.equal(await status(other), 200)
        assert.equal(world.server.requests.length, 1)
        other.env.fire('pagehide')
      }
      await another()
      assert.equal((await tab.token({ fresh: true })).ok, true)
      await another()
      // The clock is set right meanwhile.
      t.mock.restoreAll()
      assert.equal((await tab.token({ fresh: true })).ok, true)
      assert.equal(await status(tab), 200)
      await another()
    }
  }
})

test('with a nonce the clock does not matter at all', async (t) => {
  const world = new FarWorld()
  world.server.demands = { server: true, api: true }
  const real = Date.now
  t.mock.method(Date, 'now', () => real() - 7_200_000)
  const [tab] = await world.tabs(1)
  assert.equal(await status(tab), 200)
})

test('the time of an answer out of a cache is nobody’s clock', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  world.server.override['/cached'] = () => new Response('', { headers: { date: new Date(0).toUTCString() } })
  assert.equal(await status(tab, `${API}/cached`), 200)
  world.server.requests.length = 0
  assert.equal(await status(tab), 200)
  assert.equal(world.server.requests.length, 1)
})

test('T-11 without IndexedDB the session lives in this tab’s memory, and the state says so', async () => {
  const world = new FarWorld()
  const blocked = () => Object.assign(world.tab(), { indexedDB: undefined })
  const options = { storage: 'persistent' }
  const one = await world.signIn('olena', options, blocked())
  assert.deepEqual([one.state.status, one.state.storage, one.state.user.name], ['signed-in', 'memory', 'olena'])
  assert.equal(await status(one), 200)
  world.server.expireAll()
  assert.equal(await status(one), 200)
  // Another tab has another key: it is on its own, and takes nothing away from the first one.
  const two = world.open(options, blocked())
  assert.deepEqual([(await two.ready()).status, two.state.error, two.state.storage], ['signed-out', null, 'memory'])
  await settled()
  assert.equal(two.state.status, 'signed-out')
  assert.equal(await status(one), 200)
  assert.equal((await one.signOut()).ok, true)
  assert.equal(world.server.grants.size, 0)
})

test('a browser that keeps rows but no keys: memory', async () => {
  const world = new FarWorld()
  world.keyless = true
  const tab = await world.signIn()
  assert.deepEqual([tab.state.status, tab.state.error], ['signed-in', null])
  assert.equal(await status(tab), 200)
  world.server.expireAll()
  assert.equal(await status(tab), 200)
})

test('a database of that name that is somebody else’s: memory', async () => {
  const world = new FarWorld()
  const env = world.tab()
  const { indexedDB } = env
  env.indexedDB = {
    open(name) {
      const open = indexedDB.open(name)
      if (name === 'brama-dpop')
        open.result.transaction = () => {
          throw new DOMException('no such store', 'NotFoundError')
        }
      return open
    },
  }
  const tab = await world.signIn('olena', {}, env)
  assert.equal(tab.state.status, 'signed-in')
  assert.equal(await status(tab), 200)
})

test('what cannot be written is given again: the token before goes on serving', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  const { refresh } = world.row
  world.keyless = true
  for (let turn = 0; turn < 3; turn++) assert.equal((await tab.token({ fresh: true })).ok, true)
  assert.equal(world.row.refresh, refresh)
  world.keyless = false
  assert.equal((await tab.token({ fresh: true })).ok, true)
  assert.notEqual(world.row.refresh, refresh)
  assert.equal(await status(tab), 200)
})

test('IndexedDB that fails for a moment signs nobody out', async () => {
  const world = new FarWorld()
  const [tab] = await world.tabs(1)
  world.server.expireAll()
  const { indexedDB } = tab.env
  tab.env.indexedDB = undefined
  assert.equal(await status(tab), 'network')
  assert.equal(tab.state.status, 'signed-in')
  tab.env.indexedDB = indexedDB
  assert.equal(await status(tab), 200)
})

test('on the server’s own site the cookie does it, bound to the key', async () => {
  const world = new FarWorld()
  world.server.sameSite = true
  const [tab] = await world.tabs(1)
  assert.equal(world.row.refresh, undefined)
  tab.env.fire('pagehide')
  const again = world.open()
  assert.equal((await again.ready()).status, 'signed-in')
  assert.equal(world.server.count('/api/auth/refresh'), 1)
  assert.equal(await status(again), 200)
  assert.equal((await again.signOut()).ok, true)
  assert.deepEqual([world.server.grants.size, world.server.cookie, world.keys.size], [0, undefined, 0])
})

test('a first visit: signed out, without a request, without a key', async () => {
  const world = new FarWorld()
  const { status, error } = await world.open().ready()
  assert.deepEqual([status, error], ['signed-out', null])
  assert.deepEqual([world.server.requests.length, world.keys.size], [0, 0])
})
