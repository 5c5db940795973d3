//! Opening a browser by an address that must not be seen. What is opened is a file of its owner alone, which leads to a
//! listener of this process, which leads on: programs that list processes see the file's name, and the address itself
//! lies nowhere.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatepass_core::dice::{identifier, token};
use gatepass_core::error::Error;
use gatepass_core::field::Field;
use gatepass_core::secret::Secret;
use gatepass_core::url::Endpoint;

use crate::browser;
use crate::detect::Surroundings;
use crate::loopback::{Address, Loopback, RedirectHost};
use crate::pages::{Page, PageWords};
use crate::random::OsDice;
use crate::store::make_folder;

/// How long the browser may take to be on its way, before the program goes on without it.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// Whether a browser was sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandedOver {
    /// It is on its way.
    Done,
    /// There is none here.
    NoBrowser,
    /// None came in time.
    NobodyCame,
}

/// Opens a browser and sends it on to `url`, once, within `limit`.
pub(crate) async fn hand_over(folder: &Path, url: &Secret, limit: Duration) -> Result<HandedOver, Error> {
    let surroundings = Surroundings::of_this_process();
    if surroundings.browser().is_err() {
        return Ok(HandedOver::NoBrowser);
    }
    let target = Endpoint::new(url.expose(), Field::Url)?;
    let path = format!("/gatepass/{}", token(&mut OsDice)?.expose());
    let address = Address { ports: Vec::new(), path, host: RedirectHost::Literal };
    let mut loopback = Loopback::bind_for(&address, &PageWords::default(), Some(&target)).await?;
    let file = Leaf::write(folder, loopback.redirect_uri().as_str())?;
    let name = file.0.to_str().ok_or(Error::StoreUnavailable)?;
    if !browser::open(&Secret::new(format!("file://{}", escaped(name))), &surroundings) {
        return Ok(HandedOver::NoBrowser);
    }
    lead_on(&mut loopback, limit).await
}

/// Whoever comes first goes where the listener leads, and all others nowhere: the address is good once.
async fn lead_on(loopback: &mut Loopback, limit: Duration) -> Result<HandedOver, Error> {
    match tokio::time::timeout(limit, loopback.next()).await {
        Err(_) => Ok(HandedOver::NobodyCame),
        Ok(arrival) => {
            let _ = arrival?.reply.send(Page::Onward);
            loopback.flush(Page::Stranger, LAST_ANSWER).await;
            Ok(HandedOver::Done)
        }
    }
}

/// The file. It goes when this is dropped.
#[derive(Debug)]
struct Leaf(PathBuf);

impl Leaf {
    fn write(folder: &Path, address: &str) -> Result<Self, Error> {
        make_folder(folder)?;
        let file = Self(folder.join(format!("open-{}.html", identifier(&mut OsDice)?)));
        let mut options = File::options();
        options.create_new(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let text = page_text(address);
        let written = options.open(&file.0).and_then(|mut open| open.write_all(text.as_bytes()));
        // What was begun goes with it.
        written.map_err(|_| Error::StoreUnavailable).map(|()| file)
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// A page without script, which asks nobody for anything else.
fn page_text(url: &str) -> String {
    format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
         <meta http-equiv=\"refresh\" content=\"0;url={url}\"><title>One moment</title>\
         <p><a href=\"{url}\">Go on</a>"
    )
}

/// A path as it stands in an address (RFC 8089).
fn escaped(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[test]
    fn the_page_is_its_owners_alone_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("private");
        let page = Leaf::write(&below, "http://127.0.0.1:4711/gatepass/x").unwrap();
        let text = fs::read_to_string(&page.0).unwrap();
        assert!(text.contains("content=\"0;url=http://127.0.0.1:4711/gatepass/x\""), "{text}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&page.0), mode(&below)), (0o600, 0o700));
        }
        let path = page.0.clone();
        drop(page);
        assert!(!path.exists());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_address_is_given_once() {
        let (pages, target) =
            (PageWords::default(), Endpoint::new("https://id.example/go?ticket=x", Field::Url).unwrap());
        let address =
            Address { ports: Vec::new(), path: String::from("/gatepass/x"), host: RedirectHost::Literal };
        let mut loopback = Loopback::bind_for(&address, &pages, Some(&target)).await.unwrap();
        let host = loopback.redirect_uri().as_str().split('/').nth(2).unwrap().to_owned();
        let come = || {
            let host = host.clone();
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(&host).await.unwrap();
                let request = format!("GET /gatepass/x HTTP/1.1\r\nHost: {host}\r\n\r\n");
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.unwrap();
                answer
            })
        };
        // Both are there before the first is answered.
        let both = [come(), come()];
        while loopback.waiting() < both.len() {
            tokio::task::yield_now().await;
        }
        assert_eq!(lead_on(&mut loopback, LAST_ANSWER).await, Ok(HandedOver::Done));
        let mut led = 0;
        for one in both {
            let answer = one.await.unwrap();
            led += usize::from(answer.contains(target.as_str()));
            assert!(answer.starts_with("HTTP/1.1 303") || answer.starts_with("HTTP/1.1 400"), "{answer}");
        }
        assert_eq!(led, 1);
    }

    #[test]
    fn a_path_is_escaped() {
        assert_eq!(escaped("/home/zoë/a b#c.html"), "/home/zo%C3%AB/a%20b%23c.html");
    }
}
