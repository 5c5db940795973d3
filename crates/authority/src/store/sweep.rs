//! What has ended is deleted in small bites, so that no clean-up ever holds up a sign-in; in as many as it takes, so
//! that nobody can fill the file faster than it is emptied.

use std::time::Duration;

use gatepass_core::time::Timestamp;

use super::{GUESS_WINDOW, Store, seconds};
use crate::grant::redeem::TOMBSTONE_SECONDS;

/// At most so many rows a statement.
const BITE: i64 = 500;

impl Store {
    /// Deletes everything that has ended by `now`. What comes in meanwhile ends later, so this does too.
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
                "DELETE FROM device_code WHERE code_hash IN
                     (SELECT code_hash FROM device_code WHERE expires_at < ? LIMIT ?)",
                tombstone,
            ),
            (
                "DELETE FROM device_guess WHERE visitor IN
                     (SELECT visitor FROM device_guess WHERE began_at < ? LIMIT ?)",
                now.minus(GUESS_WINDOW),
            ),
            (
                "DELETE FROM pushed_request WHERE uri_hash IN
                     (SELECT uri_hash FROM pushed_request WHERE forget_at < ? LIMIT ?)",
                now,
            ),
            (
                "DELETE FROM session_link WHERE token_hash IN
                     (SELECT token_hash FROM session_link WHERE forget_at < ? LIMIT ?)",
                now,
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
            (
                "DELETE FROM upstream_login WHERE state_hash IN
                     (SELECT state_hash FROM upstream_login WHERE expires_at < ? LIMIT ?)",
                now,
            ),
            (
                "DELETE FROM personal_token WHERE id IN (SELECT id FROM personal_token WHERE expires_at < ? LIMIT ?)",
                now,
            ),
        ];
        let mut deleted = 0;
        for (statement, before) in statements {
            loop {
                let query = sqlx::query(statement).bind(seconds(before)).bind(BITE);
                let bite = query.execute(&self.writer).await?.rows_affected();
                deleted += bite;
                if bite < BITE.unsigned_abs() {
                    break;
                }
                // The one writer goes back to its queue: whoever waited there comes before the next bite.
                tokio::task::yield_now().await;
            }
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
    async fn everything_ended_goes_in_bites_and_the_living_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("test.sqlite")).await.unwrap();
        // More than two bites, and exactly two: the last bite may be empty.
        for ended in [1201_u32, 1000] {
            sqlx::query(
                "INSERT INTO proof (replay_hash, stale_at)
                 WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)
                 SELECT CAST(n AS BLOB), 99 FROM n",
            )
            .bind(ended)
            .execute(&store.writer)
            .await
            .unwrap();
            let living = Proof {
                jkt: String::new(),
                ath: None,
                replay_hash: sha256(ended.to_be_bytes()),
                stale_at: Timestamp::from_seconds(100),
            };
            assert!(store.remember_proof(&living).await.unwrap());
            let now = Timestamp::from_seconds(100);
            assert_eq!(store.sweep(now).await.unwrap(), u64::from(ended));
            assert_eq!(store.sweep(now).await.unwrap(), 0);
            assert!(!store.remember_proof(&living).await.unwrap(), "the living one is still known");
        }
    }

    #[tokio::test]
    async fn devices_go_after_their_tombstone_and_guesses_after_their_span() {
        use crate::grant::device::DeviceCode;
        use crate::store::{Added, Typed, Typist};
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("test.sqlite")).await.unwrap();
        let at = Timestamp::from_seconds;
        let code = DeviceCode {
            client_id: "cli".into(),
            scope: String::new(),
            audience: "a".into(),
            organization_id: None,
            place: "192.0.2.7".into(),
            created_at: at(1000),
            expires_at: at(1600),
            decision: None,
            family_id: None,
        };
        assert_eq!(store.add_device_code(&[1; 32], b"one", &code, 9).await.unwrap(), Added::Kept);
        let taken = store.add_device_code(&[2; 32], b"one", &code, 9).await.unwrap();
        assert_eq!(taken, Added::Taken, "the short code");
        let typist = Typist { user_id: "u", place: "192.0.2.7" };
        assert!(matches!(store.type_device_code(b"two", &typist, at(1000)).await.unwrap(), Typed::Wrong));
        assert_eq!(store.sweep(at(1600)).await.unwrap(), 0);
        assert_eq!(store.sweep(at(1601)).await.unwrap(), 2, "the account's guess and the place's");
        assert_eq!(store.sweep(at(2200)).await.unwrap(), 0, "the device is still told that it was too late");
        assert_eq!(store.sweep(at(2201)).await.unwrap(), 1);
        assert!(store.device_code(&[1; 32]).await.unwrap().is_none());
    }
}
