//! Authorization codes.

use gatepass_core::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{Store, families, family_id, seconds, timestamp};
use crate::grant::redeem::Code;
use crate::grant::refresh::Family;

impl Store {
    /// Keeps a new code under its hash, if the session in which it was granted has not ended in this moment.
    pub(crate) async fn add_code(&self, code_hash: &[u8; 32], code: &Code) -> Result<(), sqlx::Error> {
        let mut connection = self.writer.acquire().await?;
        insert(&mut connection, code_hash, code, None).await
    }

    /// Looks at a code, used or not.
    pub(crate) async fn code(&self, code_hash: &[u8]) -> Result<Option<Code>, sqlx::Error> {
        sqlx::query("SELECT * FROM authorization_code WHERE code_hash = ?")
            .bind(code_hash)
            .fetch_optional(&self.writer)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// Turns a code into a family: both or neither, and only the first time. `false` if another request was first.
    pub(crate) async fn redeem_code(
        &self,
        code_hash: &[u8],
        family: &Family,
        now: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let changed = sqlx::query(
            "UPDATE authorization_code SET family_id = ?
             WHERE code_hash = ? AND family_id IS NULL AND expires_at > ?",
        )
        .bind(&family.id[..])
        .bind(code_hash)
        .bind(seconds(now))
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        if changed != 1 {
            transaction.rollback().await?;
            return Ok(false);
        }
        families::insert(&mut transaction, family).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    code_hash: &[u8; 32],
    code: &Code,
    handoff_hash: Option<&[u8]>,
) -> Result<(), sqlx::Error> {
    let kept = sqlx::query(
        "INSERT INTO authorization_code (code_hash, client_id, redirect_uri, user_id, sid, scope, audience,
             organization_id, nonce, challenge, dpop_jkt, auth_time, expires_at, device, handoff_hash)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15
         WHERE EXISTS (SELECT 1 FROM session WHERE sid = ?5)",
    )
    .bind(&code_hash[..])
    .bind(&code.client_id)
    .bind(&code.redirect_uri)
    .bind(&code.user_id)
    .bind(&code.sid)
    .bind(&code.scope)
    .bind(&code.audience)
    .bind(&code.organization_id)
    .bind(&code.nonce)
    .bind(&code.challenge)
    .bind(&code.dpop_jkt)
    .bind(seconds(code.auth_time))
    .bind(seconds(code.expires_at))
    .bind(&code.device)
    .bind(handoff_hash)
    .execute(connection)
    .await?
    .rows_affected();
    if kept == 1 { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
}

pub(super) fn read(row: &SqliteRow) -> Result<Code, sqlx::Error> {
    Ok(Code {
        client_id: row.try_get("client_id")?,
        redirect_uri: row.try_get("redirect_uri")?,
        user_id: row.try_get("user_id")?,
        sid: row.try_get("sid")?,
        scope: row.try_get("scope")?,
        audience: row.try_get("audience")?,
        organization_id: row.try_get("organization_id")?,
        nonce: row.try_get("nonce")?,
        challenge: row.try_get("challenge")?,
        dpop_jkt: row.try_get("dpop_jkt")?,
        auth_time: timestamp(row, "auth_time")?,
        expires_at: timestamp(row, "expires_at")?,
        device: row.try_get("device")?,
        family_id: family_id(row, "family_id")?,
    })
}
