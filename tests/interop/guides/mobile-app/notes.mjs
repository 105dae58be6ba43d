import * as oauth from 'oauth4webapi'

const issuer = new URL(process.env.ISSUER ?? 'http://localhost:8420')
const client = { client_id: 'notes-mobile' }
const redirectUri = 'com.example.notes:/callback'
const http = { [oauth.allowInsecureRequests]: issuer.protocol === 'http:' } // `brama dev` speaks http

const server = await oauth.discoveryRequest(issuer, http).then((answer) => oauth.processDiscoveryResponse(issuer, answer))
// In the key store of the device, made once, never out of it.
const key = await oauth.generateKeyPair('ES256')
const DPoP = oauth.DPoP(client, key)

/** The server may ask for a proof with a nonce of its own; then the same request is sent again. */
async function prove(send, judge) {
  try {
    return await judge(await send())
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error
    return judge(await send())
  }
}

/** `open` shows an address in the system's browser and waits for the address that comes back. */
export async function signIn(open) {
  const [verifier, state, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), oauth.generateRandomNonce()]
  const url = new URL(server.authorization_endpoint)
  url.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile offline_access',
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    dpop_jkt: await DPoP.calculateThumbprint(),
  })
  const answer = oauth.validateAuthResponse(server, client, new URL(await open(url.href)), state)
  const tokens = await prove(
    () => oauth.authorizationCodeGrantRequest(server, client, oauth.None(), answer, redirectUri, verifier, { DPoP, ...http }),
    (response) => oauth.processAuthorizationCodeResponse(server, client, response, { expectedNonce: nonce, requireIdToken: true }),
  )
  return { sub: oauth.getValidatedIdTokenClaims(tokens).sub, ...tokens }
}

/** Each refresh token serves once: keep the new one before anything else happens. */
export const refresh = (refreshToken) =>
  prove(
    () => oauth.refreshTokenGrantRequest(server, client, oauth.None(), refreshToken, { DPoP, ...http }),
    (response) => oauth.processRefreshTokenResponse(server, client, response),
  )

export const me = ({ access_token, sub }) =>
  prove(
    () => oauth.userInfoRequest(server, client, access_token, { DPoP, ...http }),
    (response) => oauth.processUserInfoResponse(server, client, sub, response),
  )

/** Everything this sign-in gave the app ends. */
export const signOut = async (refreshToken) =>
  oauth.processRevocationResponse(await oauth.revocationRequest(server, client, oauth.None(), refreshToken, http))
