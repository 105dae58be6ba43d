/** The way back into the app, and where a token may go. Names T-09… are rows of the SDK's test plan. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { accessToken, atDemo, callApi, fillSignIn, signInAtDemo, signInByRedirect } from './lib/people.js'
import { openSite } from './lib/site.js'
import { openWorld } from './lib/world.js'

const world = openWorld()
/** @type {Awaited<ReturnType<typeof openSite>>} */
let elsewhere
before(async () => void (elsewhere = await openSite()))
after(() => elsewhere?.close())

test('T-13 double ready(), reload and Back to the callback: one exchange, no error', async () => {
  const { wire, user } = world.server
  const profile = await world.profile()
  const page = await profile.newPage()
  wire.forget()
  await signInByRedirect(page, user)
  const callback = wire.passed('GET', '/demo/callback')[0]
  const address = `/demo/callback?${callback.query}`
  assert.equal(
    await page.evaluate(async () =>
      (await Promise.all([globalThis.auth.ready(), globalThis.auth.ready()])).every(({ error }) => !error),
    ),
    true,
  )
  await page.reload()
  await atDemo(page, 'signed-in')

  // The same address again: here, and in another tab.
  for (const tab of [page, await profile.newPage()]) {
    await tab.goto(address)
    await atDemo(tab, 'signed-in')
    assert.equal(await tab.evaluate(() => globalThis.auth.state.error), null)
    assert.equal(await tab.isHidden('#state-error'), true)
    assert.doesNotMatch(tab.url(), /code=/)
  }
  assert.equal(wire.passed('POST', '/oauth2/token').length, 1)
})

test('T-13 the callback opened in two tabs at the same time: one exchange, both signed in', async () => {
  const { wire, user } = world.server
  const profile = await world.profile()
  const page = await profile.newPage()
  let address = ''
  await page.route('**/demo/callback?*', (route) => {
    address = route.request().url()
    return route.abort()
  })
  await page.goto('/demo')
  await atDemo(page, 'signed-out')
  await page.getByTestId('sign-in-redirect').click()
  await page.waitForURL(/\/sign-in\?/)
  wire.forget()
  await fillSignIn(page, user).catch(() => {})
  while (!address) await new Promise((resolve) => setTimeout(resolve, 20))
  const tabs = [await profile.newPage(), await profile.newPage()]
  await Promise.all(tabs.map((tab) => tab.goto(address)))
  for (const tab of tabs) {
    await atDemo(tab, 'signed-in')
    assert.equal(await tab.evaluate(() => globalThis.auth.state.error), null)
  }
  assert.equal(wire.passed('POST', '/oauth2/token').length, 1)
})

test('T-14 somebody else’s code and state on another path are none of our business', async () => {
  const { wire } = world.server
  const page = await (await world.profile()).newPage()
  wire.forget()
  await page.goto('/demo?code=theirs&state=theirs')
  await atDemo(page, 'signed-out')
  assert.match(page.url(), /\?code=theirs&state=theirs$/)
  assert.equal(await page.evaluate(() => globalThis.auth.state.error), null)
  assert.equal(wire.passed('POST', '/oauth2/token').length, 0)
})

test('a code with a state or an issuer that is not ours is never exchanged', async () => {
  const { wire, url } = world.server
  const page = await (await world.profile()).newPage()
  wire.forget()
  for (const query of [
    `code=x&state=1.y&iss=${encodeURIComponent(url)}`,
    'code=x&state=y',
    'code=x&state=y&iss=https%3A%2F%2Fevil.example',
  ]) {
    await page.goto(`/demo/callback?${query}`)
    await atDemo(page, 'signed-out')
  }
  assert.equal(wire.passed('POST', '/oauth2/token').length, 0)
})

test('T-18 a token goes to listed origins only, not even by a redirect', async () => {
  const { user } = world.server
  const page = await (await world.profile()).newPage()
  await signInAtDemo(page, user)
  const foreign = `${elsewhere.origin}/steal`
  const direct = await page.evaluate(
    (url) =>
      globalThis.auth.fetch(url).then(
        () => 'sent',
        ({ code }) => code,
      ),
    foreign,
  )
  assert.equal(direct, 'origin_not_allowed')

  await page.route('**/api/redirects', (route) => route.fulfill({ status: 302, headers: { location: foreign } }))
  const redirected = await page.evaluate(() =>
    globalThis.auth.fetch('/api/redirects').then(
      () => 'followed',
      ({ code }) => code,
    ),
  )
  assert.equal(redirected, 'origin_not_allowed')
  assert.deepEqual(
    elsewhere.visits('/steal').filter(({ headers }) => headers.authorization),
    [],
  )
})

test('T-19 a POST whose first try is refused arrives whole the second time', async () => {
  const { wire, user } = world.server
  const page = await (await world.profile()).newPage()
  await signInAtDemo(page, user)
  const dead = `Bearer ${await accessToken(page)}`
  wire.treat(({ headers }) => (headers.authorization === dead ? { headers: { authorization: 'Bearer dead' } } : undefined))
  wire.forget()
  const status = await page.evaluate(
    async () => (await globalThis.auth.fetch('/userinfo', { method: 'POST', body: new URLSearchParams({ x: 'привіт' }) })).status,
  )
  const tries = wire.passed('POST', '/userinfo')
  assert.deepEqual([tries[0].status, tries[1].status, status], [401, 200, 200])
  assert.equal(tries[1].body, tries[0].body)
  assert.notEqual(tries[1].body, '')
})

test('a token of the demo is refused nowhere it should work: userinfo, me and the API', async () => {
  const { user } = world.server
  const page = await (await world.profile()).newPage()
  await signInByRedirect(page, user)
  assert.equal(await callApi(page), 200)
  const claims = await page.evaluate(async () => [
    await (await globalThis.auth.fetch('/userinfo')).json(),
    await (await globalThis.auth.fetch('/api/auth/me')).json(),
  ])
  assert.equal(claims[0].sub, claims[1].sub)
  assert.equal(claims[0].preferred_username, claims[1].preferred_username)
})
