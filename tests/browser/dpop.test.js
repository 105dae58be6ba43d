/** An app on another site than the server: tokens bound to a key of this browser (RFC 9449, option `dpop` of the SDK; design §5). */

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { openApi, thumbprint } from './lib/api.js'
import { decode } from './lib/jwt.js'
import { fillSignIn } from './lib/people.js'
import { startServer } from './lib/server.js'
import { openSite } from './lib/site.js'
import { openWorld } from './lib/world.js'

/** @typedef {import('playwright-core').Page} Page */

/** @typedef {import('./lib/server.js').Server} Server */
/** @typedef {Awaited<ReturnType<typeof openSite>>} Site */

/** @type {Site} */
let far
/** @type {Site} */
let near
/** @type {Site} */
let stranger
/** @type {Awaited<ReturnType<typeof openApi>>} */
let api
before(async () => {
  far = await openSite({ host: '127.0.0.1' })
  near = await openSite({ host: 'localhost' })
  stranger = await openSite({ host: '127.0.0.1' })
  api = await openApi(() => world.server.url)
})
after(() => Promise.all([far, near, stranger, api].map((one) => one?.close())))

const world = openWorld({
  prepare: async (server) => {
    await build(server, 'far', far)
    await build(server, 'near', near)
    await new Promise((resolve) => setTimeout(resolve, 1100))
  },
})

/** An app and its registration. @param {Server} server @param {string} id @param {Site} site */
async function build(server, id, site) {
  const flags = ['--redirect-uri', `${site.origin}/callback`, '--dpop-bound', '--json']
  await server.command(['client', 'add', id, '--type', 'browser', ...flags])
  site.pages['/'] = site.pages['/callback'] = `<!doctype html><title>${id}</title><p id="status">loading</p>
    <script type="module">
      import { createAuth } from '${server.url}/sdk/brama.js'
      const apis = ['${server.url}', '${api.origin}']
      const auth = (globalThis.auth = createAuth({ issuer: '${server.url}', clientId: '${id}', apis, dpop: true }))
      auth.subscribe(({ status }) => (document.querySelector('#status').textContent = status))
      await auth.ready()
    </script>`
}

/** @param {Page} page @param {string} status */
const at = (page, status) => page.waitForFunction((wanted) => document.querySelector('#status')?.textContent === wanted, status)

