/** Pages without JavaScript (F1): everything a person has to do works. */

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
    await server.addClient('shop', 'native', {
      'redirect-uri': `${shop.origin}/callback`,
      'post-logout-redirect-uri': `${shop.origin}/bye`,
      scope: 'openid profile',
    })
  },
})

const plain = () => world.profile({ javaScriptEnabled: false })
const request = () => authorizationRequest(world.server.url, { client: 'shop', redirectUri: `${shop.origin}/callback` })

/** @param {import('playwright-core').Page} page */
async function arrived(page) {
  await page.waitForURL((url) => url.href.startsWith(`${shop.origin}/callback`))
  return new URL(page.url()).searchParams
}

test('F1 a third-party app: sign in, allow, and back with code, state and iss', async () => {
  const page = await (await plain()).newPage()
  const { url, state, verifier } = request()
  await page.goto(url)
  assert.match(page.url(), /\/sign-in\?/)
  assert.match(await page.textContent('main'), /127\.0\.0\.1/, 'T1: the page names where the app lives')
  await fillSignIn(page, world.server.user)
  await page.waitForURL(/\/consent\?/)
  assert.match(await page.textContent('main'), /shop/i)
  await page.click('button[value=allow]')
  const back = await arrived(page)
  assert.equal(back.get('state'), state)
  assert.equal(back.get('iss'), world.server.url)

  const form = {
    grant_type: 'authorization_code',
    client_id: 'shop',
    redirect_uri: `${shop.origin}/callback`,
    code: back.get('code') ?? '',
    code_verifier: verifier,
  }
  const answer = await fetch(`${world.server.url}/oauth2/token`, { method: 'POST', body: new URLSearchParams(form) })
  assert.equal(answer.status, 200)
  const tokens = await answer.json()
  assert.ok(tokens.refresh_token, 'a native app gets its refresh token in the body')
  assert.deepEqual(answer.headers.getSetCookie(), [])
})

test('deny is as easy as allow and says access_denied', async () => {
  const page = await (await plain()).newPage()
  const { url, state } = request()
  await page.goto(url)
  await fillSignIn(page, world.server.user)
  // Consent may be remembered from another test; this one asks anew.
  await page.waitForURL((url) => /consent|callback/.test(url.pathname))
  const again = authorizationRequest(world.server.url, {
    client: 'shop',
    redirectUri: `${shop.origin}/callback`,
    extra: { prompt: 'consent' },
  })
  if (!page.url().includes('/consent')) await page.goto(again.url)
  assert.match(page.url(), /\/consent\?/)
  await page.click('button[value=deny]')
  const back = await arrived(page)
  assert.equal(back.get('error'), 'access_denied')
  assert.ok([state, again.state].includes(back.get('state') ?? ''))
  assert.equal(back.get('iss'), world.server.url)
  assert.equal(back.get('code'), null)
})

for (const javaScriptEnabled of [true, false]) {
  test(`AZ-32 form_post ${javaScriptEnabled ? 'goes by itself' : 'by a button'}, hostile state included`, async () => {
    shop.forget()
    const page = await (await world.profile({ javaScriptEnabled })).newPage()
    const state = '"><script>document.title="bad"</script>&+%20 стан'
    const { url, verifier } = authorizationRequest(world.server.url, {
      client: 'shop',
      redirectUri: `${shop.origin}/callback`,
      extra: { response_mode: 'form_post', prompt: 'consent', state },
    })
    await page.goto(url)
    await fillSignIn(page, world.server.user)
    await page.waitForURL(/\/consent\?/)
    await page.click('button[value=allow]')
    if (!javaScriptEnabled) {
      await page.waitForSelector('#respond')
      assert.equal(shop.visits('/callback').length, 0, 'nothing goes without the button')
      await page.click('#respond button')
    }
    await page.waitForURL(`${shop.origin}/callback`)
    const [visit] = shop.visits('/callback')
    assert.equal(visit.method, 'POST')
    assert.deepEqual([...visit.form.keys()].sort(), ['code', 'iss', 'state'])
    assert.equal(visit.form.get('state'), state)
    assert.equal(visit.form.get('iss'), world.server.url)
    assert.equal(visit.headers.referer, undefined, 'WH-7')
    const form = {
      grant_type: 'authorization_code',
      client_id: 'shop',
      code: visit.form.get('code') ?? '',
      code_verifier: verifier,
    }
    const answer = await fetch(`${world.server.url}/oauth2/token`, { method: 'POST', body: new URLSearchParams(form) })
    assert.equal(answer.status, 200)
  })
}

