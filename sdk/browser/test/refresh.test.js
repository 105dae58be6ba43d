import assert from 'node:assert/strict'
import test from 'node:test'
import { World, settled, storage } from './support/world.js'

const five = (tab) => Promise.all(Array.from({ length: 5 }, () => tab.fetch('/orders').then((answer) => answer.status, (error) => error.code)))
const everywhere = async (tabs) => (await Promise.all(tabs.map(five))).flat()

test('T-01 8 tabs × 5 calls with dead tokens: one refresh, 40 successes', async () => {
  const world = new World()
  const tabs = await world.tabs(8, { user: 'olena' })
  for (let round = 0; round < 5; round++) {
    world.server.expireAll()
    world.server.requests.length = 0
    assert.deepEqual(new Set(await everywhere(tabs)), new Set([200]))
    assert.equal(world.server.count('/api/auth/refresh'), 1)
  }
})

test('A7 T-01 T-08 8 tabs whose tokens ended in sleep: 40 calls get 401, one refresh, 40 successes', async () => {
  const world = new World()
  world.server.expiresIn = 0.001
  const tabs = await world.tabs(8, { user: 'olena' })
  world.server.expiresIn = 900
  await new Promise((resolve) => setTimeout(resolve, 5))
  world.server.expireAll()
  assert.deepEqual(new Set(await everywhere(tabs)), new Set([200]))
  assert.equal(world.server.count('/api/auth/refresh'), 1)
  assert.equal(world.server.count('/orders'), 80)
})

test('T-12 8 tabs restored at once: one refresh', async () => {
  const world = new World()
  world.server.signIn('olena')
  const tabs = Array.from({ length: 8 }, () => world.open())
  await Promise.all(tabs.map((tab) => tab.ready()))
  assert.deepEqual(new Set(tabs.map((tab) => tab.state.user.name)), new Set(['olena']))
  assert.equal(world.server.count('/api/auth/refresh'), 1)
})

test('a new tab gets the token from another one', async () => {
  const world = new World()
  await world.tabs(2, { user: 'olena' })
  assert.equal((await world.open().ready()).status, 'signed-in')
  assert.equal(world.server.count('/api/auth/refresh'), 0)
})

test('T-02 the server is too slow: one try for all tabs, timeout, nobody is signed out', async () => {
  const world = new World()
  const tabs = await world.tabs(8, { user: 'olena', timeoutMs: 60 })
  world.server.expireAll()
  world.server.override['/api/auth/refresh'] = () => new Promise(() => {})
  assert.deepEqual(new Set(await everywhere(tabs)), new Set(['timeout']))
  assert.equal(world.server.count('/api/auth/refresh'), 1)
  assert.deepEqual(new Set(tabs.map((tab) => tab.state.status)), new Set(['signed-in']))
  world.server.override = {}
  assert.deepEqual(new Set(await everywhere(tabs)), new Set([200]))
})

test('T-04 a lost response: the same cookie gets the same successor', async () => {
  const world = new World()
  const [tab] = await world.tabs(1, { user: 'olena' })
  world.server.expireAll()
  const { cookie } = world.server
  world.server.override['/api/auth/refresh'] = () => {
    // Committed, but the answer never came: the browser still has the old cookie.
    world.server.grants.get(cookie.split(':')[0]).generation++
    throw new TypeError('Failed to fetch')
  }
  assert.deepEqual(new Set(await five(tab)), new Set(['network']))
  assert.equal(tab.state.status, 'signed-in')
  world.server.override = {}
  assert.deepEqual(new Set(await five(tab)), new Set([200]))
})

test('T-05 503 with Retry-After: no sign-out, no second try before its time', async () => {
  const world = new World()
  const [tab] = await world.tabs(1, { user: 'olena' })
  world.server.expireAll()
  world.server.override['/api/auth/refresh'] = () =>
    Response.json({ error: 'temporarily_unavailable' }, { status: 503, headers: { 'retry-after': '120' } })
  const { error } = await tab.token({ fresh: true })
  assert.deepEqual([error.code, error.retryable, error.retryAfter], ['network', true, 120])
  await tab.token({ fresh: true })
  assert.equal(world.server.count('/api/auth/refresh'), 1)
  assert.equal(tab.state.status, 'signed-in')
  world.server.override = {}
  tab.env.fire('online')
  assert.equal((await tab.token({ fresh: true })).ok, true)
})

test('T-05 a start while offline stays loading and recovers by itself', async () => {
  const world = new World()
  world.server.signIn('olena')
  world.offline = true
  const tab = world.open()
  const { status, error } = await tab.ready()
  assert.deepEqual([status, error.code], ['loading', 'network'])
  world.offline = false
  tab.env.fire('online')
  assert.equal((await tab.ready()).status, 'signed-in')
})

