/** Pages that were open too long, sent twice or reached by Back: every one still leads to the app (A6). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fillSignIn } from './lib/people.js'
import { authorizationRequest } from './lib/pkce.js'
import { openSite } from './lib/site.js'
import { openWorld } from './lib/world.js'

/** @type {Awaited<ReturnType<typeof openSite>>} */
let shop
before(async () => void (shop = await openSite()))
after(() => shop?.close())

const world = openWorld({
  prepare: async (server) => {
    const settings = { 'redirect-uri': `${shop.origin}/callback`, scope: 'openid profile' }
    await server.command([
      'client',
      'add',
      'own',
      '--type',
      'browser',
      ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
      '--first-party',
      '--json',
    ])
    await server.addClient('third', 'native', settings)
  },
})

const request = (client = 'own', extra = {}) =>
  authorizationRequest(world.server.url, { client, redirectUri: `${shop.origin}/callback`, extra })

/** @param {import('playwright-core').Page} page */
async function arrived(page) {
  const there = () => page.waitForURL((url) => url.href.startsWith(`${shop.origin}/callback`))
  // Of a form that was sent twice, the second navigation may take the place of the first one while that is on its way.
  await there().catch((error) => {
    if (!String(error).includes('ERR_ABORTED')) throw error
    return there()
  })
  const { searchParams } = new URL(page.url())
  assert.ok(searchParams.get('code'), page.url())
  return searchParams
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'with scripts' : 'without scripts'

  test(`the form is sent twice (${how}): at the app, with a code that works`, async () => {
    const { server } = world
    const page = await (await world.profile({ javaScriptEnabled })).newPage()
    const { url, verifier } = request()
    await page.goto(url)
    await page.fill('#username', server.user.username)
    await page.fill('#password', server.user.password)
    await page.dblclick('#sign-in button[type=submit]')
    const back = await arrived(page)
    const form = {
      grant_type: 'authorization_code',
      client_id: 'own',
      redirect_uri: `${shop.origin}/callback`,
      code: back.get('code') ?? '',
      code_verifier: verifier,
    }
    const answer = await fetch(`${server.url}/oauth2/token`, { method: 'POST', body: new URLSearchParams(form) })
    assert.equal(answer.status, 200, await answer.text())
  })

  test(`Back after the sign-in, and the form sent again (${how}): at the app`, async () => {
    const page = await (await world.profile({ javaScriptEnabled })).newPage()
    const { url, state } = request()
    await page.goto(url)
    const form = page.url()
    await fillSignIn(page, world.server.user)
    assert.equal((await arrived(page)).get('state'), state)
    await page.goto(form)
    if (page.url().includes('/sign-in')) await fillSignIn(page, world.server.user)
    assert.equal((await arrived(page)).get('state'), state)
  })

  test(`Back by the browser's button, and the form sent again (${how}): at the app`, async () => {
    const page = await (await world.profile({ javaScriptEnabled })).newPage()
    const { url, state } = request()
    await page.goto(url)
    await fillSignIn(page, world.server.user)
    await arrived(page)
    await page.goBack()
    if (page.url().includes('/sign-in')) await fillSignIn(page, world.server.user)
    assert.equal((await arrived(page)).get('state'), state)
  })

  test(`cookies cleared before the form is sent (${how}): the page again with the typed name, then at the app`, async () => {
    const profile = await world.profile({ javaScriptEnabled })
    const page = await profile.newPage()
    const { url, state } = request()
    await page.goto(url)
    await profile.clearCookies()
    await fillSignIn(page, world.server.user)
    await page.waitForSelector('#problem')
    assert.equal(await page.inputValue('#username'), world.server.user.username)
    assert.match(await page.title(), /^Error: /)
    await page.fill('#password', world.server.user.password)
    await page.press('#password', 'Enter')
    assert.equal((await arrived(page)).get('state'), state)
  })

  test(`the session ends between sign-in and consent (${how}): sign in again, then at the app`, async () => {
    const profile = await world.profile({ javaScriptEnabled })
    const page = await profile.newPage()
    const { url, state } = request('third', { prompt: 'consent' })
    await page.goto(url)
    await fillSignIn(page, world.server.user)
    await page.waitForURL(/\/consent\?/)
    await profile.clearCookies({ name: '__Host-brama_session' })
    await page.click('button[value=allow]')
    await page.waitForURL(/\/sign-in\?/)
    await fillSignIn(page, world.server.user)
    await page.waitForURL(/\/consent\?/)
    await page.click('button[value=allow]')
    assert.equal((await arrived(page)).get('state'), state)
  })
}

test('T5 two tabs at the sign-in page: after one, the other one goes on without a password', async () => {
  const profile = await world.profile()
  const [one, two] = [await profile.newPage(), await profile.newPage()]
  const [first, second] = [request(), request()]
  await one.goto(first.url)
  await two.goto(second.url)
  await fillSignIn(one, world.server.user)
  assert.equal((await arrived(one)).get('state'), first.state)
  await two.goto(second.url)
  assert.equal((await arrived(two)).get('state'), second.state)
})

test('a sign-in page in two tabs of one request, both sent: both at the app', async () => {
  const profile = await world.profile()
  const [one, two] = [await profile.newPage(), await profile.newPage()]
  await one.goto(request().url)
  await two.goto(one.url())
  for (const tab of [one, two]) {
    await fillSignIn(tab, world.server.user)
    await arrived(tab)
  }
})

test('a made-up sign-in address is a page with a form, not a dead end', async () => {
  const page = await (await world.profile()).newPage()
  for (const tx of ['nonsense', '01890a5d-ac96-774b-bcce-b302099a8057', '']) {
    const answer = await page.goto(`/sign-in?tx=${tx}`)
    assert.ok((answer?.status() ?? 500) < 500)
    assert.equal(await page.locator('#sign-in').count(), 1)
  }
  await fillSignIn(page, world.server.user)
  await page.waitForURL(/\/account/)
})
