//! Proofs that were seen (RFC 9449 section 11.1).

use super::{Store, seconds};
use crate::grant::dpop::Proof;

impl Store {
    /// Remembers a proof. `false` if it was seen before.
    pub(crate) async fn remember_proof(&self, proof: &Proof) -> Result<bool, sqlx::Error> {
        let added =
            sqlx::query("INSERT INTO proof (replay_hash, stale_at) VALUES (?, ?) ON CONFLICT DO NOTHING")
                .bind(&proof.replay_hash[..])
                .bind(seconds(proof.stale_at))
                .execute(&self.writer)
                .await?
                .rows_affected();
        Ok(added == 1)
    }
}
