import http from 'node:http'
import * as oidc from 'openid-client'
import { signedOut } from './backchannel.mjs'

const { config, authorizationUrl } = await import(process.env.CLIENT_MODULE ?? './secret.mjs')
const own = process.env.APP ?? 'http://localhost:4000'
const started = new Map() // sign-ins under way; a real app keeps both maps in its session store
const people = new Map()

http.createServer(async (request, response) => {
  const url = new URL(request.url, own)
  const id = /notes=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1]
  const go = (location, cookie) =>
    response.writeHead(303, { location, ...(cookie && { 'set-cookie': `notes=${cookie}; HttpOnly; SameSite=Lax; Path=/` }) }).end()
  try {
    if (url.pathname === '/sign-in') {
      const [pkceCodeVerifier, expectedState, expectedNonce] = [oidc.randomPKCECodeVerifier(), oidc.randomState(), oidc.randomNonce()]
      const fresh = crypto.randomUUID()
      started.set(fresh, { pkceCodeVerifier, expectedState, expectedNonce })
      const asked = await authorizationUrl({
        redirect_uri: `${own}/callback`,
        scope: 'openid profile email',
        state: expectedState,
        nonce: expectedNonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: 'S256',
      })
      return go(asked.href, fresh)
    }
    if (url.pathname === '/callback') {
      const tokens = await oidc.authorizationCodeGrant(config, url, started.get(id))
      started.delete(id)
      const { sub, sid } = tokens.claims()
      const fresh = crypto.randomUUID()
      people.set(fresh, { sid, idToken: tokens.id_token, ...(await oidc.fetchUserInfo(config, tokens.access_token, sub)) })
      return go('/', fresh)
    }
    if (url.pathname === '/sign-out') {
      const asked = { id_token_hint: people.get(id)?.idToken, post_logout_redirect_uri: `${own}/` }
      people.delete(id)
      return go(oidc.buildEndSessionUrl(config, asked).href)
    }
    if (url.pathname === '/backchannel-logout' && request.method === 'POST') {
      const over = await signedOut(config, request)
      for (const [key, person] of people) if (person.sid === over.sid) people.delete(key)
      return response.writeHead(204).end()
    }
    const person = people.get(id)
    response.end(person ? `signed in as ${person.preferred_username}` : 'signed out')
  } catch (error) {
    response.writeHead(400).end(`refused: ${error.code ?? error.message}`)
  }
}).listen(new URL(own).port, () => console.log(own))
