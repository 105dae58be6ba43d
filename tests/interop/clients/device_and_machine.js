/** The device app and the machine of the guides. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connectDevice } from '../lib/person.js'
import { run, start } from '../lib/programs.js'
import { npmVersion, pythonVersion, walker } from '../lib/walked.js'
import { registered, world } from '../lib/world.js'

const device = registered('device-app')
const machine = registered('machine-client')

describe('device app', () => {
  test('Node.js with openid-client', async () => {
    const { user } = world.server
    const app = start('node', ['device.mjs'], device())
    const [, address, code] = await app.says(/^Open (\S+) and enter (\S+)$/m)
    const page = await (await world.profile({ javaScriptEnabled: false })).newPage()
    await connectDevice(page, address, { user, code })
    const said = await app.succeeds()
    assert.match(said, new RegExp(`^Connected as ${user.username}$`, 'm'))
    assert.match(said, /the next refresh token is a new one/)
    walker('openid-client', npmVersion('openid-client'))('device', 'refresh', 'none')
  })
})

describe('machine client', () => {
  test('Python with Authlib and a key', async () => {
    const { cwd, env } = machine()
    assert.match(await run('python3', ['machine.py'], { cwd, env }), /^200 /)
    walker('Authlib', pythonVersion('authlib'))('privateKeyJwt', 'clientCredentials')
  })
})
