//! Organizations and who belongs to them.

use gatepass_core::time::Timestamp;
use sqlx::{Row, SqliteConnection};

use super::{Store, seconds};
use crate::grant::organization::{Organization, Role};

/// What a person is where.
pub(crate) struct Membership {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) role: String,
}

impl Store {
    /// Makes the tables say what the configuration says, for everybody who ever signed in, and gives each organization
    /// its id: the configured one, the one that it had, or the next of the fresh ones. An organization that is not
    /// configured has no members; its row stays, so that it comes back under its id.
    pub(crate) async fn sync_organizations(
        &self,
        organizations: &mut [Organization],
        fresh_ids: &[String],
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let claimed: Vec<String> =
            organizations.iter().filter_map(|organization| organization.id.clone()).collect();
        for (organization, fresh) in organizations.iter_mut().zip(fresh_ids) {
            let id = match &organization.id {
                Some(id) => id.clone(),
                None => found_by_name(&mut transaction, &organization.name, &claimed)
                    .await?
                    .unwrap_or_else(|| fresh.clone()),
            };
            sqlx::query(
                "INSERT INTO organization (id, name, created_at) VALUES (?, ?, ?)
                 ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE name <> excluded.name",
            )
            .bind(&id)
            .bind(&organization.name)
            .bind(seconds(now))
            .execute(&mut *transaction)
            .await?;
            organization.id = Some(id);
        }
        let users: Vec<(String, String)> =
            sqlx::query_as("SELECT id, email FROM user").fetch_all(&mut *transaction).await?;
        for (user_id, email) in users {
            apply(&mut transaction, &user_id, &email, organizations, now).await?;
        }
        transaction.commit().await
    }

    /// The same for one person, who has just proved an address.
    pub(crate) async fn join_organizations(
        &self,
        email: &str,
        organizations: &[Organization],
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let user: Option<String> = sqlx::query_scalar("SELECT id FROM user WHERE email = ?")
            .bind(email)
            .fetch_optional(&mut *transaction)
            .await?;
        if let Some(user_id) = user {
            apply(&mut transaction, &user_id, email, organizations, now).await?;
        }
        transaction.commit().await
    }

    /// Where a person belongs. The first is where they have belonged longest.
    pub(crate) async fn memberships(&self, user_id: &str) -> Result<Vec<Membership>, sqlx::Error> {
        sqlx::query(
            "SELECT organization.id, name, role FROM membership JOIN organization ON organization.id = organization_id
             WHERE user_id = ? ORDER BY membership.created_at, name, organization.id",
        )
        .bind(user_id)
        .fetch_all(&self.readers)
        .await?
        .iter()
        .map(|row| Ok(Membership { id: row.try_get("id")?, name: row.try_get("name")?, role: row.try_get("role")? }))
        .collect()
    }

    /// Whether a person belongs there. An id that is none belongs to nothing.
    pub(crate) async fn is_member(&self, user_id: &str, organization_id: &str) -> Result<bool, sqlx::Error> {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM membership WHERE user_id = ? AND organization_id = ?")
                .bind(user_id)
                .bind(organization_id)
                .fetch_optional(&self.readers)
                .await?;
        Ok(found.is_some())
    }
}

/// The organization of this name whose id nobody else claims; the oldest, if a name was given twice.
async fn found_by_name(
    connection: &mut SqliteConnection,
    name: &str,
    claimed: &[String],
) -> Result<Option<String>, sqlx::Error> {
    let ids: Vec<String> =
        sqlx::query_scalar("SELECT id FROM organization WHERE name = ? ORDER BY created_at, id")
            .bind(name)
            .fetch_all(connection)
            .await?;
    Ok(ids.into_iter().find(|id| !claimed.contains(id)))
}

/// Writes what changed for one person. Whoever stays keeps the moment at which they came.
async fn apply(
    connection: &mut SqliteConnection,
    user_id: &str,
    email: &str,
    organizations: &[Organization],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let held: Vec<(String, String)> =
        sqlx::query_as("SELECT organization_id, role FROM membership WHERE user_id = ?")
            .bind(user_id)
            .fetch_all(&mut *connection)
            .await?;
    let due: Vec<(&str, Role)> = organizations
        .iter()
        .filter_map(|organization| Some((organization.id.as_deref()?, organization.role(email)?)))
        .collect();
    for (id, _) in held.iter().filter(|(id, _)| !due.iter().any(|(due, _)| due == id)) {
        sqlx::query("DELETE FROM membership WHERE user_id = ? AND organization_id = ?")
            .bind(user_id)
            .bind(id)
            .execute(&mut *connection)
            .await?;
    }
    for (id, role) in due {
        if held.iter().any(|(held, held_role)| held == id && held_role == role.name()) {
            continue;
        }
        sqlx::query(
            "INSERT INTO membership (user_id, organization_id, role, created_at) VALUES (?, ?, ?, ?)
             ON CONFLICT (user_id, organization_id) DO UPDATE SET role = excluded.role",
        )
        .bind(user_id)
        .bind(id)
        .bind(role.name())
        .bind(seconds(now))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
