-- A code for a terminal, from a dashboard: what its machine calls itself, and the request that it answers. One request
-- has one code.
ALTER TABLE authorization_code ADD COLUMN device TEXT;
ALTER TABLE authorization_code ADD COLUMN handoff_hash BLOB;
CREATE UNIQUE INDEX authorization_code_handoff ON authorization_code (handoff_hash) WHERE handoff_hash IS NOT NULL;

-- A short code took the place of the long one. It is kept under a key, and found by the challenge that its terminal can
-- answer.
ALTER TABLE authorization_code ADD COLUMN typed_mac BLOB;
ALTER TABLE authorization_code ADD COLUMN typed_attempts INTEGER NOT NULL DEFAULT 0;
CREATE INDEX authorization_code_typed ON authorization_code (challenge) WHERE typed_mac IS NOT NULL;
