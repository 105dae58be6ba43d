/** Other pages in the same browser: whatever they send, they get no token and change nothing. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { atDemo, callApi, fillSignIn, refreshCookie, signInAtDemo } from './lib/people.js'
import { openSite } from './lib/site.js'
import { openWorld } from './lib/world.js'

const world = openWorld({ prepare: async (server) => void (await server.addUser('mallory', 'an attackers own password')) })

/** @type {Record<string, Awaited<ReturnType<typeof openSite>>>} */
const sites = {}
before(async () => {
  sites['another site'] = await openSite({ host: '127.0.0.1' })
  // Another port of the same host: cookies with SameSite=Strict do reach the server from here.
  sites['the same site, another origin'] = await openSite({ host: 'localhost' })
})
after(() => Promise.all(Object.values(sites).map((site) => site.close())))

const ENDPOINTS = ['refresh', 'login', 'logout']

/** All that `world.server` answered to somebody else gives nothing away. */
function nothingWasGiven() {
  const answers = world.server.wire.passed().filter(({ path }) => path.startsWith('/api/auth/'))
  assert.ok(answers.length > 0, 'the attack reached the server')
  for (const { method, path, status, text, cookies, answered } of answers) {
    if (method === 'OPTIONS') {
      assert.equal(answered['access-control-allow-origin'], undefined)
      continue
    }
    const what = `${method} ${path} ${status} ${text}`
    assert.ok(status !== undefined && status >= 400 && status < 500, what)
    assert.doesNotMatch(text, /access_token/, what)
    assert.deepEqual(cookies, [], what)
    assert.equal(answered['access-control-allow-origin'], undefined, what)
  }
  return answers.length
}

