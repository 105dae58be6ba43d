/** Scheme B, authorization code with PKCE: promises B1 to B7 of the design. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, isSigned } from './lib/jwt.js'
import { accessToken, atDemo, callApi, fillSignIn, refreshCookie, signInAtDemo, signInByRedirect } from './lib/people.js'
import { authorizationRequest } from './lib/pkce.js'
import { openWorld } from './lib/world.js'

const world = openWorld()

test('B1 to B6 the whole way: challenge, sign-in page, code, exchange, cookie', async () => {
  const { server } = world
  const profile = await world.profile()
  const page = await profile.newPage()
  await page.goto('/demo')
  await atDemo(page, 'signed-out')
  server.wire.forget()
  await page.getByTestId('sign-in-redirect').click()
  await page.waitForURL(/\/sign-in\?/)

  // B1, B2.
  const [request] = server.wire.passed('GET', '/oauth2/authorize')
  const challenge = request.query.get('code_challenge') ?? ''
  assert.match(challenge, /^[\w-]{43}$/)
  assert.equal(request.query.get('code_challenge_method'), 'S256')
  assert.equal(request.query.get('redirect_uri'), `${server.url}/demo/callback`)
  const asked = await server.stored()
  assert.ok(asked.includes(challenge) || asked.includes(Buffer.from(challenge, 'base64url')), 'the challenge is stored')
  assert.match(await page.textContent('main'), /localhost/)

  // B3 to B6.
  await fillSignIn(page, server.user)
  await atDemo(page, 'signed-in')
  const [back] = server.wire.passed('GET', '/demo/callback')
  assert.equal(back.query.get('state'), request.query.get('state'))
  assert.equal(back.query.get('iss'), server.url)
  const [exchange] = server.wire.passed('POST', '/oauth2/token')
  assert.equal(exchange.status, 200)
  const sent = new URLSearchParams(exchange.body)
  const body = JSON.parse(exchange.text)
  assert.ok(!('refresh_token' in body), 'the refresh token is a cookie only')
  assert.ok(exchange.cookies.some((cookie) => /^__Host-brama_rt_demo-spa=.*HttpOnly/i.test(cookie)))
  assert.equal(await page.evaluate(() => document.cookie), '')
  assert.ok(await isSigned(body.access_token, server.url))
  assert.ok(await isSigned(body.id_token, server.url))
  const id = decode(body.id_token).claims
  assert.deepEqual([id.iss, id.aud, id.nonce], [server.url, 'demo-spa', request.query.get('nonce')])
  assert.equal(await callApi(page), 200)
  assert.doesNotMatch(page.url(), /code=|state=/)

  // What is secret is not in the database.
  const answered = await server.stored()
  const refresh = (await refreshCookie(profile))?.value ?? ''
  for (const secret of [
    sent.get('code') ?? '',
    sent.get('code_verifier') ?? '',
    refresh,
    body.access_token,
    server.user.password,
  ]) {
    assert.ok(secret.length > 10)
    assert.ok(!answered.includes(secret), `${secret} is stored in the clear`)
  }
})

test('B3 a wrong password: the page again, with the name, the word for error first, and the focus on the problem', async () => {
  const { server } = world
  const profile = await world.profile()
  const page = await profile.newPage()
  await page.goto('/demo')
  await atDemo(page, 'signed-out')
  await page.getByTestId('sign-in-redirect').click()
  await page.waitForURL(/\/sign-in\?/)
  await fillSignIn(page, { ...server.user, password: 'not the password at all' })
  await page.waitForSelector('#problem')
  assert.equal(await page.inputValue('#username'), server.user.username)
  assert.equal(await page.inputValue('#password'), '')
  assert.match(await page.title(), /^Error: /)
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'problem')
  assert.ok(!(await profile.cookies()).some(({ name }) => name === '__Host-brama_session'))
  // And on from here with the right one.
  await page.fill('#password', server.user.password)
  await page.press('#password', 'Enter')
  await atDemo(page, 'signed-in')
})

test('B7 a wrong verifier, a code twice and a code of another client: invalid_grant, and nothing leaks', async () => {
  const { server } = world
  const redirectUri = `${server.url}/demo/callback`
  const page = await (await world.profile()).newPage()
  // The app's own page must not exchange this code.
  await page.route('**/demo/callback?*', (route) => route.fulfill({ body: 'the app', contentType: 'text/plain' }))

  /** @param {Record<string, string>} form */
  const exchange = async (form) => {
    const body = new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: 'demo-spa',
      redirect_uri: redirectUri,
      ...form,
    })
    const answer = await fetch(`${server.url}/oauth2/token`, { method: 'POST', body })
    return { status: answer.status, cookies: answer.headers.getSetCookie(), body: await answer.json() }
  }
  const code = async (/** @type {ReturnType<typeof authorizationRequest>} */ request) => {
    await page.goto(request.url)
    if (page.url().includes('/sign-in')) await fillSignIn(page, server.user)
    await page.waitForURL(/\/demo\/callback\?/)
    const { searchParams } = new URL(page.url())
    assert.equal(searchParams.get('state'), request.state)
    return searchParams.get('code') ?? ''
  }

  const request = authorizationRequest(server.url, { client: 'demo-spa', redirectUri })
  const first = await code(request)
  const other = authorizationRequest(server.url, { client: 'demo-spa', redirectUri })
  for (const wrong of [{ code_verifier: other.verifier }, { code_verifier: other.verifier, code: 'nonsense' }]) {
    const refused = await exchange({ code: first, ...wrong })
    assert.deepEqual([refused.status, refused.body.error], [400, 'invalid_grant'])
    assert.deepEqual(refused.cookies, [])
    assert.deepEqual(Object.keys(refused.body).sort(), ['error', 'error_description', 'error_uri'])
  }
  assert.equal((await exchange({ code: first })).body.error, 'invalid_request')

  const again = authorizationRequest(server.url, { client: 'demo-spa', redirectUri })
  const second = await code(again)
  const stranger = await exchange({ code: second, code_verifier: again.verifier, client_id: 'nobody' })
  assert.equal(stranger.body.error, 'invalid_client')
  const good = await exchange({ code: second, code_verifier: again.verifier })
  assert.equal(good.status, 200)
  const replayed = await exchange({ code: second, code_verifier: again.verifier })
  assert.deepEqual([replayed.status, replayed.body.error], [400, 'invalid_grant'])
})

