import assert from 'node:assert/strict'
import test from 'node:test'
import * as surface from '../brama.js'
import { HERE, World, settled } from './support/world.js'

const signInOlena = { username: 'olena', password: 'right' }

test('the surface is nine names', () => {
  assert.deepEqual(Object.keys(surface).sort(), ['AuthError', 'createAuth'])
  const auth = new World().open()
  delete auth.env
  assert.deepEqual(Object.keys(auth).sort(), ['debug', 'fetch', 'ready', 'signIn', 'signOut', 'state', 'subscribe', 'token'])
})

test('on a server (no location) the state stays loading and nothing is called', async () => {
  const auth = surface.createAuth({ clientId: 'shop', issuer: HERE })
  assert.equal((await auth.ready()).status, 'loading')
})

test('nothing happens before ready()', async () => {
  const world = new World()
  const auth = world.open()
  await settled()
  assert.equal(auth.state.status, 'loading')
  assert.equal(world.server.requests.length, 0)
  assert.equal(world.localStorage.items.size, 0)
})

test('a first visit ends signed out without an error', async () => {
  const { status, error, user } = await new World().open().ready()
  assert.deepEqual({ status, error, user }, { status: 'signed-out', error: null, user: null })
})

test('A6 the session is restored by the cookie, in one change of state', async () => {
  const world = new World()
  world.server.signIn('olena')
  const auth = world.open()
  const seen = []
  auth.subscribe((state) => seen.push(`${state.status} ${state.user?.name ?? ''}`))
  await Promise.all([auth.ready(), auth.ready()])
  assert.deepEqual(seen, ['loading ', 'signed-in olena'])
  assert.equal(world.server.count('/api/auth/refresh'), 1)
  assert.equal(world.server.count('/userinfo'), 1)
})

test('a failing /userinfo leaves the user unknown, not the session', async () => {
  const world = new World()
  world.server.signIn('olena')
  world.server.override['/userinfo'] = () => new Response('oops', { status: 500 })
  const { status, user } = await world.open().ready()
  assert.deepEqual({ status, user }, { status: 'signed-in', user: null })
})

test('A4 sign-in by the form', async () => {
  const world = new World()
  const auth = world.open()
  assert.deepEqual(await auth.signIn(signInOlena), { ok: true })
  assert.equal(auth.state.status, 'signed-in')
  assert.equal(auth.state.user.name, 'olena')
  assert.equal((await auth.ready()).status, 'signed-in')
})

test('a sign-in wins over a restore that is still on its way', async () => {
  const world = new World()
  let release
  world.server.override['/api/auth/refresh'] = () => new Promise((resolve) => (release = resolve))
  const auth = world.open()
  const ready = auth.ready()
  await settled()
  const done = auth.signIn(signInOlena)
  release(Response.json({ error: 'login_required' }, { status: 401 }))
  assert.equal((await done).ok, true)
  await ready
  assert.equal(auth.state.status, 'signed-in')
})

test('T-15 A8 a sign-out reaches all tabs before the server answers, and no call follows', async () => {
  const world = new World()
  const tabs = await world.tabs(4, { user: 'olena' })
  let release
  world.server.override['/api/auth/logout'] = () => new Promise((resolve) => (release = () => resolve(new Response(null, { status: 204 }))))
  const done = tabs[0].signOut({ returnTo: '/bye' })
  await settled()
  assert.deepEqual(tabs.map((tab) => tab.state.status), Array(4).fill('signed-out'))
  for (const tab of tabs) await assert.rejects(tab.fetch('/orders'), { code: 'signed_out' })
  assert.equal(world.server.count('/orders'), 0)
  release()
  assert.deepEqual(await done, { ok: true })
  assert.equal(tabs[0].env.left, `${HERE}/bye`)
})

test('a sign-out that the server did not hear is repeated by the next ready()', async () => {
  const world = new World()
  const [tab] = await world.tabs(1, { user: 'olena' })
  world.offline = true
  const { ok, error } = await tab.signOut({ returnTo: '/' })
  assert.deepEqual([ok, error.code], [false, 'network'])
  assert.equal(tab.env.left, undefined)
  tab.env.fire('pagehide')
  world.offline = false
  const later = world.open()
  assert.equal((await later.ready()).status, 'signed-out')
  assert.equal(world.server.count('/api/auth/refresh'), 0)
  assert.equal(world.server.grants.size, 0)
})

test('a token that arrives after the sign-out is dropped', async () => {
  const world = new World()
  const [one, two] = await world.tabs(2, { user: 'olena' })
  let release
  world.server.override['/api/auth/refresh'] = () => new Promise((resolve) => (release = () => resolve(world.server.granted('olena'))))
  const renewing = one.token({ fresh: true })
  while (!release) await settled()
  const out = two.signOut()
  await settled()
  release()
  assert.equal((await renewing).error.code, 'signed_out')
  await out
  assert.equal(one.state.status, 'signed-out')
})

