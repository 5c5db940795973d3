-- A device that waits for its person (RFC 8628). It polls by a random code that is kept as a hash; the person types a
-- short one that is kept under a key.
CREATE TABLE device_code (
    code_hash       BLOB NOT NULL PRIMARY KEY,
    user_code_mac   BLOB NOT NULL UNIQUE,
    client_id       TEXT NOT NULL,
    scope           TEXT NOT NULL,
    audience        TEXT NOT NULL,
    organization_id TEXT,
    place           TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    -- How long the device has to wait between two polls, when it last asked, and whether that was too soon.
    wait_seconds    INTEGER NOT NULL,
    polled_at       INTEGER,
    hurried         INTEGER NOT NULL DEFAULT 0,
    -- What the person said; the family is set when the device has its tokens.
    decided_at      INTEGER,
    allowed         INTEGER,
    user_id         TEXT REFERENCES user (id),
    sid             TEXT,
    auth_time       INTEGER,
    family_id       BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX device_code_user ON device_code (user_id);
CREATE INDEX device_code_end ON device_code (expires_at);

-- How many wrong codes somebody typed lately: an account, or everybody at a place.
CREATE TABLE device_guess (
    visitor     TEXT NOT NULL PRIMARY KEY,
    wrong       INTEGER NOT NULL,
    began_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX device_guess_end ON device_guess (began_at);

-- The organization for which a grant is.
ALTER TABLE authorization_code ADD COLUMN organization_id TEXT;
ALTER TABLE family ADD COLUMN organization_id TEXT;
