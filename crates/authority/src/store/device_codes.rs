//! Device codes, what people said about them, and the wrong ones that were typed.

use std::time::Duration;

use gatepass_core::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{Store, families, family_id, seconds, timestamp};
use crate::grant::device::{Decision, DeviceCode, WAIT_SECONDS};
use crate::grant::refresh::Family;
use crate::grant::short_code::ATTEMPTS;

/// The span in which wrong codes are counted, and so the longest wait after too many.
pub(crate) const GUESS_WINDOW: Duration = Duration::from_secs(600);

/// The span in which codes of one place are counted, and so the longest wait after too many.
pub(crate) const CODE_WINDOW: Duration = Duration::from_secs(600);

/// How many times the wrong codes of one account everybody at one place may type. Accounts are made freely where
/// anybody may sign in; a company behind one address mistypes more than a person.
const PLACE_SHARE: u32 = 10;

/// What came of a new code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It waits.
    Kept,
    /// Its short code is taken, by one that waits or by a memory of one.
    Taken,
    /// Its place asked for too many.
    TooMany,
}

/// Who types a code.
pub(crate) struct Typist<'a> {
    pub(crate) user_id: &'a str,
    pub(crate) place: &'a str,
}

/// What came of typing a code.
pub(crate) enum Typed {
    /// A device waits for it. The hash names its row.
    Right(Vec<u8>, Box<DeviceCode>),
    /// No device does; that was counted.
    Wrong,
    /// There were too many wrong ones; this one was not looked at.
    TooMany,
}

impl Store {
    /// Keeps a new code, of so many that one place may ask for.
    pub(crate) async fn add_device_code(
        &self,
        code_hash: &[u8; 32],
        user_code_mac: &[u8],
        code: &DeviceCode,
        limit: u32,
    ) -> Result<Added, sqlx::Error> {
        // One transaction: of many requests at once, none is looked at before the others were counted.
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let there: u32 =
            sqlx::query_scalar("SELECT count(*) FROM device_code WHERE place = ? AND created_at > ?")
                .bind(&code.place)
                .bind(seconds(code.created_at.minus(CODE_WINDOW)))
                .fetch_one(&mut *transaction)
                .await?;
        if there >= limit {
            return Ok(Added::TooMany);
        }
        let added = sqlx::query(
            "INSERT INTO device_code (code_hash, user_code_mac, client_id, scope, audience, organization_id, place,
                 created_at, expires_at, wait_seconds)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(&code_hash[..])
        .bind(user_code_mac)
        .bind(&code.client_id)
        .bind(&code.scope)
        .bind(&code.audience)
        .bind(&code.organization_id)
        .bind(&code.place)
        .bind(seconds(code.created_at))
        .bind(seconds(code.expires_at))
        .bind(WAIT_SECONDS)
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        transaction.commit().await?;
        Ok(if added == 1 { Added::Kept } else { Added::Taken })
    }

