/** Real expiry: tokens that live 5 seconds. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessToken, atDemo, callApi, refreshCookie, signInAtDemo, signInByRedirect } from './lib/people.js'
import { openWorld } from './lib/world.js'

const world = openWorld({ flags: ['--access-token-ttl', '5s'] })

/**
 * Wait until the API refuses a token.
 *
 * @param {string} url
 * @param {string} token
 */
async function untilExpired(url, token) {
  const started = Date.now()
  for (;;) {
    const answer = await fetch(`${url}/api/protected-resource`, { headers: { authorization: `Bearer ${token}` } })
    if (answer.status === 401) return answer.headers.get('www-authenticate') ?? ''
    assert.ok(Date.now() - started < 60_000, 'a token of 5 s opens the API for more than a minute')
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

test('A1 A5 an expired token is refused as invalid_token', async () => {
  const { server } = world
  const page = await (await world.profile()).newPage()
  await signInAtDemo(page, server.user)
  assert.match(await untilExpired(server.url, await accessToken(page)), /error="invalid_token"/)
})

test('A7 a device whose clock nearly stands still learns of the expiry by the 401, and the user notices nothing', async () => {
  const { server } = world
  const profile = await world.profile()
  await profile.addInitScript(() => {
    for (const clock of [Date, performance]) {
      const now = clock.now.bind(clock)
      const start = now()
      clock.now = () => start + (now() - start) / 1000
    }
  })
  const page = await profile.newPage()
  await signInAtDemo(page, server.user)
  const cookie = (await refreshCookie(profile))?.value
  await untilExpired(server.url, await accessToken(page))
  server.wire.forget()
  await page.getByTestId('call-api').click()
  await page.waitForFunction(() => document.querySelector('[data-testid=result]')?.textContent?.startsWith('200 '))
  assert.deepEqual(
    server.wire.passed('GET', '/api/protected-resource').map(({ status }) => status),
    [401, 200],
  )
  assert.equal(server.wire.passed('POST', '/api/auth/refresh').length, 1)
  assert.notEqual((await refreshCookie(profile))?.value, cookie)
  await atDemo(page, 'signed-in')
})

test('A7 with a right clock too the 401 decides; only a request with a body gets a fresh token first', async () => {
  const { server } = world
  const page = await (await world.profile()).newPage()
  await signInAtDemo(page, server.user)
  const statuses = (/** @type {string} */ method, /** @type {string} */ path) =>
    server.wire.passed(method, path).map(({ status }) => status)

  await new Promise((resolve) => setTimeout(resolve, 5200))
  server.wire.forget()
  assert.equal(await callApi(page), 200)
  assert.deepEqual(statuses('GET', '/api/protected-resource'), [401, 200])
  assert.deepEqual(statuses('POST', '/api/auth/refresh'), [200])

  await new Promise((resolve) => setTimeout(resolve, 5200))
  server.wire.forget()
  const status = await page.evaluate(
    async () => (await globalThis.auth.fetch('/userinfo', { method: 'POST', body: new URLSearchParams({ x: 'y' }) })).status,
  )
  assert.equal(status, 200)
  assert.deepEqual(statuses('POST', '/userinfo'), [200])
  assert.deepEqual(statuses('POST', '/api/auth/refresh'), [200])
})

for (const hours of [-2, 2, 24 * 30]) {
  test(`T-07 a device clock that is ${hours} h off changes nothing`, async () => {
    const { server } = world
    const profile = await world.profile()
    await profile.addInitScript((offset) => {
      const now = Date.now.bind(Date)
      Date.now = () => now() + offset
    }, hours * 3_600_000)
    const page = await profile.newPage()
    await signInByRedirect(page, server.user)
    for (const wait of [0, 5200]) {
      await page.waitForTimeout(wait)
      assert.equal(await callApi(page), 200)
    }
    await page.reload()
    await atDemo(page, 'signed-in')
    const other = await profile.newPage()
    await other.goto('/demo')
    await atDemo(other, 'signed-in')
    assert.equal(await callApi(other), 200)
  })
}
