/**
 * A person at a browser: signs in and allows, on whatever page comes next.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { fillSignIn } from '../../browser/lib/people.js'

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {{ username: string, password: string }} User */

const path = (/** @type {Page} */ page) => new URL(page.url()).pathname

/**
 * Open an address and do what the pages ask until the app is reached.
 *
 * @param {Page} page
 * @param {string | URL} start
 * @param {{ user: User, app: string }} who `app`: how the address begins where the walk ends
 */
export async function walkTo(page, start, { user, app }) {
  const there = () => page.url().startsWith(app)
  // A scheme that no browser knows: the address is on the page that leads there.
  const link = page.locator(`a[href^="${app}"]`)
  const unknown = !/^https?:/.test(app)
  await page.goto(String(start))
  for (let steps = 0; !there() && steps < 6; steps++) {
    const before = page.url()
    if (unknown && path(page) === '/continue') return new URL((await link.getAttribute('href')) ?? '')
    if (path(page) === '/sign-in') await fillSignIn(page, user)
    else if (path(page) === '/consent') await page.click('button[value=allow]')
    else if (path(page) === '/sign-out') await page.click('form[action="/sign-out"] button')
    // Where an answer is a form, a browser without scripts shows its button.
    else if (await page.locator('form[method=post] button[type=submit]').count()) await page.click('form[method=post] button[type=submit]')
    await page.waitForURL((url) => url.href !== before, { waitUntil: 'commit' }).catch(async () => {
      throw new Error(`nothing came after ${page.url()}: ${await page.textContent('main')}`)
    })
    if (!unknown) await page.waitForLoadState()
  }
  if (!there()) throw new Error(`the walk ended at ${page.url()}: ${await page.textContent('body')}`)
  return new URL(page.url())
}

/**
 * Type the code that a device shows, sign in, compare, allow.
 *
 * @param {Page} page
 * @param {string} address
 * @param {{ user: User, code: string }} what
 */
export async function connectDevice(page, address, { user, code }) {
  await page.goto(address)
  for (let steps = 0; steps < 6; steps++) {
    if (path(page) === '/sign-in') await fillSignIn(page, user)
    else if (path(page) === '/device') {
      await page.fill('#user_code', code)
      await page.click('form[action="/device"] button')
    } else {
      assert.equal(await page.textContent('#shown-code'), code)
      return page.click('button[value=allow]')
    }
    await page.waitForLoadState()
  }
  throw new Error(`the device was not connected at ${page.url()}: ${await page.textContent('body')}`)
}