/** @param {() => boolean} holds */
async function until(holds) {
  const started = Date.now()
  while (!holds()) {
    assert.ok(Date.now() - started < 15_000, 'waited in vain')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Sign in by redirect, through whatever the server asks. @param {Page} page */
async function signIn(page, site = far, { wire, user } = world.server) {
  const back = `${site.origin}/?here`
  await page.goto(site.origin)
  await at(page, 'signed-out')
  await page.evaluate(() => void globalThis.auth.signIn({ returnTo: '/?here' }))
  await page.waitForURL((url) => url.port === `${wire.port}` || url.href === back)
  if (page.url().includes('/sign-in?')) await fillSignIn(page, user)
  await page.waitForURL((url) => url.pathname === '/consent' || url.href === back)
  if (page.url().includes('/consent?')) await page.click('button[value=allow]')
  await page.waitForURL(back)
  await at(page, 'signed-in')
}

async function signedIn() {
  const profile = await world.profile()
  const page = await profile.newPage()
  await signIn(page)
  const { wire } = world.server
  wire.forget()
  api.forget()
  return { profile, page, wire }
}

/** @param {Page} page @param {string} address */
const call = (page, address) =>
  page.evaluate(
    (url) =>
      globalThis.auth.fetch(url).then(
        async (/** @type {Response} */ answer) => ({ status: answer.status, body: await answer.json() }),
        (/** @type {{ code: string }} */ { code }) => ({ status: code, body: {} }),
      ),
    address,
  )
/** @param {Page} page */
const whoAmI = async (page) => (await call(page, `${world.server.url}/userinfo`)).body.preferred_username
/** @param {Page} page */
const fresh = (page) =>
  page.evaluate(async () => {
    const { ok, token, error } = await globalThis.auth.token({ fresh: true })
    return { ok, token: token ?? '', code: error?.code ?? '' }
  })

/** What is kept for the client, and what happens to whoever tries to read the key. @param {Page} page */
const kept = (page) =>
  page.evaluate(async () => {
    const database = await new Promise((resolve, reject) => {
      const open = indexedDB.open('brama-dpop')
      open.onerror = reject
      open.onsuccess = () => resolve(open.result)
    })
    const rows = await new Promise((resolve) => {
      const all = database.transaction('rows').objectStore('rows').getAll()
      all.onsuccess = () => resolve(all.result)
    })
    database.close()
    globalThis.aside = rows[0]
    const exported = await Promise.all(
      rows.map(({ secret }) => crypto.subtle.exportKey('jwk', secret).then(JSON.stringify, (error) => error.name)),
    )
    const storages = JSON.stringify([{ ...localStorage }, { ...sessionStorage }])
    return { rows: rows.map(({ secret, ...row }) => ({ ...row, extractable: secret.extractable })), exported, storages }
  })

/**
 * A proof made in the page without the SDK: with the key of the app if the page has taken it aside, else with another one.
 *
 * @param {Page} page
 * @param {{ htm: string, htu: string, token?: string }} claims
 */
const makeProof = (page, claims) =>
  page.evaluate(async ({ htm, htu, token }) => {
    const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text)
    const base64url = (/** @type {ArrayBuffer | Uint8Array} */ data) =>
      btoa(String.fromCharCode(...new Uint8Array(data)))
        .replace(/\+/g, '-')
        .replace(/\//g, '_')
        .replace(/=/g, '')
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
    let { secret, jwk } = globalThis.aside ?? {}
    if (!secret) {
      const { privateKey, publicKey } = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify'])
      const { crv, kty, x, y } = await crypto.subtle.exportKey('jwk', publicKey)
      ;[secret, jwk] = [privateKey, { crv, kty, x, y }]
    }
    const ath = token && base64url(await crypto.subtle.digest('SHA-256', bytes(token)))
    const parts = [
      { typ: 'dpop+jwt', alg: 'ES256', jwk },
      { jti: crypto.randomUUID(), htm, htu, iat: Math.floor(Date.now() / 1000), ath },
    ]
    const signed = parts.map((part) => base64url(bytes(JSON.stringify(part)))).join('.')
    return `${signed}.${base64url(await crypto.subtle.sign(algorithm, secret, bytes(signed)))}`
  }, claims)

/** `/userinfo` as the app itself would ask it, without the SDK. @param {Page} page @param {string} token */
async function askAside(page, token) {
  const htu = `${world.server.url}/userinfo`
  const headers = { authorization: `DPoP ${token}`, dpop: await makeProof(page, { htm: 'GET', htu, token }) }
  return (await fetch(htu, { headers })).status
}

const isRefresh = (/** @type {import('node:http').IncomingMessage} */ { method, url }) => method === 'POST' && url === '/oauth2/token'

/** @param {string} name */
const tokenRequests = (name) =>
  world.server.wire.passed('POST', '/oauth2/token').filter(({ body }) => new URLSearchParams(body).get('grant_type') === name)

test('T-18 BB-7 what is not listed gets neither token nor proof, and another origin of the machine no key', async () => {
  const { page, profile } = await signedIn()
  stranger.forget()
  assert.equal((await call(page, `${stranger.origin}/`)).status, 'origin_not_allowed')
  assert.equal(stranger.visits().length, 0)
  const other = await profile.newPage()
  await other.goto(stranger.origin)
  assert.deepEqual(await other.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name)), [])
})

