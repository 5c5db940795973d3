-- Authorization requests that were handed in before their person arrived (RFC 9126) and were answered. Until then they
-- travel in their own names, sealed: nobody fills the file who has not signed in.
CREATE TABLE pushed_request (
    uri_hash    BLOB NOT NULL PRIMARY KEY,
    opening     TEXT NOT NULL,
    forget_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pushed_request_end ON pushed_request (forget_at);
