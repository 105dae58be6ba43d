/** The crate openidconnect, in the command-line app of the guide. */

import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { walkTo } from '../lib/person.js'
import { start } from '../lib/programs.js'
import { crateVersion, walker } from '../lib/walked.js'
import { TARGET, authority, secure } from '../lib/world.js'

const { registered, world } = secure

const did = walker('openidconnect (Rust)', crateVersion('openidconnect'))
const guide = registered('command-line-app', () => ({ SSL_CERT_FILE: authority }))
const notes = (/** @type {string} */ command) => start(`${TARGET}interop/debug/notes-cli`, [command], guide())

describe('openidconnect (Rust)', () => {
  test('the command-line app of the guide: sign in on a loopback port, refresh, revoke', async () => {
    const signIn = notes('sign-in')
    const [, address] = await signIn.says(/^(http.+)$/m)
    const page = await (await world.profile({ javaScriptEnabled: false })).newPage()
    await walkTo(page, address, { user: world.server.user, app: 'http://127.0.0.1:' })
    assert.match(await signIn.succeeds(), new RegExp(`^Signed in as ${world.server.user.username}$`, 'm'))
    did('discovery', 'code', 'iss', 'idToken', 'atHash', 'none', 'noScript')

    assert.equal((await stat(join(guide().cwd, 'notes-refresh-token'))).mode & 0o777, 0o600)
    for (let times = 0; times < 2; times++) assert.equal((await notes('whoami').succeeds()).trim(), world.server.user.username)
    did('userinfo', 'refresh')

    await notes('sign-out').succeeds()
    did('revocation')
  })
})
