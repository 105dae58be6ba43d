/** The server apps of the guide: Node.js with openid-client, Python with Authlib. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { walkTo } from '../lib/person.js'
import { freePort, start } from '../lib/programs.js'
import { npmVersion, pythonVersion, walker } from '../lib/walked.js'
import { prepared, registered, world } from '../lib/world.js'

/** Both run at the address that was registered, one after the other. */
const address = prepared(async () => `http://localhost:${await freePort()}`)
const guide = registered('server-app', () => ({ APP: address() }), ['register.sh', 'register-key.sh'])

/**
 * Sign in and out, as a person.
 *
 * @param {ReturnType<typeof start>} app
 * @param {(page: import('playwright-core').Page) => Promise<unknown>} [end] another way to sign out
 */
async function inAndOut(app, end) {
  try {
    await app.says(/http:\/\/\S+:\d+/)
    const { user } = world.server
    const page = await (await world.profile()).newPage()
    await page.goto(address())
    assert.equal(await page.textContent('body'), 'signed out')
    await walkTo(page, `${address()}/sign-in`, { user, app: address() })
    await page.waitForURL(`${address()}/`)
    assert.equal(await page.textContent('body'), `signed in as ${user.username}`)
    if (end) await end(page)
    else await walkTo(page, `${address()}/sign-out`, { user, app: address() })
    await page.goto(address())
    assert.equal(await page.textContent('body'), 'signed out')
    await page.goto('/account')
    assert.equal(new URL(page.url()).pathname, '/sign-in')
  } finally {
    await app.stop()
  }
}

describe('server app', () => {
  const node = walker('openid-client', npmVersion('openid-client'))

  test('Node.js with openid-client and a secret', async () => {
    await inAndOut(start('node', ['app.mjs'], guide()))
    node('discovery', 'code', 'iss', 'idToken', 'userinfo', 'logout', 'basic')
  })

  test('Node.js with openid-client, a key and pushed requests; signed out elsewhere', async () => {
    const { cwd, env } = guide()
    const app = start('node', ['app.mjs'], { cwd, env: { ...env, CLIENT_MODULE: './key.mjs' } })
    await inAndOut(app, async (page) => {
      await page.goto('/account')
      await page.click('form[action="/account/sign-out"] button')
      await page.waitForURL(/\/signed-out/)
      // The app is told by the server, a moment later.
      const others = await page.context().newPage()
      await app.until(async () => (await others.goto(address())) && (await others.textContent('body')) === 'signed out')
    })
    node('privateKeyJwt', 'par', 'backchannel')
  })

  test('Python with Authlib and Flask', async () => {
    const { cwd, env } = guide()
    const { port } = new URL(address())
    await inAndOut(start('python3', ['-m', 'flask', '--app', 'app.py', 'run', '--host', 'localhost', '--port', port], { cwd, env }))
    walker('Authlib', pythonVersion('authlib'))('discovery', 'code', 'idToken', 'atHash', 'userinfo', 'logout', 'basic')
  })
})