for (const where of ['another site', 'the same site, another origin']) {
  test(`BB-7 from ${where}: images, forms, scripts and fetches get no token and change nothing`, async () => {
    const { server } = world
    const site = sites[where]
    const profile = await world.profile()
    const victim = await profile.newPage()
    await signInAtDemo(victim, server.user)
    const before = await profile.cookies()
    const same = async () => assert.deepEqual(ours(await profile.cookies()), ours(before))

    const page = await profile.newPage()
    await page.goto(site.origin)
    server.wire.forget()
    const read = await page.evaluate(async ([url, endpoints]) => {
      /** What a script of this page could read. */
      const seen = []
      for (const endpoint of endpoints) {
        for (const init of [
          { method: 'GET', mode: 'no-cors' },
          { method: 'POST', mode: 'no-cors', body: '{"username":"mallory","password":"an attackers own password"}' },
          { method: 'POST', mode: 'no-cors', body: new URLSearchParams({ username: 'mallory' }) },
          { method: 'GET', mode: 'cors' },
          { method: 'POST', mode: 'cors', body: '{}' },
          { method: 'POST', mode: 'cors', headers: { 'content-type': 'application/json' }, body: '{}' },
          { method: 'POST', mode: 'no-cors', keepalive: true },
        ]) {
          const answer = await fetch(`${url}/api/auth/${endpoint}`, { credentials: 'include', ...init }).catch(() => undefined)
          if (answer && answer.type !== 'opaque') seen.push(await answer.text())
        }
        navigator.sendBeacon(`${url}/api/auth/${endpoint}`, 'x')
        for (const tag of ['img', 'script', 'iframe', 'video', 'link']) {
          const element = document.createElement(tag)
          const loaded = new Promise((resolve) => (element.onload = element.onerror = resolve))
          if (element instanceof HTMLLinkElement) element.rel = 'prefetch'
          element[tag === 'link' ? 'href' : 'src'] = `${url}/api/auth/${endpoint}`
          document.body.append(element)
          await Promise.race([loaded, new Promise((resolve) => setTimeout(resolve, 500))])
        }
      }
      return seen
    }, /** @type {const} */ ([server.url, ENDPOINTS]))
    assert.deepEqual(read, [])
    assert.ok(nothingWasGiven() >= 20)
    await same()
    await victim.reload()
    await atDemo(victim, 'signed-in')
    assert.equal(await callApi(victim), 200)
  })

  test(`BB-7 from ${where}: a form that is sent as a page gets no token and changes nothing`, async () => {
    const { server } = world
    const site = sites[where]
    const profile = await world.profile()
    const victim = await profile.newPage()
    await signInAtDemo(victim, server.user)
    const before = await profile.cookies()
    const page = await profile.newPage()
    for (const endpoint of ENDPOINTS) {
      for (const method of ['get', 'post']) {
        // text/plain lets a form write something that looks like JSON.
        site.pages['/form'] =
          `<!doctype html><form method="${method}" enctype="text/plain" action="${server.url}/api/auth/${endpoint}">` +
          `<input name='{"username":"mallory","password":"an attackers own password","x":"' value='"}'></form>`
        await page.goto(`${site.origin}/form`)
        server.wire.forget()
        await page.evaluate(() => document.forms[0].submit())
        await page.waitForURL((url) => url.pathname.startsWith('/api/auth/')).catch(() => {})
        while (server.wire.passed(undefined, `/api/auth/${endpoint}`)[0]?.status === undefined)
          await new Promise((resolve) => setTimeout(resolve, 10))
        nothingWasGiven()
      }
    }
    assert.deepEqual(ours(await profile.cookies()), ours(before))
    await victim.reload()
    await atDemo(victim, 'signed-in')
    assert.equal(await victim.evaluate(() => globalThis.auth.state.user?.preferred_username), server.user.username)
  })

  test(`WH-11 from ${where}: our own forms cannot be sent for somebody`, async () => {
    const { server } = world
    const site = sites[where]
    const profile = await world.profile()
    const page = await profile.newPage()
    await page.goto('/sign-in')
    await fillSignIn(page, server.user)
    await page.waitForURL(/\/account/)
    const before = await profile.cookies()
    for (const [path, fields] of /** @type {const} */ ([
      ['/account/sign-out', {}],
      ['/account/sessions/end', { all: '1' }],
      ['/sign-out', {}],
      ['/sign-in', { username: 'mallory', password: 'an attackers own password', csrf: 'x', tx: '' }],
    ])) {
      const inputs = Object.entries({ csrf: 'guess', ...fields }).map(
        ([name, value]) => `<input name="${name}" value="${value}">`,
      )
      site.pages['/form'] = `<!doctype html><form method="post" action="${server.url}${path}">${inputs.join('')}</form>`
      await page.goto(`${site.origin}/form`)
      server.wire.forget()
      await page.evaluate(() => document.forms[0].submit())
      await page.waitForURL((url) => url.origin === server.url)
      const session = ours(await profile.cookies()).filter(({ name }) => name.endsWith('_session'))
      assert.deepEqual(
        session,
        ours(before).filter(({ name }) => name.endsWith('_session')),
        path,
      )
    }
    await page.goto('/account')
    assert.match(await page.textContent('main'), new RegExp(server.user.username))
  })

  test(`LO-3 from ${where}: a link to sign-out asks first`, async () => {
    const { server } = world
    const site = sites[where]
    const profile = await world.profile()
    const victim = await profile.newPage()
    await signInAtDemo(victim, server.user)
    const page = await profile.newPage()
    site.pages['/form'] =
      `<!doctype html><a href="${server.url}/oauth2/logout?client_id=demo-spa">win a prize</a><img src="${server.url}/oauth2/logout">`
    await page.goto(`${site.origin}/form`)
    await page.click('a')
    await page.waitForSelector('form[action="/sign-out"]')
    await victim.reload()
    await atDemo(victim, 'signed-in')
  })

  // HTTP-05.
  test(`WH-4 from ${where}: no page of ours can be framed`, async () => {
    const { server } = world
    const site = sites[where]
    const page = await (await world.profile()).newPage()
    for (const path of ['/sign-in', '/account', '/oauth2/logout', '/signed-out', '/demo']) {
      site.pages['/frame'] = `<!doctype html><iframe src="${server.url}${path}"></iframe>`
      await page.goto(`${site.origin}/frame`)
      const inside = page.frames()[1]
      assert.equal(await inside.locator('form').count(), 0, path)
      const answer = await fetch(`${server.url}${path}`)
      assert.match(answer.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/, path)
    }
  })
}

test('a navigation to GET refresh shows no token', async () => {
  const { server } = world
  const profile = await world.profile()
  const page = await profile.newPage()
  await signInAtDemo(page, server.user)
  const cookie = await refreshCookie(profile)
  const answer = await page.goto('/api/auth/refresh')
  assert.equal(answer?.status(), 403)
  assert.doesNotMatch(await page.content(), /access_token/)
  assert.deepEqual(await refreshCookie(profile), cookie)
})

/**
 * What of a cookie jar matters.
 *
 * @param {import('playwright-core').Cookie[]} jar
 */
function ours(jar) {
  return jar
    .filter(({ name }) => /_session$|_rt_/.test(name))
    .map(({ name, value }) => ({ name, value }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}
