//! The signing keys, sealed, one set a secret.

use gatepass_core::time::Timestamp;

use super::{Store, seconds};

impl Store {
    /// The sealed key of this namespace and algorithm.
    pub(crate) async fn signing_key(
        &self,
        namespace: &str,
        algorithm: &str,
    ) -> Result<Option<Vec<u8>>, sqlx::Error> {
        sqlx::query_scalar("SELECT sealed FROM signing_key WHERE namespace = ? AND algorithm = ?")
            .bind(namespace)
            .bind(algorithm)
            .fetch_optional(&self.writer)
            .await
    }

    /// Offers a key. If another process was first, its key stays and ours is forgotten.
    pub(crate) async fn offer_signing_key(
        &self,
        namespace: &str,
        algorithm: &str,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO signing_key (namespace, algorithm, sealed, created_at) VALUES (?, ?, ?, ?)
             ON CONFLICT DO NOTHING",
        )
        .bind(namespace)
        .bind(algorithm)
        .bind(sealed)
        .bind(seconds(now))
        .execute(&self.writer)
        .await?;
        Ok(())
    }
}
