-- A code may be asked for without PKCE by a client that the operator has exempted, so `challenge` may be empty.
CREATE TABLE authorization_new (
    id              BLOB    NOT NULL PRIMARY KEY,
    browser         BLOB    NOT NULL, -- SHA-256 of the transaction cookie
    client_id       TEXT    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    redirect_uri    TEXT    NOT NULL,
    state           TEXT,
    scope           TEXT    NOT NULL,
    nonce           TEXT,
    challenge       BLOB,
    prompt          INTEGER NOT NULL, -- bits: 1 none, 2 login, 4 consent, 8 select_account
    max_age         INTEGER,
    login_hint      TEXT,
    ui_locales      TEXT,
    expected_user   BLOB,
    resource        TEXT, -- URIs between spaces
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
    grant_id        BLOB,
    -- of the request
    response_mode   INTEGER NOT NULL DEFAULT 0, -- 0 query, 1 form_post
    dpop_jkt        BLOB, -- SHA-256 thumbprint
    acr_values      TEXT, -- between spaces
    acr_essential   INTEGER NOT NULL DEFAULT 0,
    claims          TEXT, -- JSON
    pushed          BLOB, -- handle of par
    -- what the person did
    chosen_user     BLOB,
    consented_scope TEXT,
    granted_scope   TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO authorization_new (id, browser, client_id, redirect_uri, state, scope, nonce, challenge, prompt, max_age,
    login_hint, ui_locales, expected_user, resource, requested_at, expires_at, status, consented_user, code, user_id, epoch,
    session_id, auth_time, amr, acr, code_expires_at, grant_id)
SELECT id, browser, client_id, redirect_uri, state, scope, nonce, challenge, prompt, max_age,
    login_hint, ui_locales, expected_user, resource, requested_at, expires_at, status, consented_user, code, user_id, epoch,
    session_id, auth_time, amr, acr, code_expires_at, grant_id FROM authorization;
DROP TABLE authorization;
ALTER TABLE authorization_new RENAME TO authorization;
CREATE INDEX authorization_expiry ON authorization (expires_at);
CREATE INDEX authorization_client ON authorization (client_id);

ALTER TABLE app_grant ADD COLUMN claims TEXT; -- JSON

ALTER TABLE consent ADD COLUMN resource TEXT; -- URIs between spaces

-- Pushed authorization requests.
CREATE TABLE par (
    handle      BLOB    NOT NULL PRIMARY KEY, -- SHA-256
    client_id   TEXT    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    parameters  TEXT    NOT NULL, -- form-encoded, without credentials
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    opened      INTEGER NOT NULL DEFAULT 0,
    answered_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX par_expiry ON par (expires_at);
CREATE INDEX par_client ON par (client_id);
