//! The listener on 127.0.0.1 to which the browser brings the answer (RFC 8252 section 7.3): by a navigation, or, where a
//! dashboard sends it, by a form that the browser posts.
//!
//! It interprets nothing: the raw query goes to the login, which alone knows whether it belongs to it. Whatever else
//! knocks, browsers' spare connections and strangers included, gets an answer and changes nothing.

mod address;
mod form;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::secret::Secret;
use gatepass_core::url::{Endpoint, RedirectUri};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue,
    LOCATION, ORIGIN, REFERRER_POLICY, TRANSFER_ENCODING, UPGRADE,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;

pub(crate) use self::address::Address;
pub use self::address::RedirectHost;
use crate::pages::{Page, PageWords, Pages};

/// How long a connection may take over its request. A browser on this machine needs milliseconds; whoever says nothing
/// must not keep it out.
const HEAD_LIMIT: Duration = Duration::from_secs(2);

/// How long to wait before accepting again when the machine has no more sockets to give.
const RECOVERY: Duration = Duration::from_millis(50);

/// How many connections are open at once; a browser needs two or three. One more takes the place of whoever has been
/// silent for longest.
const CONNECTIONS: usize = 16;

/// One request to the callback path.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// The query, or the form, as it came.
    pub(crate) query: Secret,
    /// Whether it was a form.
    pub(crate) posted: bool,
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
    /// Binds a port on 127.0.0.1, before any browser opens.
    pub(crate) async fn bind(address: &Address, words: &PageWords) -> Result<Self, Error> {
        Self::bind_for(address, words, None).await
    }

    /// The same for what a dashboard sends: forms are taken too, and at the end the browser is led back to `page`.
    pub(crate) async fn bind_for(
        address: &Address,
        words: &PageWords,
        page: Option<&Endpoint>,
    ) -> Result<Self, Error> {
        // A path that cannot be one is found out before a port is taken.
        address.at(1)?;
        let listener = address.bind().await?;
        let port = address::port(&listener)?;
        let (sender, arrivals) = mpsc::channel(CONNECTIONS);
        let door = Door {
            path: address.path.clone(),
            host: address.host(port),
            pages: Pages::new(words),
            back: page.map(|page| page.as_str().to_owned()),
            sender,
        };
        let guests = Arc::new(Guests::default());
        let accepting = tokio::spawn(accept(listener, Arc::new(door), Arc::clone(&guests)));
        Ok(Self { redirect_uri: address.at(port)?, arrivals, accepting, guests })
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

    /// How many have come and were not answered.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.arrivals.len()
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
    path: String,
    host: String,
    pages: Pages,
    /// The address, a dashboard's for one, to which the browser goes next.
    back: Option<String>,
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
        let door = Arc::clone(&door);
        async move { Ok::<_, Infallible>(door.answer(request, guests).await) }
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
    async fn answer(&self, request: Request<Incoming>, guests: &Guests) -> Response<Full<Bytes>> {
        let posted = request.method() == Method::POST;
        let brought = match self.admits(&request) {
            Ok(()) if posted => form::read(request).await,
            Ok(()) => Ok(Secret::from(request.uri().query().unwrap_or_default())),
            Err(status) => Err(status),
        };
        // Not before all of it is here: a form that does not come to its end keeps nobody out.
        guests.heard();
        let query = match brought {
            Ok(query) => query,
            Err(status) => return self.page(status, Page::Stranger),
        };
        let (reply, outcome) = oneshot::channel();
        if self.sender.send(Arrival { query, posted, reply }).await.is_err() {
            return self.page(StatusCode::GONE, Page::Stranger);
        }
        let page = outcome.await.unwrap_or(Page::Failure);
        if let Some(back) = &self.back
            && let Some(response) = led_back(back, page)
        {
            return response;
        }
        match page {
            Page::Success | Page::Question => self.page(StatusCode::OK, page),
            Page::Stranger | Page::Failure | Page::Denied | Page::Onward => {
                self.page(StatusCode::BAD_REQUEST, page)
            }
        }
    }

    fn page(&self, status: StatusCode, page: Page) -> Response<Full<Bytes>> {
        let mut response = response(status, self.pages.text(page));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            // RFC 9110 section 15.5.6.
            let allowed = if self.back.is_some() { "GET, POST" } else { "GET" };
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        }
        response
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
        let posted = self.back.is_some() && request.method() == Method::POST;
        if !posted && request.method() != Method::GET {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        // A prefetch is the browser's guess and not yet the person's arrival.
        if SPECULATION.iter().any(|name| header(name).is_some()) {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        // The answer is brought by a navigation of the whole window, which names no origin; a form does, and its origin says
        // nothing: it is `null` from any secure page to this address. What a page elsewhere fetches or embeds says so in its
        // Fetch Metadata.
        let other = |name, navigation| header(name).is_some_and(|value| value != navigation);
        if (headers.contains_key(ORIGIN) && !posted)
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
        if posted { form::is_form(request) } else { Ok(()) }
    }
}

/// Leads the browser back to a dashboard that is to say how it ended.
fn led_back(page: &str, end: Page) -> Option<Response<Full<Bytes>>> {
    let status = match end {
        Page::Success => "#status=ok",
        Page::Denied => "#status=denied",
        Page::Failure => "#status=failed",
        Page::Onward => "",
        Page::Question | Page::Stranger => return None,
    };
    let mut response = response(StatusCode::SEE_OTHER, Bytes::new());
    let location = HeaderValue::try_from(format!("{page}{status}")).ok()?;
    response.headers_mut().insert(LOCATION, location);
    Some(response)
}

fn response(status: StatusCode, text: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text));
    *response.status_mut() = status;
    let style = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
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