test('AZ-4 an unregistered redirect URI stays on our page', async () => {
  const { server } = world
  const page = await (await world.profile()).newPage()
  const { url } = authorizationRequest(server.url, { client: 'demo-spa', redirectUri: `${server.url}/demo/callback/` })
  const answer = await page.goto(url)
  assert.equal(answer?.status(), 400)
  assert.equal(new URL(page.url()).origin, server.url)
  assert.match(await page.textContent('main'), /B2104/)
})

test('AZ-24 without PKCE, or with plain, the app is told so', async () => {
  const { server } = world
  const page = await (await world.profile()).newPage()
  await page.route('**/demo/callback?*', (route) => route.fulfill({ body: 'the app', contentType: 'text/plain' }))
  for (const change of [
    ['code_challenge_method', 'plain'],
    ['code_challenge', ''],
    ['code_challenge_method', ''],
  ]) {
    const url = new URL(authorizationRequest(server.url, { client: 'demo-spa', redirectUri: `${server.url}/demo/callback` }).url)
    if (change[1]) url.searchParams.set(change[0], change[1])
    else url.searchParams.delete(change[0])
    await page.goto(url.href)
    await page.waitForURL(/\/demo\/callback\?/)
    const { searchParams } = new URL(page.url())
    assert.equal(searchParams.get('error'), 'invalid_request', change.join(' '))
    assert.equal(searchParams.get('iss'), server.url)
  }
})

test('A and B are one system: signed in by one, the other needs no password, and the API cannot tell them apart', async () => {
  const { server } = world
  const profile = await world.profile()
  const page = await profile.newPage()
  await signInAtDemo(page, server.user)
  const a = decode(await accessToken(page)).claims
  const redirected = await page.evaluate(() => globalThis.auth.signIn({ returnTo: '/demo?b' }))
  assert.ok(redirected.ok)
  await page.waitForURL(/\/demo\?b$/)
  await atDemo(page, 'signed-in')
  const b = decode(await accessToken(page)).claims
  assert.deepEqual(Object.keys(b).sort(), Object.keys(a).sort())
  for (const claim of ['iss', 'sub', 'aud', 'client_id', 'auth_time', 'sid']) assert.deepEqual(b[claim], a[claim], claim)
  assert.equal(await callApi(page), 200)

  const other = await world.profile()
  const second = await other.newPage()
  await signInByRedirect(second, server.user)
  assert.equal(decode(await accessToken(second)).claims.sub, a.sub)
})
