//! Requests to providers: no redirects, limits on time and size, and no word about content.

use std::fmt;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

use gatepass_core::url::Endpoint;
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse, http};
use serde_json::Value;

use crate::grant::upstream::Fault;

/// Three of these, and the request of the person who waits for them is not over yet.
const WHOLE_LIMIT: Duration = Duration::from_secs(4);

/// More than any provider says about itself.
const MAX_BODY: usize = 256 * 1024;

/// Sends requests. Both clients are made when they are first needed: one reads the machine's certificates.
#[derive(Default)]
pub(super) struct Fetch {
    elsewhere: OnceLock<reqwest::Client>,
    here: OnceLock<reqwest::Client>,
}

/// No whole answer came.
#[derive(Debug)]
pub(super) struct NoAnswer;

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no whole answer came")
    }
}

impl std::error::Error for NoAnswer {}

impl<'c> AsyncHttpClient<'c> for Fetch {
    type Error = NoAnswer;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, NoAnswer>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Fetch {
    /// A JSON answer from an address that is trusted; with a token, if it needs one.
    pub(super) async fn json(&self, url: &Endpoint, token: Option<&str>) -> Result<Value, Fault> {
        let mut request = http::Request::get(url.as_str()).header(http::header::ACCEPT, "application/json");
        if let Some(token) = token {
            request = request.header(http::header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Vec::new()).map_err(|_| Fault::Answer("address"))?;
        let response = self.send(request).await.map_err(|NoAnswer| Fault::Unreachable)?;
        match response.status() {
            http::StatusCode::OK => {}
            status if status.is_server_error() => return Err(Fault::Unreachable),
            _ => return Err(Fault::Answer("status")),
        }
        serde_json::from_slice(response.body()).map_err(|_| Fault::Answer("json"))
    }

    /// Sends a request and reads the whole answer.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let client = self.client(request.uri().scheme_str() == Some("http")).ok_or(NoAnswer)?;
        let request = reqwest::Request::try_from(request).map_err(|_| NoAnswer)?;
        let mut answer = client.execute(request).await.map_err(|_| NoAnswer)?;
        let mut response = http::Response::builder().status(answer.status());
        if let Some(kind) = answer.headers().get(http::header::CONTENT_TYPE) {
            response = response.header(http::header::CONTENT_TYPE, kind);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|_| NoAnswer)? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(NoAnswer);
            }
            body.extend_from_slice(&chunk);
        }
        response.body(body).map_err(|_| NoAnswer)
    }

    fn client(&self, here: bool) -> Option<&reqwest::Client> {
        // Plain http is for this machine alone (`Endpoint` says so), and no proxy stands in between.
        let place = if here { &self.here } else { &self.elsewhere };
        if place.get().is_none() {
            let builder = reqwest::Client::builder()
                // A body with a code goes where it was addressed or nowhere.
                .redirect(reqwest::redirect::Policy::none())
                .timeout(WHOLE_LIMIT)
                .user_agent(concat!("gatepass-authority/", env!("CARGO_PKG_VERSION")));
            let client = if here { builder.no_proxy() } else { builder }.build().ok()?;
            // Somebody else may have been faster; one of them is as good as the other.
            let _ = place.set(client);
        }
        place.get()
    }
}
