//! Personal access tokens, by their hash.

use std::time::Duration;

use gatepass_core::time::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, seconds, timestamp};
use crate::grant::personal::{MOST, PersonalToken};

/// Being used is written down at most this often.
const USED: Duration = Duration::from_secs(300);

impl Store {
    /// Keeps a new token under its hash. `false` if the person has as many as anybody may have.
    pub(crate) async fn add_personal_token(
        &self,
        token_hash: &[u8; 32],
        token: &PersonalToken,
    ) -> Result<bool, sqlx::Error> {
        let added = sqlx::query(
            "INSERT INTO personal_token (id, token_hash, user_id, name, scope, created_at, expires_at)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
             WHERE (SELECT count(*) FROM personal_token WHERE user_id = ?3 AND expires_at > ?6) < ?8",
        )
        .bind(&token.id)
        .bind(&token_hash[..])
        .bind(&token.user_id)
        .bind(&token.name)
        .bind(&token.scope)
        .bind(seconds(token.created_at))
        .bind(seconds(token.expires_at))
        .bind(MOST)
        .execute(&self.writer)
        .await?
        .rows_affected();
        Ok(added == 1)
    }

    /// The living token of a hash, now used.
    pub(crate) async fn use_personal_token(
        &self,
        token_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<PersonalToken>, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM personal_token WHERE token_hash = ? AND expires_at > ?")
            .bind(&token_hash[..])
            .bind(seconds(now))
            .fetch_optional(&self.readers)
            .await?;
        let Some(token) = row.as_ref().map(read).transpose()? else { return Ok(None) };
        if token.last_used_at.is_none_or(|used| now.since(used) >= USED) {
            sqlx::query("UPDATE personal_token SET last_used_at = ? WHERE id = ?")
                .bind(seconds(now))
                .bind(&token.id)
                .execute(&self.writer)
                .await?;
        }
        Ok(Some(token))
    }

    /// A person's living tokens, newest first.
    pub(crate) async fn personal_tokens(
        &self,
        user_id: &str,
        now: Timestamp,
    ) -> Result<Vec<PersonalToken>, sqlx::Error> {
        sqlx::query(
            "SELECT * FROM personal_token WHERE user_id = ? AND expires_at > ? ORDER BY created_at DESC, id",
        )
        .bind(user_id)
        .bind(seconds(now))
        .fetch_all(&self.readers)
        .await?
        .iter()
        .map(read)
        .collect()
    }

    /// Removes a token of this person. `false` if there is none of that id.
    pub(crate) async fn remove_personal_token(&self, user_id: &str, id: &str) -> Result<bool, sqlx::Error> {
        let removed = sqlx::query("DELETE FROM personal_token WHERE id = ? AND user_id = ?")
            .bind(id)
            .bind(user_id)
            .execute(&self.writer)
            .await?
            .rows_affected();
        Ok(removed == 1)
    }
}

fn read(row: &SqliteRow) -> Result<PersonalToken, sqlx::Error> {
    let used: Option<i64> = row.try_get("last_used_at")?;
    Ok(PersonalToken {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        name: row.try_get("name")?,
        scope: row.try_get("scope")?,
        created_at: timestamp(row, "created_at")?,
        expires_at: timestamp(row, "expires_at")?,
        last_used_at: used.map(|_| timestamp(row, "last_used_at")).transpose()?,
    })
}
