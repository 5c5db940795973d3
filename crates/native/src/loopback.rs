//! The listener on 127.0.0.1 to which the browser brings the answer (RFC 8252 section 7.3).
//!
//! It interprets nothing: the raw query goes to the login, which alone knows whether it belongs to it. Whatever else
//! knocks, browsers' spare connections and strangers included, gets an answer and changes nothing.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::field::Field;
use gatepass_core::secret::Secret;
use gatepass_core::url::RedirectUri;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue,
    ORIGIN, REFERRER_POLICY, TRANSFER_ENCODING, UPGRADE,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;

/// How long a connection may take over its request. A browser on this machine needs milliseconds; whoever says nothing
/// must not keep it out.
const HEAD_LIMIT: Duration = Duration::from_secs(2);

/// How long to wait before accepting again when the machine has no more sockets to give.
const RECOVERY: Duration = Duration::from_millis(50);

/// How many connections are open at once; a browser needs two or three. One more takes the place of whoever has been
/// silent for longest.
const CONNECTIONS: usize = 16;

/// What the browser shows at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// Signed in.
    Success,
    /// The login failed; the terminal says why.
    Failure,
    /// The request belongs to no login that waits here.
    Stranger,
}

/// One request to the callback path.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// The query, as it came.
    pub(crate) query: Secret,
    /// Where the browser waits for its page.
    pub(crate) reply: oneshot::Sender<Page>,
}

/// A bound listener.
#[derive(Debug)]
pub(crate) struct Loopback {
    redirect_uri: RedirectUri,
    arrivals: mpsc::Receiver<Arrival>,
    accepting: tokio::task::JoinHandle<()>,
    guests: Arc<Guests>,
}

impl Loopback {
    /// Binds a free port on 127.0.0.1, before any browser opens.
    pub(crate) async fn bind(path: &'static str) -> Result<Self, Error> {
        let unavailable = |_| Error::Unsupported { feature: Field::LoopbackPort };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(unavailable)?;
        let port = listener.local_addr().map_err(unavailable)?.port();
        let (sender, arrivals) = mpsc::channel(CONNECTIONS);
        let door = Arc::new(Door { path, host: format!("127.0.0.1:{port}"), sender });
        let guests = Arc::new(Guests::default());
        let accepting = tokio::spawn(accept(listener, door, Arc::clone(&guests)));
        Ok(Self { redirect_uri: RedirectUri::loopback(port, path), arrivals, accepting, guests })
    }

    /// The address that this listener answers to.
    pub(crate) const fn redirect_uri(&self) -> &RedirectUri {
        &self.redirect_uri
    }

    /// Stops listening and lets the pages that are on their way arrive, for at most `limit`. Whoever came with the
    /// same answer again (a reload, a second window) gets the same `page`.
    pub(crate) async fn flush(&mut self, page: Page, limit: Duration) {
        self.accepting.abort();
        self.arrivals.close();
        while let Ok(arrival) = self.arrivals.try_recv() {
            let _ = arrival.reply.send(page);
        }
        // Spare connections of the browser would be waited for until their time is over.
        while self.guests.make_room() {}
        let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
        drop(tokio::time::timeout(limit, self.guests.open.acquire_many(all)).await);
    }

    /// The next request to the callback path.
    pub(crate) async fn next(&mut self) -> Result<Arrival, Error> {
        self.arrivals.recv().await.ok_or(Error::Bug)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[derive(Debug)]
struct Door {
    path: &'static str,
    host: String,
    sender: mpsc::Sender<Arrival>,
}

/// The open connections.
#[derive(Debug)]
struct Guests {
    open: Arc<Semaphore>,
    /// Those that have not asked for anything yet, the oldest first.
    silent: Mutex<VecDeque<AbortHandle>>,
}

impl Default for Guests {
    fn default() -> Self {
        Self { open: Arc::new(Semaphore::new(CONNECTIONS)), silent: Mutex::default() }
    }
}

impl Guests {
    fn silent(&self) -> MutexGuard<'_, VecDeque<AbortHandle>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the connection that has been silent for longest, if there is one.
    fn make_room(&self) -> bool {
        let oldest = self.silent().pop_front();
        oldest.inspect(AbortHandle::abort).is_some()
    }

    /// The connection of this task has said what it wants, or is gone.
    fn heard(&self) {
        if let Some(id) = tokio::task::try_id() {
            self.silent().retain(|guest| guest.id() != id);
        }
    }
}

async fn accept(listener: TcpListener, door: Arc<Door>, guests: Arc<Guests>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            guests.make_room();
            tokio::time::sleep(RECOVERY).await;
            continue;
        };
        if guests.open.available_permits() == 0 {
            guests.make_room();
        }
        let Ok(permit) = Arc::clone(&guests.open).acquire_owned().await else { return };
        let (door, guest) = (Arc::clone(&door), Arc::clone(&guests));
        // The list is held until the guest is on it, so that none is heard before.
        let mut silent = guests.silent();
        let task = tokio::spawn(async move {
            serve(stream, door, &guest).await;
            guest.heard();
            drop(permit);
        });
        silent.push_back(task.abort_handle());
    }
}

