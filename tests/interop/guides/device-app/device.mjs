import * as oidc from 'openid-client'

const issuer = new URL(process.env.ISSUER ?? 'http://localhost:8420')
const config = await oidc.discovery(issuer, 'notes-tv', undefined, oidc.None(), {
  execute: issuer.protocol === 'http:' ? [oidc.allowInsecureRequests] : [], // `brama dev` speaks http
})

const asked = await oidc.initiateDeviceAuthorization(config, { scope: 'openid profile offline_access' })
console.log(`Open ${asked.verification_uri} and enter ${asked.user_code}`)

// Asks every `interval` seconds, and slower when told so, until the person has decided or the code is too old.
const tokens = await oidc.pollDeviceAuthorizationGrant(config, asked)
const me = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
console.log(`Connected as ${me.preferred_username}`)

// Later, each time the access token is too old: keep the refresh token that comes back.
const fresh = await oidc.refreshTokenGrant(config, tokens.refresh_token)
console.log(`Still connected; the next refresh token is${fresh.refresh_token === tokens.refresh_token ? ' not' : ''} a new one`)
