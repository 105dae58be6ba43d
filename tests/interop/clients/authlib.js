/** Authlib for Python, its session object; the Flask app and the machine of the guides use it too. */

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { walkTo } from '../lib/person.js'
import { start } from '../lib/programs.js'
import { openSite } from '../lib/site.js'
import { pythonVersion, walker } from '../lib/walked.js'
import { TARGET, prepared, register, world } from '../lib/world.js'

const did = walker('Authlib', pythonVersion('authlib'))
const app = prepared(() => openSite())
after(() => app().close())
const web = register('al-web', 'web', () => ({ 'redirect-uri': `${app().origin}/callback`, scope: ['openid', 'profile', 'offline_access'] }))

describe('Authlib', () => {
  test('sign in, every check of the ID token, refresh, userinfo, introspection, revocation', async () => {
    const { user, url: issuer } = world.server
    const redirect_uri = `${app().origin}/callback`
    const walk = start(`${TARGET}interop/python/bin/python`, [fileURLToPath(new URL('../python/walk.py', import.meta.url))], {
      input: null,
    })
    walk.child.stdin.write(`${JSON.stringify({ ...web(), issuer, redirect_uri })}\n`)
    const { url } = JSON.parse((await walk.says(/^\{.*\}$/m))[0])
    const page = await (await world.profile()).newPage()
    const back = await walkTo(page, url, { user, app: redirect_uri })
    walk.child.stdin.end(`${back.href}\n`)
    const { name, refused } = JSON.parse((await walk.succeeds()).trim().split('\n').at(-1) ?? '')
    assert.equal(name, user.username)
    assert.equal(refused, 'invalid_grant')
    did('discovery', 'code', 'idToken', 'atHash', 'refresh', 'userinfo', 'post', 'introspection', 'revocation')
  })
})
