-- The device grant (RFC 8628): one row per device that asks.
CREATE TABLE device_code (
    code             BLOB    NOT NULL PRIMARY KEY, -- SHA-256
    user_code        BLOB    NOT NULL UNIQUE,      -- HMAC-SHA-256 under a key of the server
    client_id        TEXT    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    scope            TEXT    NOT NULL,
    resource         TEXT,
    challenge        BLOB,
    address          TEXT    NOT NULL, -- where the device asked from, for the person who decides
    requested_at     INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    interval_seconds INTEGER NOT NULL, -- between polls; grows when the device polls too fast
    next_poll_at     INTEGER NOT NULL,
    status           INTEGER NOT NULL CHECK (status BETWEEN 1 AND 4), -- 1 pending, 2 denied, 3 approved, 4 redeemed
    -- from when somebody has typed the user code
    session_id       BLOB,
    user_id          BLOB,
    -- from approval on
    epoch            INTEGER,
    auth_time        INTEGER,
    amr              TEXT,
    acr              TEXT,
    -- from redemption on
    grant_id         BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX device_code_expiry ON device_code (expires_at);
CREATE INDEX device_code_client ON device_code (client_id);

-- The thumbprint of the key that a public client's refresh tokens are bound to (RFC 9449 section 5): 32 bytes.
ALTER TABLE app_grant ADD COLUMN jkt BLOB;
