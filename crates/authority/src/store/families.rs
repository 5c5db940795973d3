//! Families of tokens: one row each, one conditional write a refresh.

use std::time::Duration;

use gatepass_core::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{Store, family_id, grants, seconds, timestamp};
use crate::grant::refresh::{Family, Presented, Way};

impl Store {
    /// Moves a family from the presented generation to the next one, if that is still its newest, the family lives,
    /// and the caller holds its key. Of any number of callers at once, one succeeds.
    pub(crate) async fn advance(
        &self,
        presented: Presented,
        jkt: Option<&str>,
        idle: Duration,
        now: Timestamp,
    ) -> Result<Option<Family>, sqlx::Error> {
        let rows = sqlx::query(
            "UPDATE family SET generation = generation + 1, generation_at = ?1, last_used_at = ?1, idle_expires_at = ?2
             WHERE id = ?3 AND generation = ?4 AND revoked_at IS NULL
                 AND idle_expires_at > ?1 AND absolute_expires_at > ?1
                 AND (dpop_jkt IS NULL OR dpop_jkt = ?5)
             RETURNING *",
        )
        .bind(seconds(now))
        .bind(seconds(now.plus(idle)))
        .bind(&presented.family_id[..])
        .bind(presented.generation)
        .bind(jkt)
        .fetch_all(&self.writer)
        .await?;
        rows.first().map(read).transpose()
    }

    /// Looks at a family.
    pub(crate) async fn family(&self, id: &[u8; 16]) -> Result<Option<Family>, sqlx::Error> {
        sqlx::query("SELECT * FROM family WHERE id = ?")
            .bind(&id[..])
            .fetch_optional(&self.readers)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// Ends a family and everything that came from it. The first reason stays.
    pub(crate) async fn revoke(
        &self,
        id: &[u8; 16],
        reason: &str,
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        grants::end_family(&mut transaction, id, reason, now).await?;
        transaction.commit().await
    }
}

pub(super) async fn insert(connection: &mut SqliteConnection, family: &Family) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO family (id, user_id, client_id, sid, scope, audience, organization_id, dpop_jkt, generation,
             generation_at, auth_time, created_at, last_used_at, idle_expires_at, absolute_expires_at, way, device,
             parent_id)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT family_id FROM session_link WHERE sid = ?))",
    )
    .bind(&family.id[..])
    .bind(&family.user_id)
    .bind(&family.client_id)
    .bind(&family.sid)
    .bind(&family.scope)
    .bind(&family.audience)
    .bind(&family.organization_id)
    .bind(&family.dpop_jkt)
    .bind(family.generation)
    .bind(seconds(family.generation_at))
    .bind(seconds(family.auth_time))
    .bind(seconds(family.created_at))
    .bind(seconds(family.last_used_at))
    .bind(seconds(family.idle_expires_at))
    .bind(seconds(family.absolute_expires_at))
    .bind(family.way.name())
    .bind(&family.device)
    .bind(&family.sid)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) fn read(row: &SqliteRow) -> Result<Family, sqlx::Error> {
    let revoked_at: Option<i64> = row.try_get("revoked_at")?;
    Ok(Family {
        id: family_id(row, "id")?.ok_or(sqlx::Error::RowNotFound)?,
        user_id: row.try_get("user_id")?,
        client_id: row.try_get("client_id")?,
        sid: row.try_get("sid")?,
        scope: row.try_get("scope")?,
        audience: row.try_get("audience")?,
        organization_id: row.try_get("organization_id")?,
        dpop_jkt: row.try_get("dpop_jkt")?,
        generation: row.try_get("generation")?,
        generation_at: timestamp(row, "generation_at")?,
        auth_time: timestamp(row, "auth_time")?,
        idle_expires_at: timestamp(row, "idle_expires_at")?,
        absolute_expires_at: timestamp(row, "absolute_expires_at")?,
        revoked: revoked_at.is_some(),
        created_at: timestamp(row, "created_at")?,
        last_used_at: timestamp(row, "last_used_at")?,
        way: Way::read(row.try_get("way")?).ok_or_else(|| sqlx::Error::Decode("an unknown way".into()))?,
        device: row.try_get("device")?,
    })
}
