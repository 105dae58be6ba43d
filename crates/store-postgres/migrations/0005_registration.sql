-- Which secret of a client is the older one. Those of before count as equally old.
ALTER TABLE client_secret ADD COLUMN added_at bigint NOT NULL DEFAULT 0;

-- Tokens that let apps register themselves.
CREATE TABLE initial_access_token (
    id         bytea            NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    hash       bytea            NOT NULL UNIQUE CHECK (octet_length(hash) = 32), -- SHA-256 of what the app presents
    note       text COLLATE "C" NOT NULL,
    uses_left  bigint           NOT NULL CHECK (uses_left >= 0),
    expires_at bigint           NOT NULL,
    created_at bigint           NOT NULL
);

-- Apps that registered themselves.
CREATE TABLE client_registration (
    client_id   text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES client (id) ON DELETE CASCADE,
    token       bytea            NOT NULL UNIQUE CHECK (octet_length(token) = 32), -- SHA-256 of what opens the registration
    issued_at   bigint           NOT NULL,
    used_at     bigint           NOT NULL, -- when somebody was last seen to use the app, as of the last look
    unused_life bigint                     -- milliseconds that it stays without being used
);
