//! As much of HTTP as it takes to visit servers on this machine: version 1.0, so that an answer ends where its
//! connection does.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::failure::Failure;

const LIMIT: Duration = Duration::from_secs(20);

/// An address on this machine: `http://HOST:PORT/PATH?QUERY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// `HOST:PORT`
    pub(crate) host: String,
    /// From the path on.
    target: String,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let rest = text.strip_prefix("http://").filter(|rest| !rest.starts_with('/')).ok_or_else(|| {
            // Not the whole of it: an address may carry a secret.
            Failure::new(format!(
                "an address of another kind than http://: {}…",
                text.chars().take(16).collect::<String>()
            ))
        })?;
        let rest = rest.split('#').next().unwrap_or(rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, target) = rest.split_at(end);
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self { host: host.to_owned(), target: format!("{slash}{target}") })
    }

    /// The address that a page here calls by `reference`.
    pub(crate) fn join(&self, reference: &str) -> Result<Self, Failure> {
        if reference.starts_with('/') && !reference.starts_with("//") {
            return Ok(Self { host: self.host.clone(), target: reference.to_owned() });
        }
        Self::parse(reference)
    }

    /// Without its query, which may hold secrets.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or(&self.target)
    }
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// The values of a header, by its name in lower case.
    pub(crate) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// An answer that nobody gave.
    #[cfg(test)]
    pub(crate) fn of(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { status, headers, body: body.to_owned() }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Self { status, headers, body: body.to_owned() })
    }
}

/// Gets a page, or posts a form if there is one.
pub(crate) fn ask(
    address: &Address,
    form: Option<&[(String, String)]>,
    cookie: &str,
) -> Result<Answer, Failure> {
    let Address { host, target } = address;
    let body = form.map(encode).unwrap_or_default();
    let method = if form.is_some() { "POST" } else { "GET" };
    let mut request = format!("{method} {target} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: gatepass-demo\r\n");
    if !cookie.is_empty() {
        request.push_str(&format!("Cookie: {cookie}\r\n"));
    }
    if form.is_some() {
        // As a browser says where a form came from.
        request.push_str(&format!(
            "Origin: http://{host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            body.len()
        ));
    }
    request.push_str("\r\n");
    request.push_str(&body);
    let unanswered = |error| Failure::io(format!("http://{host}{} does not answer", address.path()), &error);
    let bytes = exchange(host, request.as_bytes()).map_err(unanswered)?;
    Answer::parse(&bytes).ok_or_else(|| {
        Failure::new(format!("http://{host}{} answers something else than HTTP", address.path()))
    })
}

fn exchange(host: &str, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let place = host.to_socket_addrs()?.next().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    let mut stream = TcpStream::connect_timeout(&place, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// A form's fields as browsers send them.
fn encode(fields: &[(String, String)]) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect()
    };
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_and_what_pages_call_them() {
        let address = Address::parse("http://127.0.0.1:80/a/b?c=d#e").unwrap();
        assert_eq!((address.host.as_str(), address.target.as_str()), ("127.0.0.1:80", "/a/b?c=d"));
        assert_eq!(address.path(), "/a/b");
        assert_eq!(address.join("/x").unwrap(), Address::parse("http://127.0.0.1:80/x").unwrap());
        assert_eq!(address.join("http://localhost:1?q").unwrap().target, "/?q");
        assert!(address.join("//elsewhere/").is_err());
        assert!(Address::parse("https://a.example/").is_err());
    }

    #[test]
    fn encodes_forms_and_reads_answers() {
        let fields = [("e".to_owned(), "a@b c&d=é".to_owned()), ("f".to_owned(), String::new())];
        assert_eq!(encode(&fields), "e=a%40b%20c%26d%3D%C3%A9&f=");
        let answer =
            Answer::parse(b"HTTP/1.0 303 See Other\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n\r\nbody");
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (303, "body"));
        assert_eq!(answer.headers("set-cookie").collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert!(Answer::parse(b"nonsense").is_none());
    }
}
