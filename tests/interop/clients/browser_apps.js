/** Apps that live in the browser: oidc-client-ts in the app of the guide, and DPoP as @auth0/auth0-spa-js does it. */

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { authorizationRequest } from '../../browser/lib/pkce.js'
import { walkTo } from '../lib/person.js'
import { freePort, start } from '../lib/programs.js'
import { openSite } from '../lib/site.js'
import { npmVersion, walker } from '../lib/walked.js'
import { PROGRAM, prepared, register, registered, world } from '../lib/world.js'

const file = (/** @type {string} */ path) => new URL(`../${path}`, import.meta.url)
const modules = Object.fromEntries(
  ['oidc-client-ts/dist/esm/oidc-client-ts.js', 'jwt-decode/build/esm/index.js', 'dpop/build/index.js'].map((path) => [
    `/node_modules/${path}`,
    file(`node_modules/${path}`),
  ]),
)

/** The guide's app is at an address of its own, on another site than the server. */
const spa = prepared(async () => {
  const guide = file('guides/single-page-app/')
  const page = new URL('index.html', guide)
  const script = (await readFile(new URL('app.js', guide), 'utf8')).replace('http://localhost:8420', world.server.url)
  const app = () => ({ body: script, headers: { 'content-type': 'text/javascript' } })
  return openSite({ pages: { ...modules, '/': page, '/callback': page, '/app.js': app } })
})
registered('single-page-app', () => ({ APP: spa().origin }))
const hand = prepared(() => {
  const [page, script] = [file('pages/dpop.html'), file('pages/dpop.js')]
  return openSite({ pages: { ...modules, '/': page, '/callback': page, '/dpop.js': script } })
})
register('hand-dpop', 'browser', () => ({ 'redirect-uri': `${hand().origin}/callback`, 'dpop-bound': true }))
after(() => Promise.all([spa, hand].map((site) => site().close())))

/** An API behind the guard crate, which the app's own server leads to at `/api`. @param {() => Awaited<ReturnType<typeof openSite>>} site */
function openApi(site) {
  /** @type {ReturnType<typeof start>} */
  let api
  before(async () => {
    const address = `127.0.0.1:${await freePort()}`
    const { url } = world.server
    api = start(`${dirname(PROGRAM)}/examples/api`, [url, `${url}/api`, address, `${site().origin}/api`])
    await api.until(() => fetch(`http://${address}/hello`).catch(() => undefined))
    site().pages['/api/hello'] = async ({ headers: { host, ...headers } }) => {
      const answer = await fetch(`http://${address}/hello`, { headers: /** @type {Record<string, string>} */ (headers) })
      return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() }
    }
  })
  after(() => api?.stop())
}

describe('single-page app', () => {
  openApi(spa)
  test('oidc-client-ts: DPoP with a key in IndexedDB, refresh, API, sign out', async () => {
    const did = walker('oidc-client-ts', npmVersion('oidc-client-ts'))
    const { user } = world.server
    const page = await (await world.profile()).newPage()
    const who = (/** @type {string} */ text) => page.waitForFunction((wanted) => document.getElementById('who')?.textContent === wanted, text)
    const answer = (/** @type {RegExp} */ wanted) =>
      page.waitForFunction((source) => new RegExp(source).test(document.getElementById('answer')?.textContent ?? ''), wanted.source)
    await page.goto(spa().origin)
    await who('signed out')
    const asked = page.waitForRequest(/\/oauth2\/authorize\?/)
    await page.click('#sign-in')
    assert.ok(new URL((await asked).url()).searchParams.get('dpop_jkt'), 'the code is bound to the key')
    await page.waitForURL(/\/sign-in\?/)
    await walkTo(page, page.url(), { user, app: spa().origin })
    await who(`signed in as ${user.username}`)
    did('discovery', 'code', 'idToken', 'none', 'dpop', 'dpopNonce', 'userinfo')

    await page.click('#call')
    await answer(/^hello /)
    did('guard')
    const refreshed = page.waitForResponse((response) => response.url().endsWith('/oauth2/token') && response.ok())
    await page.click('#refresh')
    assert.match((await refreshed).request().postData() ?? '', /grant_type=refresh_token/)
    await answer(/^token until/)
    await page.reload()
    await who(`signed in as ${user.username}`)
    did('refresh')

    await page.click('#sign-out')
    await page.waitForURL(`${spa().origin}/**`)
    await who('signed out')
    await page.goto('/account')
    assert.equal(new URL(page.url()).pathname, '/sign-in')
    did('logout')
  })
})

describe('DPoP in a page', () => {
  openApi(hand)
  test('the key stays in IndexedDB; code, tokens, refresh and API only with it', async () => {
    const did = walker('DPoP in a page, dpop', npmVersion('dpop'))
    const { user, url: server } = world.server
    const page = await (await world.profile()).newPage()
    const act = ([name, values]) => globalThis.app[name](...values)
    const app = (/** @type {string} */ name, /** @type {unknown[]} */ ...values) => page.evaluate(act, [name, values])
    const ready = () => page.waitForFunction(() => 'app' in globalThis)
    await page.goto(hand().origin)
    await ready()
    const thumbprint = await app('thumbprint')
    assert.equal(await app('extractable'), false)

    const redirectUri = `${hand().origin}/callback`
    const request = authorizationRequest(server, { client: 'hand-dpop', redirectUri, extra: { dpop_jkt: thumbprint } })
    const back = await walkTo(page, request.url, { user, app: redirectUri })
    await ready()
    assert.equal(await app('thumbprint'), thumbprint, 'the key is still there after the way to the server and back')
    const form = { grant_type: 'authorization_code', client_id: 'hand-dpop', redirect_uri: redirectUri }
    const tokens = await app('tokens', `${server}/oauth2/token`, {
      ...{ ...form, code: back.searchParams.get('code'), code_verifier: request.verifier },
    })
    assert.equal(tokens.status, 200, JSON.stringify(tokens))
    assert.equal(tokens.token_type, 'DPoP')
    assert.equal(tokens.retried, true, 'the server wanted its nonce')
    assert.equal(JSON.parse(atob(tokens.access_token.split('.')[1])).cnf.jkt, thumbprint)
    did('code', 'none', 'dpop', 'dpopNonce')

    assert.equal((await app('call', `${server}/userinfo`, tokens.access_token)).status, 200)
    did('userinfo')
    assert.equal((await app('call', `${hand().origin}/api/hello`, tokens.access_token)).status, 200)
    const stolen = await app('callWithAnotherKey', `${hand().origin}/api/hello`, tokens.access_token)
    assert.equal(stolen.status, 401)
    const bearer = await fetch(`${hand().origin}/api/hello`, { headers: { authorization: `Bearer ${tokens.access_token}` } })
    assert.equal(bearer.status, 401)
    did('guard')

    await page.reload()
    await ready()
    const fresh = await app('tokens', `${server}/oauth2/token`, {
      ...{ grant_type: 'refresh_token', client_id: 'hand-dpop', refresh_token: tokens.refresh_token },
    })
    assert.equal(fresh.status, 200, JSON.stringify(fresh))
    assert.equal((await app('call', `${server}/userinfo`, fresh.access_token)).status, 200)
    did('refresh')
  })
})
