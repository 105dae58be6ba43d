/** Answers that never arrive: nobody is signed out by accident (design §5). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessToken, atDemo, callApi, refreshCookie, signInAtDemo } from './lib/people.js'
import { ask } from './lib/plain.js'
import { openWorld } from './lib/world.js'

const world = openWorld()
const isRefresh = (/** @type {import('node:http').IncomingMessage} */ { method, url }) =>
  method === 'POST' && url === '/api/auth/refresh'

/** Signed in at the demo app, and everything that follows at hand. */
async function signedIn() {
  const profile = await world.profile()
  const page = await profile.newPage()
  await signInAtDemo(page, world.server.user)
  return { profile, page, wire: world.server.wire }
}

/** @param {import('playwright-core').Page} page */
const startRefresh = (page) =>
  page.evaluate(() => {
    void globalThis.auth.token({ fresh: true })
  })

/** @param {() => boolean} holds */
async function until(holds) {
  const started = Date.now()
  while (!holds()) {
    assert.ok(Date.now() - started < 15_000, 'waited in vain')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

for (const [name, leave] of /** @type {const} */ ([
  ['a reload', (page) => page.reload()],
  ['going elsewhere and back', (page) => page.goto('/signed-out').then(() => page.goto('/demo'))],
])) {
  test(`T-03 ${name} during a refresh: still signed in`, async () => {
    const { profile, page, wire } = await signedIn()
    const before = (await refreshCookie(profile))?.value
    let release = () => {}
    const held = new Promise((resolve) => (release = () => resolve(undefined)))
    let first = true
    wire.treat((request) => {
      if (!isRefresh(request) || !first) return undefined
      first = false
      return { after: held, lose: true }
    })
    wire.forget()
    await startRefresh(page)
    await until(() => wire.passed('POST', '/api/auth/refresh')[0]?.status === 200)
    await leave(page)
    release()
    await atDemo(page, 'signed-in')
    assert.equal(await callApi(page), 200)
    const refreshes = wire.passed('POST', '/api/auth/refresh')
    assert.deepEqual(
      refreshes.map(({ status }) => status),
      [200, 200],
    )
    // The lost successor was given again: both answers set the same cookie.
    const set = refreshes.map(({ cookies }) => cookies.find((cookie) => cookie.includes('brama_rt_'))?.split(';')[0])
    assert.equal(set[0], set[1])
    assert.notEqual((await refreshCookie(profile))?.value, before)
  })
}

test('T-03 the tab is closed during a refresh: the next one is still signed in', async () => {
  const { profile, page, wire } = await signedIn()
  let first = true
  wire.treat((request) => {
    if (!isRefresh(request) || !first) return undefined
    first = false
    return { after: new Promise((resolve) => setTimeout(resolve, 500)), lose: true }
  })
  wire.forget()
  await startRefresh(page)
  await until(() => wire.passed('POST', '/api/auth/refresh')[0]?.status === 200)
  await page.close()
  const next = await profile.newPage()
  await next.goto('/demo')
  await atDemo(next, 'signed-in')
  assert.equal(await callApi(next), 200)
})

test('T-04 the answer is lost after the server committed: an error that may be retried, and still signed in', async () => {
  const { page, wire } = await signedIn()
  // All of them: a browser itself repeats a request on a connection that ended without an answer.
  wire.treat((request) => (isRefresh(request) ? { lose: true } : undefined))
  const failed = await page.evaluate(async () => {
    const { ok, error } = await globalThis.auth.token({ fresh: true })
    return { ok, code: error?.code, retryable: error?.retryable }
  })
  assert.deepEqual(failed, { ok: false, code: 'network', retryable: true })
  await atDemo(page, 'signed-in')
  wire.treat()
  assert.equal(await page.evaluate(async () => (await globalThis.auth.token({ fresh: true })).ok), true)
  assert.equal(await callApi(page), 200)
})

test('T-05 no network, 503 and 429 sign nobody out', async () => {
  const { profile, page } = await signedIn()
  await profile.setOffline(true)
  const offline = await page.evaluate(async () => (await globalThis.auth.token({ fresh: true })).error?.code)
  assert.equal(offline, 'network')
  await profile.setOffline(false)
  for (const status of [503, 429]) {
    await page.route('**/api/auth/refresh', (route) =>
      route.fulfill({
        status,
        headers: { 'retry-after': '1' },
        contentType: 'application/json',
        body: '{"error":"temporarily_unavailable"}',
      }),
    )
    const error = await page.evaluate(async () => (await globalThis.auth.token({ fresh: true })).error?.retryable)
    assert.equal(error, true, `${status}`)
    await page.unroute('**/api/auth/refresh')
    await page.waitForTimeout(1100)
  }
  await atDemo(page, 'signed-in')
  assert.equal(await page.evaluate(async () => (await globalThis.auth.token({ fresh: true })).ok), true)
})

test('two tabs without locks refresh at once: both stay signed in', async () => {
  const { profile, page, wire } = await signedIn()
  const other = await profile.newPage()
  await other.addInitScript(() => Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined }))
  await other.goto('/demo')
  await atDemo(other, 'signed-in')
  wire.treat((request) => (isRefresh(request) ? { before: new Promise((resolve) => setTimeout(resolve, 300)) } : undefined))
  const plain = () => fetch('/api/auth/refresh', { method: 'POST' }).then((answer) => answer.status)
  const statuses = await Promise.all([page.evaluate(plain), other.evaluate(plain), page.evaluate(plain), other.evaluate(plain)])
  assert.deepEqual(statuses, [200, 200, 200, 200])
  for (const tab of [page, other]) {
    await tab.reload()
    await atDemo(tab, 'signed-in')
  }
})

test('a stolen refresh token that was replaced long ago ends the session for both sides, at once', async () => {
  const { profile, page } = await signedIn()
  const stolen = await refreshCookie(profile)
  for (let times = 0; times < 3; times++) await page.evaluate(() => globalThis.auth.token({ fresh: true }))
  const answer = await ask(`${world.server.url}/api/auth/refresh`, {
    method: 'POST',
    headers: { cookie: `${stolen?.name}=${stolen?.value}`, 'content-type': 'application/json' },
  })
  assert.equal(answer.status, 401)
  assert.doesNotMatch(answer.text, /access_token/)
  const error = await page.evaluate(async () => (await globalThis.auth.token({ fresh: true })).error?.code)
  assert.equal(error, 'session_expired')
  await atDemo(page, 'signed-out')
})

test('the token of before is still the same after a failed refresh', async () => {
  const { page, wire } = await signedIn()
  const before = await accessToken(page)
  wire.treat((request) => (isRefresh(request) ? { lose: true } : undefined))
  await page.evaluate(() => globalThis.auth.token({ fresh: true }))
  assert.equal(await accessToken(page), before)
  assert.equal(await callApi(page), 200)
})
