-- Other processes notice changes of clients and signing keys by a number that every change raises, made by hand or not.
CREATE TABLE catalog (
    one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO catalog (one, version) VALUES (1, 1);

CREATE TRIGGER catalog_client_insert AFTER INSERT ON client BEGIN UPDATE catalog SET version = version + 1; END;
CREATE TRIGGER catalog_client_update AFTER UPDATE ON client BEGIN UPDATE catalog SET version = version + 1; END;
CREATE TRIGGER catalog_client_delete AFTER DELETE ON client BEGIN UPDATE catalog SET version = version + 1; END;
CREATE TRIGGER catalog_client_secret_insert AFTER INSERT ON client_secret BEGIN UPDATE catalog SET version = version + 1; END;
CREATE TRIGGER catalog_client_secret_update AFTER UPDATE ON client_secret BEGIN UPDATE catalog SET version = version + 1; END;
CREATE TRIGGER catalog_client_secret_delete AFTER DELETE ON client_secret BEGIN UPDATE catalog SET version = version + 1; END;
CREATE TRIGGER catalog_client_origin_insert AFTER INSERT ON client_origin BEGIN UPDATE catalog SET version = version + 1; END;
CREATE TRIGGER catalog_client_origin_update AFTER UPDATE ON client_origin BEGIN UPDATE catalog SET version = version + 1; END;
CREATE TRIGGER catalog_client_origin_delete AFTER DELETE ON client_origin BEGIN UPDATE catalog SET version = version + 1; END;
CREATE TRIGGER catalog_signing_key_insert AFTER INSERT ON signing_key BEGIN UPDATE catalog SET version = version + 1; END;
CREATE TRIGGER catalog_signing_key_update AFTER UPDATE ON signing_key BEGIN UPDATE catalog SET version = version + 1; END;
CREATE TRIGGER catalog_signing_key_delete AFTER DELETE ON signing_key BEGIN UPDATE catalog SET version = version + 1; END;

-- Scheduled work is done by the node that holds its lease.
CREATE TABLE lease (
    job        TEXT    NOT NULL PRIMARY KEY,
    node       BLOB    NOT NULL, -- 16 bytes, one per running process
    held_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