test('part of it can be allowed, and an account be chosen, without scripts', async () => {
  const page = await (await plain()).newPage()
  const ask = (extra) =>
    authorizationRequest(world.server.url, { client: 'shop', redirectUri: `${shop.origin}/callback`, extra }).url
  await page.goto(ask({ prompt: 'consent' }))
  await fillSignIn(page, world.server.user)
  await page.waitForURL(/\/consent\?/)
  await page.click('summary')
  await page.check('input[name=scope][value=profile]')
  await page.click('button[value=allow_chosen]')
  assert.ok((await arrived(page)).get('code'))
  await page.goto(ask({ prompt: 'select_account consent' }))
  await page.waitForSelector('form[action="/select-account"]')
  await page.click('button[value=continue]')
  await page.waitForURL(/\/consent\?/)
  await page.goto(ask({ prompt: 'select_account' }))
  await page.click('button[value=sign_out]')
  await page.waitForURL(/\/sign-in\?/)
})

test('G1 the language changes by a button, stays, and the sign-in goes on', async () => {
  const profile = await plain()
  const page = await profile.newPage()
  await page.goto(request().url)
  assert.equal(await page.getAttribute('html', 'lang'), 'en')
  await page.click('button[name=ui_locales][value=uk]')
  assert.equal(await page.getAttribute('html', 'lang'), 'uk')
  assert.match(page.url(), /tx=/)
  await fillSignIn(page, world.server.user)
  await page.waitForURL((url) => /consent|callback/.test(url.pathname))
  await page.goto('/account')
  assert.equal(await page.getAttribute('html', 'lang'), 'uk')
})

test('errors without scripts: empty fields, wrong password, then in', async () => {
  const { server } = world
  const page = await (await plain()).newPage()
  await page.goto('/sign-in')
  await page.click('#sign-in button[type=submit]')
  assert.match(await page.title(), /^Error: /)
  assert.equal(await page.locator('#problem li').count(), 2)
  await fillSignIn(page, { ...server.user, password: 'not the password at all' })
  assert.match(await page.title(), /^Error: /)
  assert.equal(await page.inputValue('#username'), server.user.username)
  await page.fill('#password', server.user.password)
  await page.press('#password', 'Enter')
  await page.waitForURL(/\/account$/)
  assert.match(await page.textContent('main'), new RegExp(server.user.username))
})

test('T3 the account page ends another session, and sign-out ends this one', async () => {
  const { server } = world
  const [here, there] = [await plain(), await plain()]
  const [page, other] = [await here.newPage(), await there.newPage()]
  for (const one of [page, other]) {
    await one.goto('/sign-in')
    await fillSignIn(one, server.user)
    await one.waitForURL(/\/account$/)
  }
  await page.reload()
  await page.click('button[name=all_others]')
  await page.waitForURL(/\/account/)
  assert.equal(await page.locator('.sessions > li').count(), 1)
  await other.goto('/account')
  assert.match(other.url(), /\/sign-in/)

  await page.click('form[action="/account/sign-out"] button')
  await page.waitForURL(/\/signed-out/)
  await page.goto('/account')
  assert.match(page.url(), /\/sign-in/)
})

test('LO-3 LO-4 an app asks for sign-out: the person confirms, then back to the app', async () => {
  const { server } = world
  const page = await (await plain()).newPage()
  await page.goto('/sign-in')
  await fillSignIn(page, server.user)
  await page.waitForURL(/\/account$/)
  const url = new URL('/oauth2/logout', server.url)
  url.search = new URLSearchParams({ client_id: 'shop', post_logout_redirect_uri: `${shop.origin}/bye`, state: 'x y' }).toString()
  await page.goto(url.href)
  await page.goto('/account')
  assert.match(page.url(), /\/account$/, 'asking alone signs nobody out')
  await page.goto(url.href)
  await page.click('form[action="/sign-out"] button')
  await page.waitForURL((url) => url.href.startsWith(`${shop.origin}/bye`))
  assert.equal(new URL(page.url()).searchParams.get('state'), 'x y')
  await page.goto('/account')
  assert.match(page.url(), /\/sign-in/)
})