    /// Looks at a code, whatever became of it.
    pub(crate) async fn device_code(&self, code_hash: &[u8]) -> Result<Option<DeviceCode>, sqlx::Error> {
        sqlx::query("SELECT * FROM device_code WHERE code_hash = ?")
            .bind(code_hash)
            .fetch_optional(&self.writer)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// Writes down that a device asked while nobody had decided, and says whether that was too soon. Each such poll makes
    /// the wait longer (RFC 8628 section 3.5).
    pub(crate) async fn note_poll(&self, code_hash: &[u8; 32], now: Timestamp) -> Result<bool, sqlx::Error> {
        let rows = sqlx::query(
            "UPDATE device_code SET polled_at = ?1, hurried = coalesce(polled_at + wait_seconds > ?1, 0),
                 wait_seconds = wait_seconds + ?2 * coalesce(polled_at + wait_seconds > ?1, 0)
             WHERE code_hash = ?3 RETURNING hurried",
        )
        .bind(seconds(now))
        .bind(WAIT_SECONDS)
        .bind(&code_hash[..])
        .fetch_all(&self.writer)
        .await?;
        rows.first().map_or(Ok(false), |row| row.try_get("hurried"))
    }

    /// Finds the device that waits for a short code. A wrong one counts, for the account and for the place; who typed
    /// too many learns nothing more for a while (RFC 8628 section 5.1).
    pub(crate) async fn type_device_code(
        &self,
        user_code_mac: &[u8],
        typist: &Typist<'_>,
        now: Timestamp,
    ) -> Result<Typed, sqlx::Error> {
        let visitors = [
            (format!("account {}", typist.user_id), ATTEMPTS),
            (format!("place {}", typist.place), ATTEMPTS * PLACE_SHARE),
        ];
        // One transaction: of many tries at once, none is looked at before the others were counted.
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        for (visitor, limit) in &visitors {
            if wrong_guesses(&mut transaction, visitor, now).await? >= *limit {
                return Ok(Typed::TooMany);
            }
        }
        let row = sqlx::query(
            "SELECT * FROM device_code WHERE user_code_mac = ? AND decided_at IS NULL AND expires_at > ?",
        )
        .bind(user_code_mac)
        .bind(seconds(now))
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(row) = row {
            return Ok(Typed::Right(row.try_get("code_hash")?, Box::new(read(&row)?)));
        }
        for (visitor, _) in &visitors {
            count_wrong_guess(&mut transaction, visitor, now).await?;
        }
        transaction.commit().await?;
        Ok(Typed::Wrong)
    }

    /// Writes down what a person said about a device, if nobody did before, it is not too late, and their
    /// session has not ended in this moment.
    pub(crate) async fn decide_device_code(
        &self,
        code_hash: &[u8],
        decision: &Decision,
        now: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        let changed = sqlx::query(
            "UPDATE device_code SET decided_at = ?1, allowed = ?2, user_id = ?3, sid = ?4, auth_time = ?5
             WHERE code_hash = ?6 AND decided_at IS NULL AND expires_at > ?1
                 AND EXISTS (SELECT 1 FROM session WHERE sid = ?4)",
        )
        .bind(seconds(now))
        .bind(decision.allowed)
        .bind(&decision.user_id)
        .bind(&decision.sid)
        .bind(seconds(decision.auth_time))
        .bind(code_hash)
        .execute(&self.writer)
        .await?
        .rows_affected();
        Ok(changed == 1)
    }

    /// Turns an allowed code into a family: both or neither, and only the first time. `false` if another request was
    /// first.
    pub(crate) async fn redeem_device_code(
        &self,
        code_hash: &[u8; 32],
        family: &Family,
        now: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let changed = sqlx::query(
            "UPDATE device_code SET family_id = ?
             WHERE code_hash = ? AND allowed = 1 AND family_id IS NULL AND expires_at > ?",
        )
        .bind(&family.id[..])
        .bind(&code_hash[..])
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

/// How many wrong codes somebody typed in the span that runs.
async fn wrong_guesses(
    connection: &mut SqliteConnection,
    visitor: &str,
    now: Timestamp,
) -> Result<u32, sqlx::Error> {
    let wrong = sqlx::query_scalar("SELECT wrong FROM device_guess WHERE visitor = ? AND began_at > ?")
        .bind(visitor)
        .bind(seconds(now.minus(GUESS_WINDOW)))
        .fetch_optional(connection)
        .await?;
    Ok(wrong.unwrap_or(0))
}

/// Counts one, in the span that runs or in a new one.
async fn count_wrong_guess(
    connection: &mut SqliteConnection,
    visitor: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO device_guess (visitor, wrong, began_at) VALUES (?1, 1, ?2)
         ON CONFLICT (visitor) DO UPDATE SET
             wrong = CASE WHEN began_at > ?3 THEN wrong + 1 ELSE 1 END,
             began_at = CASE WHEN began_at > ?3 THEN began_at ELSE ?2 END",
    )
    .bind(visitor)
    .bind(seconds(now))
    .bind(seconds(now.minus(GUESS_WINDOW)))
    .execute(connection)
    .await?;
    Ok(())
}

fn read(row: &SqliteRow) -> Result<DeviceCode, sqlx::Error> {
    let decided: Option<i64> = row.try_get("decided_at")?;
    let decision = match decided {
        None => None,
        Some(_) => Some(Decision {
            allowed: row.try_get("allowed")?,
            user_id: row.try_get("user_id")?,
            sid: row.try_get("sid")?,
            auth_time: timestamp(row, "auth_time")?,
        }),
    };
    Ok(DeviceCode {
        client_id: row.try_get("client_id")?,
        scope: row.try_get("scope")?,
        audience: row.try_get("audience")?,
        organization_id: row.try_get("organization_id")?,
        place: row.try_get("place")?,
        created_at: timestamp(row, "created_at")?,
        expires_at: timestamp(row, "expires_at")?,
        decision,
        family_id: family_id(row, "family_id")?,
    })
}
