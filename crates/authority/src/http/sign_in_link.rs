//! The link in the letter. Scanners open links: looking changes nothing. It signs in the browser that asked; any other
//! browser gets a code to type there, and is never signed in itself.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use super::authorize::see_other;
use super::flow::Flow;
use super::page::{self, Problem};
use super::sign_in::form;
use super::visitor::Visitor;
use super::wait;
use crate::app::App;
use crate::grant::params::Params;
use crate::grant::short_code;
use crate::keys::sha256;
use crate::random::SystemDice;
use crate::store::Link;

/// `GET /login/link`: shows a button.
pub(crate) async fn look(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    let outcome = async {
        let params = Params::from_form(uri.query().unwrap_or_default())?;
        let token = params.required("token")?;
        let visitor = Visitor::read(&app, &headers).await?;
        let link = app.store.link(&sha256(token), app.now()).await?.ok_or_else(too_late)?;
        let flow = Flow::open(&app, &link.flow)?;
        let asker = flow.asker(&app)?;
        let template = LinkPage {
            path: &app.path,
            client: &asker.client,
            csrf: visitor.form_token(&app),
            token,
            here: link.browser_hash == visitor.browser_hash(),
            asked: ago(app.now().since(link.created_at)),
            link: &link,
        };
        let response = page::show(StatusCode::OK, &template, asker.redirect_uri.as_deref());
        Ok(visitor.name(&app, response))
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// `POST /login/link`: consumes the link, by one statement that says which browser may.
pub(crate) async fn open(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let params = form(&body)?;
        let visitor = Visitor::read(&app, &headers).await?;
        visitor.check(&app, &headers, &params, &visitor.form_token(&app))?;
        let token = sha256(params.required("token")?);
        let now = app.now();
        if let Some(used) = app.store.use_link(&token, &visitor.browser_hash(), now).await? {
            return visitor.sign_in(&app, &used.email, see_other(&wait::after_link(&app, &used.flow)?)).await;
        }
        let link = app.store.link(&token, now).await?.ok_or_else(too_late)?;
        let code = short_code::draw(&mut SystemDice)?;
        let mac = short_code::mac(&app.keys.short_code, &link.browser_hash, &code);
        if !app.store.turn_link_into_code(&token, &mac, now).await? {
            return Err(too_late());
        }
        let template = CodePage {
            path: &app.path,
            code: &code,
            asked: ago(app.now().since(link.created_at)),
            link: &link,
        };
        Ok(page::show(StatusCode::OK, &template, None))
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

fn too_late() -> Problem {
    Problem::new(StatusCode::GONE, "This link was used already, or it is too old. Please ask for a new one.")
}

/// How long ago somebody asked, in words without a time zone.
pub(super) fn ago(since: Duration) -> String {
    match since.as_secs() / 60 {
        0 => "just now".into(),
        1 => "a minute ago".into(),
        minutes => format!("{minutes} minutes ago"),
    }
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage<'a> {
    path: &'a str,
    client: &'a str,
    csrf: String,
    token: &'a str,
    here: bool,
    asked: String,
    link: &'a Link,
}

#[derive(Template)]
#[template(path = "code.html")]
struct CodePage<'a> {
    path: &'a str,
    code: &'a str,
    asked: String,
    link: &'a Link,
}
