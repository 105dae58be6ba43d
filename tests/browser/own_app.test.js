/** Somebody's own single-page app on another origin, with the SDK from the server (X2): on the same site, and on another one. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fillSignIn } from './lib/people.js'
import { openSite } from './lib/site.js'
import { openWorld } from './lib/world.js'

/** @typedef {Awaited<ReturnType<typeof openSite>>} Site */
/** @type {Site} */
let near
/** @type {Site} */
let far
before(async () => {
  near = await openSite({ host: 'localhost' })
  far = await openSite({ host: '127.0.0.1' })
})
after(() => Promise.all([near?.close(), far?.close()]))

const world = openWorld({
  prepare: async (server) => {
    for (const [id, site, more] of /** @type {const} */ ([
      ['near', near, ['--first-party']],
      ['far', far, []],
    ])) {
      await server.command([
        'client',
        'add',
        id,
        '--type',
        'browser',
        '--redirect-uri',
        `${site.origin}/callback`,
        ...more,
        '--json',
      ])
      site.pages['/'] = site.pages['/callback'] = `<!doctype html><title>${id}</title><p id="status">loading</p>
        <script type="module">
          import { createAuth } from '${server.url}/sdk/brama.js'
          const auth = (globalThis.auth = createAuth({ issuer: '${server.url}', clientId: '${id}', apis: ['${server.url}'] }))
          auth.subscribe(({ status }) => (document.querySelector('#status').textContent = status))
          await auth.ready()
        </script>`
    }
    await new Promise((resolve) => setTimeout(resolve, 1100))
  },
})

/** @param {import('playwright-core').Page} page @param {string} status */
const at = (page, status) => page.waitForFunction((wanted) => document.querySelector('#status')?.textContent === wanted, status)

/** @param {import('playwright-core').Page} page */
const whoAmI = (page) =>
  page.evaluate(
    async (url) => (await globalThis.auth.fetch(`${url}/api/auth/me`)).json().then(({ preferred_username: name }) => name),
    world.server.url,
  )

test('X2 A on the same site: the app’s own form, reload, another tab, sign-out', async () => {
  const { server } = world
  const profile = await world.profile()
  const page = await profile.newPage()
  await page.goto(near.origin)
  await at(page, 'signed-out')
  const done = await page.evaluate((user) => globalThis.auth.signIn(user), server.user)
  assert.equal(done.ok, true, JSON.stringify(done.error))
  await at(page, 'signed-in')
  assert.equal(await whoAmI(page), server.user.username)
  assert.equal(await page.evaluate(() => document.cookie), '')

  await page.reload()
  await at(page, 'signed-in')
  const other = await profile.newPage()
  await other.goto(near.origin)
  await at(other, 'signed-in')
  assert.equal(await whoAmI(other), server.user.username)

  await other.evaluate(() => globalThis.auth.signOut())
  await at(page, 'signed-out')
  await page.reload()
  await at(page, 'signed-out')
})

test('X2 B on the same site: by redirect, the refresh token as a cookie, refresh after reload', async () => {
  const { server } = world
  const page = await (await world.profile()).newPage()
  await page.goto(near.origin)
  await at(page, 'signed-out')
  server.wire.forget()
  await page.evaluate(() => void globalThis.auth.signIn({ returnTo: '/?here' }))
  await page.waitForURL(/\/sign-in\?/)
  await fillSignIn(page, server.user)
  await page.waitForURL(`${near.origin}/?here`)
  await at(page, 'signed-in')
  const [exchange] = server.wire.passed('POST', '/oauth2/token')
  assert.ok(!('refresh_token' in JSON.parse(exchange.text)))
  assert.ok(exchange.cookies.some((cookie) => cookie.startsWith('__Host-brama_rt_near=')))
  assert.equal(exchange.answered['access-control-allow-origin'], near.origin)
  assert.equal(exchange.answered['access-control-allow-credentials'], 'true')
  assert.equal(await whoAmI(page), server.user.username)
  await page.reload()
  await at(page, 'signed-in')
  assert.equal(await whoAmI(page), server.user.username)
})

test('BB-7 design §5 B on another site: signed in, but without any refresh token', async () => {
  const { server } = world
  const profile = await world.profile()
  const page = await profile.newPage()
  await page.goto(far.origin)
  // Nothing is restored there: the server refuses before it reads a cookie, and the browser does not show scripts why.
  await page.waitForFunction(() => globalThis.auth?.state.error)
  server.wire.forget()
  await page.evaluate(() => void globalThis.auth.signIn())
  await page.waitForURL(/\/sign-in\?/)
  await fillSignIn(page, server.user)
  await page.waitForURL(/\/consent\?/)
  await page.click('button[value=allow]')
  await page.waitForURL((url) => url.origin === far.origin)
  await at(page, 'signed-in')
  const [exchange] = server.wire.passed('POST', '/oauth2/token')
  assert.equal(exchange.status, 200)
  assert.ok(!('refresh_token' in JSON.parse(exchange.text)))
  assert.deepEqual(
    exchange.cookies.filter((cookie) => cookie.includes('_rt_')),
    [],
  )
  assert.equal(await whoAmI(page), server.user.username)
})

test('design §5 A is for first-party apps only', async () => {
  const { server } = world
  const page = await (await world.profile()).newPage()
  await page.goto(far.origin)
  await page.waitForFunction(() => globalThis.auth?.state.error)
  const done = await page.evaluate(
    ({ username, password }) => globalThis.auth.signIn({ username, password }).then(({ ok }) => ok),
    server.user,
  )
  assert.equal(done, false)
})

test('two apps of one site keep their sessions apart: the demo is not signed in by the other app’s cookie', async () => {
  const { server } = world
  const profile = await world.profile()
  const page = await profile.newPage()
  await page.goto(near.origin)
  await at(page, 'signed-out')
  await page.evaluate((user) => globalThis.auth.signIn(user), server.user)
  await at(page, 'signed-in')
  const demo = await profile.newPage()
  await demo.goto('/demo')
  await demo.waitForFunction(() => document.querySelector('[data-testid=status]')?.textContent === 'signed-out')
})
