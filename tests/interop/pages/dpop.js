/**
 * A page that keeps its key in IndexedDB and its tokens in memory, as @auth0/auth0-spa-js does, on the same library for
 * proofs. The test calls what hangs on `globalThis.app`.
 */

import * as DPoP from 'dpop'

/** @param {'readonly' | 'readwrite'} mode @param {(store: IDBObjectStore) => IDBRequest} act */
async function stored(mode, act) {
  const opened = indexedDB.open('dpop', 1)
  opened.onupgradeneeded = () => opened.result.createObjectStore('keys')
  await new Promise((resolve, reject) => ((opened.onsuccess = resolve), (opened.onerror = reject)))
  const request = act(opened.result.transaction('keys', mode).objectStore('keys'))
  return new Promise((resolve, reject) => ((request.onsuccess = () => resolve(request.result)), (request.onerror = reject)))
}

async function key() {
  const kept = await stored('readonly', (store) => store.get('key'))
  if (kept) return kept
  const fresh = await DPoP.generateKeyPair('ES256', { extractable: false })
  await stored('readwrite', (store) => store.put(fresh, 'key'))
  return fresh
}

/** The last nonce of each server. */
const nonces = new Map()

/** Send with a proof; once more when the server wants its nonce in it. */
async function send(url, { method = 'GET', headers = {}, body } = {}, token, pair) {
  const { origin } = new URL(url)
  const once = async () => {
    const proof = await DPoP.generateProof(pair ?? (await key()), url, method, nonces.get(origin), token)
    const authorization = token ? { Authorization: `DPoP ${token}` } : {}
    const answer = await fetch(url, { method, headers: { ...headers, ...authorization, DPoP: proof }, body })
    const nonce = answer.headers.get('DPoP-Nonce')
    const news = nonce !== null && nonce !== nonces.get(origin)
    if (nonce) nonces.set(origin, nonce)
    return { answer, news }
  }
  const first = await once()
  return (first.answer.status === 400 || first.answer.status === 401) && first.news ? { ...(await once()), retried: true } : first
}

globalThis.app = {
  thumbprint: async () => DPoP.calculateThumbprint((await key()).publicKey),
  extractable: async () => (await key()).privateKey.extractable,
  /** @param {string} url @param {Record<string, string>} form */
  async tokens(url, form) {
    const { answer, retried } = await send(url, { method: 'POST', body: new URLSearchParams(form) })
    return { status: answer.status, retried: Boolean(retried), ...(await answer.json()) }
  },
  /** @param {string} url @param {string} token */
  async call(url, token) {
    const { answer } = await send(url, {}, token)
    return { status: answer.status, challenge: answer.headers.get('WWW-Authenticate') }
  },
  /** With a token of this page and somebody else's key. @param {string} url @param {string} token */
  async callWithAnotherKey(url, token) {
    const { answer } = await send(url, {}, token, await DPoP.generateKeyPair('ES256'))
    return { status: answer.status, challenge: answer.headers.get('WWW-Authenticate') }
  },
}
