import { IndexedDbDPoPStore, UserManager } from 'oidc-client-ts'

const issuer = 'http://localhost:8420'
const manager = new UserManager({
  authority: issuer,
  client_id: 'notes-spa',
  redirect_uri: `${location.origin}/callback`,
  post_logout_redirect_uri: `${location.origin}/`,
  scope: 'openid profile email',
  // The key is made in the browser and cannot be read by scripts; a stolen token is worth nothing without it.
  dpop: { store: new IndexedDbDPoPStore(), bind_authorization_code: true },
})

async function call(url) {
  const user = await manager.getUser()
  const send = async (nonce) => {
    const DPoP = await manager.dpopProof(url, user, 'GET', nonce)
    return fetch(url, { headers: { Authorization: `DPoP ${user.access_token}`, DPoP } })
  }
  const answer = await send()
  const nonce = answer.headers.get('DPoP-Nonce')
  return answer.status === 401 && nonce ? send(nonce) : answer
}
const me = async () => (await call((await manager.metadataService.getMetadata()).userinfo_endpoint)).json()

const show = (id, text) => (document.getElementById(id).textContent = text)
const on = (id, act) => document.getElementById(id).addEventListener('click', () => act().catch((error) => show('answer', error.message)))
on('sign-in', () => manager.signinRedirect())
on('refresh', () => manager.signinSilent())
on('sign-out', () => manager.signoutRedirect())
on('call', async () => show('answer', await (await call(`${location.origin}/api/hello`)).text()))
manager.events.addUserLoaded((user) => show('answer', `token until ${new Date(user.expires_at * 1000).toISOString()}`))

if (location.pathname === '/callback') {
  await manager.signinCallback().catch((error) => show('answer', error.message))
  history.replaceState(null, '', '/')
}
const user = await manager.getUser()
show('who', user ? `signed in as ${(await me()).preferred_username}` : 'signed out')
