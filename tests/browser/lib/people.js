/**
 * What people do: fill in forms, press buttons.
 *
 * @module
 */

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {{ username: string, password: string }} User */

/**
 * The server's own sign-in page, open in `page`.
 *
 * @param {Page} page
 * @param {User} user
 */
export async function fillSignIn(page, { username, password }) {
  await page.fill('#username', username)
  await page.fill('#password', password)
  await page.click('#sign-in button[type=submit]')
}

/**
 * Scheme A: the demo app's form.
 *
 * @param {Page} page
 * @param {User} user
 */
export async function signInAtDemo(page, user) {
  await page.goto('/demo')
  await atDemo(page, 'signed-out')
  await page.fill('[data-testid=sign-in-form] [name=username]', user.username)
  await page.fill('[data-testid=sign-in-form] [name=password]', user.password)
  await page.getByTestId('sign-in-password').click()
  await atDemo(page, 'signed-in')
}

/**
 * Scheme B: the demo app's button, then the server's page.
 *
 * @param {Page} page
 * @param {User} user
 */
export async function signInByRedirect(page, user) {
  await page.goto('/demo')
  await atDemo(page, 'signed-out')
  await page.getByTestId('sign-in-redirect').click()
  await page.waitForURL(/\/sign-in\?/)
  await fillSignIn(page, user)
  await atDemo(page, 'signed-in')
}

/**
 * Wait until the demo app says so.
 *
 * @param {Page} page
 * @param {'signed-in' | 'signed-out'} status
 */
export const atDemo = (page, status) =>
  page.waitForFunction((wanted) => document.querySelector('[data-testid=status]')?.textContent === wanted, status)

/**
 * What the app's code can do: the demo puts its `auth` where the console finds it.
 *
 * @param {Page} page
 * @returns {Promise<string>} the access token
 */
export const accessToken = (page) => page.evaluate(async () => (await globalThis.auth.token()).token)

/**
 * @param {Page} page
 * @returns {Promise<number>} the status of one call of the API
 */
export const callApi = (page) => page.evaluate(async () => (await globalThis.auth.fetch('/api/protected-resource')).status)

/**
 * The refresh cookie of the demo app, as the browser keeps it.
 *
 * @param {import('playwright-core').BrowserContext} profile
 */
export const refreshCookie = async (profile) => (await profile.cookies()).find(({ name }) => name === '__Host-brama_rt_demo-spa')
