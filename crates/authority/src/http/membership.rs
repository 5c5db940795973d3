//! Whether a person may act for an organization: the one place that asks.

use crate::app::App;

/// Whether this person may have tokens for that organization; for none, anybody may.
pub(super) async fn admits(
    app: &App,
    user_id: &str,
    organization_id: Option<&str>,
) -> Result<bool, sqlx::Error> {
    match organization_id {
        Some(organization_id) => app.store.is_member(user_id, organization_id).await,
        None => Ok(true),
    }
}

/// The name of an organization as its member knows it; an id says nothing to people.
pub(super) async fn name(
    app: &App,
    user_id: &str,
    organization_id: Option<&str>,
) -> Result<Option<String>, sqlx::Error> {
    let Some(organization_id) = organization_id else { return Ok(None) };
    let memberships = app.store.memberships(user_id).await?;
    Ok(memberships.into_iter().find(|one| one.id == organization_id).map(|one| one.name))
}
