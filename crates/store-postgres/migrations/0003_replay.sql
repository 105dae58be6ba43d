-- What may be seen once: ids of client assertions and of DPoP proofs, as hashes.
CREATE TABLE replay (
    key   bytea  NOT NULL PRIMARY KEY CHECK (octet_length(key) = 32),
    until bigint NOT NULL
);
CREATE INDEX replay_until ON replay (until);

-- Access tokens that were revoked before their time.
CREATE TABLE revoked_token (
    jti        text COLLATE "C" NOT NULL PRIMARY KEY,
    expires_at bigint           NOT NULL -- of the token
);
CREATE INDEX revoked_token_expiry ON revoked_token (expires_at);