test('T-16 a second sign-in wins everywhere and nothing of the first user stays', async () => {
  const world = new World()
  const [one, two] = await world.tabs(2, { user: 'olena' })
  const seen = []
  two.subscribe((state) => seen.push(state.user?.name ?? null))
  await one.signIn({ username: 'taras', password: 'right' })
  await settled()
  assert.equal(two.state.user.name, 'taras')
  assert.deepEqual(seen.filter((name, index) => name !== seen[index - 1]).at(-1), 'taras')
  assert.deepEqual(await two.fetch('/orders').then((answer) => answer.json()), { user: 'taras', body: '' })
})

test('T-09 back from the cache: the sign-out elsewhere shows at once', async () => {
  const world = new World()
  const [one, two] = await world.tabs(2, { user: 'olena' })
  one.env.fire('pagehide')
  await two.signOut()
  one.env.fire('pageshow', { persisted: true })
  assert.equal(one.state.status, 'signed-out')
})

test('back from the cache: another user shows as loading, then as themself', async () => {
  const world = new World()
  const [one, two] = await world.tabs(2, { user: 'olena' })
  one.env.fire('pagehide')
  await two.signIn({ username: 'taras', password: 'right' })
  one.env.fire('pageshow', { persisted: true })
  assert.deepEqual([one.state.status, one.state.user], ['loading', null])
  await one.ready()
  assert.equal(one.state.user.name, 'taras')
})

test('T-10 the channel is closed while the page is in the cache', async () => {
  const world = new World()
  const [one] = await world.tabs(1, { user: 'olena' })
  const [channel] = world.channels.values()
  one.env.fire('pagehide')
  assert.equal(channel.size, 0)
  one.env.fire('pageshow', { persisted: true })
  assert.equal(channel.size, 1)
})

test('T-11 with everything blocked: memory, no exception', async () => {
  const world = new World()
  world.blocked = true
  world.server.signIn('olena')
  const env = world.tab()
  env.navigator = {
    get locks() {
      throw new DOMException('blocked', 'SecurityError')
    },
  }
  env.BroadcastChannel = class {
    constructor() {
      throw new DOMException('blocked', 'SecurityError')
    }
  }
  const auth = world.open({ storage: 'persistent' }, env)
  const { status, storage } = await auth.ready()
  assert.deepEqual({ status, storage }, { status: 'signed-in', storage: 'memory' })
  assert.equal((await auth.fetch('/orders')).status, 200)
  assert.equal((await auth.signOut()).ok, true)
})

for (const storage of ['session', 'persistent']) {
  test(`A3 storage '${storage}' saves the refresh after a reload and is empty after a sign-out`, async () => {
    const world = new World()
    const [tab] = await world.tabs(1, { user: 'olena', storage })
    const area = storage === 'session' ? tab.env.sessionStorage : world.localStorage
    const holdsToken = () => [...area.items.values()].join().includes('at-olena')
    assert.ok(holdsToken())
    tab.env.fire('pagehide')
    const again = world.open({ storage }, world.tab(`${HERE}/`, tab.env.sessionStorage))
    assert.equal((await again.ready()).status, 'signed-in')
    assert.equal(world.server.count('/api/auth/refresh'), 0)
    await again.signOut()
    assert.ok(!holdsToken())
  })
}

test('T-16 a stored token of the user before is not taken up again', async () => {
  const world = new World()
  const [tab] = await world.tabs(1, { user: 'olena', storage: 'session' })
  tab.env.fire('pagehide')
  await world.open().signIn({ username: 'taras', password: 'right' })
  const again = world.open({ storage: 'session' }, world.tab(`${HERE}/`, tab.env.sessionStorage))
  assert.equal((await again.ready()).user.name, 'taras')
})

test('A3 memory: no token in any storage', async () => {
  const world = new World()
  const [tab] = await world.tabs(1, { user: 'olena' })
  const stored = [...world.localStorage.items.values(), ...tab.env.sessionStorage.items.values()].join()
  assert.ok(!stored.includes('at-'), stored)
})

test('a listener may fail or call anything; the others still hear', async () => {
  const world = new World()
  const auth = world.open()
  let inner
  auth.subscribe(() => {
    throw new Error('mine')
  })
  auth.subscribe((state) => {
    if (state.status === 'signed-in') inner ??= auth.fetch('/orders')
  })
  const stop = auth.subscribe(() => {})
  stop()
  await auth.signIn(signInOlena)
  assert.equal((await inner).status, 200)
  assert.ok(world.errors.length > 0)
})

test('the state is frozen and keeps its identity between changes', async () => {
  const world = new World()
  const [tab] = await world.tabs(1, { user: 'olena' })
  const before = tab.state
  await tab.fetch('/orders')
  assert.equal(tab.state, before)
  assert.ok(Object.isFrozen(before))
})

test('debug() tells the last 50 decisions and no secret', async () => {
  const world = new World()
  const [tab] = await world.tabs(1, { user: 'olena' })
  for (let turn = 0; turn < 60; turn++) await tab.token({ fresh: true })
  const report = tab.debug()
  assert.equal(report.decisions.length, 50)
  assert.ok(!JSON.stringify(report).includes('at-'))
  assert.ok(!JSON.stringify(report).includes('olena'))
})
