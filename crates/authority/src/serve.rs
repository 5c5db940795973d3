//! The listener: how many connections, for how long, and how they end. What they ask is the router's business.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::talk;

/// What connections may take. Without these, whoever opens them and says nothing keeps everybody else out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long the head of a request may take, and how long a connection may wait for its next one.
    pub(crate) head: Duration,
    /// How long a connection may live; a reader that stands still ends here.
    pub(crate) life: Duration,
    /// How long requests under way may take once their connection is to end.
    pub(crate) grace: Duration,
    /// How many connections are open at once. Further ones wait in the kernel's queue.
    pub(crate) connections: u32,
}

impl Limits {
    /// As shipped.
    pub(crate) const SHIPPED: Self = Self {
        head: Duration::from_secs(10),
        life: Duration::from_secs(600),
        grace: Duration::from_secs(5),
        connections: 1024,
    };
}

/// After accepting failed, as it does without free file descriptors: trying at once again would spin.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until `stopped`, then takes no new connections and waits for those under way, `grace` at most.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stopped: impl Future<Output = ()>,
) {
    let open = Arc::new(Semaphore::new(limits.connections as usize));
    let (ending, end) = watch::channel(());
    let accepting = async {
        loop {
            // The place first: a connection that cannot be served yet is not taken from the queue.
            let Ok(place) = Arc::clone(&open).acquire_owned().await else { return };
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                // Gone before its turn: the caller's doing, and no reason to let others wait.
                Err(error) if gone(&error) => continue,
                Err(error) => {
                    talk::say(&format!("a connection could not be accepted: {error}"));
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let (router, end) = (router.clone(), end.clone());
            tokio::spawn(async move {
                converse(stream, peer, router, limits, end).await;
                drop(place);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stopped => {}
    }
    drop(listener);
    drop(ending);
    // Each of them ends within the grace by itself.
    drop(open.acquire_many(limits.connections).await);
}

fn gone(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// One connection, from its first byte to its end.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
    mut end: watch::Receiver<()>,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        // A connection that fails is the caller's loss; there is nobody left to tell.
        _ = connection.as_mut() => return,
        // Nothing is ever sent here: it resolves when the sender is gone.
        _ = end.changed() => {}
        () = tokio::time::sleep(limits.life) => {}
    }
    connection.as_mut().graceful_shutdown();
    drop(tokio::time::timeout(limits.grace, connection).await);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Extension;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::{Notify, oneshot};
    use tokio::task::JoinHandle;

    use super::*;

    const SHORT: Duration = Duration::from_millis(300);
    const LONG: Duration = Duration::from_secs(20);
    const LIMITS: Limits = Limits { head: LONG, life: LONG, grace: LONG, connections: 8 };

    /// Where `/slow` says that it was reached, and waits to be let go.
    #[derive(Clone, Default)]
    struct Gate {
        reached: Arc<Notify>,
        open: Arc<Notify>,
    }

    async fn start(limits: Limits) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
        start_with(limits, Gate::default()).await
    }

    async fn start_with(limits: Limits, gate: Gate) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }))
            .route(
                "/slow",
                get(|Extension(gate): Extension<Gate>| async move {
                    gate.reached.notify_one();
                    gate.open.notified().await;
                    "slow"
                }),
            )
            .layer(Extension(gate));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, router, limits, async { drop(stopped.await) }));
        (addr, stop, server)
    }

    async fn say(addr: SocketAddr, words: &str) -> TcpStream {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(words.as_bytes()).await.unwrap();
        stream
    }

    /// All that comes until the other side closes, which it must do well before the long limit.
    async fn hear(mut stream: TcpStream) -> String {
        let mut text = String::new();
        // A reset is an end too.
        drop(tokio::time::timeout(LONG / 2, stream.read_to_string(&mut text)).await.expect("stays open"));
        text
    }

    async fn ask(addr: SocketAddr, path: &str) -> String {
        hear(say(addr, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await).await
    }

    #[tokio::test]
    async fn a_half_open_connection_is_closed_and_others_are_served_meanwhile() {
        let (addr, _stop, _server) = start(Limits { head: SHORT, ..LIMITS }).await;
        let silent = TcpStream::connect(addr).await.unwrap();
        let half = say(addr, "GET / HTTP/1.1\r\nHost: x\r\n").await;
        let idle = say(addr, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let answer = ask(addr, "/").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("127.0.0.1:"), "{answer}");
        assert!(!hear(silent).await.contains(" 200 "));
        assert!(!hear(half).await.contains(" 200 "));
        assert!(hear(idle).await.starts_with("HTTP/1.1 200"), "kept open, and closed at its limit");
    }

    #[tokio::test]
    async fn connections_over_the_limit_wait_for_a_place() {
        let (addr, _stop, _server) = start(Limits { head: SHORT * 2, connections: 1, ..LIMITS }).await;
        let half = say(addr, "GET /").await;
        let mut waiting = pin!(ask(addr, "/"));
        tokio::select! {
            // Both may be there by the time somebody looks; the place was free only after this.
            biased;
            _ = hear(half) => {}
            answer = waiting.as_mut() => panic!("the only place was taken: {answer}"),
        }
        assert!(waiting.await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn no_connection_lives_longer_than_its_life() {
        let (addr, _stop, _server) = start(Limits { life: SHORT, ..LIMITS }).await;
        let idle = say(addr, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(hear(idle).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn an_end_lets_requests_finish_and_waits_for_nobody_else() {
        let gate = Gate::default();
        let (addr, stop, server) = start_with(Limits { grace: SHORT * 3, ..LIMITS }, gate.clone()).await;
        let half = say(addr, "GET / HTTP/1.1\r\n").await;
        let under_way = tokio::spawn(ask(addr, "/slow"));
        gate.reached.notified().await;
        stop.send(()).unwrap();
        assert!(!server.is_finished(), "a request is under way");
        gate.open.notify_one();
        assert!(under_way.await.unwrap().ends_with("slow"));
        tokio::time::timeout(LONG / 2, server).await.expect("waits for the half-open one").unwrap();
        assert!(!hear(half).await.contains(" 200 "));
        assert!(TcpStream::connect(addr).await.is_err(), "nobody listens");
    }
}
