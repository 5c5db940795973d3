//! Where the listener is, and what the issuer is told of it.

use std::net::Ipv4Addr;

use gatepass_core::error::Error;
use gatepass_core::field::Field;
use gatepass_core::url::RedirectUri;
use tokio::net::TcpListener;

/// How the redirect URI names this machine; the socket is on 127.0.0.1 either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedirectHost {
    /// `127.0.0.1`, which no resolver can lead elsewhere (RFC 8252 section 8.3).
    #[default]
    Literal,
    /// `localhost`, for issuers that know no other. A resolver may lead a browser to whoever listens at `::1`; a code alone
    /// is worth nothing there (RFC 7636).
    Localhost,
}

/// The address to listen at.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// Tried in this order; none means any free port.
    pub(crate) ports: Vec<u16>,
    pub(crate) path: String,
    pub(crate) host: RedirectHost,
}

impl Address {
    /// Its redirect URI at this port, if that is one.
    pub(super) fn at(&self, port: u16) -> Result<RedirectUri, Error> {
        if !self.path.starts_with('/') || self.path.contains('?') {
            return Err(Error::Configuration { field: Field::RedirectUri });
        }
        RedirectUri::new(&format!("http://{}{}", self.host(port), self.path))
    }

    pub(super) fn host(&self, port: u16) -> String {
        let host = match self.host {
            RedirectHost::Literal => "127.0.0.1",
            RedirectHost::Localhost => "localhost",
        };
        format!("{host}:{port}")
    }

    pub(super) async fn bind(&self) -> Result<TcpListener, Error> {
        for port in &self.ports {
            // Whatever keeps us from this one, the next may do.
            if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).await {
                return Ok(listener);
            }
        }
        match self.ports.first() {
            Some(port) => Err(Error::PortTaken { port: *port }),
            None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_port),
        }
    }

    /// A redirect URI at which nobody listens: the person brings what came there.
    pub(crate) async fn unattended(&self) -> Result<RedirectUri, Error> {
        match self.ports.first() {
            Some(port) => self.at(*port),
            // One that is free, so that the browser meets nobody else there.
            None => self.at(port(&self.bind().await?)?),
        }
    }
}

fn no_port(_: std::io::Error) -> Error {
    Error::Unsupported { feature: Field::LoopbackPort }
}

pub(super) fn port(listener: &TcpListener) -> Result<u16, Error> {
    Ok(listener.local_addr().map_err(no_port)?.port())
}
