/** Scheme A, the app's own form: promises A1 to A8 of the design, through the demo app. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, isSigned } from './lib/jwt.js'
import { accessToken, atDemo, callApi, refreshCookie, signInAtDemo } from './lib/people.js'
import { ask } from './lib/plain.js'
import { openWorld } from './lib/world.js'

const world = openWorld()

test('A4 A2 sign-in answers a bearer token and sets the refresh cookie, out of reach of scripts', async () => {
  const { server } = world
  const profile = await world.profile()
  const page = await profile.newPage()
  server.wire.forget()
  await signInAtDemo(page, server.user)

  const [login] = server.wire.passed('POST', '/api/auth/login')
  assert.equal(login.status, 200)
  const body = JSON.parse(login.text)
  assert.deepEqual([body.token_type, body.expires_in], ['Bearer', 900])
  assert.ok(!('refresh_token' in body), login.text)
  assert.match(login.answered['cache-control'] ?? '', /no-store/)

  const set = login.cookies.filter((cookie) => cookie.startsWith('__Host-brama_rt_demo-spa='))
  assert.equal(set.length, 1)
  for (const attribute of [
    /; *HttpOnly/i,
    /; *Secure/i,
    /; *SameSite=Strict/i,
    /; *Path=\/(;|$)/i,
    /; *Max-Age=(6047\d\d|604800)/i,
  ])
    assert.match(set[0], attribute)
  assert.doesNotMatch(set[0], /domain=/i)
  assert.equal(await page.evaluate(() => document.cookie), '')
  const kept = await refreshCookie(profile)
  assert.ok(kept?.httpOnly && kept.secure && kept.sameSite === 'Strict')
})

test('A1 the access token is a signed JWT of RFC 9068 for 15 minutes, and the API takes it', async () => {
  const { server } = world
  const page = await (await world.profile()).newPage()
  await signInAtDemo(page, server.user)
  const token = await accessToken(page)
  const { header, claims } = decode(token)
  assert.deepEqual([header.typ, header.alg], ['at+jwt', 'ES256'])
  assert.ok(await isSigned(token, server.url))
  assert.deepEqual([claims.iss, claims.client_id], [server.url, 'demo-spa'])
  assert.ok([claims.aud].flat().includes(`${server.url}/api`))
  assert.equal(claims.exp - claims.iat, 900)
  for (const name of ['sub', 'jti', 'scope', 'auth_time']) assert.ok(claims[name], name)

  await page.getByTestId('call-api').click()
  await page.waitForFunction(() => document.querySelector('[data-testid=result]')?.textContent?.startsWith('200 '))
})

test('A3 the access token is in memory: no storage and no part of the page holds it', async () => {
  const { server } = world
  const page = await (await world.profile()).newPage()
  await signInAtDemo(page, server.user)
  await page.getByTestId('call-api').click()
  await page.waitForFunction(() => document.querySelector('[data-testid=result]')?.textContent?.startsWith('200 '))
  const everything = await page.evaluate(async () => {
    const stores = [
      JSON.stringify({ ...localStorage }),
      JSON.stringify({ ...sessionStorage }),
      document.cookie,
      document.documentElement.outerHTML,
    ]
    for (const { name = '' } of await indexedDB.databases()) {
      const db = await new Promise((resolve) => (indexedDB.open(name).onsuccess = ({ target }) => resolve(target.result)))
      for (const store of db.objectStoreNames) {
        const all = db.transaction(store).objectStore(store).getAll()
        stores.push(JSON.stringify(await new Promise((resolve) => (all.onsuccess = () => resolve(all.result)))))
      }
      db.close()
    }
    for (const name of await caches.keys()) stores.push(name)
    return stores.join('\n')
  })
  const token = await accessToken(page)
  for (const part of token.split('.')) assert.ok(!everything.includes(part), `${part} is kept somewhere`)
  assert.equal(await page.evaluate(() => globalThis.auth.state.storage), 'memory')
})

test('A5 a missing, bad or foreign token is 401 with a challenge that says which', async () => {
  const { server } = world
  const page = await (await world.profile()).newPage()
  await signInAtDemo(page, server.user)
  const token = await accessToken(page)
  const api = `${server.url}/api/protected-resource`
  /** @param {string} [value] */
  const call = async (value) => {
    const answer = await fetch(api, { headers: value ? { authorization: value } : {} })
    return { status: answer.status, challenge: answer.headers.get('www-authenticate') ?? '' }
  }
  assert.equal((await call(`Bearer ${token}`)).status, 200)
  assert.equal((await call(`bEaReR ${token}`)).status, 200)
  const missing = await call()
  assert.equal(missing.status, 401)
  assert.match(missing.challenge, /^Bearer/)
  assert.doesNotMatch(missing.challenge, /error=/)
  const [header, claims, signature] = token.split('.')
  const flipped = signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))
  for (const bad of [`Bearer ${header}.${claims}.${flipped}`, `Bearer ${header}.${claims}.`, 'Bearer x']) {
    const { status, challenge } = await call(bad)
    assert.equal(status, 401, bad)
    assert.match(challenge, /^Bearer .*error="invalid_token"/, bad)
  }
  assert.equal((await fetch(`${api}?access_token=${token}`)).status, 401)
})

