/** Many tabs, one session. Names T-01… are rows of the SDK's test plan. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessToken, atDemo, callApi, signInAtDemo, signInByRedirect } from './lib/people.js'
import { openWorld } from './lib/world.js'

const world = openWorld({ prepare: async (server) => void (await server.addUser('taras', 'kobza i lyra 1840')) })

/**
 * @param {import('playwright-core').BrowserContext} profile
 * @param {number} count
 */
async function openTabs(profile, count) {
  const tabs = []
  for (let index = 0; index < count; index++) {
    const tab = await profile.newPage()
    await tab.goto('/demo')
    await atDemo(tab, 'signed-in')
    tabs.push(tab)
  }
  return tabs
}

test('T-01 8 tabs × 5 calls with dead tokens: one refresh, 40 × 200', async () => {
  const { server } = world
  const profile = await world.profile()
  const first = await profile.newPage()
  await signInAtDemo(first, server.user)
  const tabs = [first, ...(await openTabs(profile, 7))]
  const dead = new Set((await Promise.all(tabs.map(accessToken))).map((token) => `Bearer ${token}`))
  server.wire.treat(({ headers }) =>
    dead.has(headers.authorization ?? '') ? { headers: { authorization: 'Bearer dead' } } : undefined,
  )
  server.wire.forget()

  const statuses = await Promise.all(
    tabs.map((tab) =>
      tab.evaluate(() =>
        Promise.all(Array.from({ length: 5 }, async () => (await globalThis.auth.fetch('/api/protected-resource')).status)),
      ),
    ),
  )
  assert.deepEqual(statuses.flat(), Array(40).fill(200))
  assert.equal(server.wire.passed('POST', '/api/auth/refresh').length, 1)
  const refused = server.wire.passed('GET', '/api/protected-resource').filter(({ status }) => status === 401)
  assert.ok(refused.length > 0 && refused.length <= 40, `${refused.length} × 401`)
})

test('T-02 a refresh that takes 6 s is waited for by all tabs, and is still the only one', async () => {
  const { server } = world
  const profile = await world.profile()
  const first = await profile.newPage()
  await signInAtDemo(first, server.user)
  const tabs = [first, ...(await openTabs(profile, 3))]
  const dead = new Set((await Promise.all(tabs.map(accessToken))).map((token) => `Bearer ${token}`))
  server.wire.treat(({ headers, url }) => {
    if (dead.has(headers.authorization ?? '')) return { headers: { authorization: 'Bearer dead' } }
    return url === '/api/auth/refresh' ? { before: new Promise((resolve) => setTimeout(resolve, 6000)) } : undefined
  })
  server.wire.forget()
  assert.deepEqual(await Promise.all(tabs.map(callApi)), [200, 200, 200, 200])
  assert.equal(server.wire.passed('POST', '/api/auth/refresh').length, 1)
})

test('T-12 8 tabs restored at once need one refresh', async () => {
  const { server } = world
  const profile = await world.profile()
  const first = await profile.newPage()
  await signInAtDemo(first, server.user)
  const tabs = [first, ...(await openTabs(profile, 7))]
  // All gone first: a tab that is still open would simply hand over its token.
  for (const tab of tabs) await tab.goto('about:blank')
  server.wire.forget()
  await Promise.all(tabs.map((tab) => tab.goto('/demo')))
  await Promise.all(tabs.map((tab) => atDemo(tab, 'signed-in')))
  assert.equal(server.wire.passed('POST', '/api/auth/refresh').length, 1)
})

test('T-15 sign-out in one of 8 tabs: all know within 300 ms, and no request uses the old token after that', async () => {
  const { server } = world
  const profile = await world.profile()
  const first = await profile.newPage()
  await signInAtDemo(first, server.user)
  const tabs = [first, ...(await openTabs(profile, 7))]
  const old = new Set((await Promise.all(tabs.map(accessToken))).map((token) => `Bearer ${token}`))
  for (const tab of tabs) {
    await tab.evaluate(() => {
      globalThis.out = new Promise((resolve) =>
        globalThis.auth.subscribe(({ status }) => status === 'signed-out' && resolve(Date.now())),
      )
    })
  }
  const pressed = await first.evaluate(() => {
    void globalThis.auth.signOut()
    return Date.now()
  })
  for (const tab of tabs) {
    const took = (await tab.evaluate(() => globalThis.out)) - pressed
    assert.ok(took < 300, `${took} ms`)
  }
  server.wire.forget()
  const answers = await Promise.all(
    tabs.map((tab) =>
      tab.evaluate(() =>
        globalThis.auth.fetch('/api/protected-resource').then(
          (answer) => answer.status,
          ({ code }) => code,
        ),
      ),
    ),
  )
  assert.deepEqual(new Set(answers), new Set(['signed_out']))
  assert.equal(server.wire.passed().filter(({ headers }) => old.has(headers.authorization ?? '')).length, 0)
})

test('T-16 a second user in another tab wins everywhere, and nothing of the first one stays', async () => {
  const { server } = world
  const profile = await world.profile()
  const [one, two] = [await profile.newPage(), await profile.newPage()]
  await signInAtDemo(one, server.user)
  const before = await one.textContent('[data-testid=user]')
  await two.goto('/demo')
  await atDemo(two, 'signed-in')
  const signedIn = await two.evaluate(() => globalThis.auth.signIn({ username: 'taras', password: 'kobza i lyra 1840' }))
  assert.ok(signedIn.ok)
  for (const page of [one, two]) {
    await page.waitForFunction(() => globalThis.auth.state.user?.preferred_username === 'taras')
    const me = await page.evaluate(async () => (await globalThis.auth.fetch('/api/auth/me')).json())
    assert.equal(me.preferred_username, 'taras')
    const text = await page.textContent('[data-testid=user]')
    assert.notEqual(text, before)
  }
})

test('T5 a sign-in in one tab is taken over by a tab that was waiting at the demo', async () => {
  const { server } = world
  const profile = await world.profile()
  const [waiting, busy] = [await profile.newPage(), await profile.newPage()]
  await waiting.goto('/demo')
  await atDemo(waiting, 'signed-out')
  await signInByRedirect(busy, server.user)
  await atDemo(waiting, 'signed-in')
  assert.equal(await callApi(waiting), 200)
})
