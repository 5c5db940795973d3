//! Starting and stopping.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::serve::{Limits, serve};
use crate::{http, talk};

/// How often what has ended is swept out.
const SWEEP: Duration = Duration::from_secs(60);

/// The authorization server.
#[derive(Debug)]
pub struct Authority;

impl Authority {
    /// Opens the database, binds the listener and serves until [`Running::shutdown`]. When this returns, the first
    /// request will be answered.
    pub async fn start(config: Config, clock: Clock) -> Result<Running, StartError> {
        config.check_www().map_err(StartError::Configuration)?;
        let failed = |error| StartError::Listen(config.listen, error);
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let app = Arc::new(App::new(&config, clock, addr).await?);
        let issuer = app.issuer.as_str().to_owned();
        let router = http::router(Arc::clone(&app), config.www.as_deref());
        let (stop, stopped) = oneshot::channel::<()>();
        let sweeper = tokio::spawn(sweep(Arc::clone(&app)));
        // A dropped sender stops too: nobody is left to stop it later.
        let server = tokio::spawn(serve(listener, router, Limits::SHIPPED, async { drop(stopped.await) }));
        Ok(Running { issuer, addr, app, stop, server, sweeper })
    }
}

/// An authority that serves.
pub struct Running {
    /// The issuer, exactly as clients must know it.
    pub issuer: String,
    /// Where it listens.
    pub addr: SocketAddr,
    app: Arc<App>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    sweeper: JoinHandle<()>,
}

impl Running {
    /// Takes no new requests, finishes those under way, and closes the database.
    pub async fn shutdown(self) {
        let Self { app, stop, server, sweeper, .. } = self;
        sweeper.abort();
        let _ = stop.send(());
        // A connection that somebody keeps open does not keep us: its grace is short.
        drop(server.await);
        app.store.close().await;
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("issuer", &self.issuer)
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}

/// Why an authority does not start.
#[derive(Debug)]
pub enum StartError {
    /// A setting that cannot work.
    Configuration(String),
    /// The database cannot be opened.
    Store(sqlx::Error),
    /// The address cannot be listened on.
    Listen(SocketAddr, std::io::Error),
    /// No randomness, or a signing key that does not open.
    Machine,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(words) => f.write_str(words),
            Self::Store(error) => write!(f, "the database cannot be used: {error}"),
            Self::Listen(addr, error) => write!(f, "cannot listen on {addr}: {error}"),
            Self::Machine => f.write_str("no randomness, or the signing keys in the database are damaged"),
        }
    }
}

impl std::error::Error for StartError {}

async fn sweep(app: Arc<App>) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = app.store.sweep(app.now()).await {
            talk::say(&format!("clean-up failed and will be tried again: {error}"));
        }
    }
}
