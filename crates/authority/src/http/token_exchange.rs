//! Token exchange at `/oauth/token` (RFC 8693): for programs that work together, such as a terminal and an extension.

use serde_json::{Value, json};

use super::answer::Failure;
use super::{membership, proof};
use crate::app::App;
use crate::grant::claims::{self, Issuance};
use crate::grant::client::Client;
use crate::grant::dpop::Proof;
use crate::grant::exchange::{self, TOKEN_TYPE};
use crate::grant::params::Params;
use crate::grant::refused::Refused;
use crate::random;

/// An access token of this client becomes a lesser one, bound to another program's key.
pub(super) async fn exchange(
    app: &App,
    client: &Client,
    params: &Params,
    proof: Option<&Proof>,
) -> Result<Value, Failure> {
    let wish = exchange::read(params)?;
    let (issuer, now) = (app.issuer.as_str(), app.now());
    let token = wish.subject_token;
    let subject = app.es256.verify_own("at+jwt", token).ok_or(Refused::SubjectToken)?;
    let family = exchange::subject(&subject, token, issuer, client, proof, now)?;
    let family = app.store.family(&family).await?.ok_or(Refused::SubjectToken)?;
    proof::once(app, proof).await?;
    let loan = exchange::judge(&wish, &subject, &family, client, now)?;
    if !membership::admits(app, &family.user_id, family.organization_id.as_deref()).await? {
        app.store.revoke(&family.id, "no member of the organization any more", now).await?;
        return Err(Refused::SubjectOrganization.into());
    }
    let issuance =
        Issuance { issuer, family: &family, scope: &loan.scope, audience: &loan.audience, client, now };
    let claims = claims::exchanged_token(issuance, &wish.receiver, &random::identifier()?, loan.seconds);
    // RFC 8693 section 2.2.1.
    Ok(json!({
        "access_token": app.es256.sign("at+jwt", &claims)?,
        "issued_token_type": TOKEN_TYPE,
        "token_type": "DPoP",
        "expires_in": loan.seconds,
        "scope": loan.scope.as_str(),
    }))
}
