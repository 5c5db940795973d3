//! Raw requests and what comes back.

use std::net::Ipv4Addr;
use std::time::Duration;

use gatepass_core::field::Message;
use gatepass_core::form::Query;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::issuer::{Attempt, ISSUER_OF_THE_CORPUS};

/// Nothing hangs for as long as this.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A request as it goes over the wire.
pub(super) struct Wire {
    bytes: Vec<u8>,
    head: String,
    body: String,
    state: String,
    port: u16,
}

impl Wire {
    /// Fills the placeholders in, and what is too long to be written down.
    pub(super) fn fill(template: &str, generate: &str, attempt: &Attempt) -> Result<Self, String> {
        let state = &attempt.state;
        let fill = |text: &str| {
            text.replace("{PORT}", &attempt.port.to_string())
                .replace("{STATE}", state)
                .replace("{STATE_UPPER}", &state.to_uppercase())
                .replace("{STATE_LOWER}", &state.to_lowercase())
                .replace("{STATE_PREFIX}", state.get(..state.len() / 2).unwrap_or_default())
                .replace(&encode(ISSUER_OF_THE_CORPUS), &encode(&attempt.issuer))
        };
        let template = remark(template, generate)?;
        let text = match template.split_once("\r\n\r\n") {
            Some((head, body)) if body.contains('{') => {
                let body = fill(body);
                [&length(&fill(head), body.len()), "\r\n\r\n", &body].concat()
            }
            _ => fill(&template),
        };
        if text.contains("{STATE") || text.contains("{PORT") {
            return Err("cannot read: a placeholder".to_owned());
        }
        // RFC 9112 section 2.2: empty lines may come before a request.
        let plain = text.trim_start_matches(['\r', '\n']);
        let (head, body) = plain.split_once("\r\n\r\n").unwrap_or((plain, ""));
        let (head, body) = (head.to_owned(), body.to_owned());
        // One character a byte, as far as that goes.
        let bytes = match text.chars().map(|letter| u8::try_from(u32::from(letter))).collect() {
            Ok(bytes) => bytes,
            Err(_) => text.into_bytes(),
        };
        Ok(Self { bytes, head, body, state: state.clone(), port: attempt.port })
    }

    /// Sends it on a connection of its own and reads to the end.
    pub(super) async fn exchange(&self, port: u16) -> Reply {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
            return Reply::read(&[]);
        };
        self.send(&mut stream).await;
        read(&mut stream).await
    }

    /// Who is sent too much may close before all of it was written.
    pub(super) async fn send(&self, stream: &mut TcpStream) {
        let _ = timeout(PATIENCE, stream.write_all(&self.bytes)).await;
    }

    /// The code in it, decoded.
    pub(super) fn code(&self) -> String {
        self.parameters()
            .into_iter()
            .find(|(name, _)| name == "code")
            .map(|(_, value)| value)
            .unwrap_or_default()
    }

    fn target(&self) -> &str {
        self.head.split("\r\n").next().unwrap_or_default().split(' ').nth(1).unwrap_or_default()
    }

    /// Names and values of query and body, decoded where they can be.
    fn parameters(&self) -> Vec<(String, String)> {
        let query = self.target().split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').chain(self.body.split('&'));
        pairs
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.into(), decode(value)))
            .collect()
    }

    /// Whether its `Host` is this machine by another word.
    pub(super) fn other_loopback(&self) -> bool {
        ["localhost", "[::1]"].iter().any(|host| {
            let line = format!("host: {host}:{}", self.port);
            self.head.split("\r\n").any(|header| header.eq_ignore_ascii_case(&line))
        })
    }
}

/// Text in brackets stands for something generated, or says what the bytes before it are.
fn remark(template: &str, generate: &str) -> Result<String, String> {
    if !generate.is_empty() {
        let unreadable = || format!("cannot read: generate {generate:?}");
        let recipe = generate.strip_prefix("repeat ").ok_or_else(unreadable)?;
        let (unit, count) = recipe.rsplit_once(' ').ok_or_else(unreadable)?;
        let count = count.parse().map_err(|_| unreadable())?;
        let open = template.find('(').ok_or_else(unreadable)?;
        let close = template[open..].find(')').ok_or_else(unreadable)? + open;
        let unit = unit.trim_matches(['\'', '"']).replace("\\r\\n", "\r\n");
        return Ok([&template[..open], &unit.repeat(count), &template[close + 1..]].concat());
    }
    let Some(bytes) = template.strip_prefix("\\x") else { return sized(template) };
    let bytes = bytes.split(" (").next().unwrap_or_default();
    let byte = |hex| u8::from_str_radix(hex, 16).map(char::from).map_err(|_| "cannot read: bytes".to_owned());
    bytes.split("\\x").map(byte).collect()
}

