/** Apache with mod_auth_openidc, as Debian packages it. */

import assert from 'node:assert/strict'
import { chmod, cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { walkTo } from '../lib/person.js'
import { freePort, start } from '../lib/programs.js'
import { debianVersion, walker } from '../lib/walked.js'
import { authority, secure } from '../lib/world.js'

const { prepared, register, world } = secure

const did = walker('mod_auth_openidc', debianVersion('libapache2-mod-auth-openidc'))
const here = (/** @type {string} */ path) => fileURLToPath(new URL(`../apache/${path}`, import.meta.url))

const ports = prepared(async () => ({ query: await freePort(), form: await freePort() }))
const site = (/** @type {'query' | 'form'} */ mode) => `http://localhost:${ports()[mode]}`
const settings = (/** @type {'query' | 'form'} */ mode) => () => ({
  'redirect-uri': `${site(mode)}/private/callback`,
  'post-logout-redirect-uri': `${site(mode)}/bye.html`,
  scope: ['openid', 'profile', 'email', 'offline_access'],
  'backchannel-logout-uri': `${site(mode)}/private/callback?logout=backchannel`,
})
const clients = {
  query: register('ap-query', 'web', settings('query')),
  form: register('ap-form', 'web', settings('form')),
}

describe('mod_auth_openidc', () => {
  /** @type {ReturnType<typeof start>} */
  let apache
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'brama-apache-'))
    // Its processes are not ours: they read what everybody may.
    await chmod(folder, 0o755)
    await cp(here('site'), join(folder, 'site'), { recursive: true })
    const defined = {
      ...{ RUN: folder, SITE: join(folder, 'site'), ISSUER: world.server.url, PASSPHRASE: crypto.randomUUID(), CA: authority },
      ...{ QUERY_PORT: ports().query, QUERY_SECRET: clients.query().client_secret },
      ...{ FORM_PORT: ports().form, FORM_SECRET: clients.form().client_secret },
    }
    const defines = Object.entries(defined).flatMap(([name, value]) => ['-C', `Define ${name} "${value}"`])
    apache = start('/usr/sbin/apache2', ['-D', 'FOREGROUND', ...defines, '-f', here('httpd.conf')])
    await apache.says(/resuming normal operations/)
  })
  after(async () => {
    await apache?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  for (const mode of /** @type {const} */ (['query', 'form'])) {
    test(`${mode}: sign in, claims, refresh, API, sign out`, async () => {
      const { user } = world.server
      const page = await (await world.profile({ javaScriptEnabled: mode === 'query' })).newPage()
      await walkTo(page, `${site(mode)}/private/index.shtml`, { user, app: `${site(mode)}/private/index.shtml` })
      assert.equal(await page.title(), 'Private', apache.output())
      assert.equal(await page.textContent('#name'), user.username)
      assert.equal(await page.textContent('#email'), 'olena@example.ua')
      did('discovery', 'code', 'idToken', 'userinfo', mode === 'query' ? 'basic' : 'post')
      if (mode === 'form') did('formPost', 'noScript')

      const token = (await page.textContent('#token')) ?? ''
      const refresh = new URL(`${site(mode)}/private/callback`)
      refresh.search = new URLSearchParams({ refresh: `${site(mode)}/private/index.shtml`, access_token: token }).toString()
      await page.goto(refresh.href)
      const fresh = (await page.textContent('#token')) ?? ''
      assert.notEqual(fresh, token)
      did('refresh')

      const api = (/** @type {string} */ bearer) =>
        fetch(`${site(mode)}/api/index.shtml`, { headers: { authorization: `Bearer ${bearer}` } })
      assert.equal((await api(`${fresh.slice(0, -6)}AAAAAA`)).status, 401)
      const answer = await api(fresh)
      assert.equal(answer.status, 200, apache.output())
      if (mode === 'query') did('introspection')
      else did('bearer')

      const logout = new URL(`${site(mode)}/private/callback`)
      logout.searchParams.set('logout', `${site(mode)}/bye.html`)
      await walkTo(page, logout, { user, app: `${site(mode)}/bye.html` })
      await page.goto('/account')
      assert.equal(new URL(page.url()).pathname, '/sign-in')
      did('logout')
    })
  }

  test('signed out at the server, the site is told', async () => {
    const { user } = world.server
    const page = await (await world.profile()).newPage()
    const address = `${site('query')}/private/index.shtml`
    await walkTo(page, address, { user, app: address })
    assert.equal(await page.title(), 'Private')
    await page.goto('/account')
    await page.click('form[action="/account/sign-out"] button')
    await page.waitForURL(/\/signed-out/)
    // Without a session the site sends to the server, which asks for the password.
    await apache.until(async () => !(await page.goto(address))?.url().startsWith(address))
    assert.equal(new URL(page.url()).pathname, '/sign-in')
    did('backchannel')
  })
})
