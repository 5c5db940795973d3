//! The only SQL. Everything of single use is consumed by one conditional statement, so that two callers can never
//! both have it.

mod codes;
mod device_codes;
mod families;
mod grants;
mod handoffs;
mod links;
mod organizations;
mod personal_tokens;
mod proofs;
mod pushed_requests;
mod session_links;
mod sessions;
mod signing_keys;
mod sweep;
mod upstreams;

use std::path::Path;
use std::time::Duration;

use gatepass_core::time::Timestamp;
use sqlx::SqlitePool;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};

pub(crate) use device_codes::{Added, CODE_WINDOW, GUESS_WINDOW, Typed, Typist};
pub(crate) use links::{CodeTry, Link, NewLink};
pub(crate) use session_links::{NewSession, SessionLink};
pub(crate) use sessions::Session;

/// The database: one writer, so that no statement ever finds the file busy, and readers beside it.
#[derive(Clone)]
pub(crate) struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Store {
    /// Opens the file, creates it if need be, and brings its schema up to date.
    pub(crate) async fn open(path: &Path) -> Result<Self, sqlx::Error> {
        create_for_owner(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // Every commit is on the disk before anybody holds its token.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // Another process may have the file open, such as a backup.
            .busy_timeout(Duration::from_secs(5))
            // Deleted rows are overwritten: hashes and addresses should not outlive their rows.
            .pragma("secure_delete", "on");
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        sqlx::migrate!().run(&writer).await?;
        let readers =
            SqlitePoolOptions::new().max_connections(4).connect_with(options.read_only(true)).await?;
        Ok(Self { writer, readers })
    }

    /// Whether the database answers.
    pub(crate) async fn answers(&self) -> bool {
        sqlx::query("SELECT 1").fetch_one(&self.readers).await.is_ok()
    }

    /// Writes everything back and lets go of the file.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Addresses and sealed keys are for the owner alone; SQLite gives its side files the same mode.
fn create_for_owner(path: &Path) -> Result<(), sqlx::Error> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(sqlx::Error::Io)
}

/// A moment as it lies in the database.
fn seconds(at: Timestamp) -> i64 {
    i64::try_from(at.seconds()).unwrap_or(i64::MAX)
}

/// A moment out of the database.
fn timestamp(row: &SqliteRow, column: &str) -> Result<Timestamp, sqlx::Error> {
    let seconds: i64 = sqlx::Row::try_get(row, column)?;
    Ok(Timestamp::from_seconds(seconds.try_into().unwrap_or(0)))
}

/// The name of a family out of the database, where there is one.
fn family_id(row: &SqliteRow, column: &str) -> Result<Option<[u8; 16]>, sqlx::Error> {
    let bytes: Option<Vec<u8>> = sqlx::Row::try_get(row, column)?;
    bytes
        .map(|bytes| bytes.try_into().map_err(|_| sqlx::Error::Decode("a family has sixteen bytes".into())))
        .transpose()
}
