//! The browser at the other end: its cookies, its session, and whether a form is really ours.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::agent;
use super::page::Problem;
use crate::app::App;
use crate::grant::params::Params;
use crate::keys::{base64url, sha256};
use crate::random;
use crate::store::{NewSession, Session};

/// A browser.
pub(crate) struct Visitor {
    /// Names the browser, signed in or not; a sign-in link is bound to it.
    browser: String,
    /// The browser had no name until now.
    fresh: bool,
    /// What it says that it is.
    pub(crate) described: String,
    session_hash: Option<[u8; 32]>,
    pub(crate) session: Option<Session>,
}

impl Visitor {
    /// Reads the cookies.
    pub(crate) async fn read(app: &App, headers: &HeaderMap) -> Result<Self, Problem> {
        let browser = cookie(headers, &app.cookies.browser).filter(|value| value.len() == 43);
        let session_hash = cookie(headers, &app.cookies.session).map(sha256);
        let session = match &session_hash {
            Some(hash) => app.store.session(hash, app.now()).await?,
            None => None,
        };
        Ok(Self {
            fresh: browser.is_none(),
            described: agent::describe(headers),
            browser: match browser {
                Some(value) => value.to_owned(),
                None => random::token()?.expose().clone(),
            },
            session_hash: session.as_ref().and(session_hash),
            session,
        })
    }

    /// The session of a request that a page makes by itself: nobody is seen by it.
    pub(crate) async fn session_unseen(app: &App, headers: &HeaderMap) -> Result<Option<Session>, Problem> {
        let Some(cookie) = cookie(headers, &app.cookies.session) else { return Ok(None) };
        Ok(app.store.session_unseen(&sha256(cookie), app.now()).await?)
    }

    /// The browser as the store knows it.
    pub(crate) fn browser_hash(&self) -> [u8; 32] {
        sha256(&self.browser)
    }

    /// The token in every form before a sign-in.
    pub(crate) fn form_token(&self, app: &App) -> String {
        self.token(app, b"browser")
    }

    /// The token in forms that act for the session: another session's form is not this one's.
    pub(crate) fn session_token(&self, app: &App) -> String {
        self.token(app, self.session_hash.as_ref().map_or(b"none", |hash| hash))
    }

    fn token(&self, app: &App, context: &[u8]) -> String {
        let message = [self.browser.as_bytes(), b"\0", context].concat();
        base64url(hmac::sign(&app.keys.csrf, &message))
    }

    /// Whether a form comes from a page of ours in this browser: its token and its Origin (RFC 9700 section 4.7).
    pub(crate) fn check(
        &self,
        app: &App,
        headers: &HeaderMap,
        params: &Params,
        expected: &str,
    ) -> Result<(), Problem> {
        let given = params.one("csrf")?.unwrap_or_default();
        let token = verify_slices_are_equal(given.as_bytes(), expected.as_bytes()).is_ok();
        // A page without referrer sends `null`, and so does a sandbox: only the browser's own word tells them apart.
        let origin = match headers.get(header::ORIGIN).filter(|origin| *origin != "null") {
            Some(origin) => origin == app.origin.as_str(),
            None => headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin"),
        };
        if token && origin && !self.fresh {
            Ok(())
        } else {
            Err(Problem::new(
                StatusCode::FORBIDDEN,
                "This form is out of date or was not ours. Please go back to the application and start again.",
            ))
        }
    }

    /// Gives a new browser its name.
    pub(crate) fn name(&self, app: &App, mut response: Response) -> Response {
        if self.fresh {
            // Ten minutes of a link, an hour of a code and a request: a browser session is enough.
            set_cookie(&mut response, &app.cookies.browser, &self.browser, &app.cookies.attributes);
        }
        response
    }

    /// Signs this browser in under a fresh cookie.
    pub(crate) async fn sign_in(
        &self,
        app: &App,
        email: &str,
        mut response: Response,
    ) -> Result<Response, Problem> {
        let cookie = random::token()?;
        let user_id = format!("usr_{}", random::identifier()?);
        let sid = random::identifier()?;
        let hash = sha256(cookie.expose());
        app.store.sign_in(email, &user_id, &sid, &hash, self.session_hash.as_ref(), app.now()).await?;
        // Without organizations there is nothing to write: the start has seen to that.
        if !app.organizations.is_empty() {
            app.store.join_organizations(email, &app.organizations, app.now()).await?;
        }
        set_cookie(&mut response, &app.cookies.session, cookie.expose(), &app.cookies.attributes);
        Ok(response)
    }

    /// Signs this browser in under a fresh cookie, by a program's link. Nothing if it was too late for that.
    pub(crate) async fn sign_in_by_link(
        &self,
        app: &App,
        token_hash: &[u8; 32],
        mut response: Response,
    ) -> Result<Option<Response>, Problem> {
        let cookie = random::token()?;
        let session = NewSession {
            cookie_hash: sha256(cookie.expose()),
            sid: random::identifier()?,
            old_cookie_hash: self.session_hash,
        };
        if !app.store.use_session_link(token_hash, Some(&session), app.now()).await? {
            return Ok(None);
        }
        set_cookie(&mut response, &app.cookies.session, cookie.expose(), &app.cookies.attributes);
        Ok(Some(response))
    }

    /// Ends this browser's session.
    pub(crate) async fn sign_out(&self, app: &App, mut response: Response) -> Result<Response, Problem> {
        if let Some(hash) = &self.session_hash {
            app.store.end_session(hash).await?;
        }
        let attributes = format!("{}; Max-Age=0", app.cookies.attributes);
        set_cookie(&mut response, &app.cookies.session, "", &attributes);
        Ok(response)
    }
}

/// The value of a cookie; the first one, as browsers send the most specific one first.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

fn set_cookie(response: &mut Response, name: &str, value: &str, attributes: &str) {
    // Names and values are ours, in base64url.
    if let Ok(line) = HeaderValue::from_str(&format!("{name}={value}{attributes}")) {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
}
