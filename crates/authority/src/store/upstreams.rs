//! People on their way to a provider, and whom the provider means.

use gatepass_core::time::Timestamp;

use super::{Store, seconds};

impl Store {
    /// Keeps what the way back is held against.
    pub(crate) async fn add_upstream_login(
        &self,
        state_hash: &[u8; 32],
        browser_hash: &[u8; 32],
        sealed: &[u8],
        expires_at: Timestamp,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO upstream_login (state_hash, browser_hash, sealed, expires_at) VALUES (?, ?, ?, ?)",
        )
        .bind(&state_hash[..])
        .bind(&browser_hash[..])
        .bind(sealed)
        .bind(seconds(expires_at))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Takes it, in the browser that left, once.
    pub(crate) async fn take_upstream_login(
        &self,
        state_hash: &[u8; 32],
        browser_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, sqlx::Error> {
        let rows: Vec<Vec<u8>> = sqlx::query_scalar(
            "DELETE FROM upstream_login WHERE state_hash = ? AND browser_hash = ? AND expires_at > ?
             RETURNING sealed",
        )
        .bind(&state_hash[..])
        .bind(&browser_hash[..])
        .bind(seconds(now))
        .fetch_all(&self.writer)
        .await?;
        Ok(rows.into_iter().next())
    }

    /// Makes this subject the holder of this address. `false` if the address is another subject's.
    ///
    /// A subject that is known keeps its account and brings a new address along. One that is not takes the account of
    /// the address, which was proven here by letter, unless the provider has said before that it is somebody else's.
    pub(crate) async fn identify(
        &self,
        issuer: &str,
        subject: &str,
        email: &str,
        new_user_id: &str,
        now: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let holder: Option<String> = sqlx::query_scalar("SELECT id FROM user WHERE email = ?")
            .bind(email)
            .fetch_optional(&mut *transaction)
            .await?;
        let known: Option<String> =
            sqlx::query_scalar("SELECT user_id FROM upstream_identity WHERE issuer = ? AND subject = ?")
                .bind(issuer)
                .bind(subject)
                .fetch_optional(&mut *transaction)
                .await?;
        if let Some(user_id) = known {
            let free = holder.as_ref().is_none_or(|holder| *holder == user_id);
            if free {
                sqlx::query("UPDATE user SET email = ? WHERE id = ? AND email <> ?")
                    .bind(email)
                    .bind(&user_id)
                    .bind(email)
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            return Ok(free);
        }
        if holder.is_none() {
            sqlx::query("INSERT INTO user (id, email, created_at) VALUES (?, ?, ?)")
                .bind(new_user_id)
                .bind(email)
                .bind(seconds(now))
                .execute(&mut *transaction)
                .await?;
        }
        // One subject an account and issuer: a second one does not get in.
        let linked = sqlx::query(
            "INSERT INTO upstream_identity (issuer, subject, user_id, created_at) VALUES (?, ?, ?, ?)
             ON CONFLICT DO NOTHING",
        )
        .bind(issuer)
        .bind(subject)
        .bind(holder.as_deref().unwrap_or(new_user_id))
        .bind(seconds(now))
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        transaction.commit().await?;
        Ok(linked == 1)
    }
}