test('T-17 the key cannot be read, and the refresh token is worth nothing without it', async () => {
  const { page } = await signedIn()
  const { rows, exported, storages } = await kept(page)
  assert.equal(rows.length, 1)
  assert.deepEqual([rows[0].extractable, exported], [false, ['InvalidAccessError']])
  assert.ok(rows[0].refresh.length > 20)
  assert.ok(!storages.includes(rows[0].refresh))
  const { token } = await page.evaluate(() => globalThis.auth.token())
  assert.ok(!storages.includes(token))
  // A thief with a key of their own, and one without.
  await page.evaluate(() => void (globalThis.aside = undefined))
  const stolen = { grant_type: 'refresh_token', refresh_token: rows[0].refresh, client_id: 'far' }
  const proof = await makeProof(page, { htm: 'POST', htu: `${world.server.url}/oauth2/token` })
  for (const [headers, error] of /** @type {const} */ ([
    [{}, 'invalid_dpop_proof'],
    [{ dpop: proof }, 'invalid_grant'],
  ])) {
    const answer = await fetch(`${world.server.url}/oauth2/token`, { method: 'POST', headers, body: new URLSearchParams(stolen) })
    assert.deepEqual([answer.status, (await answer.json()).error], [400, error])
  }
  const plain = await fetch(`${world.server.url}/userinfo`, { headers: { authorization: `Bearer ${token}` } })
  assert.equal(plain.status, 401)
  assert.equal((await fresh(page)).ok, true)
})

test('T-17 the key is lost: signed out cleanly in all tabs, and a new sign-in works', async () => {
  const { page, profile } = await signedIn()
  const other = await profile.newPage()
  await other.goto(far.origin)
  await at(other, 'signed-in')
  await page.evaluate(() => new Promise((resolve) => (indexedDB.deleteDatabase('brama-dpop').onsuccess = resolve)))
  assert.equal((await fresh(page)).code, 'session_expired')
  for (const tab of [page, other]) await at(tab, 'signed-out')
  await signIn(page)
  assert.equal(await whoAmI(page), world.server.user.username)
})

test('design §5 from another site: code and tokens bound to one key; userinfo, and an API with a nonce of its own', async () => {
  const { server } = world
  const page = await (await world.profile()).newPage()
  server.wire.forget()
  await signIn(page)
  const { rows } = await kept(page)
  const [request] = server.wire.passed('GET', '/oauth2/authorize')
  assert.equal(request.query.get('dpop_jkt'), rows[0].jkt)
  const [exchange, ...more] = tokenRequests('authorization_code')
  assert.equal(more.length, 0)
  assert.equal(thumbprint(decode(`${exchange.headers['dpop']}`).header.jwk), rows[0].jkt)
  const { access_token: token, token_type: type, refresh_token: refresh } = JSON.parse(exchange.text)
  assert.deepEqual([type, decode(token).claims.cnf, refresh], ['DPoP', { jkt: rows[0].jkt }, rows[0].refresh])
  assert.deepEqual(exchange.cookies.filter((cookie) => cookie.includes('_rt_')), [])
  assert.equal(exchange.headers.cookie, undefined)

  assert.equal(await whoAmI(page), server.user.username)
  assert.equal((await call(page, `${server.url}/api/auth/me`)).body.preferred_username, server.user.username)
  api.forget()
  const answer = await call(page, `${api.origin}/orders?page=2#top`)
  assert.deepEqual([answer.status, answer.body.path, answer.body.sub], [200, '/orders?page=2', decode(token).claims.sub])
  assert.deepEqual(api.calls().map(({ status, why }) => [status, why]), [[401, 'use_dpop_nonce'], [200, '']])
  assert.equal((await call(page, `${api.origin}/orders`)).status, 200)
  assert.equal(api.calls().length, 3, 'the nonce serves again')

  const renewed = await fresh(page)
  assert.equal(renewed.ok, true)
  assert.notEqual(renewed.token, token)
  assert.deepEqual(decode(renewed.token).claims.cnf, { jkt: rows[0].jkt })
  assert.notEqual((await kept(page)).rows[0].refresh, refresh)
  assert.equal((await call(page, `${api.origin}/orders`)).status, 200)
})

