-- The life of a signing key: announced, active, retired, gone (then `sealed` is empty and `public` is there).
ALTER TABLE signing_key ADD COLUMN public text COLLATE "C";
ALTER TABLE signing_key ADD COLUMN activated_at bigint;
ALTER TABLE signing_key ADD COLUMN retired_at bigint;
UPDATE signing_key SET activated_at = created_at;
CREATE UNIQUE INDEX signing_key_announced ON signing_key (alg) WHERE activated_at IS NULL;
CREATE UNIQUE INDEX signing_key_active ON signing_key (alg) WHERE activated_at IS NOT NULL AND retired_at IS NULL;
