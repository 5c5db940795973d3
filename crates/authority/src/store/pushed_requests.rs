//! Authorization requests that were handed in first, once they are answered.

use gatepass_core::time::Timestamp;

use super::{Store, seconds};

impl Store {
    /// Whether a request was answered.
    pub(crate) async fn pushed_request_is_used(&self, uri_hash: &[u8; 32]) -> Result<bool, sqlx::Error> {
        let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM pushed_request WHERE uri_hash = ?")
            .bind(&uri_hash[..])
            .fetch_optional(&self.writer)
            .await?;
        Ok(found.is_some())
    }

    /// The opening in which a request was answered.
    pub(crate) async fn pushed_request_opening(
        &self,
        uri_hash: &[u8],
    ) -> Result<Option<String>, sqlx::Error> {
        sqlx::query_scalar("SELECT opening FROM pushed_request WHERE uri_hash = ?")
            .bind(uri_hash)
            .fetch_optional(&self.writer)
            .await
    }

    /// Answers a request in one of its openings; `false` if another one was first. The same opening may answer again: a
    /// button pressed twice must not leave its person before a closed door (RFC 9126 section 4).
    pub(crate) async fn use_pushed_request(
        &self,
        uri_hash: &[u8],
        opening: &str,
        forget_at: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        let changed = sqlx::query(
            "INSERT INTO pushed_request (uri_hash, opening, forget_at) VALUES (?, ?, ?)
             ON CONFLICT (uri_hash) DO UPDATE SET forget_at = excluded.forget_at
                 WHERE opening = excluded.opening",
        )
        .bind(uri_hash)
        .bind(opening)
        .bind(seconds(forget_at))
        .execute(&self.writer)
        .await?
        .rows_affected();
        Ok(changed == 1)
    }
}
