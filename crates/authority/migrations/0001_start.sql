-- Nothing here is a usable token: random secrets are kept as SHA-256, short codes under a key, refresh tokens not at
-- all, signing keys sealed. Moments are whole seconds since 1970.

-- One set of keys for each secret that ever ran here; a secret opens only its own.
CREATE TABLE signing_key (
    namespace   TEXT NOT NULL,
    algorithm   TEXT NOT NULL,
    sealed      BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (namespace, algorithm)
) STRICT, WITHOUT ROWID;

CREATE TABLE user (
    id          TEXT NOT NULL PRIMARY KEY,
    email       TEXT NOT NULL UNIQUE,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A browser that is signed in. The cookie is known by its hash; `sid` is the name by which clients know the session.
CREATE TABLE session (
    cookie_hash         BLOB NOT NULL PRIMARY KEY,
    sid                 TEXT NOT NULL UNIQUE,
    user_id             TEXT NOT NULL REFERENCES user (id),
    auth_time           INTEGER NOT NULL,
    last_seen_at        INTEGER NOT NULL,
    absolute_expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_user ON session (user_id);
CREATE INDEX session_end ON session (absolute_expires_at);

-- A link that was mailed, and the code that it may turn into.
CREATE TABLE login_link (
    token_hash      BLOB NOT NULL PRIMARY KEY,
    browser_hash    BLOB NOT NULL,
    email           TEXT NOT NULL,
    flow            TEXT NOT NULL,
    browser         TEXT NOT NULL,
    place           TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    used_at         INTEGER,
    code_mac        BLOB,
    code_expires_at INTEGER,
    code_attempts   INTEGER NOT NULL DEFAULT 0,
    code_used_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX login_link_browser ON login_link (browser_hash);
CREATE INDEX login_link_email ON login_link (email, created_at);
CREATE INDEX login_link_end ON login_link (expires_at);

CREATE TABLE consent (
    user_id     TEXT NOT NULL REFERENCES user (id),
    client_id   TEXT NOT NULL,
    scope       TEXT NOT NULL,
    given_at    INTEGER NOT NULL,
    PRIMARY KEY (user_id, client_id)
) STRICT, WITHOUT ROWID;

-- `family_id` is set when the code is used; the row stays a while as a tombstone.
CREATE TABLE authorization_code (
    code_hash    BLOB NOT NULL PRIMARY KEY,
    client_id    TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    user_id      TEXT NOT NULL REFERENCES user (id),
    sid          TEXT NOT NULL,
    scope        TEXT NOT NULL,
    audience     TEXT NOT NULL,
    nonce        TEXT,
    challenge    TEXT,
    dpop_jkt     TEXT,
    auth_time    INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    family_id    BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX authorization_code_user ON authorization_code (user_id);
CREATE INDEX authorization_code_end ON authorization_code (expires_at);

-- All tokens of one sign-in of one client: one row, one conditional write a refresh.
CREATE TABLE family (
    id                  BLOB NOT NULL PRIMARY KEY,
    user_id             TEXT NOT NULL REFERENCES user (id),
    client_id           TEXT NOT NULL,
    sid                 TEXT NOT NULL,
    scope               TEXT NOT NULL,
    audience            TEXT NOT NULL,
    dpop_jkt            TEXT,
    generation          INTEGER NOT NULL,
    generation_at       INTEGER NOT NULL,
    auth_time           INTEGER NOT NULL,
    created_at          INTEGER NOT NULL,
    idle_expires_at     INTEGER NOT NULL,
    absolute_expires_at INTEGER NOT NULL,
    revoked_at          INTEGER,
    revoke_reason       TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX family_user ON family (user_id);
CREATE INDEX family_end ON family (absolute_expires_at);
CREATE INDEX family_idle_end ON family (idle_expires_at);

-- Proofs that were seen, until their age alone refuses them.
CREATE TABLE proof (
    replay_hash BLOB NOT NULL PRIMARY KEY,
    stale_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX proof_end ON proof (stale_at);
