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
const machine = register('oc-machine', 'service', () => ({ scope: 'orders:read' }))
const api = prepared(async (server) =>
  JSON.parse(await server.command(['client', 'add', 'oc-api', '--type', 'service', '--serves', `${server.url}/api`, '--json'])),
)
const initialToken = prepared(async (server) => JSON.parse(await server.command(['registration', 'token', 'add', '--json'])))
const ours = register('oc-ours', 'web', () => ({ ...addresses(), 'first-party': true }))
const bound = register('oc-dpop', 'web', () => ({ ...addresses(), 'dpop-bound': true, 'require-par': true }))

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
 * @param {object} [how]
 * @param {Record<string, string>} [how.parameters] more of them, or others
 * @param {boolean} [how.par] pushed
 * @param {client.DPoPHandle} [how.dpop]
 * @param {boolean} [how.script] whether pages may run scripts
 * @param {import('playwright-core').Page} [how.page] where somebody may be signed in already
 */
async function signIn(config, { parameters = {}, par = false, dpop, script = true, page } = {}) {
  const [verifier, state, nonce] = [client.randomPKCECodeVerifier(), client.randomState(), client.randomNonce()]
  const asked = {
    ...{ redirect_uri: `${app().origin}/callback`, scope: SCOPE, state, nonce, prompt: 'consent' },
    ...{ code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...parameters },
  }
  const url = par
    ? await client.buildAuthorizationUrlWithPAR(config, asked, { DPoP: dpop })
    : client.buildAuthorizationUrl(config, asked)
  page ??= await (await world.profile({ javaScriptEnabled: script })).newPage()
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

  test('prompt=none: signed in at the server already, nobody is asked', async () => {
    const config = await discover(ours())
    const { page } = await signIn(config)
    const silent = await signIn(config, { parameters: { prompt: 'none' }, page })
    assert.ok(silent.tokens.id_token)
    const stranger = signIn(config, { parameters: { prompt: 'none' } })
    await assert.rejects(stranger, { error: 'login_required' })
    did('silent')
  })

  test('pushed request, DPoP with the nonce of the server', async () => {
    const config = await discover(bound())
    const dpop = client.getDPoPHandle(config, await client.randomDPoPKeyPair())
    const { tokens, claims } = await signIn(config, { par: true, dpop })
    assert.equal(tokens.token_type, 'dpop')
    const fresh = await client.refreshTokenGrant(config, tokens.refresh_token ?? '', undefined, { DPoP: dpop })
    await client.fetchUserInfo(config, fresh.access_token, claims.sub, { DPoP: dpop })
    await assert.rejects(client.fetchUserInfo(config, fresh.access_token, claims.sub), { status: 401 })
    await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token ?? ''), { error: 'invalid_dpop_proof' })
    await assert.rejects(signIn(config, { dpop }), { error: 'invalid_request' })
    did('par', 'dpop', 'dpopNonce')
  })

  for (const script of [true, false]) {
    test(`form_post ${script ? 'with' : 'without'} JavaScript, userinfo, sign out`, async () => {
      const config = await discover(native())
      const { page, tokens } = await signIn(config, { parameters: { response_mode: 'form_post' }, script })
      await signOut(config, page, tokens.id_token)
      did('formPost', ...(script ? [] : /** @type {const} */ (['noScript'])))
    })
  }

  test('an API asks about tokens; the app revokes them', async () => {
    const config = await discover(web())
    const asking = await discover(api())
    const { tokens } = await signIn(config)
    const ask = (/** @type {string} */ token) => client.tokenIntrospection(asking, token)
    const seen = await ask(tokens.access_token)
    assert.equal(seen.active, true)
    assert.equal(seen.client_id, 'oc-web')
    assert.equal((await ask(tokens.refresh_token ?? '')).active, false, 'a refresh token is its own client\'s business')
    did('introspection')
    await client.tokenRevocation(config, tokens.access_token)
    assert.deepEqual(await ask(tokens.access_token), { active: false })
    await client.tokenRevocation(config, tokens.refresh_token ?? '')
    await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token ?? ''), { error: 'invalid_grant' })
    did('revocation')
  })

  test('client credentials', async () => {
    const config = await discover(machine())
    const tokens = await client.clientCredentialsGrant(config, { scope: 'orders:read' })
    assert.equal(tokens.scope, 'orders:read')
    assert.equal(tokens.refresh_token, undefined)
    did('clientCredentials')
  })

  test('an app registers itself, and signs somebody in', async () => {
    const redirects = { redirect_uris: [`${app().origin}/callback`], post_logout_redirect_uris: [`${app().origin}/bye`] }
    const config = await client.dynamicClientRegistration(
      new URL(world.server.url),
      { ...redirects, client_name: 'Self-made', application_type: 'native', token_endpoint_auth_method: 'none' },
      client.None(),
      { initialAccessToken: initialToken().initial_access_token, execute: [client.allowInsecureRequests] },
    )
    const { page, tokens } = await signIn(config, { parameters: { scope: 'openid profile' } })
    await signOut(config, page, tokens.id_token)
    did('registration')
  })

  test('the wrong secret is invalid_client, and says nothing else', async () => {
    const config = await discover(web(), client.ClientSecretBasic('wrong'))
    await assert.rejects(client.refreshTokenGrant(config, 'nonsense'), (/** @type {any} */ error) => {
      return error.status === 401 || error.cause?.error === 'invalid_client'
    })
  })
})
