//! What a person granted, and how it ends.

use std::time::Duration;

use gatepass_core::time::Timestamp;
use sqlx::SqliteConnection;

use super::{Store, families, seconds, sessions};
use crate::grant::refresh::Family;

impl Store {
    /// The living grants of a person, newest use first.
    pub(crate) async fn grants(&self, user_id: &str, now: Timestamp) -> Result<Vec<Family>, sqlx::Error> {
        sqlx::query(
            "SELECT * FROM family WHERE user_id = ?1 AND revoked_at IS NULL
                 AND idle_expires_at > ?2 AND absolute_expires_at > ?2
             ORDER BY last_used_at DESC, created_at DESC, id",
        )
        .bind(user_id)
        .bind(seconds(now))
        .fetch_all(&self.readers)
        .await?
        .iter()
        .map(families::read)
        .collect()
    }

    /// Ends a grant of this person. `false` if they have no living one of that id.
    pub(crate) async fn end_grant(
        &self,
        user_id: &str,
        id: &[u8; 16],
        now: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let living: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM family WHERE id = ?1 AND user_id = ?2 AND revoked_at IS NULL
                 AND idle_expires_at > ?3 AND absolute_expires_at > ?3",
        )
        .bind(&id[..])
        .bind(user_id)
        .bind(seconds(now))
        .fetch_optional(&mut *transaction)
        .await?;
        if living.is_none() {
            return Ok(false);
        }
        end_family(&mut transaction, id, "ended by its owner", now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Ends all that acts for a person: grants, browsers, personal tokens, and what is still on its way to become a grant.
    pub(crate) async fn end_everything(&self, user_id: &str, now: Timestamp) -> Result<(), sqlx::Error> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "UPDATE family SET revoked_at = ?, revoke_reason = 'everything ended by its owner'
             WHERE user_id = ? AND revoked_at IS NULL",
        )
        .bind(seconds(now))
        .bind(user_id)
        .execute(&mut *transaction)
        .await?;
        for statement in [
            "DELETE FROM session WHERE user_id = ?",
            "DELETE FROM authorization_code WHERE user_id = ? AND family_id IS NULL",
            "DELETE FROM personal_token WHERE user_id = ?",
            "UPDATE device_code SET allowed = 0 WHERE user_id = ? AND family_id IS NULL",
        ] {
            sqlx::query(statement).bind(user_id).execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }

    /// Ends the session of a browser, and what began in it and is still on its way to become a grant.
    pub(crate) async fn end_browser(&self, sid: &str) -> Result<(), sqlx::Error> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sessions::end(&mut transaction, sid).await?;
        transaction.commit().await
    }

    /// Starts the idle time of a family anew, within its absolute end. Nothing if it does not live.
    pub(crate) async fn keep_alive(
        &self,
        id: &[u8; 16],
        idle: Duration,
        now: Timestamp,
    ) -> Result<Option<Family>, sqlx::Error> {
        let rows = sqlx::query(
            "UPDATE family SET last_used_at = ?1, idle_expires_at = max(idle_expires_at, min(?2, absolute_expires_at))
             WHERE id = ?3 AND revoked_at IS NULL AND idle_expires_at > ?1 AND absolute_expires_at > ?1
             RETURNING *",
        )
        .bind(seconds(now))
        .bind(seconds(now.plus(idle)))
        .bind(&id[..])
        .fetch_all(&self.writer)
        .await?;
        rows.first().map(families::read).transpose()
    }
}

/// Ends a family, the browsers that it signed in, and all that began in those. The first reason stays.
pub(super) async fn end_family(
    connection: &mut SqliteConnection,
    id: &[u8; 16],
    reason: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let sids: Vec<String> = sqlx::query_scalar(
        "WITH RECURSIVE ended (id) AS
             (VALUES (?1) UNION SELECT family.id FROM family JOIN ended ON family.parent_id = ended.id)
         SELECT sid FROM session_link WHERE sid IS NOT NULL AND family_id IN (SELECT id FROM ended)",
    )
    .bind(&id[..])
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query(
        "WITH RECURSIVE ended (id) AS
             (VALUES (?1) UNION SELECT family.id FROM family JOIN ended ON family.parent_id = ended.id)
         UPDATE family SET revoked_at = ?2, revoke_reason = ?3
         WHERE id IN (SELECT id FROM ended) AND revoked_at IS NULL",
    )
    .bind(&id[..])
    .bind(seconds(now))
    .bind(reason)
    .execute(&mut *connection)
    .await?;
    for sid in sids {
        sessions::end(connection, &sid).await?;
    }
    Ok(())
}
