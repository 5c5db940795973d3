//! Where a request really comes from: behind a proxy that the operator listed, from where the proxy says.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;

use crate::app::App;

/// Puts the address of the person in the place of the proxy's.
pub(crate) async fn people(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        let person = SocketAddr::new(person(peer.ip(), request.headers(), &app.trusted_proxies), 0);
        request.extensions_mut().insert(ConnectInfo(person));
    }
    next.run(request).await
}

/// The nearest address that is no listed proxy. Each proxy adds at the end where it was asked from, so that only what
/// listed ones added is believed: the rest anybody can write.
fn person(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_proxy = |ip: IpAddr| trusted.iter().any(|network| network.contains(&ip));
    let mut known = peer.to_canonical();
    let mut lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    lines.reverse();
    for entry in lines.into_iter().flat_map(|line| line.to_str().unwrap_or("?").rsplit(',')) {
        if !is_proxy(known) {
            break;
        }
        let Some(before) = address(entry.trim()) else { break };
        known = before.to_canonical();
    }
    known
}

/// An address, as some proxies write it with its port.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    bare.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_what_listed_proxies_say_is_believed() {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "192.0.2.1/32", "::1/128"]
            .iter()
            .map(|network| network.parse().unwrap())
            .collect();
        for (peer, lines, expected) in [
            ("10.1.2.3", &["203.0.113.7"][..], "203.0.113.7"),
            ("10.1.2.3", &["198.51.100.9, 203.0.113.7"], "203.0.113.7"),
            ("10.1.2.3", &["198.51.100.9, 203.0.113.7, 192.0.2.1,10.9.9.9"], "203.0.113.7"),
            ("10.1.2.3", &["198.51.100.9", "203.0.113.7"], "203.0.113.7"),
            ("::ffff:10.1.2.3", &["::ffff:203.0.113.7"], "203.0.113.7"),
            ("::1", &["2001:db8::7"], "2001:db8::7"),
            ("::1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("::1", &["[2001:db8::7]"], "2001:db8::7"),
            ("10.1.2.3", &["203.0.113.7:4711"], "203.0.113.7"),
            // Whoever is no proxy says what it likes.
            ("203.0.113.7", &["198.51.100.9"], "203.0.113.7"),
            // Nothing, or nothing that can be read.
            ("10.1.2.3", &[], "10.1.2.3"),
            ("10.1.2.3", &[""], "10.1.2.3"),
            ("10.1.2.3", &["203.0.113.7, unknown"], "10.1.2.3"),
            ("10.1.2.3", &["198.51.100.9, unknown, 10.9.9.9"], "10.9.9.9"),
            // All of them are ours.
            ("10.1.2.3", &["10.7.7.7, 10.8.8.8"], "10.7.7.7"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", HeaderValue::from_static(line));
            }
            let found = person(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
        }
    }
}
