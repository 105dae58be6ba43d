/** The back/forward cache: a page that comes back knows what happened meanwhile. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atDemo, signInAtDemo } from './lib/people.js'
import { openWorld } from './lib/world.js'

const world = openWorld({ ignoreDefaultArgs: ['--disable-back-forward-cache'] })

test('T-09 T-10 sign out elsewhere, then Back: restored from the cache and signed out at once', async () => {
  const profile = await world.profile()
  const page = await profile.newPage()
  await signInAtDemo(page, world.server.user)
  const session = await profile.newCDPSession(page)
  await session.send('Page.enable')
  /** @type {unknown[]} */
  const reasons = []
  session.on('Page.backForwardCacheNotUsed', (event) => reasons.push(event.notRestoredExplanations))
  await page.evaluate(() => {
    addEventListener('pageshow', ({ persisted }) => {
      // The first painted frame after this must not show anything private.
      requestAnimationFrame(
        () => (globalThis.restored = { persisted, status: document.querySelector('[data-testid=status]')?.textContent }),
      )
    })
  })
  await page.goto('/sdk/errors.html')
  const other = await profile.newPage()
  await other.goto('/demo')
  await atDemo(other, 'signed-in')
  await other.getByTestId('sign-out').click()
  await atDemo(other, 'signed-out')

  // Playwright does not see a restored page arrive; the page itself is fine.
  await page.goBack({ timeout: 1500 }).catch(() => {})
  await page
    .waitForFunction(() => globalThis.restored !== undefined)
    .catch(() => assert.fail(`not restored: ${JSON.stringify(reasons)}`))
  assert.deepEqual(await page.evaluate(() => globalThis.restored), { persisted: true, status: 'signed-out' })
  assert.deepEqual(reasons, [])
})
