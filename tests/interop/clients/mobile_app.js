/** The mobile app of the guide, on oauth4webapi, which runs wherever there is Web Crypto. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { walkTo } from '../lib/person.js'
import { npmVersion, walker } from '../lib/walked.js'
import { registered, world } from '../lib/world.js'

const did = walker('oauth4webapi', npmVersion('oauth4webapi'))
const guide = registered('mobile-app')

describe('mobile app', () => {
  test('oauth4webapi: a scheme of its own, DPoP with the nonce of the server, refresh, revocation', async () => {
    process.env.ISSUER = world.server.url
    const notes = await import(pathToFileURL(`${guide().cwd}/notes.mjs`).href)
    const { user } = world.server
    const page = await (await world.profile()).newPage()
    const session = await notes.signIn(async (/** @type {string} */ address) =>
      (await walkTo(page, address, { user, app: 'com.example.notes:' })).href,
    )
    assert.equal(session.token_type, 'dpop')
    did('discovery', 'code', 'iss', 'idToken', 'none', 'dpop', 'dpopNonce')
    assert.equal((await notes.me(session)).preferred_username, user.username)
    did('userinfo')
    const fresh = await notes.refresh(session.refresh_token)
    assert.notEqual(fresh.refresh_token, session.refresh_token)
    assert.equal((await notes.me({ ...fresh, sub: session.sub })).preferred_username, user.username)
    did('refresh')
    const bare = await fetch(`${world.server.url}/userinfo`, { headers: { authorization: `Bearer ${fresh.access_token}` } })
    assert.equal(bare.status, 401, 'without the key the token is worth nothing')
    await notes.signOut(fresh.refresh_token)
    await assert.rejects(notes.refresh(fresh.refresh_token), { error: 'invalid_grant' })
    did('revocation')
  })
})
