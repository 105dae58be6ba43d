import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
writeFileSync('notes.key', privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600, flag: 'wx' })
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'notes-1', use: 'sig', alg: 'ES256' }
writeFileSync('notes.jwks', JSON.stringify({ keys: [jwk] }))
