import * as oidc from 'openid-client'

const issuer = new URL(process.env.ISSUER ?? 'http://localhost:8420')
export const config = await oidc.discovery(issuer, 'notes', process.env.CLIENT_SECRET, undefined, {
  execute: issuer.protocol === 'http:' ? [oidc.allowInsecureRequests] : [], // `brama dev` speaks http
})
export const authorizationUrl = async (parameters) => oidc.buildAuthorizationUrl(config, parameters)
