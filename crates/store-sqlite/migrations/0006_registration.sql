-- Which secret of a client is the older one. Those of before count as equally old.
ALTER TABLE client_secret ADD COLUMN added_at INTEGER NOT NULL DEFAULT 0;

-- Tokens that let apps register themselves.
CREATE TABLE initial_access_token (
    id         BLOB    NOT NULL PRIMARY KEY,
    hash       BLOB    NOT NULL UNIQUE, -- SHA-256 of what the app presents
    note       TEXT    NOT NULL,
    uses_left  INTEGER NOT NULL CHECK (uses_left >= 0),
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Apps that registered themselves.
CREATE TABLE client_registration (
    client_id   TEXT    NOT NULL PRIMARY KEY REFERENCES client (id) ON DELETE CASCADE,
    token       BLOB    NOT NULL UNIQUE, -- SHA-256 of what opens the registration
    issued_at   INTEGER NOT NULL,
    used_at     INTEGER NOT NULL, -- when somebody was last seen to use the app, as of the last look
    unused_life INTEGER           -- milliseconds that it stays without being used
) STRICT, WITHOUT ROWID;
