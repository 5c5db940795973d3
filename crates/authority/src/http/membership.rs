//! Whether a person may act for an organization: the one place that asks.

use crate::app::App;

/// Whether this person may have tokens for that organization; for none, anybody may.
///
/// There are no organizations here yet, so nobody is a member of one. `Store::is_member` is what has to answer.
#[expect(clippy::unused_async, reason = "the answer comes from the store, once organizations are there")]
pub(super) async fn admits(
    _app: &App,
    _user_id: &str,
    organization_id: Option<&str>,
) -> Result<bool, sqlx::Error> {
    Ok(organization_id.is_none())
}
