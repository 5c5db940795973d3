-- A person who is on the way to a provider: known by the hash of `state`, and taken once, by the browser that left.
-- `sealed` has what the way back is held against.
CREATE TABLE upstream_login (
    state_hash   BLOB NOT NULL PRIMARY KEY,
    browser_hash BLOB NOT NULL,
    sealed       BLOB NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX upstream_login_end ON upstream_login (expires_at);

-- Whom a provider means by a subject. Addresses are given to somebody else one day, subjects are not.
CREATE TABLE upstream_identity (
    issuer      TEXT NOT NULL,
    subject     TEXT NOT NULL,
    user_id     TEXT NOT NULL REFERENCES user (id),
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX upstream_identity_user ON upstream_identity (user_id, issuer);
