use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

async fn ask(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

fn address(ports: &[u16], path: &str, host: RedirectHost) -> Address {
    Address { ports: ports.to_vec(), path: path.to_owned(), host }
}

async fn bound() -> (Loopback, u16) {
    let anywhere = address(&[], "/callback", RedirectHost::Literal);
    let loopback = Loopback::bind(&anywhere, &PageWords::default()).await.unwrap();
    let uri = loopback.redirect_uri().as_str();
    let port = uri.strip_prefix("http://127.0.0.1:").unwrap().split('/').next().unwrap().parse().unwrap();
    (loopback, port)
}

fn answer(port: u16) -> String {
    format!("GET /callback?code=c&state=s HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n")
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_not_the_answer_changes_nothing() {
    let (mut loopback, port) = bound().await;
    let host = format!("Host: 127.0.0.1:{port}\r\n");
    for (request, status) in [
        (format!("GET /favicon.ico HTTP/1.1\r\n{host}\r\n"), "404"),
        (format!("HEAD /callback?code=x HTTP/1.1\r\n{host}\r\n"), "405"),
        (format!("OPTIONS /callback HTTP/1.1\r\n{host}\r\n"), "405"),
        (format!("GET /callback/../x?code=x HTTP/1.1\r\n{host}\r\n"), "404"),
        (String::from("GET /callback?code=x HTTP/1.1\r\nHost: evil.example\r\n\r\n"), "421"),
        (format!("GET /callback?code=x HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"), "421"),
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
    let browser = tokio::spawn(async move { ask(port, &answer(port)).await });
    let arrival = loopback.next().await.unwrap();
    assert_eq!(arrival.query.expose(), "code=c&state=s");
    arrival.reply.send(Page::Success).unwrap();
    let answer = browser.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("no-store") && !answer.contains("code=c"));
    drop(silent);
}

#[tokio::test(flavor = "current_thread")]
async fn ports_are_tried_in_order_and_the_first_is_named() {
    let literal = RedirectHost::Literal;
    let (first, second) = (bound().await, bound().await);
    let taken = [first.1, second.1];
    let words = PageWords::default();
    let refused = Loopback::bind(&address(&taken, "/callback", literal), &words).await;
    assert_eq!(refused.err(), Some(Error::PortTaken { port: first.1 }));
    drop(second);
    // The accepting task has to go before its port does.
    while TcpStream::connect((Ipv4Addr::LOCALHOST, taken[1])).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let loopback = Loopback::bind(&address(&taken, "/cb", literal), &words).await.unwrap();
    assert_eq!(loopback.redirect_uri().as_str(), format!("http://127.0.0.1:{}/cb", taken[1]));
}

#[tokio::test(flavor = "current_thread")]
async fn a_path_that_is_none_takes_no_port() {
    for path in ["", "callback", "/cb?x=1", "/cb#x", "/c b", "//\u{e9}", "@evil.example/cb"] {
        let refused = Loopback::bind(&address(&[], path, RedirectHost::Literal), &PageWords::default()).await;
        let error = Some(Error::Configuration { field: gatepass_core::field::Field::RedirectUri });
        assert_eq!(refused.err(), error, "{path}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn localhost_is_the_name_where_it_is_configured_and_the_literal_is_not() {
    let named = address(&[], "/callback", RedirectHost::Localhost);
    let mut loopback = Loopback::bind(&named, &PageWords::default()).await.unwrap();
    let uri = loopback.redirect_uri().as_str();
    let port: u16 =
        uri.strip_prefix("http://localhost:").unwrap().split('/').next().unwrap().parse().unwrap();
    assert!(ask(port, &answer(port)).await.starts_with("HTTP/1.1 421"));
    let request = answer(port).replace("127.0.0.1", "localhost");
    let browser = tokio::spawn(async move { ask(port, &request).await });
    loopback.next().await.unwrap().reply.send(Page::Success).unwrap();
    assert!(browser.await.unwrap().starts_with("HTTP/1.1 200"));
}

/// The browser gets its page while others hold connections, drip bytes, and knock without end.
#[tokio::test(flavor = "current_thread")]
async fn no_crowd_keeps_the_browser_out() {
    let (mut loopback, port) = bound().await;
    let mut crowd = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        // Half of them begin a request and never end it.
        if number % 2 == 0 {
            drop(stream.write_all(b"GET /callback?code=").await);
        }
        crowd.push(stream);
    }
    let strangers: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(async move {
                let request = answer(port).replace("state=s", "state=wrong");
                loop {
                    assert!(ask(port, &request).await.starts_with("HTTP/1.1 400"));
                }
            })
        })
        .collect();
    let browser = tokio::spawn(async move { ask(port, &answer(port)).await });
    let mut knocked = 0;
    loop {
        let arrival = loopback.next().await.unwrap();
        if arrival.query.expose() == "code=c&state=s" {
            arrival.reply.send(Page::Success).unwrap();
            break;
        }
        knocked += 1;
        arrival.reply.send(Page::Stranger).unwrap();
    }
    assert!(browser.await.unwrap().starts_with("HTTP/1.1 200"));
    for stranger in strangers {
        assert!(!stranger.is_finished(), "each of them was answered, {knocked} in all");
        stranger.abort();
    }
    drop(crowd);
}
