/** openid-client for Node.js, certified by the OpenID Foundation. */

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import * as client from 'openid-client'
import { walkTo } from '../lib/person.js'
import { openSite } from '../lib/site.js'
import { npmVersion, walker } from '../lib/walked.js'
import { prepared, register, world } from '../lib/world.js'

const did = walker('openid-client', npmVersion('openid-client'))
const SCOPE = 'openid profile email offline_access'

const app = prepared(() => openSite())
after(() => app().close())

const addresses = () => ({
  'redirect-uri': `${app().origin}/callback`,
  'post-logout-redirect-uri': `${app().origin}/bye`,
  scope: SCOPE.split(' '),
})
const web = register('oc-web', 'web', addresses)
const native = register('oc-native', 'native', addresses)

/**
 * @param {ReturnType<typeof web>} registered
 * @param {client.ClientAuth} [how]
 */
async function discover({ client_id: id, client_secret: secret }, how = secret ? client.ClientSecretBasic(secret) : client.None()) {
  const config = await client.discovery(new URL(world.server.url), id, undefined, how, {
    execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
  })
  assert.equal(config.serverMetadata().issuer, world.server.url)
  return config
}

/**
 * Authorization request, browser, code, tokens, userinfo.
 *
 * @param {client.Configuration} config
 * @param {{ parameters?: Record<string, string>, par?: boolean, dpop?: client.DPoPHandle, script?: boolean }} [how]
 */
async function signIn(config, { parameters = {}, par = false, dpop, script = true } = {}) {
  const [verifier, state, nonce] = [client.randomPKCECodeVerifier(), client.randomState(), client.randomNonce()]
  const asked = {
    ...{ redirect_uri: `${app().origin}/callback`, scope: SCOPE, state, nonce, prompt: 'consent' },
    ...{ code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...parameters },
  }
  const url = par
    ? await client.buildAuthorizationUrlWithPAR(config, asked, { DPoP: dpop })
    : client.buildAuthorizationUrl(config, asked)
  const page = await (await world.profile({ javaScriptEnabled: script })).newPage()
  const back = await walkTo(page, url, { user: world.server.user, app: `${app().origin}/callback` })
  /** @type {URL | Request} */
  let answer = back
  if (parameters.response_mode === 'form_post') {
    const { body, method } = app().visits('/callback').at(-1) ?? assert.fail('nobody came back')
    assert.equal(method, 'POST')
    assert.equal(back.search, '', 'nothing of the answer is in the address')
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    answer = new Request(back, { method, headers, body })
  }
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
  const tokens = await client.authorizationCodeGrant(config, answer, checks, undefined, { DPoP: dpop })
  const claims = tokens.claims() ?? assert.fail('no ID token')
  const me = await client.fetchUserInfo(config, tokens.access_token, claims.sub, { DPoP: dpop })
  assert.equal(me.preferred_username, world.server.user.username)
  return { page, tokens, claims }
}

/**
 * @param {client.Configuration} config
 * @param {import('playwright-core').Page} page
 * @param {string | undefined} idToken
 */
async function signOut(config, page, idToken) {
  const end = client.buildEndSessionUrl(config, {
    ...{ post_logout_redirect_uri: `${app().origin}/bye`, id_token_hint: idToken ?? '', state: 'bye' },
  })
  const back = await walkTo(page, end, { user: world.server.user, app: `${app().origin}/bye` })
  assert.equal(back.searchParams.get('state'), 'bye')
  await page.goto('/account')
  assert.equal(new URL(page.url()).pathname, '/sign-in')
}

describe('openid-client', () => {
  for (const [name, registered, how] of /** @type {const} */ ([
    ['basic', web, client.ClientSecretBasic],
    ['post', web, client.ClientSecretPost],
    ['none', native, client.None],
  ])) {
    test(`${name}: sign in, userinfo, refresh, sign out`, async () => {
      const config = await discover(registered(), how(registered().client_secret))
      const { page, tokens, claims } = await signIn(config)
      assert.equal(claims.aud, registered().client_id)
      const fresh = await client.refreshTokenGrant(config, tokens.refresh_token ?? '')
      assert.notEqual(fresh.access_token, tokens.access_token)
      await client.fetchUserInfo(config, fresh.access_token, claims.sub)
      await signOut(config, page, tokens.id_token)
      did('discovery', 'code', 'iss', 'idToken', 'userinfo', 'refresh', 'logout', name)
    })
  }

  test('without JavaScript', async () => {
    const config = await discover(native())
    const { page, tokens } = await signIn(config, { script: false })
    await signOut(config, page, tokens.id_token)
    did('noScript')
  })
})
