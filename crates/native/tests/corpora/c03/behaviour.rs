//! What a line describes instead of writing it down.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::Expect;
use super::issuer::{Attempt, Issuer};
use super::wire::{PATIENCE, Reply, read};

/// How long the login takes whose end is waited for.
const SHORT: Duration = Duration::from_millis(200);

/// Behaves as the line says, and sees that the login can still be finished, or was.
pub(super) async fn drive(words: &str, expect: &Expect<'_>, issuer: &Issuer) -> Result<(), String> {
    let words = words.trim_matches(['(', ')']).to_lowercase();
    let has = |all: &[&str]| all.iter().all(|word| words.contains(word));
    if has(&["no request", "timeout"]) || has(&["nothing", "whole login"]) {
        let attempt = issuer.begin_for(expect.names_itself, SHORT).await;
        return attempt.ended("error:timeout", None, false).await;
    }
    let attempt = issuer.begin(expect.names_itself).await;
    let some = |any: &[&str]| any.iter().any(|word| words.contains(word));
    if has(&["valid request"]) && some(&["slow"]) {
        return slow_reader(attempt, expect).await;
    }
    if some(&["valid request", "same request"])
        && some(&["two", "twice", "simultaneous", "concurrent", "parallel"])
    {
        return twins(attempt, expect).await;
    }
    if has(&["valid request"]) && some(&["close", "disconnect", "reset", "abort", "without reading"]) {
        attempt.valid()?.send(&mut connect(attempt.port).await?).await;
        return attempt.ended("code", Some("AFTERWARDS"), false).await;
    }
    if has(&["inspect"]) || has(&["listening socket"]) {
        only_on_this_machine(attempt.port).await?;
    } else if has(&["ipv6", "disabled"]) || has(&["no ipv6"]) {
        // There never is a listener on ::1: what follows is all that there is.
    } else if has(&["port"]) && some(&["in use", "taken", "busy", "occupied"]) || has(&["two logins"]) {
        let other = issuer.begin(expect.names_itself).await;
        if other.port == attempt.port {
            return Err("two logins share a port".to_owned());
        }
        return other.still_waits().await;
    } else if has(&["connections"]) {
        crowd(&words, attempt.port).await?;
    } else if has(&["byte"]) && some(&["second", "slow", "at a time"]) {
        drip(&attempt).await?;
    } else if some(&["preconnect", "speculative connection"]) {
        let spare = connect(attempt.port).await?;
        answers(attempt.port).await?;
        drop(spare);
    } else if words.starts_with("connect") || words.starts_with("open") {
        silent(&words, expect, attempt.port).await?;
    } else {
        return Err(format!("cannot drive: {words:?}"));
    }
    attempt.still_waits().await
}

/// The page arrives although the login ended long before it was read.
async fn slow_reader(attempt: Attempt, expect: &Expect<'_>) -> Result<(), String> {
    let mut stream = connect(attempt.port).await?;
    attempt.valid()?.send(&mut stream).await;
    attempt.ended("code", Some("AFTERWARDS"), false).await?;
    let reply: Reply = read(&mut stream).await;
    expect.status(0, &reply)?;
    if reply.is_whole() { Ok(()) } else { Err("the page was cut off".to_owned()) }
}

/// The same answer on two connections at once is one answer.
async fn twins(attempt: Attempt, expect: &Expect<'_>) -> Result<(), String> {
    let wire = attempt.valid()?;
    let (one, other) = tokio::join!(wire.exchange(attempt.port), wire.exchange(attempt.port));
    expect.status(0, &one)?;
    expect.status(1, &other)?;
    attempt.ended("code", Some("AFTERWARDS"), false).await
}

/// A request that comes byte by byte for longer than anybody waits for one.
async fn drip(attempt: &Attempt) -> Result<(), String> {
    let mut stream = connect(attempt.port).await?;
    let head = b"GET /callback HTTP/1.1\r\nX: ".iter().chain(std::iter::repeat(&b'a'));
    let mut ticks = tokio::time::interval(SHORT);
    let dripping = async {
        for byte in head {
            ticks.tick().await;
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
    };
    timeout(PATIENCE, dripping).await.map_err(|_| "a request that never ends is read on".to_owned())
}

/// Nobody on another machine can connect, and nobody on this one can listen beside it.
async fn only_on_this_machine(port: u16) -> Result<(), String> {
    if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.is_ok() {
        return Err("somebody else could listen at the same port".to_owned());
    }
    // Another address of this machine answers exactly if all addresses do.
    match timeout(PATIENCE, TcpStream::connect((Ipv4Addr::new(127, 0, 0, 2), port))).await {
        Ok(Ok(_)) => Err("it listens on all addresses".to_owned()),
        _ => Ok(()),
    }
}

/// `200 idle connections`: they are held while somebody else is answered.
async fn crowd(words: &str, port: u16) -> Result<(), String> {
    let number = words.split(|letter: char| !letter.is_ascii_digit()).find_map(|digits| digits.parse().ok());
    let number: usize = number.ok_or_else(|| format!("cannot drive: {words:?}"))?;
    let mut idle = Vec::new();
    for _ in 0..number {
        idle.push(connect(port).await?);
    }
    answers(port).await?;
    drop(idle);
    Ok(())
}

/// `connect, send "GET /call", stop`: it is waited out, and nobody else has to wait for it.
async fn silent(words: &str, expect: &Expect<'_>, port: u16) -> Result<(), String> {
    let mut stream = connect(port).await?;
    let mut stays = false;
    let closes = words.starts_with("connect and");
    for word in words.split(',').map(str::trim).skip(usize::from(!closes)) {
        if let Some(text) = word.strip_prefix("send \"").and_then(|text| text.strip_suffix('"')) {
            // The words were put in lower case; what a method is called is not what this is about.
            let text = text.replace("get ", "GET ").replace("\\r\\n", "\r\n");
            stream.write_all(text.as_bytes()).await.map_err(|error| error.to_string())?;
        } else if word.contains("nothing") || word.contains("stop") || word.contains("wait") {
            stays = true;
        } else if !["close", "disconnect", "reset"].iter().any(|end| word.contains(end)) {
            return Err(format!("cannot drive: {word:?}"));
        }
    }
    answers(port).await?;
    if !stays {
        return Ok(());
    }
    if expect.state() != "timeout" {
        return Err(format!("cannot read: status {:?}", expect.state()));
    }
    let mut rest = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut rest)).await {
        Ok(_) => Ok(()),
        Err(_) => Err("a silent connection is kept".to_owned()),
    }
}

/// Somebody who asks for something else gets an answer now.
async fn answers(port: u16) -> Result<(), String> {
    let mut stream = connect(port).await?;
    let request = format!("GET /favicon.ico HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    match read(&mut stream).await.status {
        Some(404) => Ok(()),
        other => Err(format!("others get {other:?} meanwhile")),
    }
}

async fn connect(port: u16) -> Result<TcpStream, String> {
    match timeout(PATIENCE, TcpStream::connect((Ipv4Addr::LOCALHOST, port))).await {
        Ok(Ok(stream)) => Ok(stream),
        other => Err(format!("no connection: {other:?}")),
    }
}
