/**
 * Which language the page speaks: `?ui_locales`, then the choice made before, then the browser's.
 *
 * @module
 */

import { texts } from './texts.js'

/** @typedef {'uk' | 'en'} Language */
/** @typedef {keyof typeof texts.en} Key */

const SAVED = 'brama-demo-language'

/** @returns {Language} */
function wanted() {
  const asked = new URLSearchParams(location.search).get('ui_locales')?.split(' ') ?? []
  const all = [...asked, sessionStorage.getItem(SAVED) ?? '', ...navigator.languages]
  for (const tag of all) {
    const [primary] = tag.toLowerCase().split('-')
    if (primary === 'uk' || primary === 'en') return primary
  }
  return 'en'
}

/** @type {Language} */
export let language = wanted()

/**
 * @param {Key} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export const t = (key, values = {}) => texts[language][key].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''))

/** The other language. */
export const other = () => (language === 'uk' ? 'en' : 'uk')

/** Switch, remember, and say so in the address, so that the page can be shared and comes back the same. */
export function switchLanguage() {
  language = other()
  sessionStorage.setItem(SAVED, language)
  const url = new URL(location.href)
  url.searchParams.set('ui_locales', language)
  history.replaceState(history.state, '', url)
}

/** Put the words where `data-t` asks for them. */
export function translate() {
  document.documentElement.lang = language
  for (const element of document.querySelectorAll('[data-t]')) {
    element.textContent = t(/** @type {Key} */ (element.getAttribute('data-t')))
  }
}
