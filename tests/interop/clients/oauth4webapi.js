/** oauth4webapi: each request and each judgement a call of its own, so that nothing of the protocol is left to chance. */

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import * as oauth from 'oauth4webapi'
import { exportJWK } from 'jose'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectDevice, walkTo } from '../lib/person.js'
import { openSite } from '../lib/site.js'
import { npmVersion, walker } from '../lib/walked.js'
import { prepared, register, world } from '../lib/world.js'

const did = walker('oauth4webapi', npmVersion('oauth4webapi'))
const http = { [oauth.allowInsecureRequests]: true }
const app = prepared(() => openSite())
after(() => app().close())

const keys = prepared(async (server) => {
  const pair = await oauth.generateKeyPair('ES256', { extractable: true })
  const file = join(server.dataDir, 'o4-key.jwks')
  await writeFile(file, JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'o4', use: 'sig', alg: 'ES256' }] }))
  return { file, key: pair.privateKey }
})
const callback = () => `${app().origin}/callback`
register('o4-key', 'web', () => ({
  ...{ 'redirect-uri': callback(), scope: ['openid', 'offline_access'] },
  ...{ 'auth-method': 'private_key_jwt', jwks: keys().file },
}))
const device = register('o4-device', 'device', () => ({ scope: ['openid', 'profile'] }))

async function discover() {
  const issuer = new URL(world.server.url)
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...http }))
}

describe('oauth4webapi', () => {
  test('a key instead of a secret, everywhere: pushed request, code, refresh, introspection, revocation', async () => {
    const as = await discover()
    const client = { client_id: 'o4-key' }
    const proven = () => oauth.PrivateKeyJwt({ key: keys().key, kid: 'o4' })
    const [verifier, state, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), oauth.generateRandomNonce()]
    const asked = {
      ...{ response_type: 'code', redirect_uri: callback(), scope: 'openid offline_access', state, nonce, max_age: '600' },
      ...{ code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' },
    }
    const pushed = await oauth.processPushedAuthorizationResponse(
      as,
      client,
      await oauth.pushedAuthorizationRequest(as, client, proven(), asked, http),
    )
    const url = new URL(as.authorization_endpoint ?? '')
    url.search = new URLSearchParams({ client_id: client.client_id, request_uri: pushed.request_uri }).toString()
    const page = await (await world.profile()).newPage()
    const back = await walkTo(page, url, { user: world.server.user, app: callback() })
    did('par', 'iss')

    const answer = oauth.validateAuthResponse(as, client, back, state)
    const tokens = await oauth.processAuthorizationCodeResponse(
      as,
      client,
      await oauth.authorizationCodeGrantRequest(as, client, proven(), answer, callback(), verifier, http),
      { expectedNonce: nonce, maxAge: 600, requireIdToken: true },
    )
    did('discovery', 'code', 'idToken', 'privateKeyJwt')

    const refresh = await oauth.processRefreshTokenResponse(
      as,
      client,
      await oauth.refreshTokenGrantRequest(as, client, proven(), tokens.refresh_token ?? '', http),
    )
    did('refresh')
    const ask = async () =>
      oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, proven(), refresh.access_token, http))
    assert.equal((await ask()).active, true)
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, proven(), refresh.access_token, http))
    assert.equal((await ask()).active, false)
    did('introspection', 'revocation')

    const request = new Request(`${world.server.url}/api/protected-resource`, { headers: { authorization: `Bearer ${tokens.access_token}` } })
    const claims = await oauth.validateJwtAccessToken(as, request, `${world.server.url}/api`, http)
    assert.equal(claims.client_id, 'o4-key')
    did('bearer')
  })

  test('device grant: pending, then allowed, once', async () => {
    const as = await discover()
    const client = { client_id: device().client_id }
    const asked = await oauth.processDeviceAuthorizationResponse(
      as,
      client,
      await oauth.deviceAuthorizationRequest(as, client, oauth.None(), { scope: 'openid profile' }, http),
    )
    const poll = async () =>
      oauth.processDeviceCodeResponse(as, client, await oauth.deviceCodeGrantRequest(as, client, oauth.None(), asked.device_code, http))
    const first = Date.now()
    await assert.rejects(poll(), { error: 'authorization_pending' })
    const page = await (await world.profile()).newPage()
    await connectDevice(page, asked.verification_uri_complete ?? '', { user: world.server.user, code: asked.user_code })
    await page.waitForLoadState()
    // A device that asks before the interval is over is told to slow down.
    const next = first + (asked.interval ?? 5) * 1000 + 100
    await new Promise((resolve) => setTimeout(resolve, next - Date.now()))
    const tokens = await poll()
    assert.ok(oauth.getValidatedIdTokenClaims(tokens)?.sub)
    await assert.rejects(poll(), { error: 'invalid_grant' })
    did('device', 'none')
  })
})
