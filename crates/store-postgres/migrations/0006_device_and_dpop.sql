-- The device grant (RFC 8628): one row per device that asks.
CREATE TABLE device_code (
    code             bytea            NOT NULL PRIMARY KEY CHECK (octet_length(code) = 32), -- SHA-256
    user_code        bytea            NOT NULL UNIQUE CHECK (octet_length(user_code) = 32), -- HMAC-SHA-256 under a key of the server
    client_id        text COLLATE "C" NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    scope            text COLLATE "C" NOT NULL,
    resource         text COLLATE "C",
    challenge        bytea CHECK (octet_length(challenge) = 32),
    address          text COLLATE "C" NOT NULL, -- where the device asked from, for the person who decides
    requested_at     bigint           NOT NULL,
    expires_at       bigint           NOT NULL,
    interval_seconds bigint           NOT NULL, -- between polls; grows when the device polls too fast
    next_poll_at     bigint           NOT NULL,
    status           bigint           NOT NULL CHECK (status BETWEEN 1 AND 4), -- 1 pending, 2 denied, 3 approved, 4 redeemed
    -- from when somebody has typed the user code
    session_id       bytea CHECK (octet_length(session_id) = 16),
    user_id          bytea CHECK (octet_length(user_id) = 16),
    -- from approval on
    epoch            bigint,
    auth_time        bigint,
    amr              text COLLATE "C",
    acr              text COLLATE "C",
    -- from redemption on
    grant_id         bytea CHECK (octet_length(grant_id) = 16)
) WITH (fillfactor = 75);
CREATE INDEX device_code_expiry ON device_code (expires_at);
CREATE INDEX device_code_client ON device_code (client_id);

-- The thumbprint of the key that a public client's refresh tokens are bound to (RFC 9449 section 5).
ALTER TABLE app_grant ADD COLUMN jkt bytea CHECK (octet_length(jkt) = 32);
