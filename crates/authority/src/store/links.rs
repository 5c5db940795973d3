//! Sign-in links and the short codes that they may turn into.

use std::time::Duration;

use gatepass_core::time::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, seconds, timestamp};
use crate::grant::short_code::ATTEMPTS;

/// How long a link, and after it a code, can be used.
const LIFE: Duration = Duration::from_secs(600);

/// The span in which letters to one address are counted.
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// How many times the letters of one browser all browsers at one place may have sent to one address.
const PLACE_SHARE: u32 = 3;

/// How many times the letters of one browser all the world may have sent to one address.
const ADDRESS_SHARE: u32 = 10;

/// A link to be mailed.
pub(crate) struct NewLink<'a> {
    pub(crate) token_hash: [u8; 32],
    pub(crate) browser_hash: [u8; 32],
    pub(crate) email: &'a str,
    pub(crate) flow: &'a str,
    pub(crate) browser: &'a str,
    pub(crate) place: &'a str,
}

/// A link that still waits.
pub(crate) struct Link {
    pub(crate) browser_hash: Vec<u8>,
    pub(crate) email: String,
    pub(crate) flow: String,
    pub(crate) browser: String,
    pub(crate) place: String,
    pub(crate) created_at: Timestamp,
}

/// A link or a code that was just consumed, by this call and no other.
pub(crate) struct UsedLink {
    pub(crate) email: String,
    pub(crate) flow: String,
}

/// What came of typing a code.
pub(crate) enum CodeTry {
    /// It was right, and nobody will use it again.
    Right(UsedLink),
    /// It was wrong; so many tries are left.
    Wrong(u32),
    /// There is no live code for this browser.
    None,
}

