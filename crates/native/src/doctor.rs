//! What only this library can see of a machine: whether its keyring, its kernel and its issuer answer, how fast, and
//! by which way. Nothing here touches a session, and nothing takes longer than its limit.

use std::error::Error as _;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use gatepass_core::dice::Dice;
use gatepass_core::error::Error;
use gatepass_core::field::Field;
use gatepass_core::http::{MAX_BODY, Request, Response, http_date};
use gatepass_core::protocol::discovery::{self, Metadata};
use gatepass_core::secret::Secret;
use gatepass_core::time::Timestamp;
use gatepass_core::url::Issuer;
use hyper_util::client::proxy::matcher::Matcher;

use crate::clock;
use crate::http;
use crate::random::OsDice;
use crate::store::Keyring;

/// How long an issuer may take to answer a question of the doctor's.
const ISSUER_LIMIT: Duration = Duration::from_secs(4);

/// An answer and how long it took.
#[derive(Debug)]
pub struct Timed<T> {
    /// What came.
    pub answer: T,
    /// After how long.
    pub took: Duration,
}

impl<T> Timed<T> {
    fn of(work: impl FnOnce() -> T) -> Self {
        let (answer, took) = clock::timed(work);
        Self { answer, took }
    }
}

/// Proves the keyring: an entry of its own is written, read back and removed under this service name. The errors are
/// those of the store; a keyring that does not answer in time is [`Error::StoreLocked`] too, and took the limit.
pub fn keyring(service: &str) -> Timed<Result<(), Error>> {
    Timed::of(|| {
        // A name of its own, so that two doctors do not meet.
        let mut name = [0; 4];
        OsDice.fill(&mut name)?;
        let entry = Keyring::new(service, &format!("doctor-{:08x}", u32::from_le_bytes(name)));
        entry.set(&Secret::new(b"doctor".to_vec()), None)?;
        entry.delete(None)
    })
}

/// Whether the kernel keeps keys for this user (Linux): written, read back and removed.
pub fn kernel_keyring() -> Timed<bool> {
    Timed::of(kernel::keeps_keys)
}

#[cfg(target_os = "linux")]
mod kernel {
    use linux_keyutils::{KeyError, KeyRing, KeyRingIdentifier};

    pub(super) fn keeps_keys() -> bool {
        try_key().unwrap_or(false)
    }

    fn try_key() -> Result<bool, KeyError> {
        let process = KeyRing::from_special_id(KeyRingIdentifier::Process, true)?;
        // What lies in the user's keyring can be read only by who reaches it from a keyring of its own.
        process.link_keyring(KeyRing::from_special_id(KeyRingIdentifier::User, true)?)?;
        let key = process.add_key("gatepass:doctor", b"doctor")?;
        let mut bytes = [0; 16];
        let length = key.read(&mut bytes);
        process.unlink_key(key)?;
        Ok(bytes.get(..length?) == Some(b"doctor"))
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    pub(super) const fn keeps_keys() -> bool {
        false
    }
}

/// What an issuer says of itself.
#[derive(Debug)]
pub struct Offers {
    /// Whether a login by redirect is possible; if not, what is missing or wrong.
    pub login: Result<(), Error>,
    /// Whether a code can be typed on another device (RFC 8628).
    pub device: bool,
    /// Whether authorization requests can be handed in first (RFC 9126).
    pub push: bool,
    /// Whether they have to be.
    pub requires_push: bool,
    /// Whether a grant can be given back (RFC 7009).
    pub revocation: bool,
    /// Whether tokens can be bound to an ES256 key (RFC 9449).
    pub binds_keys: bool,
    /// Whether every answer names its issuer (RFC 9207).
    pub names_itself: bool,
}

/// An issuer that answered.
#[derive(Debug)]
pub struct Asked {
    /// Its status code.
    pub status: u16,
    /// How far its clock is ahead of ours, in seconds, by the `Date` of its answer: exact to two or so.
    pub ahead: Option<i64>,
    /// What it says of itself, or what is wrong with that.
    pub offers: Result<Offers, Error>,
}

/// Why an issuer did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// No certificates to trust could be read, or none at all are there.
    Trust,
    /// Its name is not known here.
    Name,
    /// Nobody listens at its address.
    Nobody,
    /// Its certificate is not trusted here.
    Certificate,
    /// The proxy does not let us through.
    Proxy,
    /// It took too long.
    Slow,
    /// The connection broke.
    Broken,
}

/// Asks an issuer who it is, as a login does.
pub fn issuer(issuer: &Issuer, ca_file: Option<&Path>) -> Timed<Result<Asked, Obstacle>> {
    Timed::of(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|_| Obstacle::Broken)?;
        let limited = async { tokio::time::timeout(ISSUER_LIMIT, ask(issuer, ca_file)).await };
        let asked = runtime.block_on(limited).unwrap_or(Err(Obstacle::Slow));
        // A name that is still being looked up keeps a thread, which nobody waits for.
        runtime.shutdown_background();
        asked
    })
}

/// Whether a proxy is asked for what is at an address, by the rules that requests go by: what
/// [`Network`](crate::Network) names may be excepted or no address.
pub fn asks_proxy(url: &str) -> bool {
    // Requests to this machine take none: http.rs.
    let elsewhere = !url.starts_with("http://");
    elsewhere && url.parse().is_ok_and(|url| Matcher::from_system().intercept(&url).is_some())
}

