/** A client that we did not write: openid-client, certified by the OpenID Foundation. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as client from 'openid-client'
import { fillSignIn } from './lib/people.js'
import { openSite } from './lib/site.js'
import { openWorld } from './lib/world.js'

/** @type {Awaited<ReturnType<typeof openSite>>} */
let app
before(async () => void (app = await openSite()))
after(() => app?.close())

/** @type {Record<string, string | undefined>} */
const secrets = {}
const world = openWorld({
  prepare: async (server) => {
    for (const type of ['web', 'native']) {
      const settings = {
        'redirect-uri': `${app.origin}/callback`,
        'post-logout-redirect-uri': `${app.origin}/bye`,
        scope: 'openid profile email offline_access',
      }
      secrets[type] = (await server.addClient(`app-${type}`, type, settings)).client_secret
    }
  },
})

for (const [type, authentication] of /** @type {const} */ ([
  ['web', 'client_secret_basic'],
  ['web', 'client_secret_post'],
  ['native', 'none'],
])) {
  test(`${type} client, ${authentication}: discovery, sign-in, ID token, userinfo, refresh, sign-out`, async () => {
    const { server } = world
    const secret = secrets[type]
    assert.equal(secret !== undefined, type === 'web', 'a confidential client has a secret, a public one has none')
    const how = {
      client_secret_basic: () => client.ClientSecretBasic(secret),
      client_secret_post: () => client.ClientSecretPost(secret),
      none: () => client.None(),
    }[authentication]()
    const config = await client.discovery(new URL(server.url), `app-${type}`, undefined, how, {
      execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
    })
    const metadata = config.serverMetadata()
    assert.equal(metadata.issuer, server.url)
    assert.deepEqual(metadata.code_challenge_methods_supported, ['S256'])
    assert.equal(metadata.authorization_response_iss_parameter_supported, true)

    const verifier = client.randomPKCECodeVerifier()
    const [state, nonce] = [client.randomState(), client.randomNonce()]
    const url = client.buildAuthorizationUrl(config, {
      ...{
        redirect_uri: `${app.origin}/callback`,
        scope: 'openid profile email offline_access',
        state,
        nonce,
        prompt: 'consent',
      },
      ...{ code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' },
    })
    const page = await (await world.profile()).newPage()
    await page.goto(url.href)
    await fillSignIn(page, server.user)
    await page.waitForURL(/\/consent\?/)
    await page.click('button[value=allow]')
    await page.waitForURL((url) => url.href.startsWith(`${app.origin}/callback`))

    const tokens = await client.authorizationCodeGrant(config, new URL(page.url()), {
      ...{ pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true },
    })
    const claims = tokens.claims()
    assert.equal(claims?.aud, `app-${type}`)
    const me = await client.fetchUserInfo(config, tokens.access_token, claims?.sub ?? '')
    assert.ok(me.preferred_username)

    const api = (/** @type {string} */ token) =>
      fetch(`${server.url}/api/protected-resource`, { headers: { authorization: `Bearer ${token}` } })
    assert.equal((await api(tokens.access_token)).status, 200)
    assert.ok(tokens.refresh_token)
    const fresh = await client.refreshTokenGrant(config, tokens.refresh_token)
    assert.notEqual(fresh.access_token, tokens.access_token)
    assert.equal((await api(fresh.access_token)).status, 200)
    // TE-25: a client that authenticates keeps its refresh token, a public one gets the next.
    if (type === 'web') assert.ok(!fresh.refresh_token || fresh.refresh_token === tokens.refresh_token)
    else assert.notEqual(fresh.refresh_token, tokens.refresh_token)

    const end = client.buildEndSessionUrl(config, {
      post_logout_redirect_uri: `${app.origin}/bye`,
      id_token_hint: tokens.id_token ?? '',
      state: 'bye',
    })
    await page.goto(end.href)
    if (!page.url().startsWith(app.origin)) await page.click('form[action="/sign-out"] button', { timeout: 2000 }).catch(() => {})
    await page.waitForURL((url) => url.href.startsWith(`${app.origin}/bye`))
    assert.equal(new URL(page.url()).searchParams.get('state'), 'bye')
    await page.goto('/account')
    assert.match(page.url(), /\/sign-in/)
  })
}

test('the wrong secret is invalid_client, and says nothing else', async () => {
  const { server } = world
  const config = await client.discovery(new URL(server.url), 'app-web', undefined, client.ClientSecretBasic('wrong'), {
    execute: [client.allowInsecureRequests],
  })
  await assert.rejects(client.refreshTokenGrant(config, 'nonsense'), (error) => {
    const { error: code, status, cause } = /** @type {any} */ (error)
    return (code ?? cause?.error) === 'invalid_client' || status === 401
  })
})
