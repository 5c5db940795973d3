//! Links by which a program signs a browser in: who may make one, and where it leads.

use super::client::Client;
use super::refresh::{Family, Way};
use super::refused::Refused;

/// How long a link lives, in seconds: a program opens it itself, and the person looks at it.
pub(crate) const LIFE_SECONDS: u64 = 60;

/// How many links one grant may have within the life of one, used or not: a person opens one now and then.
pub(crate) const MOST: u32 = 10;

const LONGEST_ADDRESS: usize = 2048;

/// Whether this grant may sign a browser in. The browser can do what its person can, so the program is one on the
/// person's own machine, and holds the key to which its grant is bound. A device that its person was talked into
/// (RFC 8628 section 5.4) must not get a whole browser for it.
pub(crate) fn may_make(client: &Client, family: &Family, bound: bool) -> Result<(), Refused> {
    if client.native && bound && family.way != Way::Device { Ok(()) } else { Err(Refused::LinkMake) }
}

/// Where the browser goes afterwards: to a page of a registered client, by its origin.
pub(crate) fn return_to<'a>(text: &'a str, origins: &[String]) -> Result<&'a str, Refused> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\\#<>\"^`{|}".contains(&byte);
    // What follows an origin begins a path or a query: anything else would be a longer host, or a user's name before it.
    let below = |origin: &String| {
        text.strip_prefix(origin.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    };
    if text.len() <= LONGEST_ADDRESS && text.bytes().all(plain) && origins.iter().any(below) {
        Ok(text)
    } else {
        Err(Refused::Malformed("return_to"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stay_with_registered_origins() {
        let origins = ["https://a.example".to_owned(), "http://127.0.0.1:8080".to_owned()];
        for good in [
            "https://a.example",
            "https://a.example/",
            "https://a.example/x/y?z=1&u=https://b.example",
            "https://a.example?x",
            "http://127.0.0.1:8080/x",
        ] {
            assert_eq!(return_to(good, &origins), Ok(good));
        }
        let long = format!("https://a.example/{}", "x".repeat(2048));
        for bad in [
            "",
            "/",
            "//a.example/",
            "https://b.example/",
            "https://a.example.evil.example/",
            "https://a.example@evil.example/",
            "https://a.example:8443/",
            "https://a.example:443@evil.example/",
            "https://user@a.example/",
            "http://a.example/",
            "HTTPS://a.example/",
            "https://A.example/",
            "https://a.example\\@evil.example/",
            "https://a.example/#f",
            "https://a.example/\n",
            " https://a.example/",
            "javascript:alert(1)",
            "http://127.0.0.1:80801/",
            &long,
        ] {
            assert_eq!(return_to(bad, &origins), Err(Refused::Malformed("return_to")), "{bad}");
        }
    }
}
