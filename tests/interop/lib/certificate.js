/**
 * A throw-away certificate authority, and its certificate for `localhost`.
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** @param {string} file where the authority's certificate is to be */
export function certificate(file) {
  const folder = mkdtempSync(join(tmpdir(), 'brama-ca-'))
  const openssl = (/** @type {string} */ line) => execFileSync('openssl', line.split(' '), { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  try {
    const fresh = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2'
    openssl(`${fresh} -keyout ca.key -out ca.pem -subj /CN=interop -addext basicConstraints=critical,CA:TRUE`)
    const names = '-addext subjectAltName=DNS:localhost -addext basicConstraints=CA:FALSE'
    openssl(`${fresh} -keyout key.pem -out cert.pem -subj /CN=localhost -CA ca.pem -CAkey ca.key ${names}`)
    writeFileSync(file, readFileSync(join(folder, 'ca.pem')))
    return { key: readFileSync(join(folder, 'key.pem'), 'utf8'), cert: readFileSync(join(folder, 'cert.pem'), 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
