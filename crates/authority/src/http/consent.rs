//! The question whether an application may act for a person.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::authorize::{decide, grant, refuse_request};
use super::flow::{Asker, Flow};
use super::navigation;
use super::page::{self, Problem};
use super::sign_in::{self, form};
use super::visitor::Visitor;
use crate::app::App;
use crate::grant::authorize::{Request, Step};
use crate::grant::client::Client;
use crate::grant::refused::Refused;
use crate::store::Session;

/// The page that asks.
pub(crate) fn page(
    app: &App,
    visitor: &Visitor,
    session: &Session,
    request: &Request<'_>,
    flow: &Flow,
) -> Result<Response, Problem> {
    let template = ConsentPage {
        path: &app.path,
        client: &request.client.name,
        native: request.client.native,
        email: &session.email,
        scopes: request.scope.iter().map(|scope| in_words(scope, request.client)).collect(),
        csrf: visitor.session_token(app),
        flow: flow.seal(app)?,
    };
    let mut response = page::ask(&template, Some(&request.redirect_uri));
    if request.client.native {
        // A program opens a window of its own. A page may have opened this one as a popup, and waits for it.
        response = page::alone(response);
    }
    Ok(visitor.name(app, response))
}

/// `POST /consent`: the answer.
pub(crate) async fn post(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let params = form(&body)?;
        let visitor = Visitor::read(&app, &headers).await?;
        // The token holds for one session: nobody agrees for an account that was not on the page.
        visitor.check(&app, &headers, &params, &visitor.session_token(&app))?;
        navigation::by_person(&headers)?;
        let flow = Flow::open(&app, params.required("flow")?)?;
        let request = flow.request(&app)?;
        let (step, session) = decide(&app, &visitor, &request, &flow).await?;
        let session = match (step, session) {
            (Step::Consent | Step::Grant, Some(session)) => session,
            (Step::Refuse(refused), _) => return Ok(refuse_request(&app, &request, refused)),
            _ => return sign_in::page(&app, &visitor, &Asker::from(&request), &flow, None),
        };
        if params.one("decision")? != Some("allow") {
            flow.finish(&app).await?;
            return Ok(refuse_request(&app, &request, Refused::Denied));
        }
        if !request.client.native {
            let scope = request.scope.as_str().to_owned();
            app.store.remember_consent(&session.user_id, &request.client.id, &scope, app.now()).await?;
        }
        grant(&app, &visitor, session, &request, &flow).await
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// What a scope lets this client do.
pub(super) fn in_words(scope: &str, client: &Client) -> String {
    match scope {
        "openid" => "know who you are".into(),
        "email" => "see your e-mail address".into(),
        "profile" => "see your profile".into(),
        "offline_access" => {
            format!(
                "stay signed in until you sign out, for {} at most",
                span(client.refresh_absolute_seconds)
            )
        }
        other => other.into(),
    }
}

/// A time in words, rounded up: in the largest unit of which it has two.
fn span(seconds: u64) -> String {
    let units = [("days", 24 * 3600), ("hours", 3600), ("minutes", 60)];
    match units.into_iter().find(|(_, unit)| seconds >= 2 * unit) {
        Some((name, unit)) => format!("{} {name}", seconds.div_ceil(unit)),
        None => format!("{seconds} seconds"),
    }
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    path: &'a str,
    client: &'a str,
    native: bool,
    email: &'a str,
    scopes: Vec<String>,
    csrf: String,
    flow: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        for (seconds, words) in [
            (365 * 24 * 3600, "365 days"),
            (12 * 3600, "12 hours"),
            (24 * 3600, "24 hours"),
            (7201, "3 hours"),
            (3600, "60 minutes"),
            (90, "90 seconds"),
        ] {
            assert_eq!(span(seconds), words);
        }
    }
}
