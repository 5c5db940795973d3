-- How a grant was made, what the machine that asked calls itself, and when it was last used: what its owner sees of it.
ALTER TABLE family ADD COLUMN way TEXT NOT NULL DEFAULT 'code' CHECK (way IN ('code', 'device', 'handoff'));
ALTER TABLE family ADD COLUMN device TEXT;
ALTER TABLE family ADD COLUMN last_used_at INTEGER NOT NULL DEFAULT 0;
UPDATE family SET last_used_at = generation_at;
UPDATE family SET way = 'device' WHERE by_device = 1;
ALTER TABLE family DROP COLUMN by_device;

-- The grant by which a browser was signed in whose session led to this one: they end together.
ALTER TABLE family ADD COLUMN parent_id BLOB;
CREATE INDEX family_parent ON family (parent_id) WHERE parent_id IS NOT NULL;

-- A link by which a program signs a browser in, known by its hash. `sid` is the session that it became; the row stays
-- as long as anything can still begin there.
CREATE TABLE session_link (
    token_hash  BLOB NOT NULL PRIMARY KEY,
    family_id   BLOB NOT NULL,
    return_to   TEXT,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    forget_at   INTEGER NOT NULL,
    used_at     INTEGER,
    sid         TEXT UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX session_link_family ON session_link (family_id);
CREATE INDEX session_link_end ON session_link (forget_at);
