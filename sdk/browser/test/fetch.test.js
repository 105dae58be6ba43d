import assert from 'node:assert/strict'
import test from 'node:test'
import { HERE, World } from './support/world.js'

const API = 'https://api.example'
const denied = (status, challenge) => new Response('no', { status, headers: challenge ? { 'www-authenticate': challenge } : {} })

test('A5 the token goes in the Authorization header', async () => {
  const world = new World()
  const [tab] = await world.tabs(1, { user: 'olena', apis: [`${API}/v1`] })
  for (const address of ['/orders', new URL(`${API}/orders`), new Request(`${API}/orders`)]) {
    assert.equal((await tab.fetch(address)).status, 200)
    assert.match(world.server.requests.at(-1).headers.get('authorization'), /^Bearer at-olena/)
  }
})

test('T-18 no other origin gets a request at all', async () => {
  const world = new World()
  const [tab] = await world.tabs(1, { user: 'olena', apis: [API] })
  const foreign = ['https://evil.example/', 'http://api.example/', 'https://api.example:8443/', 'https://api.example.evil.example/', '//evil.example/', '/\\evil.example/', 'data:,x']
  for (const address of foreign) {
    await assert.rejects(tab.fetch(address), { code: 'origin_not_allowed' }, address)
    assert.equal((await tab.token({ resource: new URL(address, HERE) })).error.code, 'origin_not_allowed', address)
  }
  assert.equal(world.server.requests.length, 0)
  assert.equal((await tab.token({ resource: `${API}/socket` })).ok, true)
})

test('T-18 a redirect is not followed', async () => {
  const world = new World()
  const [tab] = await world.tabs(1, { user: 'olena' })
  world.server.override['/hop'] = () => Object.assign(new Response(null, { status: 200 }), { redirected302: true })
  await assert.rejects(tab.fetch('/hop'), { code: 'origin_not_allowed' })
  await assert.rejects(tab.fetch('/hop', { redirect: 'follow' }), { code: 'origin_not_allowed' })
  assert.equal((await tab.fetch('/hop', { redirect: 'manual' })).type, 'opaqueredirect')
})

test('A7 a 401 about the token: one refresh, one repetition', async () => {
  for (const challenge of [null, 'Bearer', 'Bearer error="invalid_token"', 'DPoP algs="ES256", Bearer realm="x", error="invalid_token"']) {
    const world = new World()
    const [tab] = await world.tabs(1, { user: 'olena' })
    world.server.override['/orders'] = () => denied(401, challenge)
    assert.equal((await tab.fetch('/orders')).status, 401, challenge)
    assert.equal(world.server.count('/orders'), 2)
    assert.equal(world.server.count('/api/auth/refresh'), 1)
    assert.equal(tab.state.status, 'signed-in')
  }
})

test('other refusals are answers like any other', async () => {
  for (const [status, challenge] of [
    [403, 'Bearer error="insufficient_scope"'],
    [401, 'Bearer error="insufficient_scope", scope="orders"'],
    [401, 'Bearer error="invalid_request", error_description="error=invalid_token"'],
    [403, null],
    [500, null],
  ]) {
    const world = new World()
    const [tab] = await world.tabs(1, { user: 'olena' })
    world.server.override['/orders'] = () => denied(status, challenge)
    assert.equal((await tab.fetch('/orders')).status, status)
    assert.equal(world.server.count('/orders'), 1)
  }
})

test('T-19 the repetition carries the whole body', async () => {
  const form = new FormData()
  form.append('file', new Blob(['x'.repeat(70_000)]))
  const bodies = {
    text: { body: 'hello' },
    form: { body: form },
    bytes: { body: new Uint8Array(5) },
    stream: { body: new Blob(['streamed']).stream(), duplex: 'half' },
  }
  for (const [kind, init] of Object.entries(bodies)) {
    const world = new World()
    const [tab] = await world.tabs(1, { user: 'olena' })
    world.server.expireAll()
    const { body } = await tab.fetch('/orders', { method: 'POST', ...init }).then((answer) => answer.json())
    assert.ok(body.length >= 5, kind)
    assert.equal(world.server.count('/orders'), 2)
  }
})

test('what is no request is a config error', async () => {
  const [tab] = await new World().tabs(1, { user: 'olena' })
  await assert.rejects(tab.fetch('https://['), { code: 'config' })
  await assert.rejects(tab.fetch('https://api.example@evil.example/'), { code: 'config' })
  await assert.rejects(tab.fetch('/orders', { method: 'GET', body: 'x' }), { code: 'config' })
  const used = new Request(`${HERE}/orders`, { method: 'POST', body: 'x' })
  await used.text()
  await assert.rejects(tab.fetch(used), { code: 'config' })
})

test('an abort by the caller stays an abort', async () => {
  const [tab] = await new World().tabs(1, { user: 'olena' })
  await assert.rejects(tab.fetch('/orders', { signal: AbortSignal.abort() }), { name: 'AbortError' })
})

test('no answer from the API is a network error with its cause', async () => {
  const world = new World()
  const [tab] = await world.tabs(1, { user: 'olena' })
  world.offline = true
  await assert.rejects(tab.fetch('/orders'), (error) => error.code === 'network' && error.retryable && error.cause instanceof TypeError)
})

test('fetch before ready() restores first', async () => {
  const world = new World()
  world.server.signIn('olena')
  assert.equal((await world.open().fetch('/orders')).status, 200)
})