test('BINDING-02 50 parallel calls with a nonce retry: each its own answer and token, no proof twice', async () => {
  const { page } = await signedIn()
  await call(page, `${api.origin}/first`)
  api.turn()
  api.forget()
  const { token } = await page.evaluate(() => globalThis.auth.token())
  const answers = await page.evaluate(
    (origin) =>
      Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const answer = await globalThis.auth.fetch(`${origin}/items/${index}`, { method: 'POST', body: `body ${index}` })
          return { status: answer.status, ...(await answer.json()) }
        }),
      ),
    api.origin,
  )
  const { jti } = decode(token).claims
  for (const [index, answer] of answers.entries()) {
    const { status, path, body, jti: used } = answer
    assert.deepEqual([status, path, body, used], [200, `/items/${index}`, `body ${index}`, jti])
  }
  const proofs = api.calls().map(({ proof }) => decode(`${proof}`).claims.jti)
  assert.equal(new Set(proofs).size, proofs.length)
  const refused = api.calls().filter(({ status }) => status === 401)
  assert.ok(refused.length > 0 && refused.every(({ why }) => why === 'use_dpop_nonce'))
  assert.equal(api.calls().length, 50 + refused.length)
})

test('a reload and another tab keep the session, with the same key', async () => {
  const { page, profile, wire } = await signedIn()
  const before = (await kept(page)).rows[0]
  await page.reload()
  await at(page, 'signed-in')
  assert.equal(await whoAmI(page), world.server.user.username)
  assert.equal(wire.passed('POST', '/oauth2/token').length, 1)
  const after = (await kept(page)).rows[0]
  assert.equal(after.jkt, before.jkt)
  assert.notEqual(after.refresh, before.refresh)
  const other = await profile.newPage()
  await other.goto(far.origin)
  await at(other, 'signed-in')
  assert.equal(await whoAmI(other), world.server.user.username)
  assert.equal(wire.passed('POST', '/oauth2/token').length, 1, 'the token came from the first tab')
})

test('T-01 T-12 8 tabs at once: one refresh', async () => {
  const { page, profile, wire } = await signedIn()
  const tabs = [page]
  while (tabs.length < 8) {
    const tab = await profile.newPage()
    await tab.goto(far.origin)
    await at(tab, 'signed-in')
    tabs.push(tab)
  }
  const { token: old } = await page.evaluate(() => globalThis.auth.token())
  wire.treat(({ headers }) => (headers.authorization === `DPoP ${old}` ? { headers: { authorization: 'DPoP dead' } } : undefined))
  wire.forget()
  const names = await Promise.all(tabs.map(whoAmI))
  assert.deepEqual(new Set(names), new Set([world.server.user.username]))
  assert.equal(wire.passed('POST', '/oauth2/token').length, 1)
  wire.treat()
  // All gone, then all restored at once.
  for (const tab of tabs) await tab.goto('about:blank')
  wire.forget()
  await Promise.all(tabs.map((tab) => tab.goto(far.origin)))
  await Promise.all(tabs.map((tab) => at(tab, 'signed-in')))
  assert.equal(wire.passed('POST', '/oauth2/token').length, 1)
})

test('T-04 the answer to a refresh is lost: an error that may be retried, the same token again, still signed in', async () => {
  const { page, wire } = await signedIn()
  wire.treat((request) => (isRefresh(request) ? { lose: true } : undefined))
  assert.equal((await fresh(page)).code, 'network')
  await at(page, 'signed-in')
  wire.treat()
  assert.equal((await fresh(page)).ok, true)
  const sent = tokenRequests('refresh_token').map(({ body }) => new URLSearchParams(body).get('refresh_token'))
  assert.equal(new Set(sent).size, 1)
  assert.ok(sent.length >= 2)
  assert.equal(await whoAmI(page), world.server.user.username)
})