test('a portal that answers 200 or 401 with a page of its own signs nobody out', async () => {
  for (const status of [200, 401, 403, 511]) {
    const world = new World()
    const [tab] = await world.tabs(1, { user: 'olena' })
    world.server.override['/api/auth/refresh'] = () => new Response('<h1>Welcome to the train</h1>', { status })
    assert.equal((await tab.token({ fresh: true })).error.code, 'network')
    assert.equal(tab.state.status, 'signed-in')
  }
})

test('login_required ends the session in all tabs', async () => {
  const world = new World()
  const [one, two] = await world.tabs(2, { user: 'olena' })
  world.server.grants.clear()
  world.server.expireAll()
  await assert.rejects(one.fetch('/orders'), { code: 'session_expired', retryable: false })
  await settled()
  for (const tab of [one, two]) assert.deepEqual([tab.state.status, tab.state.error.code], ['signed-out', 'session_expired'])
})

test('without Web Locks it still works', async () => {
  const world = new World()
  world.server.signIn('olena')
  const env = world.tab()
  env.navigator = {}
  const tab = world.open({}, env)
  await tab.ready()
  world.server.expireAll()
  assert.deepEqual(new Set(await five(tab)), new Set([200]))
  assert.equal(world.server.count('/api/auth/refresh'), 2)
})

test('alone, a refresh does not wait for anybody', async () => {
  const world = new World()
  const [tab] = await world.tabs(1, { user: 'olena' })
  const started = performance.now()
  for (let turn = 0; turn < 10; turn++) await tab.token({ fresh: true })
  assert.ok(performance.now() - started < 200)
})

test('a lock that is never given back does not block for ever', async () => {
  const world = new World()
  const [tab] = await world.tabs(1, { user: 'olena', timeoutMs: 1 })
  world.server.override['/userinfo'] = () => Response.json({ sub: 'id-olena' })
  void world.locks.request('brama:https://app.example:shop', {}, () => new Promise(() => {}))
  await settled()
  const answer = await tab.token({ fresh: true })
  assert.ok(answer.ok || answer.error.code === 'timeout')
})

test('T-07 a device clock that is wrong or is moved changes nothing', async (t) => {
  for (const hours of [-2, 2, 24 * 31]) {
    const world = new World()
    const real = Date.now
    t.mock.method(Date, 'now', () => real() + hours * 3_600_000)
    const [tab] = await world.tabs(1, { user: 'olena' })
    assert.equal(tab.state.status, 'signed-in')
    assert.equal((await tab.fetch('/orders')).status, 200)
    assert.equal(world.server.count('/api/auth/refresh'), 0)
    t.mock.restoreAll()
    assert.equal((await tab.fetch('/orders')).status, 200)
  }
})

test('expiry is noticed by either clock', async (t) => {
  const world = new World()
  const [tab] = await world.tabs(1, { user: 'olena' })
  const [date, page] = [Date.now, tab.env.performance.now]
  t.mock.method(Date, 'now', () => date() + 901_000)
  await tab.token()
  assert.equal(world.server.count('/api/auth/refresh'), 1)
  t.mock.restoreAll()
  tab.env.performance.now = () => page() + 901_000
  await tab.token()
  assert.equal(world.server.count('/api/auth/refresh'), 2)
})

test('news that is still on its way is waited for, before the stamp is seen', async () => {
  for (const [slowness, together] of [
    [5, false],
    [100, true],
  ]) {
    const world = new World()
    world.server.signIn('olena')
    const one = world.open()
    await one.ready()
    // The second tab is in another process: it sees neither a new stamp nor, for a while, the message.
    const env = world.tab()
    env.localStorage = storage()
    const two = world.open({}, env)
    await two.ready()
    for (const [key, value] of world.localStorage.items) env.localStorage.setItem(key, key.endsWith(':tabs') ? '2' : value)
    world.slowness = slowness
    world.server.requests.length = 0
    const first = one.token({ fresh: true })
    if (!together) await first
    assert.ok((await two.token({ fresh: true })).ok)
    await first
    assert.equal(world.server.count('/api/auth/refresh'), 1, `messages take ${slowness} ms`)
  }
})

test('a sign-out elsewhere ends the wait for the lock', async () => {
  const world = new World()
  const [one, two] = await world.tabs(2, { user: 'olena' })
  world.server.override['/api/auth/refresh'] = () => new Promise(() => {})
  const slow = one.token({ fresh: true })
  await settled()
  const waiting = two.token({ fresh: true })
  await settled()
  world.server.override['/api/auth/logout'] = () => new Response(null, { status: 204 })
  void two.signOut()
  assert.equal((await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 100))]))?.error?.code, 'signed_out')
  await slow
})

test('calls of the SDK follow no redirect and are never stored', async () => {
  const world = new World()
  const tab = world.open()
  await tab.signIn({ username: 'olena', password: 'right' })
  await tab.token({ fresh: true })
  await tab.signOut()
  for (const request of world.server.requests) assert.deepEqual([request.redirect, request.cache], ['error', 'no-store'], request.url)
})
