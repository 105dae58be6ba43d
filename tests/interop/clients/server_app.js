/** The server apps of the guide: Node.js with openid-client, Python with Authlib. */

import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { describe, test } from 'node:test'
import { walkTo } from '../lib/person.js'
import { freePort, start } from '../lib/programs.js'
import { npmVersion, pythonVersion, walker } from '../lib/walked.js'
import { TARGET, prepared, registered, world } from '../lib/world.js'

const cwd = fileURLToPath(new URL('../guides/server-app', import.meta.url))

/** Both run at the address that was registered, one after the other. */
const address = prepared(async () => `http://localhost:${await freePort()}`)
const environment = registered('server-app', () => ({ APP: address() }))

/**
 * Sign in and out, as a person.
 *
 * @param {ReturnType<typeof start>} app
 */
async function inAndOut(app) {
  try {
    await app.says(/http:\/\/\S+:\d+/)
    const { user } = world.server
    const page = await (await world.profile()).newPage()
    await page.goto(address())
    assert.equal(await page.textContent('body'), 'signed out')
    await walkTo(page, `${address()}/sign-in`, { user, app: `${address()}/` })
    await page.waitForURL(`${address()}/`)
    assert.equal(await page.textContent('body'), `signed in as ${user.username}`)
    await walkTo(page, `${address()}/sign-out`, { user, app: `${address()}/` })
    assert.equal(await page.textContent('body'), 'signed out')
    await page.goto('/account')
    assert.equal(new URL(page.url()).pathname, '/sign-in')
  } finally {
    await app.stop()
  }
}

describe('server app', () => {
  test('Node.js with openid-client', async () => {
    await inAndOut(start('node', ['app.mjs'], { cwd, env: environment() }))
    walker('openid-client', npmVersion('openid-client'))('discovery', 'code', 'iss', 'idToken', 'userinfo', 'logout', 'basic')
  })

  test('Python with Authlib and Flask', async () => {
    const { port } = new URL(address())
    const flask = ['-m', 'flask', '--app', 'app.py', 'run', '--port', port, '--host', 'localhost']
    await inAndOut(start(`${TARGET}interop/python/bin/python`, flask, { cwd, env: { ...environment(), PYTHONDONTWRITEBYTECODE: '1' } }))
    walker('Authlib', pythonVersion('authlib'))('discovery', 'code', 'idToken', 'userinfo', 'logout', 'basic')
  })
})
