//! Whether a person may act for an organization: the one place that asks.

use crate::app::App;

/// Whether this person may have tokens for that organization; for none, anybody may.
pub(super) async fn admits(
    app: &App,
    user_id: &str,
    organization_id: Option<&str>,
) -> Result<bool, sqlx::Error> {
    match organization_id {
        None => Ok(true),
        Some(organization_id) => app.store.is_member(user_id, organization_id).await,
    }
}
