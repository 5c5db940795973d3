//! Links by which a program signs a browser in.

use std::time::Duration;

use gatepass_core::time::Timestamp;
use sqlx::Row;

use super::sessions::ABSOLUTE;
use super::{Store, seconds, timestamp};
use crate::grant::session_link::MOST;

/// How long after the end of a session a code or a device that was let in there may still become a grant.
const STRAGGLERS: Duration = Duration::from_secs(3600);

/// A link that waits, and what the person is told of it.
pub(crate) struct SessionLink {
    pub(crate) user_id: String,
    pub(crate) email: String,
    pub(crate) client_id: String,
    pub(crate) device: Option<String>,
    pub(crate) return_to: Option<String>,
    pub(crate) created_at: Timestamp,
}

/// The session that a link becomes.
pub(crate) struct NewSession {
    pub(crate) cookie_hash: [u8; 32],
    pub(crate) sid: String,
    /// The session that the browser had, which ends.
    pub(crate) old_cookie_hash: Option<[u8; 32]>,
}

impl Store {
    /// Keeps a new link. `false` if the grant has as many as one may have.
    pub(crate) async fn add_session_link(
        &self,
        token_hash: &[u8; 32],
        family_id: &[u8; 16],
        return_to: Option<&str>,
        life: Duration,
        now: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        let added = sqlx::query(
            "INSERT INTO session_link (token_hash, family_id, return_to, created_at, expires_at, forget_at)
             SELECT ?1, ?2, ?3, ?4, ?5, ?5
             WHERE (SELECT count(*) FROM session_link WHERE family_id = ?2 AND expires_at > ?4) < ?6",
        )
        .bind(&token_hash[..])
        .bind(&family_id[..])
        .bind(return_to)
        .bind(seconds(now))
        .bind(seconds(now.plus(life)))
        .bind(MOST)
        .execute(&self.writer)
        .await?
        .rows_affected();
        Ok(added == 1)
    }

    /// Looks at a link without touching it.
    pub(crate) async fn session_link(
        &self,
        token_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<SessionLink>, sqlx::Error> {
        sqlx::query(
            "SELECT user_id, email, client_id, device, return_to, session_link.created_at AS asked_at
             FROM session_link JOIN family ON family.id = family_id JOIN user ON user.id = user_id
             WHERE token_hash = ?1 AND used_at IS NULL AND expires_at > ?2
                 AND revoked_at IS NULL AND idle_expires_at > ?2 AND absolute_expires_at > ?2",
        )
        .bind(&token_hash[..])
        .bind(seconds(now))
        .fetch_optional(&self.readers)
        .await?
        .map(|row| {
            Ok(SessionLink {
                user_id: row.try_get("user_id")?,
                email: row.try_get("email")?,
                client_id: row.try_get("client_id")?,
                device: row.try_get("device")?,
                return_to: row.try_get("return_to")?,
                created_at: timestamp(&row, "asked_at")?,
            })
        })
        .transpose()
    }

    /// Consumes a link, if it waits and its grant lives; with a session, that begins in the same moment. It is as old as
    /// the sign-in of the grant, and does not outlive the grant. `false` if somebody was first, or it was too late.
    pub(crate) async fn use_session_link(
        &self,
        token_hash: &[u8; 32],
        session: Option<&NewSession>,
        now: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let changed = sqlx::query(
            "UPDATE session_link SET used_at = ?1, sid = ?2, forget_at = ?3
             WHERE token_hash = ?4 AND used_at IS NULL AND expires_at > ?1 AND EXISTS
                 (SELECT 1 FROM family WHERE id = family_id AND revoked_at IS NULL
                      AND idle_expires_at > ?1 AND absolute_expires_at > ?1)",
        )
        .bind(seconds(now))
        .bind(session.map(|session| &session.sid))
        .bind(seconds(now.plus(ABSOLUTE).plus(STRAGGLERS)))
        .bind(&token_hash[..])
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        if changed != 1 {
            return Ok(false);
        }
        if let Some(session) = session {
            if let Some(old) = &session.old_cookie_hash {
                sqlx::query("DELETE FROM session WHERE cookie_hash = ?")
                    .bind(&old[..])
                    .execute(&mut *transaction)
                    .await?;
            }
            sqlx::query(
                "INSERT INTO session (cookie_hash, sid, user_id, auth_time, last_seen_at, absolute_expires_at)
                 SELECT ?1, ?2, user_id, auth_time, ?3, min(?4, absolute_expires_at)
                 FROM family JOIN session_link ON family.id = family_id WHERE token_hash = ?5",
            )
            .bind(&session.cookie_hash[..])
            .bind(&session.sid)
            .bind(seconds(now))
            .bind(seconds(now.plus(ABSOLUTE)))
            .bind(&token_hash[..])
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}