async fn ask(issuer: &Issuer, ca_file: Option<&Path>) -> Result<Asked, Obstacle> {
    let here = issuer.as_str().starts_with("http://");
    // The client of every request, with a shorter patience and a look at `Date`, which no protocol step needs.
    let client = http::make(here, ca_file).map_err(|_| Obstacle::Trust)?;
    let requests = discovery::requests(issuer).map_err(|_| Obstacle::Name)?;
    let [appended, inserted] = requests;
    let mut answer = get(&client, &appended).await?;
    if discovery::is_absent(&answer.0) {
        answer = get(&client, &inserted).await?;
    }
    let (response, ahead) = answer;
    let offers = discovery::read(&response, issuer).map(|metadata| offers(&metadata));
    Ok(Asked { status: response.status, ahead, offers })
}

async fn get(client: &reqwest::Client, request: &Request) -> Result<(Response, Option<i64>), Obstacle> {
    let asked = client.get(request.url.as_str()).header("accept", "application/json").send().await;
    let mut answer = asked.map_err(|error| obstacle(&error))?;
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let ahead = header("date").and_then(http_date).map(|date| ahead(date, clock::now()));
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| obstacle(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BODY {
            break;
        }
    }
    Ok((Response::new(status, &|_| None, body), ahead))
}

fn ahead(date: Timestamp, now: Timestamp) -> i64 {
    let seconds = |moment: Timestamp| i64::try_from(moment.seconds()).unwrap_or(i64::MAX);
    seconds(date) - seconds(now)
}

fn offers(metadata: &Metadata<'_>) -> Offers {
    let provider = metadata.provider();
    let endpoint = |field| metadata.endpoint(field).is_ok_and(|endpoint| endpoint.is_some());
    Offers {
        device: endpoint(Field::DeviceAuthorizationEndpoint),
        push: endpoint(Field::PushedAuthorizationRequestEndpoint),
        requires_push: metadata.flag(Field::RequirePushedAuthorizationRequests).unwrap_or(false),
        revocation: endpoint(Field::RevocationEndpoint),
        binds_keys: provider.as_ref().is_ok_and(|provider| provider.binds_keys),
        names_itself: provider.as_ref().is_ok_and(|provider| provider.names_itself),
        login: provider.map(drop),
    }
}

/// What an error of the network was about; its own text may hold addresses.
fn obstacle(error: &reqwest::Error) -> Obstacle {
    if error.is_timeout() {
        return Obstacle::Slow;
    }
    if http::is_untrusted(error) {
        return Obstacle::Certificate;
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        // The crates below tell these apart by their words alone.
        let words = error.to_string();
        if words.contains("dns error") {
            return Obstacle::Name;
        }
        if words.contains("proxy") || words.contains("tunnel") {
            return Obstacle::Proxy;
        }
        if error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == ErrorKind::ConnectionRefused)
        {
            return Obstacle::Nobody;
        }
        cause = error.source();
    }
    Obstacle::Broken
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    fn issuer_at(port: u16) -> Issuer {
        Issuer::new(&format!("http://127.0.0.1:{port}")).unwrap()
    }

    /// Answers one request with these bytes.
    fn serve(answer: impl FnOnce(u16) -> String + Send + 'static) -> Issuer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            stream.write_all(answer(port).as_bytes()).unwrap();
        });
        issuer_at(port)
    }

    fn document(port: u16, issuer: &str) -> String {
        let body = format!(
            r#"{{"issuer":"{issuer}","authorization_endpoint":"http://127.0.0.1:{port}/a","token_endpoint":"http://127.0.0.1:{port}/t","jwks_uri":"http://127.0.0.1:{port}/j","device_authorization_endpoint":"http://127.0.0.1:{port}/d"}}"#
        );
        format!(
            "HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    #[test]
    fn reads_what_an_issuer_offers_and_its_clock() {
        let asked = issuer(&serve(|port| document(port, &format!("http://127.0.0.1:{port}"))), None);
        let Asked { status, ahead, offers } = asked.answer.unwrap();
        let now = clock::now().seconds();
        assert!((now - 784_111_777).abs_diff(ahead.unwrap().unsigned_abs()) < 5);
        assert!(ahead.unwrap() < 0, "1994 is past");
        let offers = offers.unwrap();
        assert_eq!((status, offers.login, offers.device, offers.push), (200, Ok(()), true, false));
        assert!(!offers.revocation && !offers.binds_keys);
    }

    #[test]
    fn another_issuer_is_not_taken() {
        let asked = issuer(&serve(|port| document(port, &format!("http://127.0.0.1:{port}/"))), None);
        assert_eq!(asked.answer.unwrap().offers.err(), Some(Error::IssuerMismatch));
    }

    #[test]
    fn says_what_was_in_the_way() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert_eq!(issuer(&issuer_at(free), None).answer.err(), Some(Obstacle::Nobody));
        let broken = issuer(&serve(|_| String::from("nonsense\r\n\r\n")), None);
        assert_eq!(broken.answer.err(), Some(Obstacle::Broken));
        let unknown = Issuer::new("https://nowhere.invalid").unwrap();
        assert_eq!(issuer(&unknown, None).answer.err(), Some(Obstacle::Name));
    }

    #[test]
    fn waits_no_longer_than_its_limit() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let asked = issuer(&issuer_at(silent.local_addr().unwrap().port()), None);
        assert_eq!(asked.answer.err(), Some(Obstacle::Slow));
        assert!(asked.took >= ISSUER_LIMIT && asked.took < ISSUER_LIMIT * 2, "{:?}", asked.took);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn asks_the_kernel() {
        // Where there is no such keyring (some containers), that is the answer; either way it comes at once.
        assert!(kernel_keyring().took < Duration::from_secs(1));
    }
}