test('T-03 a reload during a refresh: still signed in, and both got the same successor', async () => {
  const { page, wire } = await signedIn()
  let release = () => {}
  const held = new Promise((resolve) => (release = () => resolve(undefined)))
  let first = true
  wire.treat((request) => {
    if (!isRefresh(request) || !first) return undefined
    first = false
    return { after: held, lose: true }
  })
  await page.evaluate(() => void globalThis.auth.token({ fresh: true }))
  await until(() => tokenRequests('refresh_token')[0]?.status === 200)
  await page.reload()
  release()
  await at(page, 'signed-in')
  assert.equal(await whoAmI(page), world.server.user.username)
  const given = tokenRequests('refresh_token').map(({ text }) => JSON.parse(text).refresh_token)
  assert.deepEqual(given, [given[0], given[0]])
})

test('T-15 A8 a sign-out revokes at the server, deletes key and tokens, and reaches every tab', async () => {
  const { page, profile, wire } = await signedIn()
  const other = await profile.newPage()
  await other.goto(far.origin)
  await at(other, 'signed-in')
  const { token } = await page.evaluate(() => globalThis.auth.token())
  const { refresh } = (await kept(page)).rows[0]
  assert.equal(await askAside(page, token), 200)
  assert.equal((await page.evaluate(() => globalThis.auth.signOut())).ok, true)
  for (const tab of [page, other]) await at(tab, 'signed-out')
  const [revocation, ...more] = wire.passed('POST', '/oauth2/revoke')
  assert.deepEqual([revocation.status, new URLSearchParams(revocation.body).get('token'), more.length], [200, refresh, 0])
  assert.equal(await askAside(page, token), 401, 'the access token is dead too, even with its key')
  assert.deepEqual((await kept(page)).rows, [])
  await page.reload()
  await at(page, 'signed-out')
  assert.equal(wire.passed('POST', '/oauth2/token').length, 0)
  assert.equal((await call(page, `${api.origin}/orders`)).status, 'signed_out')
})

for (const hours of [-2, 2]) {
  test(`T-07 a device clock that is ${hours} h wrong: signed in, refreshed, and the API answers`, async () => {
    const profile = await world.profile()
    await profile.addInitScript((offset) => {
      const now = Date.now.bind(Date)
      Date.now = () => now() + offset
    }, hours * 3_600_000)
    const page = await profile.newPage()
    await signIn(page)
    assert.equal(await whoAmI(page), world.server.user.username)
    assert.equal((await fresh(page)).ok, true)
    assert.equal((await call(page, `${api.origin}/orders`)).status, 200)
    await page.reload()
    await at(page, 'signed-in')
    assert.equal(await whoAmI(page), world.server.user.username)
  })
}

test('T-05 the part that proves cannot be loaded, and then it can: not signed out, and signed in again', async () => {
  const { page } = await signedIn()
  await page.route('**/sdk/dpop/**', (route) => route.abort())
  await page.reload()
  await page.waitForFunction(() => globalThis.auth?.state.error?.code === 'network')
  await at(page, 'loading')
  await page.unroute('**/sdk/dpop/**')
  await page.evaluate(() => globalThis.auth.ready())
  await at(page, 'signed-in')
  assert.equal(await whoAmI(page), world.server.user.username)
})

