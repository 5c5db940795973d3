//! People, their browsers, and what they agreed to.

use std::time::Duration;

use gatepass_core::time::Timestamp;
use sqlx::{Row, SqliteConnection};

use super::{Store, seconds, timestamp};

/// A session ends this long after it was last seen.
const IDLE: Duration = Duration::from_secs(6 * 3600);

/// A session ends this long after its sign-in, seen or not.
pub(super) const ABSOLUTE: Duration = Duration::from_secs(12 * 3600);

/// Being seen is written down at most this often.
const SEEN: Duration = Duration::from_secs(300);

/// A browser that is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) sid: String,
    pub(crate) user_id: String,
    pub(crate) email: String,
    pub(crate) auth_time: Timestamp,
}

impl Store {
    /// The live session of a cookie, now seen.
    pub(crate) async fn session(
        &self,
        cookie_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Session>, sqlx::Error> {
        let Some((session, seen_at)) = self.live_session(cookie_hash, now).await? else { return Ok(None) };
        if now.since(seen_at) >= SEEN {
            sqlx::query("UPDATE session SET last_seen_at = ? WHERE cookie_hash = ?")
                .bind(seconds(now))
                .bind(&cookie_hash[..])
                .execute(&self.writer)
                .await?;
        }
        Ok(Some(session))
    }

    /// The live session of a cookie, looked at and not touched.
    pub(crate) async fn session_unseen(
        &self,
        cookie_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Session>, sqlx::Error> {
        Ok(self.live_session(cookie_hash, now).await?.map(|(session, _)| session))
    }

    /// The live session of a cookie, and when it was last seen.
    async fn live_session(
        &self,
        cookie_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<(Session, Timestamp)>, sqlx::Error> {
        sqlx::query(
            "SELECT sid, user_id, email, auth_time, last_seen_at FROM session JOIN user ON user.id = user_id
             WHERE cookie_hash = ? AND absolute_expires_at > ? AND last_seen_at > ?",
        )
        .bind(&cookie_hash[..])
        .bind(seconds(now))
        .bind(seconds(now.minus(IDLE)))
        .fetch_optional(&self.readers)
        .await?
        .map(|row| {
            let session = Session {
                sid: row.try_get("sid")?,
                user_id: row.try_get("user_id")?,
                email: row.try_get("email")?,
                auth_time: timestamp(&row, "auth_time")?,
            };
            Ok((session, timestamp(&row, "last_seen_at")?))
        })
        .transpose()
    }

    /// Signs a browser in under a fresh cookie, and ends the session that it had (against fixation).
    /// Whoever proves an address for the first time is a new user.
    pub(crate) async fn sign_in(
        &self,
        email: &str,
        new_user_id: &str,
        sid: &str,
        cookie_hash: &[u8; 32],
        old_cookie_hash: Option<&[u8; 32]>,
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO user (id, email, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
            .bind(new_user_id)
            .bind(email)
            .bind(seconds(now))
            .execute(&mut *transaction)
            .await?;
        if let Some(old) = old_cookie_hash {
            sqlx::query("DELETE FROM session WHERE cookie_hash = ?")
                .bind(&old[..])
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query(
            "INSERT INTO session (cookie_hash, sid, user_id, auth_time, last_seen_at, absolute_expires_at)
             SELECT ?, ?, id, ?, ?, ? FROM user WHERE email = ?",
        )
        .bind(&cookie_hash[..])
        .bind(sid)
        .bind(seconds(now))
        .bind(seconds(now))
        .bind(seconds(now.plus(ABSOLUTE)))
        .bind(email)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await
    }

    /// Ends the session of a cookie.
    pub(crate) async fn end_session(&self, cookie_hash: &[u8; 32]) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM session WHERE cookie_hash = ?")
            .bind(&cookie_hash[..])
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Writes down that the browser of a session was seen, if the session lives.
    pub(crate) async fn see_session(&self, sid: &str, now: Timestamp) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE session SET last_seen_at = ?1
             WHERE sid = ?2 AND absolute_expires_at > ?1 AND last_seen_at > ?3",
        )
        .bind(seconds(now))
        .bind(sid)
        .bind(seconds(now.minus(IDLE)))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// The address of a user.
    pub(crate) async fn email(&self, user_id: &str) -> Result<Option<String>, sqlx::Error> {
        sqlx::query_scalar("SELECT email FROM user WHERE id = ?")
            .bind(user_id)
            .fetch_optional(&self.readers)
            .await
    }

    /// The scopes that a user once granted a client.
    pub(crate) async fn consent(
        &self,
        user_id: &str,
        client_id: &str,
    ) -> Result<Option<String>, sqlx::Error> {
        sqlx::query_scalar("SELECT scope FROM consent WHERE user_id = ? AND client_id = ?")
            .bind(user_id)
            .bind(client_id)
            .fetch_optional(&self.readers)
            .await
    }

    /// Remembers what a user granted a client; the newest answer counts.
    pub(crate) async fn remember_consent(
        &self,
        user_id: &str,
        client_id: &str,
        scope: &str,
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO consent (user_id, client_id, scope, given_at) VALUES (?, ?, ?, ?)
             ON CONFLICT (user_id, client_id) DO UPDATE SET scope = excluded.scope, given_at = excluded.given_at",
        )
        .bind(user_id)
        .bind(client_id)
        .bind(scope)
        .bind(seconds(now))
        .execute(&self.writer)
        .await?;
        Ok(())
    }
}

/// Ends a session by its name, and what began in it and is still on its way to become a grant.
pub(super) async fn end(connection: &mut SqliteConnection, sid: &str) -> Result<(), sqlx::Error> {
    for statement in [
        "DELETE FROM session WHERE sid = ?",
        "DELETE FROM authorization_code WHERE sid = ? AND family_id IS NULL",
        "UPDATE device_code SET allowed = 0 WHERE sid = ? AND family_id IS NULL",
    ] {
        sqlx::query(statement).bind(sid).execute(&mut *connection).await?;
    }
    Ok(())
}