async fn serve(stream: TcpStream, door: Arc<Door>, guests: &Guests) {
    let answer = service_fn(|request| {
        guests.heard();
        let door = Arc::clone(&door);
        async move { Ok::<_, Infallible>(door.answer(&request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .keep_alive(false)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), answer);
    // A connection that fails is a stranger's; the login waits for the next one.
    drop(connection.await);
}

/// Headers by which browsers say that a load is a guess of theirs: prefetch, prerender, preview.
const SPECULATION: [&str; 4] = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

impl Door {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if let Err(status) = self.admits(request) {
            return page(status, Page::Stranger);
        }
        let query = Secret::from(request.uri().query().unwrap_or_default());
        let (reply, outcome) = oneshot::channel();
        if self.sender.send(Arrival { query, reply }).await.is_err() {
            return page(StatusCode::GONE, Page::Stranger);
        }
        match outcome.await {
            Ok(Page::Success) => page(StatusCode::OK, Page::Success),
            Ok(Page::Stranger) => page(StatusCode::BAD_REQUEST, Page::Stranger),
            Ok(Page::Failure) | Err(_) => page(StatusCode::BAD_REQUEST, Page::Failure),
        }
    }

    /// Whether this is a browser's navigation to the callback path; otherwise the status that says what it is.
    fn admits<T>(&self, request: &Request<T>) -> Result<(), StatusCode> {
        let (headers, uri) = (request.headers(), request.uri());
        let header = |name| headers.get(HeaderName::from_static(name));
        // RFC 9112 section 3.2: one host.
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(StatusCode::BAD_REQUEST) };
        // A page elsewhere whose name was pointed at this address would say another host (DNS rebinding).
        if *host != self.host {
            return Err(StatusCode::MISDIRECTED_REQUEST);
        }
        // RFC 9112 section 3.2.2: a whole address is that of this listener.
        let scheme = uri.scheme_str().is_none_or(|scheme| scheme == "http");
        if !scheme || uri.authority().is_some_and(|authority| authority.as_str() != self.host) {
            return Err(StatusCode::BAD_REQUEST);
        }
        if uri.path() != self.path {
            return Err(StatusCode::NOT_FOUND);
        }
        // HEAD and OPTIONS ask about the address and do not bring the answer.
        if request.method() != Method::GET {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        // A prefetch is the browser's guess and not yet the person's arrival.
        if SPECULATION.iter().any(|name| header(name).is_some()) {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        // The answer is brought by a navigation of the whole window, which names no origin. What a page elsewhere
        // fetches or embeds says so in its Fetch Metadata.
        let other = |name, navigation| header(name).is_some_and(|value| value != navigation);
        if headers.contains_key(ORIGIN)
            || other("sec-fetch-mode", "navigate")
            || other("sec-fetch-dest", "document")
        {
            return Err(StatusCode::FORBIDDEN);
        }
        // A navigation brings no body, about whose end two readers could differ (RFC 9112 section 11.2), and does not
        // want to speak another protocol next.
        if headers.contains_key(TRANSFER_ENCODING) || headers.contains_key(UPGRADE) {
            return Err(StatusCode::BAD_REQUEST);
        }
        Ok(())
    }
}

/// A static page: nothing of the request stands in it.
fn page(status: StatusCode, page: Page) -> Response<Full<Bytes>> {
    let text = match page {
        Page::Success => include_str!("pages/success.html"),
        Page::Failure => include_str!("pages/failure.html"),
        Page::Stranger => include_str!("pages/stranger.html"),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let style = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
    if status == StatusCode::METHOD_NOT_ALLOWED {
        // RFC 9110 section 15.5.6.
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
    }
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONNECTION, "close"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, style),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn ask(port: u16, request: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    fn port(loopback: &Loopback) -> u16 {
        let uri = loopback.redirect_uri().as_str();
        uri.strip_prefix("http://127.0.0.1:").unwrap().split('/').next().unwrap().parse().unwrap()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_not_the_answer_changes_nothing() {
        let mut loopback = Loopback::bind("/callback").await.unwrap();
        let port = port(&loopback);
        let host = format!("Host: 127.0.0.1:{port}\r\n");
        for (request, status) in [
            (format!("GET /favicon.ico HTTP/1.1\r\n{host}\r\n"), "404"),
            (format!("HEAD /callback?code=x HTTP/1.1\r\n{host}\r\n"), "405"),
            (format!("OPTIONS /callback HTTP/1.1\r\n{host}\r\n"), "405"),
            (format!("GET /callback/../x?code=x HTTP/1.1\r\n{host}\r\n"), "404"),
            (String::from("GET /callback?code=x HTTP/1.1\r\nHost: evil.example\r\n\r\n"), "421"),
            (format!("GET /callback?code=x HTTP/1.1\r\n{host}Sec-Purpose: prefetch\r\n\r\n"), "503"),
            (format!("GET /{} HTTP/1.1\r\n{host}\r\n", "x".repeat(20_000)), "4"),
            (String::from("\u{16}\u{3}\u{1}\0\0\r\n\r\n"), "400"),
        ] {
            let answer = ask(port, &request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request:.60}: {answer:.60}");
        }
        assert!(loopback.arrivals.try_recv().is_err(), "none of them is an arrival");
        // A connection that says nothing does not keep the browser out.
        let silent = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let browser = tokio::spawn(async move {
            ask(port, &format!("GET /callback?code=c&state=s HTTP/1.1\r\n{host}\r\n")).await
        });
        let arrival = loopback.next().await.unwrap();
        assert_eq!(arrival.query.expose(), "code=c&state=s");
        arrival.reply.send(Page::Success).unwrap();
        let answer = browser.await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains("no-store") && !answer.contains("code=c")
        );
        drop(silent);
    }
}