test('RFC 9449 §8 a server that demands nonces is asked for the first one only, and then the clock does not matter', async () => {
  const strict = await startServer([], undefined, { BRAMA_TOKENS__DPOP_NONCE: 'required' })
  const site = await openSite({ host: '127.0.0.1' })
  try {
    await build(strict, 'strict', site)
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const profile = await world.profile()
    await profile.addInitScript(() => {
      const now = Date.now.bind(Date)
      Date.now = () => now() - 7_200_000
    })
    const page = await profile.newPage()
    await signIn(page, site, strict)
    assert.equal((await fresh(page)).ok, true)
    const sent = strict.wire.passed('POST', '/oauth2/token').map(({ status, headers }) => [status, decode(`${headers['dpop']}`).claims])
    assert.deepEqual(sent.map(([status]) => status), [400, 200, 200])
    assert.deepEqual(sent.map(([, { nonce }]) => nonce !== undefined), [false, true, true])
    assert.equal(new Set(sent.map(([, { jti }]) => jti)).size, 3)
    assert.equal((await call(page, `${strict.url}/userinfo`)).body.preferred_username, strict.user.username)
  } finally {
    await site.close()
    await strict.stop()
  }
})

test('T-11 without IndexedDB: signed in for as long as the page is open, without an exception', async () => {
  const profile = await world.profile()
  await profile.addInitScript(() => Object.defineProperty(globalThis, 'indexedDB', { get: () => undefined }))
  const page = await profile.newPage()
  /** @type {string[]} */
  const trouble = []
  page.on('pageerror', ({ message }) => trouble.push(message))
  await signIn(page)
  assert.equal(await whoAmI(page), world.server.user.username)
  assert.equal((await fresh(page)).ok, true)
  assert.equal(await page.evaluate(() => globalThis.auth.state.storage), 'memory')
  await page.reload()
  await at(page, 'signed-out')
  assert.deepEqual(trouble, [])
})

test('the page of the guide works as it stands there', async () => {
  const { server } = world
  const guide = await readFile(new URL('../../docs/how-to/single-page-app.md', import.meta.url), 'utf8')
  const [, section = ''] = guide.split('\n## With the SDK\n')
  const [, code = ''] = /```html\n([^]*?)```/.exec(section) ?? []
  const site = await openSite({ host: '127.0.0.1' })
  try {
    await build(server, 'notes-spa', site)
    site.pages['/'] = site.pages['/callback'] = code
      .replaceAll('http://localhost:8420', server.url)
      .replaceAll('http://127.0.0.1:3000', api.origin)
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const page = await (await world.profile()).newPage()
    const who = (/** @type {string} */ text) =>
      page.waitForFunction((wanted) => document.querySelector('#who')?.textContent === wanted, text)
    await page.goto(site.origin)
    await who('signed-out ')
    await page.click('#sign-in')
    await page.waitForURL(/\/sign-in\?/)
    await fillSignIn(page, server.user)
    await page.waitForURL(/\/consent\?/)
    await page.click('button[value=allow]')
    await who(`signed-in ${server.user.username}`)
    await page.click('#call')
    await page.waitForFunction(() => document.querySelector('#answer')?.textContent?.includes('"path":"/hello"'))
    await page.click('#sign-out')
    await who('signed-out ')
  } finally {
    await site.close()
  }
})

test('on the server’s own site the same app has its refresh token in a cookie, bound to the key', async () => {
  const { wire } = world.server
  const page = await (await world.profile()).newPage()
  wire.forget()
  await signIn(page, near)
  const [exchange] = tokenRequests('authorization_code')
  const body = JSON.parse(exchange.text)
  assert.ok(!('refresh_token' in body))
  assert.deepEqual([body.token_type, exchange.cookies.some((cookie) => cookie.startsWith('__Host-brama_rt_near='))], ['DPoP', true])
  await page.reload()
  await at(page, 'signed-in')
  const [refresh] = wire.passed('POST', '/api/auth/refresh').filter(({ status }) => status === 200)
  assert.ok(refresh.headers['dpop'])
  assert.equal(await whoAmI(page), world.server.user.username)
  assert.equal((await page.evaluate(() => globalThis.auth.signOut())).ok, true)
  await page.reload()
  await at(page, 'signed-out')
})
