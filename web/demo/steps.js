/**
 * The log: every request of the page and both halves of the redirect, kept over the redirect in `sessionStorage`.
 * It holds no secret: codes, states and challenges are cut, bodies and headers are not recorded at all.
 *
 * @module
 */

import { t } from './language.js'

/** @typedef {{ at: string, line: string, status: number | null, ms: number | null, about: string }} Step */

const KEPT = 'brama-demo-steps'
const list = /** @type {HTMLElement} */ (document.getElementById('log'))
/** @type {Step[]} */
let steps = JSON.parse(sessionStorage.getItem(KEPT) ?? '[]')

/** @type {Array<[RegExp, string]>} */
const ABOUT = [
  [/^\/api\/auth\/login$/, 'login'],
  [/^\/api\/auth\/refresh$/, 'refresh'],
  [/^\/api\/auth\/logout$/, 'logout'],
  [/^\/\.well-known\//, 'discovery'],
  [/^\/oauth2\/authorize$/, 'authorize'],
  [/^\/demo\/callback$/, 'callback'],
  [/^\/oauth2\/token$/, 'token'],
  [/^\/userinfo$/, 'userinfo'],
  [/^\/api\/protected-resource$/, 'api'],
]

/** @param {string} path */
const about = (path) => ABOUT.find(([pattern]) => pattern.test(path))?.[1] ?? 'other'

/**
 * Path and query, long random values cut to their beginning.
 *
 * @param {URL} url
 */
function short(url) {
  const query = [...url.searchParams].map(([name, value]) => {
    const secret = /^(code|state|nonce|code_challenge)$/.test(name)
    return `${name}=${secret && value.length > 8 ? `${value.slice(0, 6)}…` : value}`
  })
  return url.pathname + (query.length > 0 ? `?${query.join('&')}` : '')
}

/** @param {Step} step */
function add(step) {
  steps = [...steps, step].slice(-60)
  sessionStorage.setItem(KEPT, JSON.stringify(steps))
  list.append(row(step))
}

/** @param {Step} step */
function row({ at, line, status, ms, about: key }) {
  const item = document.createElement('li')
  const request = document.createElement('code')
  request.textContent = line
  const result = document.createElement('span')
  const good = status !== null && status < 400
  result.className = good ? 'good' : 'bad'
  result.textContent = status === null ? t('noAnswer') : status === 0 ? '→' : String(status)
  const time = document.createElement('span')
  time.className = 'when'
  time.textContent = ms === null ? at : `${at} · ${ms} ms`
  const text = document.createElement('p')
  text.textContent = t(/** @type {import('./language.js').Key} */ (`step_${key}`))
  item.append(request, ' ', result, ' ', time, text)
  return item
}

/** Show all again, for example in another language. */
export const showSteps = () => list.replaceChildren(...steps.map(row))

/** Forget all. */
export function clearSteps() {
  steps = []
  sessionStorage.removeItem(KEPT)
  showSteps()
}

const now = () => new Date().toTimeString().slice(0, 8)

/** Watch from now on. The page watches its own `fetch`; the SDK changes no globals. */
export function watch() {
  const plain = globalThis.fetch
  globalThis.fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input, location.href)
    const method = init?.method ?? (input instanceof Request ? input.method : 'GET')
    const [at, started] = [now(), performance.now()]
    /** @param {number | null} status */
    const note = (status) =>
      add({ at, line: `${method} ${short(url)}`, status, ms: Math.round(performance.now() - started), about: about(url.pathname) })
    try {
      const response = await plain(input, init)
      note(response.status)
      return response
    } catch (error) {
      note(null)
      throw error
    }
  }
  // The way out is a navigation; browsers that tell of it let us show it.
  const { navigation } = /** @type {{ navigation?: EventTarget }} */ (globalThis)
  navigation?.addEventListener('navigate', (event) => {
    const url = new URL(/** @type {any} */ (event).destination.url)
    if (url.pathname === '/oauth2/authorize') add({ at: now(), line: `GET ${short(url)}`, status: 0, ms: null, about: 'authorize' })
  })
  const here = new URL(location.href)
  if (here.pathname === '/demo/callback' && here.search) add({ at: now(), line: `GET ${short(here)}`, status: 0, ms: null, about: 'callback' })
}
