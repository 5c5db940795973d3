//! Codes for terminals: one a request, and the short one that may take its place.

use gatepass_core::time::Timestamp;
use sqlx::Row;

use super::{Store, codes, seconds};
use crate::grant::redeem::Code;
use crate::grant::short_code::ATTEMPTS;

impl Store {
    /// Keeps the code that answers a request. One that the same answer made before makes way; `false` if it was used.
    pub(crate) async fn add_handoff_code(
        &self,
        handoff_hash: &[u8],
        code_hash: &[u8; 32],
        code: &Code,
    ) -> Result<bool, sqlx::Error> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM authorization_code WHERE handoff_hash = ? AND family_id IS NULL")
            .bind(handoff_hash)
            .execute(&mut *transaction)
            .await?;
        let used: Option<i64> = sqlx::query_scalar("SELECT 1 FROM authorization_code WHERE handoff_hash = ?")
            .bind(handoff_hash)
            .fetch_optional(&mut *transaction)
            .await?;
        if used.is_some() {
            transaction.rollback().await?;
            return Ok(false);
        }
        codes::insert(&mut transaction, code_hash, code, Some(handoff_hash)).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Puts a short code in the place of the one that answered a request, which is dead from then on: `new_hash` is that
    /// of a code that nobody has. `false` if it was used.
    pub(crate) async fn type_handoff_code(
        &self,
        handoff_hash: &[u8],
        new_hash: &[u8; 32],
        mac: &[u8],
        expires_at: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        let changed = sqlx::query(
            "UPDATE authorization_code SET code_hash = ?, typed_mac = ?, typed_attempts = 0, expires_at = ?
             WHERE handoff_hash = ? AND family_id IS NULL",
        )
        .bind(&new_hash[..])
        .bind(mac)
        .bind(seconds(expires_at))
        .bind(handoff_hash)
        .execute(&self.writer)
        .await?
        .rows_affected();
        Ok(changed == 1)
    }

    /// Whether a request was answered by a code that nobody used yet.
    pub(crate) async fn handoff_code_waits(&self, handoff_hash: &[u8]) -> Result<bool, sqlx::Error> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM authorization_code WHERE handoff_hash = ? AND family_id IS NULL",
        )
        .bind(handoff_hash)
        .fetch_optional(&self.writer)
        .await?;
        Ok(found.is_some())
    }

    /// Whether a short code is waited for, or was, by whoever can answer this challenge.
    pub(crate) async fn typed_code_is_known(&self, challenge: &str) -> Result<bool, sqlx::Error> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM authorization_code WHERE challenge = ? AND typed_mac IS NOT NULL",
        )
        .bind(challenge)
        .fetch_optional(&self.writer)
        .await?;
        Ok(found.is_some())
    }

    /// Tries a short code: the row that it names, by its hash, if it waits and has tries left, or was used.
    pub(crate) async fn try_typed_code(
        &self,
        challenge: &str,
        mac: &[u8],
        now: Timestamp,
    ) -> Result<Option<(Vec<u8>, Code)>, sqlx::Error> {
        // One transaction: of many tries at once, none is looked at before the others were counted.
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let row = sqlx::query(
            "SELECT * FROM authorization_code
             WHERE challenge = ? AND typed_mac = ? AND (typed_attempts < ? OR family_id IS NOT NULL)",
        )
        .bind(challenge)
        .bind(mac)
        .bind(ATTEMPTS)
        .fetch_optional(&mut *transaction)
        .await?;
        sqlx::query(
            "UPDATE authorization_code SET typed_attempts = typed_attempts + 1
             WHERE challenge = ? AND typed_mac IS NOT NULL AND family_id IS NULL AND expires_at > ?",
        )
        .bind(challenge)
        .bind(seconds(now))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        row.map(|row| Ok((row.try_get("code_hash")?, codes::read(&row)?))).transpose()
    }
}
