-- `id` is a UUID, as clients send it. A name may change; the id stays, also while the configuration does not list it.
CREATE TABLE organization (
    id          TEXT NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the configuration says of every user, brought up to date at each start and each sign-in.
CREATE TABLE membership (
    user_id         TEXT NOT NULL REFERENCES user (id),
    organization_id TEXT NOT NULL REFERENCES organization (id),
    role            TEXT NOT NULL CHECK (role IN ('owner', 'member')),
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (user_id, organization_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX membership_organization ON membership (organization_id);

-- Personal access tokens, known by their hash.
CREATE TABLE personal_token (
    id           TEXT NOT NULL PRIMARY KEY,
    token_hash   BLOB NOT NULL UNIQUE,
    user_id      TEXT NOT NULL REFERENCES user (id),
    name         TEXT NOT NULL,
    scope        TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX personal_token_user ON personal_token (user_id);
CREATE INDEX personal_token_end ON personal_token (expires_at);
