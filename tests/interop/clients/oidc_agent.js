/** oidc-agent, as Debian packages it: an agent for command lines that holds the refresh token. */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connectDevice, walkTo } from '../lib/person.js'
import { freePort, run, start } from '../lib/programs.js'
import { debianVersion, walker } from '../lib/walked.js'
import { authority, secure } from '../lib/world.js'

const { prepared, register, world } = secure
const did = walker('oidc-agent', debianVersion('oidc-agent-cli'))
const port = prepared(freePort)
const redirect = () => `http://localhost:${port()}`
const SCOPE = 'openid profile offline_access'
const scope = SCOPE.split(' ')
const client = register('agent', 'web', () => ({
  ...{ 'redirect-uri': redirect(), scope },
  'grant-type': ['authorization_code', 'refresh_token', 'device_code'],
}))

describe('oidc-agent', () => {
  /** @type {Record<string, string>} */
  let env = {}
  /** @type {ReturnType<typeof start>} */
  let agent
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'brama-agent-'))
    env = { HOME: folder, OIDC_CONFIG_DIR: folder, TMPDIR: folder, PASSWORD: 'a password of the test' }
    env.OIDC_SOCK = join(folder, 'agent')
    agent = start('oidc-agent', ['--console', '--log-stderr', '--no-autoload', `--socket-path=${env.OIDC_SOCK}`], { env })
    await agent.until(() => existsSync(env.OIDC_SOCK))
  })
  after(async () => {
    await agent?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const how = () => [
    ...['--manual', `--client-id=${client().client_id}`, `--client-secret=${client().client_secret}`, `--scope=${SCOPE}`],
    ...[`--issuer=${world.server.url}/`, `--cert-path=${authority}`, '--pw-env=PASSWORD', '--prompt=none', '--confirm-yes', '--no-url-call'],
  ]
  /** @param {string} account */
  const token = async (account) => (await run('oidc-token', ['--force-new', account], { env })).trim()
  /** @param {string} bearer */
  const name = async (bearer) => {
    const answer = await world.server.here('/userinfo', { authorization: `Bearer ${bearer}` })
    return JSON.parse(answer.text).preferred_username
  }

  test('authorization code: its own web server takes the answer; then tokens on demand', async () => {
    const gen = start('oidc-gen', ['--flow=code', `--redirect-uri=${redirect()}`, ...how(), 'code'], { env })
    const [address] = await gen.says(/https:\/\/\S+\/oauth2\/authorize\?\S+/)
    const page = await (await world.profile()).newPage()
    await walkTo(page, address, { user: world.server.user, app: redirect() })
    assert.match(await page.title(), /Success/)
    await gen.succeeds()
    did('discovery', 'code', 'basic')
    const [first, second] = [await token('code'), await token('code')]
    assert.notEqual(first, second)
    assert.equal(await name(second), world.server.user.username)
    did('refresh')
  })

  test('device grant: the code is typed in a browser', async () => {
    const gen = start('oidc-gen', ['--flow=device', ...how(), 'device'], { env })
    const [shown] = await gen.says(/[B-Z]{4}-[B-Z]{4}/)
    const page = await (await world.profile({ javaScriptEnabled: false })).newPage()
    await connectDevice(page, '/device', { user: world.server.user, code: shown })
    await gen.succeeds()
    assert.equal(await name(await token('device')), world.server.user.username)
    did('device', 'noScript')
  })
})
