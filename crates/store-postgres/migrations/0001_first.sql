-- Times are milliseconds since 1970-01-01T00:00:00Z. Ids are 16 bytes, hashes 32. Tables and columns are called as in
-- SQLite, so that rows can be carried from one database to the other. Text is compared byte by byte.
--
-- The tables that are written all the time keep room in their pages, and no index is on a column that changes often:
-- a rotation rewrites a row within its page and touches no index.

CREATE TABLE "user" (
    id             bytea            NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    username       text COLLATE "C" NOT NULL,
    email          text COLLATE "C",
    email_verified boolean          NOT NULL,
    name           text COLLATE "C",
    locale         text COLLATE "C",
    status         bigint           NOT NULL CHECK (status IN (1, 2)), -- 1 active, 2 disabled
    epoch          bigint           NOT NULL,
    created_at     bigint           NOT NULL,
    updated_at     bigint           NOT NULL
);
CREATE INDEX user_username ON "user" (username);

-- User names and addresses are one space of look-up keys.
CREATE TABLE user_name (
    key     text COLLATE "C" NOT NULL PRIMARY KEY,
    user_id bytea            NOT NULL REFERENCES "user" (id) ON DELETE CASCADE
);
CREATE INDEX user_name_user ON user_name (user_id);

CREATE TABLE password (
    user_id    bytea  NOT NULL PRIMARY KEY REFERENCES "user" (id) ON DELETE CASCADE,
    sealed     bytea  NOT NULL,
    updated_at bigint NOT NULL
);

CREATE TABLE client (
    id         text COLLATE "C" NOT NULL PRIMARY KEY,
    metadata   text COLLATE "C" NOT NULL, -- JSON
    enabled    boolean          NOT NULL,
    created_at bigint           NOT NULL,
    updated_at bigint           NOT NULL
);

CREATE TABLE client_secret (
    client_id text COLLATE "C" NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    hash      bytea            NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (client_id, hash)
);

CREATE TABLE client_origin (
    origin    text COLLATE "C" NOT NULL,
    client_id text COLLATE "C" NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    PRIMARY KEY (origin, client_id)
);
CREATE INDEX client_origin_client ON client_origin (client_id);

