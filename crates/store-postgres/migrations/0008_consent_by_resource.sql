-- Consent is remembered for each resource of its own. Of what was remembered for named resources it is not known which scopes
-- were for which: people are asked again.
DELETE FROM consent WHERE resource IS NOT NULL;
ALTER TABLE consent DROP COLUMN resource;
ALTER TABLE consent ADD COLUMN resource text COLLATE "C" NOT NULL DEFAULT ''; -- a URI; empty: the client named none
ALTER TABLE consent ALTER COLUMN resource DROP DEFAULT;
ALTER TABLE consent DROP CONSTRAINT consent_pkey;
ALTER TABLE consent ADD PRIMARY KEY (user_id, client_id, resource);
