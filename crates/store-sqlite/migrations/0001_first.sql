-- Times are milliseconds since 1970-01-01T00:00:00Z. Ids are 16 bytes, hashes 32.

CREATE TABLE user (
    id             BLOB    NOT NULL PRIMARY KEY,
    username       TEXT    NOT NULL,
    email          TEXT,
    email_verified INTEGER NOT NULL,
    name           TEXT,
    locale         TEXT,
    status         INTEGER NOT NULL, -- 1 active, 2 disabled
    epoch          INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- User names and addresses are one space of look-up keys.
CREATE TABLE user_name (
    key     TEXT NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES user (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX user_name_user ON user_name (user_id);

CREATE TABLE password (
    user_id    BLOB    NOT NULL PRIMARY KEY REFERENCES user (id) ON DELETE CASCADE,
    sealed     BLOB    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE client (
    id         TEXT    NOT NULL PRIMARY KEY,
    metadata   TEXT    NOT NULL, -- JSON
    enabled    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE client_secret (
    client_id TEXT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    hash      BLOB NOT NULL,
    PRIMARY KEY (client_id, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE client_origin (
    origin    TEXT NOT NULL,
    client_id TEXT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    PRIMARY KEY (origin, client_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX client_origin_client ON client_origin (client_id);

CREATE TABLE session (
    id           BLOB    NOT NULL PRIMARY KEY,
    secret       BLOB    NOT NULL UNIQUE, -- SHA-256 of what the cookie carries
    user_id      BLOB    NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    epoch        INTEGER NOT NULL,
    auth_time    INTEGER NOT NULL,
    amr          TEXT    NOT NULL,
    acr          TEXT    NOT NULL,
    idle_seconds INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    persistent   INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    device       TEXT    NOT NULL,
    ended_at     INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX session_user ON session (user_id);
CREATE INDEX session_expiry ON session (expires_at);

CREATE TABLE authorization (
    id              BLOB    NOT NULL PRIMARY KEY,
    browser         BLOB    NOT NULL, -- SHA-256 of the transaction cookie
    client_id       TEXT    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    redirect_uri    TEXT    NOT NULL,
    state           TEXT,
    scope           TEXT    NOT NULL,
    nonce           TEXT,
    challenge       BLOB    NOT NULL,
    prompt          INTEGER NOT NULL, -- bits: 1 none, 2 login, 4 consent
    max_age         INTEGER,
    login_hint      TEXT,
    ui_locales      TEXT,
    expected_user   BLOB,
    resource        TEXT,
    requested_at    INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    status          INTEGER NOT NULL, -- 1 requested, 2 denied, 3 approved, 4 redeemed
    consented_user  BLOB,
    -- from approval on
    code            BLOB UNIQUE, -- SHA-256
    user_id         BLOB,
    epoch           INTEGER,
    session_id      BLOB,
    auth_time       INTEGER,
    amr             TEXT,
    acr             TEXT,
    code_expires_at INTEGER,
    -- from redemption on
    grant_id        BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX authorization_expiry ON authorization (expires_at);
CREATE INDEX authorization_client ON authorization (client_id);

CREATE TABLE app_grant (
    id          BLOB    NOT NULL PRIMARY KEY,
    user_id     BLOB    NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    epoch       INTEGER NOT NULL,
    client_id   TEXT    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    session_id  BLOB    NOT NULL,
    scope       TEXT    NOT NULL,
    resource    TEXT,
    auth_time   INTEGER NOT NULL,
    amr         TEXT    NOT NULL,
    acr         TEXT    NOT NULL,
    offline     INTEGER NOT NULL,
    lasting     INTEGER NOT NULL, -- as its session's cookie was when it was given
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    generation  INTEGER NOT NULL,
    predecessor INTEGER,
    rotated_at  INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX app_grant_session ON app_grant (session_id);
CREATE INDEX app_grant_user ON app_grant (user_id);
CREATE INDEX app_grant_client ON app_grant (client_id);
CREATE INDEX app_grant_expiry ON app_grant (expires_at);

CREATE TABLE consent (
    user_id   BLOB    NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    client_id TEXT    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    scope     TEXT    NOT NULL,
    given_at  INTEGER NOT NULL,
    PRIMARY KEY (user_id, client_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX consent_client ON consent (client_id);

CREATE TABLE signing_key (
    kid        TEXT    NOT NULL PRIMARY KEY,
    alg        TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One value: what a right master key computes to.
CREATE TABLE master_key_check (
    one   INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    value BLOB    NOT NULL
) STRICT;

CREATE TABLE throttle (
    key           BLOB    NOT NULL PRIMARY KEY,
    attempts      INTEGER NOT NULL,
    window_began  INTEGER NOT NULL,
    blocked_until INTEGER,
    forget_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX throttle_forget ON throttle (forget_at);

CREATE TABLE audit (
    number     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    event      TEXT    NOT NULL,
    user_id    BLOB,
    client_id  TEXT,
    session_id BLOB,
    grant_id   BLOB
) STRICT;
CREATE INDEX audit_user ON audit (user_id, number);
CREATE INDEX audit_at ON audit (at);
