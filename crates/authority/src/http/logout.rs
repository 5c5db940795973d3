//! `/logout`: ends the browser's session, after a question (OpenID Connect RP-Initiated Logout section 2).

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use super::authorize::see_other;
use super::page::{self, Problem};
use super::sign_in::form;
use super::visitor::Visitor;
use crate::app::App;
use crate::grant::params::{self, Params};

/// `GET /logout`: asks. A link must not be able to sign anybody out.
pub(crate) async fn look(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    let outcome = async {
        let params = Params::from_form(uri.query().unwrap_or_default())?;
        let back = Back::read(&app, &params)?;
        let visitor = Visitor::read(&app, &headers).await?;
        // Nobody is here to be asked.
        if let (None, Some(back)) = (&visitor.session, &back) {
            return Ok(see_other(&back.address()));
        }
        let template = LogoutPage {
            path: &app.path,
            email: visitor.session.as_ref().map(|session| session.email.as_str()),
            csrf: visitor.session_token(&app),
            back: back.as_ref(),
        };
        let target = back.as_ref().map(|back| back.uri.as_str());
        Ok(visitor.name(&app, page::show(StatusCode::OK, &template, target)))
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// `POST /logout`.
pub(crate) async fn post(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let params = form(&body)?;
        let visitor = Visitor::read(&app, &headers).await?;
        visitor.check(&app, &headers, &params, &visitor.session_token(&app))?;
        let answer = match Back::read(&app, &params)? {
            Some(back) => see_other(&back.address()),
            None => {
                let template = LogoutPage { path: &app.path, email: None, csrf: String::new(), back: None };
                page::show(StatusCode::OK, &template, None)
            }
        };
        visitor.sign_out(&app, answer).await
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// Where the browser goes afterwards.
struct Back {
    client_id: String,
    uri: String,
    state: Option<String>,
}

impl Back {
    /// Section 3: only to an address that the client has registered, letter by letter. Otherwise the person stays here,
    /// and is signed out all the same.
    fn read(app: &App, params: &Params) -> Result<Option<Self>, Problem> {
        let (client_id, uri) = (params.one("client_id")?, params.one("post_logout_redirect_uri")?);
        let (Some(client_id), Some(uri)) = (client_id, uri) else { return Ok(None) };
        let state = params.one("state")?.map(str::to_owned);
        let client = app.clients.find(client_id);
        let known =
            client.is_some_and(|client| client.post_logout_redirect_uris.iter().any(|known| known == uri));
        Ok(known.then(|| Self { client_id: client_id.to_owned(), uri: uri.to_owned(), state }))
    }

    fn address(&self) -> String {
        let mut address = self.uri.clone();
        if let Some(state) = &self.state {
            let mut query = String::new();
            params::push(&mut query, "state", state);
            address.push(if address.contains('?') { '&' } else { '?' });
            address.push_str(&query);
        }
        address
    }
}

#[derive(Template)]
#[template(path = "logout.html")]
struct LogoutPage<'a> {
    path: &'a str,
    email: Option<&'a str>,
    csrf: String,
    back: Option<&'a Back>,
}
