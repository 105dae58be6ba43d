/**
 * The demo app: both ways to sign in, on the SDK as any app would use it.
 *
 * @module
 */

import { createAuth } from '/sdk/brama.js'
import { language, other, switchLanguage, t, translate } from './language.js'
import { texts } from './texts.js'
import { clearSteps, showSteps, watch } from './steps.js'

/** @param {string} id */
const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id))
const [form, username, password] = /** @type {[HTMLFormElement, HTMLInputElement, HTMLInputElement]} */ (
  ['sign-in-form', 'username', 'password'].map($)
)

/** What `brama dev` tells the demo about itself. */
const config = await fetch('/demo/config.json')
  .then((answer) => answer.json())
  .catch(() => ({}))

watch()

const auth = createAuth({
  clientId: config.clientId ?? 'demo-spa',
  issuer: config.issuer ?? location.origin,
  redirectPath: '/demo/callback',
})
// For the curious: the console has it too.
Object.assign(globalThis, { auth })

// ── What is shown ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** @type {{ until: number } | undefined} */
let token
/** @type {(() => string) | undefined} said again when the language changes */
let formError
let result = () => '–'

function show() {
  const { status, user, error } = auth.state
  $('status').textContent = status
  $('status-text').textContent = t(`status_${status}`)
  $('user-line').hidden = status !== 'signed-in'
  $('user').textContent = user ? `${user.name ?? user.preferred_username ?? user.sub}` : t('userUnknown')
  $('signed-in').hidden = status !== 'signed-in'
  $('signed-out').hidden = status !== 'signed-out'
  $('state-error').hidden = !error
  $('state-error').textContent = error ? explain(error) : ''
  $('try-again').hidden = status !== 'loading' || !error
  $('form-error').hidden = !formError
  $('form-error').textContent = formError?.() ?? ''
  $('result').textContent = result()
  for (const input of [username, password]) {
    if (formError) input.setAttribute('aria-invalid', 'true')
    else input.removeAttribute('aria-invalid')
    if (formError) input.setAttribute('aria-describedby', 'form-error')
    else input.removeAttribute('aria-describedby')
  }
  document.title = formError ? t('errorTitle', { title: t('pageTitle') }) : t('pageTitle')
}

/** @param {import('/sdk/brama.js').AuthError} error */
const explain = (error) => t(`error_${error.code}`, { seconds: error.retryAfter ?? 60 })

/** Show the token's inside and how long it is good. */
async function showToken() {
  if (auth.state.status !== 'signed-in') return forgetToken()
  const now = await auth.token()
  if (!now.ok) return
  token = { until: performance.now() + now.expiresIn * 1000 }
  const [header, claims] = now.token.split('.', 2).map(decode)
  $('claims').textContent = JSON.stringify(header) + '\n' + JSON.stringify(claims, null, 2)
  tick()
}

function forgetToken() {
  token = undefined
  result = () => '–'
  $('claims').textContent = ''
  $('countdown').textContent = '–'
}

/** @param {string} part base64url of JSON */
function decode(part) {
  const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
  return JSON.parse(new TextDecoder().decode(bytes))
}

function tick() {
  if (!token || document.hidden) return
  const seconds = Math.max(0, Math.round((token.until - performance.now()) / 1000))
  const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  $('countdown').textContent = seconds > 0 ? text : t('expired')
}
setInterval(tick, 1000)
document.addEventListener('visibilitychange', tick)

function speak() {
  translate()
  $('language').textContent = texts[other()].language
  $('language').lang = other()
  showSteps()
  show()
  tick()
}

// ── What can be done ─────────────────────────────────────────────────────────────────────────────────────────────────────

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  formError = undefined
  if (!username.value || !password.value) {
    formError = () => t('empty')
  } else {
    const done = await auth.signIn({ username: username.value, password: password.value })
    if (done.ok) form.reset()
    else formError = () => explain(done.error)
  }
  show()
  $(formError ? 'form-error' : 'main').focus()
})

$('fill').addEventListener('click', () => {
  username.value = config.username
  password.value = config.password
  username.focus()
})

$('sign-in-redirect').addEventListener('click', async () => {
  // The callback page is this page too; going back to it would mean a callback without an answer.
  const returnTo = location.pathname === '/demo/callback' ? '/demo' : undefined
  const done = await auth.signIn({ uiLocales: language, ...(returnTo && { returnTo }) })
  if (done.ok) return
  $('state-error').hidden = false
  $('state-error').textContent = explain(done.error)
})

/** @returns {Promise<string>} one call of the API, as text */
async function callApi() {
  try {
    const answer = await auth.fetch('/api/protected-resource')
    return `${answer.status} ${await answer.text()}`
  } catch (error) {
    const { code } = /** @type {import('/sdk/brama.js').AuthError} */ (error)
    return code
  }
}

/** @param {() => string} text */
async function answer(text) {
  result = text
  show()
  await showToken()
}

$('call-api').addEventListener('click', async () => {
  const text = await callApi()
  await answer(() => text)
})

$('call-api-5').addEventListener('click', async () => {
  const all = await Promise.all(Array.from({ length: 5 }, callApi))
  await answer(() => all.map((text, index) => `${index + 1}. ${text.slice(0, 80)}`).join('\n'))
})

$('refresh').addEventListener('click', async () => {
  const fresh = await auth.token({ fresh: true })
  await answer(() => (fresh.ok ? t('newToken', { seconds: fresh.expiresIn }) : explain(fresh.error)))
})

$('sign-out').addEventListener('click', async () => {
  await auth.signOut()
  $('main').focus()
})
$('try-again').addEventListener('click', () => auth.ready())
$('clear-log').addEventListener('click', clearSteps)
$('language').addEventListener('click', () => {
  switchLanguage()
  speak()
})

// ── Start ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

if (config.username) {
  $('demo-user').hidden = false
  $('demo-username').textContent = config.username
  $('demo-password').textContent = config.password
}

speak()
let before = auth.state.status
auth.subscribe(({ status }) => {
  show()
  if (status !== before) void showToken()
  before = status
})
await auth.ready()
