/**
 * One server and one browser for the tests of a file; a fresh browser profile for each test.
 *
 * @module
 */

import { after, afterEach, before } from 'node:test'
import { chromium } from 'playwright-core'
import { startServer } from './server.js'

const QUIET = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
]

/**
 * @param {object} [options]
 * @param {string[]} [options.flags]
 * @param {{ key: string, cert: string }} [options.tls] the server is at an https address, with this certificate
 * @param {string[]} [options.ignoreDefaultArgs]
 * @param {(server: import('./server.js').Server) => Promise<void>} [options.prepare] runs once the server is up
 */
export function openWorld({ flags, tls, ignoreDefaultArgs, prepare } = {}) {
  /** @type {import('playwright-core').Browser} */
  let browser
  /** @type {import('./server.js').Server} */
  let server
  /** @type {import('playwright-core').BrowserContext[]} */
  let contexts = []

  before(async () => {
    server = await startServer(flags, tls)
    browser = await chromium.launch({
      executablePath: process.env.BRAMA_CHROMIUM || '/usr/bin/chromium',
      args: QUIET,
      ignoreDefaultArgs,
    })
    await prepare?.(server)
  })
  afterEach(async () => {
    server.wire.treat()
    await Promise.all(contexts.map((context) => context.close()))
    contexts = []
  })
  after(async () => {
    await browser?.close()
    await server?.stop()
  })

  return {
    get server() {
      return server
    },
    /**
     * A browser profile of its own: cookies, storage, cache.
     *
     * @param {import('playwright-core').BrowserContextOptions} [options]
     */
    async profile(options) {
      const context = await browser.newContext({ locale: 'en-GB', baseURL: server.url, ignoreHTTPSErrors: Boolean(tls), ...options })
      context.setDefaultTimeout(15_000)
      contexts.push(context)
      return context
    },
  }
}
