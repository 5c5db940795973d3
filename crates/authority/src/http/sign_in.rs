//! Sign-in, in the window that asked: an address, then a wait (`wait`) with room for a code.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::authorize::{resume_address, see_other};
use super::flow::{Asker, Flow};
use super::page::{self, Problem};
use super::upstream;
use super::visitor::Visitor;
use super::wait;
use crate::app::App;
use crate::grant::address;
use crate::grant::params::Params;
use crate::grant::short_code;
use crate::keys::sha256;
use crate::mail::sign_in_letter;
use crate::random;
use crate::store::{CodeTry, NewLink};

/// The page that asks for an address.
pub(crate) fn page(
    app: &App,
    visitor: &Visitor,
    asker: &Asker,
    flow: &Flow,
    problem: Option<&str>,
) -> Result<Response, Problem> {
    let template = SignInPage {
        path: &app.path,
        client: &asker.client,
        csrf: visitor.form_token(app),
        flow: flow.seal(app)?,
        email: asker.login_hint.as_deref().unwrap_or_default(),
        problem,
    };
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(visitor.name(app, page::show(status, &template, asker.redirect_uri.as_deref())))
}

/// `POST /login/email`: the letter goes out, and the answer is the same for every address.
pub(crate) async fn email(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = async {
        let params = form(&body)?;
        let visitor = Visitor::read(&app, &headers).await?;
        visitor.check(&app, &headers, &params, &visitor.form_token(&app))?;
        let flow = Flow::open(&app, params.required("flow")?)?;
        let asker = flow.asker(&app)?;
        let Some(email) = params.one("email")?.and_then(address::normal) else {
            return page(&app, &visitor, &asker, &flow, Some("That is not an e-mail address."));
        };
        if let Some(upstream) = app.upstreams.of_domain(address::domain(&email)) {
            return upstream::page(&app, &visitor, &asker, &flow, upstream, &email).await;
        }
        let token = random::token()?;
        let sealed = flow.seal(&app)?;
        let place = place(peer.ip());
        let link = NewLink {
            token_hash: sha256(token.expose()),
            browser_hash: visitor.browser_hash(),
            email: &email,
            flow: &sealed,
            browser: &visitor.described,
            place: &place,
        };
        let now = app.now();
        if app.store.add_link(&link, app.letters_per_address, now).await? {
            let address = format!("{}/login/link?token={}", app.base, token.expose());
            app.outbox.post(sign_in_letter(&email, &asker.client, &address, &place, now));
        }
        wait::page(&app, &visitor, &asker, &flow, None)
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// `POST /login/code`: the code that another browser showed.
pub(crate) async fn code(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = async {
        let params = form(&body)?;
        let visitor = Visitor::read(&app, &headers).await?;
        visitor.check(&app, &headers, &params, &visitor.form_token(&app))?;
        let flow = Flow::open(&app, params.required("flow")?)?;
        let asker = flow.asker(&app)?;
        let browser = visitor.browser_hash();
        let mac = short_code::mac(&app.keys.short_code, &browser, params.one("code")?.unwrap_or_default());
        let words = match app.store.try_code(&browser, &mac, app.now()).await? {
            CodeTry::Right(used) => {
                return visitor
                    .sign_in(&app, &used.email, see_other(&resume_address(&app, &used.flow)))
                    .await;
            }
            CodeTry::Wrong(left) if left > 0 => "That code is not right. Please look again.",
            CodeTry::Wrong(_) => "That was the last try. Please ask for a new link.",
            CodeTry::None => "No code is waiting here. Open the link first, or ask for a new one.",
        };
        wait::page(&app, &visitor, &asker, &flow, Some(words))
    };
    outcome.await.unwrap_or_else(|problem: Problem| problem.page(&app))
}

/// The parameters of a form.
pub(crate) fn form(body: &[u8]) -> Result<Params, Problem> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "The form cannot be read."))?;
    Ok(Params::from_form(text)?)
}

/// Where a browser is, as people see it and as letters are counted. Of an IPv6 address the network: a line has one, and
/// as many addresses below it as it likes.
pub(crate) fn place(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => {
            let network = Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64);
            format!("{network}/64")
        }
        ip => ip.to_string(),
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    path: &'a str,
    client: &'a str,
    csrf: String,
    flow: String,
    email: &'a str,
    problem: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (ip, shown) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("::1", "::1"),
            ("2001:db8:1:2:aaaa::7", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:bbbb::8", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(place(ip.parse().unwrap()), shown);
        }
    }
}
