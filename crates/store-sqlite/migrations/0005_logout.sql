-- The apps of a session that are to be told when it ends, and how it stands with telling them.
CREATE TABLE logout_delivery (
    session_id BLOB    NOT NULL,
    client_id  TEXT    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    user_id    BLOB    NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    status     INTEGER NOT NULL, -- 1 signed in, 2 to be told, 3 told, 4 refused, 5 given up
    next_at    INTEGER, -- of 1: when the session runs out; of 2: the next try
    ended_at   INTEGER, -- from 2 on
    attempts   INTEGER NOT NULL,
    settled_at INTEGER, -- from 3 on
    answer     TEXT, -- what the last try came to
    PRIMARY KEY (session_id, client_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX logout_delivery_due ON logout_delivery (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX logout_delivery_settled ON logout_delivery (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX logout_delivery_client ON logout_delivery (client_id, ended_at);
CREATE INDEX logout_delivery_user ON logout_delivery (user_id);
