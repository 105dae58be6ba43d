/** Every page, in both languages and both themes: accessible, narrow enough, quiet in the console, small. */

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import { atDemo, fillSignIn, signInAtDemo } from './lib/people.js'
import { authorizationRequest } from './lib/pkce.js'
import { openSite } from './lib/site.js'
import { openWorld } from './lib/world.js'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** @type {Awaited<ReturnType<typeof openSite>>} */
let shop
before(async () => void (shop = await openSite()))
after(() => shop?.close())

const world = openWorld({
  prepare: async (server) => {
    await server.addClient('shop', 'web', {
      'redirect-uri': `${shop.origin}/callback`,
      scope: 'openid profile email offline_access',
    })
    await server.addClient('tv', 'device', { scope: 'openid profile offline_access' })
  },
})

/** @typedef {import('playwright-core').Page} Page */

const shopRequest = (extra = {}) =>
  authorizationRequest(world.server.url, {
    client: 'shop',
    redirectUri: `${shop.origin}/callback`,
    scope: 'openid profile email offline_access',
    extra,
  }).url

/** @param {Page} page */
async function atAccount(page) {
  await page.goto('/sign-in')
  await fillSignIn(page, world.server.user)
  await page.waitForURL(/\/account/)
}

/**
 * A device asks for a code, and somebody opens the page with it, typed by a link.
 *
 * @param {Page} page
 */
async function atDevice(page) {
  const answer = await fetch(`${world.server.url}/oauth2/device_authorization`, {
    method: 'POST',
    body: new URLSearchParams({ client_id: 'tv', scope: 'openid profile offline_access' }),
  })
  const { verification_uri_complete: address } = await answer.json()
  await page.goto(address)
  await fillSignIn(page, world.server.user)
  await page.waitForSelector('#user_code')
}

/** @param {Page} page */
async function atDeviceQuestion(page) {
  await atDevice(page)
  await page.click('form[action="/device"] button[type=submit]')
  await page.waitForSelector('#shown-code')
}

