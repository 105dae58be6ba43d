-- Whether a browser has opened a pushed request is looked up by its handle.
CREATE INDEX authorization_pushed ON authorization (pushed) WHERE pushed IS NOT NULL;
