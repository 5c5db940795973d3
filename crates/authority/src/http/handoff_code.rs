//! The answer to a handoff as a code that a person types in the terminal, for where no address of this machine can be
//! opened: it goes from here into the terminal, never the other way.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::answer::Failure;
use super::handoff::Pushed;
use super::handoff_page::{ANSWER, Ticket, too_late};
use super::navigation;
use super::page::{self, Problem};
use super::proof;
use super::sign_in::form;
use super::visitor::Visitor;
use crate::app::App;
use crate::grant::dpop::Proof;
use crate::grant::handoff::{Handoff, TYPED_SECONDS};
use crate::grant::redeem::Code;
use crate::grant::refused::Refused;
use crate::grant::short_code;
use crate::keys::{base64url, sha256};
use crate::random::{self, SystemDice};

/// `POST /handoff/code`: the code that was on its way is dead, and this one is shown.
pub(crate) async fn post(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let params = form(&body)?;
        let visitor = Visitor::read(&app, &headers).await?;
        visitor.check(&app, &headers, &params, &visitor.session_token(&app))?;
        navigation::by_person(&headers)?;
        let ticket = Ticket::open(&app, &params, &visitor, ANSWER)?;
        if app.now().seconds().saturating_sub(ticket.at()) >= TYPED_SECONDS {
            return Err(too_late());
        }
        let name = ticket.name()?;
        let pushed = Pushed::open(&app, name).ok_or_else(too_late)?;
        show(&app, &sha256(name), &pushed.request(&app)?).await
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// Makes the code and shows it.
pub(super) async fn show(app: &App, hash: &[u8], handoff: &Handoff<'_>) -> Result<Response, Problem> {
    let code = short_code::draw(&mut SystemDice)?;
    let mac = short_code::mac(&app.keys.short_code, &context(&handoff.challenge), &code);
    let nobody = sha256(random::token()?.expose());
    let expires_at = app.now().plus(Duration::from_secs(TYPED_SECONDS));
    if !app.store.type_handoff_code(hash, &nobody, &mac, expires_at).await? {
        return Err(too_late());
    }
    let template = CodePage { path: &app.path, client: &handoff.client.name, code: &code };
    Ok(page::alone(page::show(StatusCode::OK, &template, None)))
}

/// The ticket for a code to type, for a request that was allowed some time ago and whose code was not used.
pub(super) async fn later(app: &App, ticket: &Ticket) -> Result<Option<String>, Problem> {
    if !app.store.handoff_code_waits(&sha256(ticket.name()?)).await? {
        return Ok(None);
    }
    Ok(Some(ticket.seal(app, ANSWER)?))
}

/// Finds the code that somebody typed: the verifier says which, since eight letters alone are soon guessed.
pub(super) async fn find(
    app: &App,
    typed: &str,
    verifier: Option<&str>,
    proof: Option<&Proof>,
) -> Result<(Vec<u8>, Code), Failure> {
    let challenge = base64url(sha256(verifier.ok_or(Refused::CodeVerifierMissing)?));
    if !app.store.typed_code_is_known(&challenge).await? {
        return Err(Refused::CodeTyped.into());
    }
    // A request that was recorded must not use up the tries.
    proof::once(app, proof).await?;
    let mac = short_code::mac(&app.keys.short_code, &context(&challenge), typed);
    let found = app.store.try_typed_code(&challenge, &mac, app.now()).await?;
    found.ok_or_else(|| Refused::CodeTyped.into())
}

/// Ties a code to the one question that it answers.
fn context(challenge: &str) -> Vec<u8> {
    format!("handoff {challenge}").into_bytes()
}

#[derive(Template)]
#[template(path = "handoff_code.html")]
struct CodePage<'a> {
    path: &'a str,
    client: &'a str,
    code: &'a str,
}
