-- Consent is remembered for each resource of its own. Of what was remembered for named resources it is not known which scopes
-- were for which: people are asked again.
CREATE TABLE consent_by_resource (
    user_id   BLOB    NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    client_id TEXT    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    resource  TEXT    NOT NULL, -- a URI; empty: the client named none
    scope     TEXT    NOT NULL,
    given_at  INTEGER NOT NULL,
    PRIMARY KEY (user_id, client_id, resource)
) STRICT, WITHOUT ROWID;
INSERT INTO consent_by_resource SELECT user_id, client_id, '', scope, given_at FROM consent WHERE resource IS NULL;
DROP TABLE consent;
ALTER TABLE consent_by_resource RENAME TO consent;
CREATE INDEX consent_client ON consent (client_id);
