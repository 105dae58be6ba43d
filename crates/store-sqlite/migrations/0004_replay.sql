-- What may be seen once: ids of client assertions and of DPoP proofs, as hashes.
CREATE TABLE replay (
    key   BLOB    NOT NULL PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX replay_until ON replay (until);

-- Access tokens that were revoked before their time.
CREATE TABLE revoked_token (
    jti        TEXT    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL -- of the token
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_token_expiry ON revoked_token (expires_at);