impl Store {
    /// Keeps a new link; an older one of the same browser dies. `false` if the address had its letters already, and
    /// then the older one lives on: it is the only one that this browser has.
    ///
    /// Whoever asks counts: a stranger's letters must not use up the owner's. Browsers are made freely, so that places
    /// are counted too, and all together.
    pub(crate) async fn add_link(
        &self,
        link: &NewLink<'_>,
        limit: u32,
        now: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let added = sqlx::query(
            "INSERT INTO login_link
                 (token_hash, browser_hash, email, flow, browser, place, created_at, expires_at)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
             FROM (SELECT count(*) AS letters, coalesce(sum(place = ?6), 0) AS here,
                       coalesce(sum(browser_hash = ?2), 0) AS own
                   FROM login_link WHERE email = ?3 AND created_at > ?9)
             WHERE own < ?10 AND here < ?11 AND letters < ?12",
        )
        .bind(&link.token_hash[..])
        .bind(&link.browser_hash[..])
        .bind(link.email)
        .bind(link.flow)
        .bind(link.browser)
        .bind(link.place)
        .bind(seconds(now))
        .bind(seconds(now.plus(LIFE)))
        .bind(seconds(now.minus(WINDOW)))
        .bind(limit)
        .bind(limit.saturating_mul(PLACE_SHARE))
        .bind(limit.saturating_mul(ADDRESS_SHARE))
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        if added == 1 {
            sqlx::query(
                "UPDATE login_link SET used_at = ?1, code_used_at = ?1 WHERE browser_hash = ?2 AND token_hash <> ?3",
            )
            .bind(seconds(now))
            .bind(&link.browser_hash[..])
            .bind(&link.token_hash[..])
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(added == 1)
    }

    /// Looks at a link without touching it.
    pub(crate) async fn link(
        &self,
        token_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Link>, sqlx::Error> {
        sqlx::query(
            "SELECT browser_hash, email, flow, browser, place, created_at FROM login_link
             WHERE token_hash = ? AND used_at IS NULL AND expires_at > ?",
        )
        .bind(&token_hash[..])
        .bind(seconds(now))
        .fetch_optional(&self.readers)
        .await?
        .map(|row| {
            Ok(Link {
                browser_hash: row.try_get("browser_hash")?,
                email: row.try_get("email")?,
                flow: row.try_get("flow")?,
                browser: row.try_get("browser")?,
                place: row.try_get("place")?,
                created_at: timestamp(&row, "created_at")?,
            })
        })
        .transpose()
    }

    /// Consumes a link in the browser that asked for it.
    pub(crate) async fn use_link(
        &self,
        token_hash: &[u8; 32],
        browser_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<UsedLink>, sqlx::Error> {
        let rows = sqlx::query(
            "UPDATE login_link SET used_at = ?
             WHERE token_hash = ? AND browser_hash = ? AND used_at IS NULL AND expires_at > ?
             RETURNING email, flow",
        )
        .bind(seconds(now))
        .bind(&token_hash[..])
        .bind(&browser_hash[..])
        .bind(seconds(now))
        .fetch_all(&self.writer)
        .await?;
        rows.first().map(used).transpose()
    }

    /// Consumes a link in another browser: it turns into a code for the one that asked. `false` if it was too late.
    pub(crate) async fn turn_link_into_code(
        &self,
        token_hash: &[u8; 32],
        code_mac: &[u8],
        now: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        let changed = sqlx::query(
            "UPDATE login_link SET used_at = ?, code_mac = ?, code_expires_at = ?
             WHERE token_hash = ? AND used_at IS NULL AND expires_at > ?",
        )
        .bind(seconds(now))
        .bind(code_mac)
        .bind(seconds(now.plus(LIFE)))
        .bind(&token_hash[..])
        .bind(seconds(now))
        .execute(&self.writer)
        .await?
        .rows_affected();
        Ok(changed == 1)
    }

    /// Tries a code in the browser that asked. Each try counts, and the right one consumes, in the same statement.
    /// Comparing MACs in SQL leaks nothing: nobody can choose a MAC that is nearly right.
    pub(crate) async fn try_code(
        &self,
        browser_hash: &[u8; 32],
        code_mac: &[u8],
        now: Timestamp,
    ) -> Result<CodeTry, sqlx::Error> {
        let rows = sqlx::query(
            "UPDATE login_link SET code_attempts = code_attempts + 1,
                 code_used_at = CASE WHEN code_mac = ? THEN ? END
             WHERE browser_hash = ? AND code_mac IS NOT NULL AND code_used_at IS NULL
                 AND code_attempts < ? AND code_expires_at > ?
             RETURNING email, flow, code_attempts, code_used_at IS NOT NULL AS hit",
        )
        .bind(code_mac)
        .bind(seconds(now))
        .bind(&browser_hash[..])
        .bind(ATTEMPTS)
        .bind(seconds(now))
        .fetch_all(&self.writer)
        .await?;
        match rows.first() {
            None => Ok(CodeTry::None),
            Some(row) if row.try_get("hit")? => Ok(CodeTry::Right(used(row)?)),
            Some(row) => Ok(CodeTry::Wrong(ATTEMPTS.saturating_sub(row.try_get("code_attempts")?))),
        }
    }
}

fn used(row: &SqliteRow) -> Result<UsedLink, sqlx::Error> {
    Ok(UsedLink { email: row.try_get("email")?, flow: row.try_get("flow")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::sha256;

    #[tokio::test]
    async fn letters_are_counted_by_browser_by_place_and_together() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("test.sqlite")).await.unwrap();
        let mut now = Timestamp::from_seconds(1_000_000);
        let mut token = 0_u32;
        let mut ask = async |browser: &str, place: &str, now| {
            token += 1;
            let (token_hash, browser_hash) = (sha256(token.to_be_bytes()), sha256(browser));
            let link =
                NewLink { token_hash, browser_hash, email: "a@b.example", flow: "", browser: "", place };
            store.add_link(&link, 2, now).await.unwrap()
        };
        for (browser, place, added) in [
            ("one", "here", true),
            ("one", "here", true),
            ("one", "here", false),
            ("one", "elsewhere", false),
            ("two", "here", true),
            ("three", "here", true),
            ("four", "here", true),
            ("five", "here", true),
            // Six letters from one place.
            ("six", "here", false),
            ("six", "there", true),
        ] {
            assert_eq!(ask(browser, place, now).await, added, "{browser} {place}");
        }
        // Twenty from everywhere.
        for n in 7..20 {
            assert!(ask(&format!("browser {n}"), &format!("place {n}"), now).await, "{n}");
        }
        assert!(!ask("owner", "home", now).await);
        now = now.plus(WINDOW);
        assert!(ask("one", "here", now).await, "a quarter of an hour later");
    }
}