/** How to get to each page. @type {Record<string, (page: Page) => Promise<unknown>>} */
const PAGES = {
  'sign-in': (page) => page.goto('/sign-in'),
  'sign-in for an app': (page) => page.goto(shopRequest()),
  'sign-in with empty fields': async (page) => {
    await page.goto(shopRequest())
    await page.click('#sign-in button[type=submit]')
    await page.waitForSelector('#problem')
  },
  'sign-in with a wrong password': async (page) => {
    await page.goto(shopRequest())
    await fillSignIn(page, { username: `nobody-${Math.random()}`, password: 'пароль не тою розкладкою' })
    await page.waitForSelector('#problem')
  },
  'sign-in after too many tries': async (page) => {
    const username = `nobody-${Math.random()}`
    await page.goto(shopRequest())
    for (let tries = 0; tries < 12; tries++) {
      await page.fill('#username', username)
      await page.fill('#password', 'not the password at all')
      const [answer] = await Promise.all([
        page.waitForResponse((answer) => answer.request().method() === 'POST'),
        page.click('#sign-in button[type=submit]'),
      ])
      await page.waitForLoadState()
      if (answer.status() === 429) return assert.ok(Number(answer.headers()['retry-after']) > 0)
    }
    assert.fail('12 wrong passwords for one account and no end')
  },
  consent: async (page) => {
    await page.goto(shopRequest({ prompt: 'consent' }))
    await fillSignIn(page, world.server.user)
    await page.waitForURL(/\/consent\?/)
  },
  'consent with nothing chosen': async (page) => {
    await page.goto(shopRequest({ prompt: 'consent' }))
    await fillSignIn(page, world.server.user)
    await page.click('summary')
    await page.click('button[value=allow_chosen]')
    await page.waitForURL(/chosen=nothing/)
  },
  'choose an account': async (page) => {
    await atAccount(page)
    await page.goto(shopRequest({ prompt: 'select_account' }))
    await page.waitForSelector('form[action="/select-account"]')
  },
  'form post': async (page) => {
    // The app takes the form and shows nothing: the page stays.
    await page.route(`${shop.origin}/**`, (route) => route.fulfill({ status: 204 }))
    await page.goto(shopRequest({ prompt: 'none', response_mode: 'form_post' }), { waitUntil: 'commit' })
    await page.waitForSelector('#respond')
  },
  device: atDevice,
  'device with a wrong code': async (page) => {
    await atDevice(page)
    await page.fill('#user_code', 'BCDF-GHJK')
    await page.click('form[action="/device"] button[type=submit]')
    await page.waitForSelector('#problem')
  },
  'device, the question': atDeviceQuestion,
  'device, connected': async (page) => {
    await atDeviceQuestion(page)
    await page.click('button[value=allow]')
    await page.waitForURL(/done=allowed/)
  },
  'sign-out, asked by an app': async (page) => {
    await atAccount(page)
    await page.goto('/oauth2/logout?client_id=shop')
    await page.waitForSelector('form[action="/sign-out"]')
  },
  'signed-out': (page) => page.goto('/signed-out'),
  'error B2104': (page) => page.goto('/error/B2104'),
  'a wrong link of an app': (page) =>
    page.goto('/oauth2/authorize?client_id=shop&redirect_uri=https://evil.example&response_type=code'),
  'not found': (page) => page.goto('/no/such/page'),
  account: atAccount,
  'apps with access': async (page) => {
    await signInAtDemo(page, world.server.user)
    await page.goto('/account/apps')
    await page.waitForSelector('form[action="/account/apps/withdraw"]')
  },
  'demo, signed out': async (page) => {
    await page.goto('/demo')
    await atDemo(page, 'signed-out')
  },
  'demo, signed in': async (page) => {
    await signInAtDemo(page, world.server.user)
    await page.getByTestId('call-api').click()
    await page.waitForFunction(() => document.querySelector('[data-testid=result]')?.textContent?.startsWith('200 '))
  },
}

/** Refusals that a page meets on purpose; the browser reports each in the console. */
const EXPECTED = /the server responded with a status of (400|401|404|429) /

