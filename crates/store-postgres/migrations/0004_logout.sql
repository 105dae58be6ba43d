-- The apps of a session that are to be told when it ends, and how it stands with telling them.
CREATE TABLE logout_delivery (
    session_id bytea            NOT NULL CHECK (octet_length(session_id) = 16),
    client_id  text COLLATE "C" NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    user_id    bytea            NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    status     bigint           NOT NULL CHECK (status BETWEEN 1 AND 5), -- 1 signed in, 2 to be told, 3 told, 4 refused, 5 given up
    next_at    bigint, -- of 1: when the session runs out; of 2: the next try
    ended_at   bigint, -- from 2 on
    attempts   bigint           NOT NULL,
    settled_at bigint, -- from 3 on
    answer     text COLLATE "C", -- what the last try came to
    PRIMARY KEY (session_id, client_id)
) WITH (fillfactor = 75);
CREATE INDEX logout_delivery_due ON logout_delivery (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX logout_delivery_settled ON logout_delivery (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX logout_delivery_client ON logout_delivery (client_id, ended_at);
CREATE INDEX logout_delivery_user ON logout_delivery (user_id);