test('A6 GET gives a new token and changes nothing; POST rotates', async () => {
  const { server } = world
  const profile = await world.profile()
  const page = await profile.newPage()
  await signInAtDemo(page, server.user)
  const ask = (/** @type {string} */ method) =>
    page.evaluate(async (method) => {
      const answer = await fetch('/api/auth/refresh', { method })
      return { status: answer.status, ...(await answer.json()) }
    }, method)
  const before = await refreshCookie(profile)
  const first = await accessToken(page)
  for (let times = 0; times < 3; times++) {
    const got = await ask('GET')
    assert.equal(got.status, 200)
    assert.notEqual(got.access_token, first)
    assert.ok(!('refresh_token' in got))
  }
  assert.deepEqual(await refreshCookie(profile), before)
  const rotated = await ask('POST')
  assert.equal(rotated.status, 200)
  assert.ok(!('refresh_token' in rotated))
  assert.notEqual((await refreshCookie(profile))?.value, before?.value)
  assert.equal(await callApi(page), 200)
})

test('A7 a 401 leads to one refresh and one repetition, and the user notices nothing', async () => {
  const { server } = world
  const page = await (await world.profile()).newPage()
  await signInAtDemo(page, server.user)
  const dead = await accessToken(page)
  server.wire.treat(({ headers }) =>
    headers.authorization === `Bearer ${dead}` ? { headers: { authorization: 'Bearer dead' } } : undefined,
  )
  server.wire.forget()
  await page.getByTestId('call-api').click()
  await page.waitForFunction(() => document.querySelector('[data-testid=result]')?.textContent?.startsWith('200 '))
  assert.deepEqual(
    server.wire.passed('GET', '/api/protected-resource').map(({ status }) => status),
    [401, 200],
  )
  assert.equal(server.wire.passed('POST', '/api/auth/refresh').length, 1)
  await atDemo(page, 'signed-in')
})

test('A8 sign-out ends every tab within 300 ms and the session on the server', async () => {
  const { server } = world
  const profile = await world.profile()
  const [one, two] = [await profile.newPage(), await profile.newPage()]
  await signInAtDemo(one, server.user)
  await two.goto('/demo')
  await atDemo(two, 'signed-in')
  const before = await profile.cookies()

  for (const page of [one, two]) {
    await page.evaluate(() => {
      globalThis.out = new Promise((resolve) =>
        globalThis.auth.subscribe(({ status }) => status === 'signed-out' && resolve(Date.now())),
      )
    })
  }
  const pressed = await one.evaluate(() => {
    document.querySelector('[data-testid=sign-out]')?.click()
    return Date.now()
  })
  for (const page of [one, two]) {
    const took = (await page.evaluate(() => globalThis.out)) - pressed
    assert.ok(took < 300, `${took} ms`)
    await atDemo(page, 'signed-out')
  }
  while (server.wire.passed('POST', '/api/auth/logout').at(-1)?.status === undefined)
    await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(server.wire.passed('POST', '/api/auth/logout').at(-1)?.status, 204)
  assert.equal(await refreshCookie(profile), undefined)

  // Whoever kept a copy of the cookies has nothing.
  const cookie = before.map(({ name, value }) => `${name}=${value}`).join('; ')
  for (const method of ['GET', 'POST']) {
    const answer = await ask(`${server.url}/api/auth/refresh`, {
      method,
      headers: { cookie, 'content-type': 'application/json' },
    })
    assert.equal(answer.status, 401)
    assert.equal(JSON.parse(answer.text).error, 'login_required')
    assert.ok(!answer.cookies.some((line) => /brama_rt_[^=]*=[^;]/.test(line)))
  }
  const again = await one.evaluate(async () => (await fetch('/api/auth/logout', { method: 'POST' })).status)
  assert.equal(again, 204)
})

test('A4 a wrong password says so, keeps the typed name and signs nobody in', async () => {
  const { server } = world
  const profile = await world.profile()
  const page = await profile.newPage()
  await page.goto('/demo')
  await atDemo(page, 'signed-out')
  await page.fill('[name=username]', server.user.username)
  await page.fill('[name=password]', 'not the password at all')
  await page.getByTestId('sign-in-password').click()
  await page.waitForSelector('#form-error:not([hidden])')
  assert.equal(await page.inputValue('[name=username]'), server.user.username)
  const refused = server.wire.passed('POST', '/api/auth/login').at(-1)
  assert.equal(refused?.status, 401)
  assert.equal(JSON.parse(refused?.text ?? '{}').error, 'invalid_credentials')
  assert.equal(await refreshCookie(profile), undefined)
})
