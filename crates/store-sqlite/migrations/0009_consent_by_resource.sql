-- Consent is remembered for each resource of its own: a JSON object from resource to scope, where the empty name stands for
-- requests that name no resource. Of what was remembered for named resources it is not known which scopes were for which:
-- people are asked again. `scope` and `resource` are left to nodes of the version before, and empty wherever this one wrote.
ALTER TABLE consent ADD COLUMN allowed TEXT;
UPDATE consent SET allowed = '{"":"' || scope || '"}' WHERE resource IS NULL;
