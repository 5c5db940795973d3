//! Requests over the network: no redirects, limits on time and size, and no word about content.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::http::{MAX_BODY, Method, Request, Response};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// From the first byte sent to the last byte read. `lock.rs` waits longer than two of these.
const WHOLE_LIMIT: Duration = Duration::from_secs(20);

/// Sends requests. Both clients are made when they are first needed: one reads the machine's certificates.
#[derive(Debug, Default)]
pub(crate) struct Http {
    ca_file: Option<PathBuf>,
    elsewhere: OnceLock<reqwest::Client>,
    here: OnceLock<reqwest::Client>,
}

impl Http {
    /// Trusts the certificates in this file too.
    pub(crate) fn trusting(ca_file: Option<PathBuf>) -> Self {
        Self { ca_file, ..Self::default() }
    }

    fn client(&self, request: &Request) -> Result<&reqwest::Client, Error> {
        // Plain http is for this machine alone (core's `Endpoint` says so), and no proxy stands in between.
        let here = request.url.as_str().starts_with("http://");
        let place = if here { &self.here } else { &self.elsewhere };
        if let Some(client) = place.get() {
            return Ok(client);
        }
        let client = make(here, self.ca_file.as_deref())?;
        // Somebody else may have been faster; one of them is as good as the other.
        Ok(place.get_or_init(|| client))
    }

    /// Sends a request; `None` if no whole answer came.
    pub(crate) async fn send(&self, request: &Request) -> Result<Option<Response>, Error> {
        let client = self.client(request)?;
        let url = request.url.as_str();
        let mut builder = match request.method {
            Method::Get => client.get(url),
            Method::Post => client.post(url),
            Method::Delete => client.delete(url),
        };
        for (name, value) in request.headers.iter() {
            let Ok(mut value) = reqwest::header::HeaderValue::from_str(value.expose()) else {
                return Ok(None);
            };
            value.set_sensitive(true);
            builder = builder.header(*name, value);
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.expose().clone());
        }
        match builder.send().await {
            Ok(answer) => Ok(read(answer).await),
            Err(error) if is_untrusted(&error) => Err(Error::Untrusted),
            Err(_) => Ok(None),
        }
    }
}

/// Makes a client for this machine (`here`) or for all others.
pub(crate) fn make(here: bool, ca_file: Option<&Path>) -> Result<reqwest::Client, Error> {
    let builder = reqwest::Client::builder()
        // A body with a token goes where it was addressed or nowhere.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .timeout(WHOLE_LIMIT)
        .user_agent(concat!("gatepass/", env!("CARGO_PKG_VERSION")));
    let builder = if here {
        // No certificate is met there, so none is read.
        builder.no_proxy().tls_certs_only([])
    } else {
        let own = ca_file.map(certificates).transpose()?;
        builder.tls_certs_merge(own.into_iter().flatten())
    };
    // What can go wrong here is that nothing is trusted: a stale `SSL_CERT_FILE`, a machine without certificates.
    builder.build().map_err(|_| Error::Certificates)
}

async fn read(mut answer: reqwest::Response) -> Option<Response> {
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

/// The certificates in a file of them; none is an error.
pub(crate) fn certificates(path: &Path) -> Result<Vec<reqwest::Certificate>, Error> {
    let bytes = fs::read(path).map_err(|_| Error::Certificates)?;
    let found = reqwest::Certificate::from_pem_bundle(&bytes).map_err(|_| Error::Certificates)?;
    if found.is_empty() { Err(Error::Certificates) } else { Ok(found) }
}

/// Whether it was the server's certificate: nothing was sent then, and trying again does not help.
pub(crate) fn is_untrusted(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref() {
        return matches!(error, rustls::Error::InvalidCertificate(_));
    }
    // An `io::Error` keeps what it is about where `source` passes it by.
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match inner {
        Some(inner) => is_untrusted(inner),
        None => error.source().is_some_and(is_untrusted),
    }
}

#[cfg(test)]
mod tests {
    use gatepass_core::field::Field;
    use gatepass_core::form::Form;
    use gatepass_core::url::Endpoint;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Serves one connection with these bytes and gives its address and what was asked.
    async fn serve(answer: Vec<u8>) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            // A client that has read enough may hang up before the end.
            let _ = stream.write_all(&answer).await;
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        (url, asked)
    }

    fn post(url: &str) -> Request {
        Request::post(Endpoint::new(url, Field::TokenEndpoint).unwrap(), Form::new().with("code", "secret"))
    }

    #[tokio::test(flavor = "current_thread")]
    async fn follows_no_redirect() {
        let (elsewhere, untouched) = serve(Vec::new()).await;
        let redirect =
            format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n");
        let (url, asked) = serve(redirect.into_bytes()).await;
        assert_eq!(Http::default().send(&post(&url)).await.unwrap().unwrap().status, 307);
        assert!(asked.await.unwrap().starts_with("POST /token"));
        assert!(!untouched.is_finished(), "nobody came to the other address");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn reads_no_more_than_core_takes() {
        let body = vec![b'x'; 2 * MAX_BODY];
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        let (url, _asked) = serve([head.into_bytes(), body].concat()).await;
        let response = Http::default().send(&post(&url)).await.unwrap().unwrap();
        assert_eq!(response.body.expose().len(), MAX_BODY + 1);
    }
}
