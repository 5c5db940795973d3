//! What has ended is deleted in small bites, so that no clean-up ever holds up a sign-in.

use std::time::Duration;

use gatepass_core::time::Timestamp;

use super::{Store, seconds};
use crate::grant::redeem::TOMBSTONE_SECONDS;

/// At most so many rows of each kind a time.
const BITE: i64 = 500;

impl Store {
    /// Deletes a bite of everything that has ended.
    pub(crate) async fn sweep(&self, now: Timestamp) -> Result<u64, sqlx::Error> {
        let tombstone = now.minus(Duration::from_secs(TOMBSTONE_SECONDS));
        // A family's row may go at its end: whoever asks for one that is not there is refused.
        let statements = [
            (
                "DELETE FROM proof WHERE replay_hash IN (SELECT replay_hash FROM proof WHERE stale_at < ? LIMIT ?)",
                now,
            ),
            (
                "DELETE FROM authorization_code WHERE code_hash IN
                     (SELECT code_hash FROM authorization_code WHERE expires_at < ? LIMIT ?)",
                tombstone,
            ),
            (
                // A code made of a link lives as long again, and the letters of a quarter of an hour are counted.
                "DELETE FROM login_link WHERE token_hash IN
                     (SELECT token_hash FROM login_link WHERE expires_at < ? LIMIT ?)",
                now.minus(Duration::from_secs(1200)),
            ),
            (
                "DELETE FROM session WHERE cookie_hash IN
                     (SELECT cookie_hash FROM session WHERE absolute_expires_at < ? LIMIT ?)",
                now,
            ),
            (
                "DELETE FROM family WHERE id IN (SELECT id FROM family WHERE absolute_expires_at < ? LIMIT ?)",
                now,
            ),
            ("DELETE FROM family WHERE id IN (SELECT id FROM family WHERE idle_expires_at < ? LIMIT ?)", now),
        ];
        let mut deleted = 0;
        for (statement, before) in statements {
            let result =
                sqlx::query(statement).bind(seconds(before)).bind(BITE).execute(&self.writer).await?;
            deleted += result.rows_affected();
        }
        Ok(deleted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::dpop::Proof;
    use crate::keys::sha256;

    #[tokio::test]
    async fn bites_are_bounded_and_spare_the_living() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("test.sqlite")).await.unwrap();
        let proof = |n: u64, stale_at| Proof {
            jkt: String::new(),
            replay_hash: sha256(n.to_be_bytes()),
            stale_at: Timestamp::from_seconds(stale_at),
        };
        for n in 0..700 {
            assert!(store.remember_proof(&proof(n, 99)).await.unwrap());
        }
        assert!(store.remember_proof(&proof(700, 100)).await.unwrap());
        let now = Timestamp::from_seconds(100);
        assert_eq!(store.sweep(now).await.unwrap(), 500);
        assert_eq!(store.sweep(now).await.unwrap(), 200);
        assert_eq!(store.sweep(now).await.unwrap(), 0);
        assert!(!store.remember_proof(&proof(700, 100)).await.unwrap(), "the living one is still known");
    }
}
