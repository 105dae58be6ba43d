/**
 * Somebody's API on an origin of its own, for tokens bound to a key: it checks token and proof itself, and wants its own nonce.
 * RFC 9449 §4.3, §9.
 *
 * @module
 */

import { createHash, webcrypto } from 'node:crypto'
import http from 'node:http'
import { decode, isSigned } from './jwt.js'

/** @param {string} text */
const hash = (text) => createHash('sha256').update(text).digest('base64url')

/** @param {{ crv: string, kty: string, x: string, y: string }} jwk */
export const thumbprint = ({ crv, kty, x, y }) => hash(JSON.stringify({ crv, kty, x, y }))

/** @typedef {{ path: string, token: string | undefined, proof: string | undefined, status: number, why: string }} Call */

/**
 * @param {() => string} issuer
 */
export async function openApi(issuer) {
  /** @type {Call[]} */
  let calls = []
  /** @type {Set<string>} */
  const seen = new Set()
  let nonce = `nonce-${Math.random()}`

  /** @param {http.IncomingMessage} request @param {string} [token] @param {string} [proof] */
  async function fault(request, token, proof) {
    if (!token || !proof) return 'invalid_token'
    const { cnf, iss } = decode(token).claims
    if (iss !== issuer() || !(await isSigned(token, issuer()))) return 'invalid_token'
    const { header, claims } = decode(proof)
    const key = await webcrypto.subtle.importKey('jwk', header.jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify'])
    const [signed, signature] = [proof.slice(0, proof.lastIndexOf('.')), proof.slice(proof.lastIndexOf('.') + 1)]
    const bytes = [Buffer.from(signature, 'base64url'), Buffer.from(signed)]
    const good = await webcrypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, ...bytes)
    const { origin: here, pathname } = new URL(request.url ?? '', origin)
    const fits = claims.htm === request.method && claims.htu === here + pathname && claims.ath === hash(token)
    if (!good || !fits || header.typ !== 'dpop+jwt' || thumbprint(header.jwk) !== cnf?.jkt) return 'invalid_dpop_proof'
    if (seen.has(claims.jti)) return 'invalid_dpop_proof'
    seen.add(claims.jti)
    return claims.nonce === nonce ? '' : 'use_dpop_nonce'
  }

  const server = http.createServer(async (request, response) => {
    const headers = {
      'access-control-allow-origin': request.headers.origin ?? '*',
      'access-control-allow-headers': 'Authorization, DPoP, Content-Type',
      'access-control-allow-methods': 'GET, POST',
      'access-control-expose-headers': 'WWW-Authenticate, DPoP-Nonce',
      'cache-control': 'no-store',
    }
    if (request.method === 'OPTIONS') return void response.writeHead(204, headers).end()
    let body = ''
    for await (const piece of request) body += piece
    const [scheme, token] = (request.headers.authorization ?? '').split(' ')
    const proof = /** @type {string | undefined} */ (request.headers['dpop'])
    const why = await fault(request, scheme === 'DPoP' ? token : undefined, proof)
    const status = why ? 401 : 200
    calls.push({ path: new URL(request.url ?? '', origin).pathname, token, proof, status, why })
    const challenge = why ? { 'www-authenticate': `DPoP error="${why}", algs="ES256"` } : {}
    const news = why === 'use_dpop_nonce' ? { 'dpop-nonce': nonce } : {}
    response.writeHead(status, { ...headers, ...challenge, ...news, 'content-type': 'application/json' })
    response.end(JSON.stringify(why ? {} : { path: request.url, sub: decode(token).claims.sub, jti: decode(token).claims.jti, body }))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const origin = `http://api.localhost:${port}`

  return {
    origin,
    calls: () => calls,
    forget: () => void (calls = []),
    /** Another nonce from now on. */
    turn: () => void (nonce = `nonce-${Math.random()}`),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