for (const [locale, colorScheme] of /** @type {const} */ ([
  ['uk-UA', 'light'],
  ['uk-UA', 'dark'],
  ['en-GB', 'light'],
  ['en-GB', 'dark'],
])) {
  test(`A1 A4 T6 every page in ${locale}, ${colorScheme}: axe finds nothing, no sideways scroll at 320 px, a quiet console`, async (t) => {
    for (const [name, go] of Object.entries(PAGES)) {
      await t.test(name, async () => {
        const profile = await world.profile({ locale, colorScheme })
        await profile.addInitScript({ content: axe })
        const page = await profile.newPage()
        /** @type {string[]} */
        const noise = []
        /** @type {Set<string>} */
        const origins = new Set()
        page.on('console', (message) => {
          if (/error|warning/.test(message.type()) && !EXPECTED.test(message.text())) noise.push(message.text())
        })
        page.on('pageerror', (error) => noise.push(error.message))
        page.on('request', (request) => origins.add(new URL(request.url()).origin))
        await go(page)
        assert.equal(await page.getAttribute('html', 'lang'), locale.slice(0, 2))
        assert.equal(await page.locator('h1').count(), 1)

        const violations = await page.evaluate(async (rules) => {
          const { violations, passes } = await globalThis.axe.run(document, { runOnly: rules })
          if (passes.length < 10) return [`only ${passes.length} rules looked at the page`]
          return violations.map(
            ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`,
          )
        }, RULES)
        assert.deepEqual(violations, [])

        await page.setViewportSize({ width: 320, height: 640 })
        const widths = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth])
        assert.ok(widths[0] <= widths[1], `${widths[0]} px of content in ${widths[1]} px`)
        assert.deepEqual(noise, [])
        assert.deepEqual(
          [...origins].filter((origin) => origin !== world.server.url && /^http/.test(origin)),
          // The one page that is made to send something to an app.
          name === 'form post' ? [shop.origin] : [],
        )
      })
    }
  })
}

test('A4 what can be pressed is at least 44 px high on every page', async () => {
  for (const [name, go] of Object.entries(PAGES)) {
    const page = await (await world.profile({ viewport: { width: 360, height: 740 } })).newPage()
    await go(page)
    const small = await page.evaluate(() =>
      [...document.querySelectorAll('button, input:not([type=hidden]), a.button, [role=button]')]
        .map((element) => {
          // A tick box is pressed by its label too.
          const label = element instanceof HTMLInputElement && element.type === 'checkbox' ? element.labels?.[0] : undefined
          const heights = [element, label].map((one) => one?.getBoundingClientRect().height ?? 0)
          return { html: element.outerHTML.slice(0, 80), height: Math.max(...heights) }
        })
        .filter(({ height }) => height > 0 && height < 44),
    )
    assert.deepEqual(small, [], name)
  }
})

test('S1 the sign-in page with everything it needs is at most 14 KB on the wire', async () => {
  for (const address of ['/sign-in', shopRequest()]) {
    const profile = await world.profile({ locale: 'uk-UA' })
    const page = await profile.newPage()
    const session = await profile.newCDPSession(page)
    await session.send('Network.enable')
    let total = 0
    session.on('Network.loadingFinished', ({ encodedDataLength }) => (total += encodedDataLength))
    session.on('Network.responseReceivedExtraInfo', ({ statusCode, headersText }) => {
      if (statusCode >= 300 && statusCode < 400) total += headersText?.length ?? 0
    })
    await page.goto(address)
    await page.waitForLoadState('networkidle')
    assert.ok(total > 2000 && total <= 14 * 1024, `${address}: ${total} bytes`)
  }
})

test('F5 the password is shown and hidden by a button, and sent as a password', async () => {
  const page = await (await world.profile()).newPage()
  await page.goto('/sign-in')
  await page.fill('#password', 'secret')
  await page.click('#reveal')
  assert.equal(await page.getAttribute('#password', 'type'), 'text')
  assert.equal(await page.getAttribute('#reveal', 'aria-pressed'), 'true')
  await page.click('#reveal')
  assert.equal(await page.getAttribute('#password', 'type'), 'password')

  await page.click('#reveal')
  const sentAs = await page.evaluate(() => {
    const form = document.querySelector('#sign-in')
    let type
    form.addEventListener('submit', (event) => {
      type = form.querySelector('#password').type
      event.preventDefault()
    })
    form.requestSubmit()
    return type
  })
  assert.equal(sentAs, 'password')
})

test('G3 after a failure, letters of the Ukrainian layout are pointed out', async () => {
  const page = await (await world.profile()).newPage()
  await page.goto('/sign-in')
  await fillSignIn(page, { username: 'ольга', password: 'щдутф' })
  await page.waitForSelector('#layout-hint:not([hidden])')
  await page.fill('#username', 'olha')
  assert.equal(await page.isHidden('#layout-hint'), true)
})

test('A2 the Tab key goes through the sign-in page in reading order', async () => {
  const page = await (await world.profile()).newPage()
  await page.goto('/sign-in')
  const order = []
  for (let presses = 0; presses < 8; presses++) {
    await page.keyboard.press('Tab')
    order.push(
      await page.evaluate(
        () => document.activeElement?.id || document.activeElement?.className || document.activeElement?.getAttribute('type'),
      ),
    )
  }
  const wanted = ['skip', 'username', 'password', 'reveal', 'remember', 'button fill']
  assert.deepEqual(order.filter((name) => wanted.includes(name ?? '')).slice(0, wanted.length), wanted)
})
