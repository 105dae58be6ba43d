import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as oidc from 'openid-client'

const issuer = new URL(process.env.ISSUER ?? 'http://localhost:8420')
const pkcs8 = createPrivateKey(readFileSync('notes.key')).export({ format: 'der', type: 'pkcs8' })
const key = await crypto.subtle.importKey('pkcs8', pkcs8, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
export const config = await oidc.discovery(issuer, 'notes-key', undefined, oidc.PrivateKeyJwt({ key, kid: 'notes-1' }), {
  execute: issuer.protocol === 'http:' ? [oidc.allowInsecureRequests] : [],
})
export const authorizationUrl = (parameters) => oidc.buildAuthorizationUrlWithPAR(config, parameters)
