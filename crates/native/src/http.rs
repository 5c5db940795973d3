//! Requests over the network: no redirects, limits on time and size, and no word about content.

use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::http::{MAX_BODY, Method, Request, Response};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const WHOLE_LIMIT: Duration = Duration::from_secs(30);

/// A client; cheap to copy.
#[derive(Clone, Debug)]
pub(crate) struct Http(reqwest::Client);

impl Http {
    /// Reads the certificates that the operating system trusts, which takes a while.
    pub(crate) fn new() -> Result<Self, Error> {
        reqwest::Client::builder()
            // A body with a token goes where it was addressed or nowhere.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .timeout(WHOLE_LIMIT)
            .user_agent(concat!("gatepass/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
            .map_err(|_| Error::Unreachable)
    }

    /// Sends a request; `None` if no whole answer came.
    pub(crate) async fn send(&self, request: &Request) -> Option<Response> {
        let url = request.url.as_str();
        let mut builder = match request.method {
            Method::Get => self.0.get(url),
            Method::Post => self.0.post(url),
        };
        for (name, value) in &request.headers {
            let mut value = reqwest::header::HeaderValue::from_str(value.expose()).ok()?;
            value.set_sensitive(true);
            builder = builder.header(*name, value);
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.expose().clone());
        }
        let mut answer = builder.send().await.ok()?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.ok()? {
            // One byte more than allowed is enough for core to refuse it.
            let room = (MAX_BODY + 1).saturating_sub(body.len());
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() > MAX_BODY {
                break;
            }
        }
        let headers = answer.headers();
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(String::from);
        Some(Response::new(answer.status().as_u16(), &header, body))
    }

    /// Sends a request whose loss has only one meaning.
    pub(crate) async fn get(&self, request: &Request) -> Result<Response, Error> {
        self.send(request).await.ok_or(Error::Unreachable)
    }
}
