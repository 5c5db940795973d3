//! Pages: plain forms, one stylesheet, nothing from anywhere else, and three small scripts: one sends a form on, one holds
//! back what was pressed too soon, one asks whether a link was pressed.

use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Note;
use super::answer::Failure;
use crate::app::App;
use crate::grant::redirect;

/// Renders a page. `redirect_uri` is where its form may lead to in the end: Chromium holds `form-action` against every
/// hop of the redirect chain.
pub(crate) fn show(status: StatusCode, template: &impl Template, redirect_uri: Option<&str>) -> Response {
    let target: Vec<String> = redirect_uri.map(redirect::form_action).into_iter().collect();
    send(status, template, &target, "")
}

/// Renders a page with a script of ours, whose form may lead to these origins in the end.
pub(crate) fn show_scripted(template: &impl Template, targets: &[String]) -> Response {
    send(StatusCode::OK, template, targets, "script-src 'self'; ")
}

/// Renders a page with a script of ours that asks us something.
pub(crate) fn show_asking(
    status: StatusCode,
    template: &impl Template,
    redirect_uri: Option<&str>,
) -> Response {
    let target: Vec<String> = redirect_uri.map(redirect::form_action).into_iter().collect();
    send(status, template, &target, "script-src 'self'; connect-src 'self'; ")
}

/// Renders a question by whose answer somebody gains something. A press that was meant for another page does not count:
/// the template has the script that sees to it.
pub(crate) fn ask(template: &impl Template, redirect_uri: Option<&str>) -> Response {
    let target: Vec<String> = redirect_uri.map(redirect::form_action).into_iter().collect();
    show_scripted(template, &target)
}

/// Keeps a page from the windows that opened it or that it opens: nobody clicks in it from outside.
pub(crate) fn alone(mut response: Response) -> Response {
    let name = HeaderName::from_static("cross-origin-opener-policy");
    response.headers_mut().insert(name, HeaderValue::from_static("same-origin"));
    response
}

fn send(status: StatusCode, template: &impl Template, targets: &[String], script: &str) -> Response {
    let Ok(html) = template.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let targets: String = targets.iter().map(|target| format!(" {target}")).collect();
    let policy = format!(
        "default-src 'none'; {script}style-src 'self'; form-action 'self'{targets}; base-uri 'none'; frame-ancestors 'none'"
    );
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // `no-referrer` would blank the Origin of our own forms.
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Redirect URIs are printable ASCII by registration, so this does not fail.
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The look of everything that Gatepass shows in a browser, and what our pages add to it.
const STYLESHEET: &str =
    concat!(include_str!("../../../../www/dashboard/look.css"), include_str!("../../static/authority.css"));

/// The stylesheet of all pages.
pub(crate) async fn stylesheet() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    (headers, STYLESHEET).into_response()
}

/// The script that sends a form on.
pub(crate) async fn handoff_script() -> Response {
    script(include_str!("../../static/handoff.js"))
}

/// The script that holds back what was pressed too soon.
pub(crate) async fn steady_script() -> Response {
    script(include_str!("../../static/steady.js"))
}

/// The script that asks whether a link was pressed.
pub(crate) async fn wait_script() -> Response {
    script(include_str!("../../static/wait.js"))
}

fn script(text: &'static str) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    (headers, text).into_response()
}

/// Something that a person is told instead of what they asked for.
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) words: &'static str,
    reason: String,
    /// What was asked for that is not known here, by the names of its parameters.
    asked: Vec<(&'static str, String)>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, words: &'static str) -> Self {
        Self { status, words, reason: "page".into(), asked: Vec::new() }
    }

    /// With what the log says, and the page too while an application is built.
    pub(crate) fn because(self, reason: String, asked: Vec<(&'static str, String)>) -> Self {
        Self { reason, asked, ..self }
    }

    /// The page that says so.
    pub(crate) fn page(self, app: &App) -> Response {
        let template = ProblemPage {
            path: &app.path,
            words: self.words,
            asked: if app.dev { &self.asked } else { &[] },
            logged: app.log && !self.asked.is_empty(),
        };
        let mut response = show(self.status, &template, None);
        response.extensions_mut().insert(Note { client: None, reason: Some(self.reason) });
        response
    }
}

impl<T: Into<Failure>> From<T> for Problem {
    fn from(failure: T) -> Self {
        let refused = failure.into().refused();
        let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let words = if status.is_server_error() {
            "Something failed here. Nothing was granted; please try again."
        } else {
            "The request cannot be read."
        };
        Self { status, words, reason: refused.reason(), asked: Vec::new() }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    path: &'a str,
    words: &'a str,
    asked: &'a [(&'static str, String)],
    logged: bool,
}
