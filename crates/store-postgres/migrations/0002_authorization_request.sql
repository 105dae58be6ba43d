-- A code may be asked for without PKCE by a client that the operator has exempted, so `challenge` may be empty.
ALTER TABLE "authorization"
    ALTER COLUMN challenge DROP NOT NULL,
    ADD COLUMN response_mode   bigint NOT NULL DEFAULT 0 CHECK (response_mode BETWEEN 0 AND 1), -- 0 query, 1 form_post
    ADD COLUMN dpop_jkt        bytea CHECK (octet_length(dpop_jkt) = 32), -- SHA-256 thumbprint
    ADD COLUMN acr_values      text COLLATE "C", -- between spaces
    ADD COLUMN acr_essential   boolean NOT NULL DEFAULT false,
    ADD COLUMN claims          text COLLATE "C", -- JSON
    ADD COLUMN pushed          bytea CHECK (octet_length(pushed) = 32), -- handle of par
    ADD COLUMN chosen_user     bytea CHECK (octet_length(chosen_user) = 16),
    ADD COLUMN consented_scope text COLLATE "C",
    ADD COLUMN granted_scope   text COLLATE "C";

ALTER TABLE app_grant ADD COLUMN claims text COLLATE "C"; -- JSON

ALTER TABLE consent ADD COLUMN resource text COLLATE "C"; -- URIs between spaces

-- Pushed authorization requests.
CREATE TABLE par (
    handle      bytea            NOT NULL PRIMARY KEY CHECK (octet_length(handle) = 32), -- SHA-256
    client_id   text COLLATE "C" NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    parameters  text COLLATE "C" NOT NULL, -- form-encoded, without credentials
    created_at  bigint           NOT NULL,
    expires_at  bigint           NOT NULL,
    opened      boolean          NOT NULL DEFAULT false,
    answered_at bigint
) WITH (fillfactor = 75);
CREATE INDEX par_expiry ON par (expires_at);
CREATE INDEX par_client ON par (client_id);