CREATE TABLE session (
    id           bytea            NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    secret       bytea            NOT NULL UNIQUE CHECK (octet_length(secret) = 32), -- SHA-256 of what the cookie carries
    user_id      bytea            NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    epoch        bigint           NOT NULL,
    auth_time    bigint           NOT NULL,
    amr          text COLLATE "C" NOT NULL,
    acr          text COLLATE "C" NOT NULL,
    idle_seconds bigint           NOT NULL,
    expires_at   bigint           NOT NULL,
    persistent   boolean          NOT NULL,
    created_at   bigint           NOT NULL,
    last_seen_at bigint           NOT NULL,
    device       text COLLATE "C" NOT NULL,
    ended_at     bigint
) WITH (fillfactor = 75);
CREATE INDEX session_owner ON session (user_id);
CREATE INDEX session_expiry ON session (expires_at);
CREATE INDEX session_end ON session (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE "authorization" (
    id              bytea            NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    browser         bytea            NOT NULL CHECK (octet_length(browser) = 32), -- SHA-256 of the transaction cookie
    client_id       text COLLATE "C" NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    redirect_uri    text COLLATE "C" NOT NULL,
    state           text COLLATE "C",
    scope           text COLLATE "C" NOT NULL,
    nonce           text COLLATE "C",
    challenge       bytea            NOT NULL CHECK (octet_length(challenge) = 32),
    prompt          bigint           NOT NULL, -- bits: 1 none, 2 login, 4 consent
    max_age         bigint,
    login_hint      text COLLATE "C",
    ui_locales      text COLLATE "C",
    expected_user   bytea CHECK (octet_length(expected_user) = 16),
    resource        text COLLATE "C",
    requested_at    bigint           NOT NULL,
    expires_at      bigint           NOT NULL,
    status          bigint           NOT NULL CHECK (status BETWEEN 1 AND 4), -- 1 requested, 2 denied, 3 approved, 4 redeemed
    consented_user  bytea CHECK (octet_length(consented_user) = 16),
    -- from approval on
    code            bytea UNIQUE CHECK (octet_length(code) = 32), -- SHA-256
    user_id         bytea CHECK (octet_length(user_id) = 16),
    epoch           bigint,
    session_id      bytea CHECK (octet_length(session_id) = 16),
    auth_time       bigint,
    amr             text COLLATE "C",
    acr             text COLLATE "C",
    code_expires_at bigint,
    -- from redemption on
    grant_id        bytea CHECK (octet_length(grant_id) = 16)
) WITH (fillfactor = 75);
CREATE INDEX authorization_expiry ON "authorization" (expires_at);
CREATE INDEX authorization_client ON "authorization" (client_id);

CREATE TABLE app_grant (
    id          bytea            NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    user_id     bytea            NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    epoch       bigint           NOT NULL,
    client_id   text COLLATE "C" NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    session_id  bytea            NOT NULL CHECK (octet_length(session_id) = 16),
    scope       text COLLATE "C" NOT NULL,
    resource    text COLLATE "C",
    auth_time   bigint           NOT NULL,
    amr         text COLLATE "C" NOT NULL,
    acr         text COLLATE "C" NOT NULL,
    offline     boolean          NOT NULL,
    lasting     boolean          NOT NULL, -- as its session's cookie was when it was given
    created_at  bigint           NOT NULL,
    expires_at  bigint           NOT NULL,
    generation  bigint           NOT NULL,
    predecessor bigint,
    rotated_at  bigint           NOT NULL,
    revoked_at  bigint
) WITH (fillfactor = 75);
CREATE INDEX app_grant_session ON app_grant (session_id);
CREATE INDEX app_grant_user ON app_grant (user_id);
CREATE INDEX app_grant_client ON app_grant (client_id);
CREATE INDEX app_grant_expiry ON app_grant (expires_at);

CREATE TABLE consent (
    user_id   bytea            NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    client_id text COLLATE "C" NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    scope     text COLLATE "C" NOT NULL,
    given_at  bigint           NOT NULL,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX consent_client ON consent (client_id);

CREATE TABLE signing_key (
    kid        text COLLATE "C" NOT NULL PRIMARY KEY,
    alg        text COLLATE "C" NOT NULL,
    sealed     bytea            NOT NULL,
    created_at bigint           NOT NULL
);

-- One value: what a right master key computes to.
CREATE TABLE master_key_check (
    one   bigint NOT NULL PRIMARY KEY CHECK (one = 1),
    value bytea  NOT NULL CHECK (octet_length(value) = 32)
);

CREATE TABLE throttle (
    key           bytea  NOT NULL PRIMARY KEY CHECK (octet_length(key) = 32),
    attempts      bigint NOT NULL,
    window_began  bigint NOT NULL,
    blocked_until bigint,
    forget_at     bigint NOT NULL
) WITH (fillfactor = 75);
CREATE INDEX throttle_forget ON throttle (forget_at);

CREATE TABLE audit (
    number     bigint           NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         bigint           NOT NULL,
    event      text COLLATE "C" NOT NULL,
    user_id    bytea CHECK (octet_length(user_id) = 16),
    client_id  text COLLATE "C",
    session_id bytea CHECK (octet_length(session_id) = 16),
    grant_id   bytea CHECK (octet_length(grant_id) = 16)
);
CREATE INDEX audit_user ON audit (user_id, number);
CREATE INDEX audit_at ON audit (at);

-- Other nodes notice changes of clients and signing keys by a number that every change raises, made by hand or not; a
-- notification at the commit tells them when to look.
CREATE TABLE catalog (
    one     bigint NOT NULL PRIMARY KEY CHECK (one = 1),
    version bigint NOT NULL
);
INSERT INTO catalog (one, version) VALUES (1, 1);

-- A statement that changed no row fires its triggers too.
CREATE FUNCTION catalog_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM changed) THEN
        UPDATE catalog SET version = version + 1;
        PERFORM pg_notify('brama_catalog', '');
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER catalog_client_insert AFTER INSERT ON client REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed();
CREATE TRIGGER catalog_client_update AFTER UPDATE ON client REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed();
CREATE TRIGGER catalog_client_delete AFTER DELETE ON client REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed();
CREATE TRIGGER catalog_client_secret_insert AFTER INSERT ON client_secret REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed();
CREATE TRIGGER catalog_client_secret_update AFTER UPDATE ON client_secret REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed();
CREATE TRIGGER catalog_client_secret_delete AFTER DELETE ON client_secret REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed();
CREATE TRIGGER catalog_client_origin_insert AFTER INSERT ON client_origin REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed();
CREATE TRIGGER catalog_client_origin_update AFTER UPDATE ON client_origin REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed();
CREATE TRIGGER catalog_client_origin_delete AFTER DELETE ON client_origin REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed();
CREATE TRIGGER catalog_signing_key_insert AFTER INSERT ON signing_key REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed();
CREATE TRIGGER catalog_signing_key_update AFTER UPDATE ON signing_key REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed();
CREATE TRIGGER catalog_signing_key_delete AFTER DELETE ON signing_key REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed();

-- Scheduled work is done by the node that holds its lease.
CREATE TABLE lease (
    job        text COLLATE "C" NOT NULL PRIMARY KEY,
    node       bytea            NOT NULL, -- 16 bytes, one per running process
    held_until bigint           NOT NULL
);