/// `(1 MiB)` stands for that much of anything.
fn sized(template: &str) -> Result<String, String> {
    let inner = |open: usize| template.get(open + 1..).and_then(|rest| rest.split_once(')'));
    let Some((open, (size, after))) = template.find('(').and_then(|open| Some((open, inner(open)?))) else {
        return Ok(template.to_owned());
    };
    let unit = match size.split_once(' ') {
        Some((_, "KiB" | "KB")) => 1024,
        Some((_, "MiB" | "MB")) => 1024 * 1024,
        Some((_, "bytes" | "B")) => 1,
        _ => return Ok(template.to_owned()),
    };
    let number = size.split(' ').next().and_then(|number| number.parse::<usize>().ok());
    let number = number.ok_or_else(|| format!("cannot read: size {size:?}"))?;
    Ok([&template[..open], &"a".repeat(number * unit), after].concat())
}

/// The head with the length of a body that was filled in.
fn length(head: &str, length: usize) -> String {
    let line = |line: &str| match line.split_once(':') {
        Some((name, _)) if name.eq_ignore_ascii_case("content-length") => format!("{name}: {length}"),
        _ => line.to_owned(),
    };
    head.split("\r\n").map(line).collect::<Vec<_>>().join("\r\n")
}

fn encode(text: &str) -> String {
    text.replace(':', "%3A").replace('/', "%2F")
}

/// What a value means; where it means nothing, as it is.
fn decode(value: &str) -> String {
    let query = Query::parse(&format!("v={value}"), Message::AuthorizationResponse);
    let decoded = query.ok().and_then(|mut query| query.take("v"));
    decoded.map_or_else(|| value.to_owned(), |value| value.expose().clone())
}

/// Reads until the other side is done, or says nothing for too long.
pub(super) async fn read(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    // A reset after the answer leaves what had come.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    Reply::read(&bytes)
}

/// An answer.
pub(super) struct Reply {
    /// Nothing, if the connection was closed without one.
    pub(super) status: Option<u16>,
    headers: Vec<(String, String)>,
    body: String,
}

impl Reply {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.split("\r\n");
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let header = |line: &str| {
            line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Self { status, headers: lines.filter_map(header).collect(), body: body.to_owned() }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let name = name.trim().to_ascii_lowercase();
        self.headers.iter().find(|(is, _)| *is == name).map(|(_, value)| value.as_str())
    }

    /// Whether all of the page came that was announced.
    pub(super) fn is_whole(&self) -> bool {
        self.header("content-length").and_then(|length| length.parse().ok()) == Some(self.body.len())
    }

    fn says(&self, text: &str) -> bool {
        self.body.contains(text) || self.headers.iter().any(|(_, value)| value.contains(text))
    }

    /// No page shows what it was asked with, whatever a line demands.
    pub(super) fn reflects_nothing(&self, wire: &Wire) -> Result<(), String> {
        let path = wire.target().split('?').next().unwrap_or_default();
        let values = wire.parameters().into_iter().map(|(_, value)| value);
        let asked = values.chain([wire.state.clone(), path.to_owned(), decode(path)]);
        match asked.filter(|value| value.len() > 3).find(|value| self.says(value)) {
            Some(value) => Err(format!("the answer shows {value:?}")),
            None if self.header("Access-Control-Allow-Origin").is_some() => {
                Err("another site may read it".to_owned())
            }
            None => Ok(()),
        }
    }

    /// One clause of a demand on the page. That nothing is reflected was seen before.
    pub(super) fn demand(&self, clause: &str) -> Result<(), String> {
        let is = |name, value: &str| self.header(name).is_some_and(|is| is.contains(value));
        let met = match clause {
            "nosniff" => is("x-content-type-options", "nosniff"),
            "CSP default-src none" => is("content-security-policy", "default-src 'none'"),
            "no inline script" => !self.body.contains("<script") && !self.body.contains("javascript:"),
            _ if clause.contains("charset") => is("content-type", "charset=utf-8"),
            _ if clause.contains("must not claim success") => {
                self.status != Some(200) && !self.body.contains("You are signed in")
            }
            _ if ["echo", "absent", "escaped", "reflect"].iter().any(|word| clause.contains(word)) => true,
            _ => return Err(format!("cannot read: body {clause:?}")),
        };
        if met { Ok(()) } else { Err(format!("the page: {clause}")) }
    }
}
