//! Whose issuer somebody has, by what they type (OpenID Connect Discovery 1.0 section 2, RFC 7033).

use alloc::string::String;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::form::encode;
use crate::http::{Request, Response};
use crate::json::Object;
use crate::protocol::error_body;
use crate::url::{Endpoint, Issuer, Parts};

const MESSAGE: Message = Message::WebFinger;

/// The relation that an issuer stands in (OpenID Connect Discovery 1.0 section 2).
const ISSUER: &str = "http://openid.net/specs/connect/1.0/issuer";

/// Asks the host of an e-mail address, an `acct:` address, a URL or a bare host (OpenID Connect Discovery 1.0
/// section 2.1.2). That host learns the whole of what was typed.
pub fn request(typed: &str) -> Result<Request, Error> {
    let wrong = Error::Configuration { field: Field::Email };
    let (resource, mut url) = match (account(typed), typed.split_once("://")) {
        (Some((user, host)), _) => {
            let host = host.to_ascii_lowercase();
            // Nothing but a host: what looks like more is no account.
            let origin = ["https://", &host].concat();
            if !Parts::split(&origin, Field::Email)?.path.is_empty() {
                return Err(wrong);
            }
            (["acct:", user, "@", &host].concat(), origin)
        }
        (None, scheme) => {
            // Section 2.1.2: a URL without a scheme is https, and a fragment is dropped.
            let typed = typed.split('#').next().unwrap_or_default();
            let mut resource =
                if scheme.is_some() { String::from(typed) } else { ["https://", typed].concat() };
            let path = Parts::split(&resource, Field::Email)?.path;
            let origin = String::from(resource.strip_suffix(path).unwrap_or(&resource));
            // Section 2.2.3 writes the path of a bare host.
            if scheme.is_none() && path.is_empty() {
                resource.push('/');
            }
            (resource, origin)
        }
    };
    url.push_str("/.well-known/webfinger?resource=");
    encode(&mut url, &resource);
    url.push_str("&rel=");
    encode(&mut url, ISSUER);
    // RFC 7033 section 4: by https. This machine is an exception, as everywhere here.
    Ok(Request::get(Endpoint::new(&url, Field::Email)?))
}

/// User and host of an account (RFC 7565 section 7).
fn account(typed: &str) -> Option<(&str, &str)> {
    let (user, host) = typed.strip_prefix("acct:").unwrap_or(typed).rsplit_once('@')?;
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte);
    (!user.is_empty() && user.bytes().all(known) && !host.contains([':', '/', '?', '#']))
        .then_some((user, host))
}

/// Reads which issuer is proposed, if one is. Whoever runs that host says so, and nobody else: it takes the person's or
/// the platform's word before anything is sent there. `asked` is the address of the request.
pub fn parse(response: &Response, asked: &Endpoint) -> Result<Option<Issuer>, Error> {
    match response.status {
        200 => {}
        // RFC 7033 section 4.2: nothing is known of this resource.
        404 => return Ok(None),
        _ => return Err(error_body::parse(response, MESSAGE)),
    }
    let document = Object::parse(response.body.expose(), MESSAGE)?;
    // RFC 7033 section 4.4.1: it may be another name of what was asked for, so it is not compared.
    document.text(Field::Subject)?;
    for link in document.objects(Field::Links)? {
        // Section 4.4.4: `rel` must be there; the first link is the preferred one. The server need not have filtered.
        if link.required(Field::Rel)? == ISSUER {
            let href = link.required(Field::Href)?;
            let secure = href.starts_with("https:") || !asked.as_str().starts_with("https:");
            let issuer = Issuer::new(href).ok().filter(|_| secure);
            return issuer.map(Some).ok_or_else(|| link.blame(Field::Href));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    #[test]
    fn asks_as_in_section_2_2() {
        let rel = "&rel=http%3A%2F%2Fopenid.net%2Fspecs%2Fconnect%2F1.0%2Fissuer";
        for (typed, host, resource) in [
            ("joe@example.com", "https://example.com", "acct%3Ajoe%40example.com"),
            ("https://example.com/joe", "https://example.com", "https%3A%2F%2Fexample.com%2Fjoe"),
            ("example.com:8080", "https://example.com:8080", "https%3A%2F%2Fexample.com%3A8080%2F"),
            (
                "acct:juliet%40capulet.example@shopping.example.com",
                "https://shopping.example.com",
                "acct%3Ajuliet%2540capulet.example%40shopping.example.com",
            ),
            ("Joe+x@Example.COM", "https://example.com", "acct%3AJoe%2Bx%40example.com"),
            ("example.com/joe#me", "https://example.com", "https%3A%2F%2Fexample.com%2Fjoe"),
            ("http://127.0.0.1:9400/joe", "http://127.0.0.1:9400", "http%3A%2F%2F127.0.0.1%3A9400%2Fjoe"),
        ] {
            let expected = [host, "/.well-known/webfinger?resource=", resource, rel].concat();
            assert_eq!(request(typed).unwrap().url.as_str(), expected, "{typed}");
        }
    }

    #[test]
    fn asks_nobody_for_what_is_no_name() {
        for typed in [
            "",
            "@example.com",
            "=joe",
            "joe@",
            "joe@a@example.com",
            "joe@example.com/x",
            "joe@example.com:8080",
            "acct:joe",
            "http://example.com/joe",
            "https://joe@example.com",
            "joe@ex ample.com",
            "j\u{f6}e@example.com",
            "mailto:joe@example.com",
            "ftp://example.com",
        ] {
            assert_eq!(request(typed).err(), Some(Error::Configuration { field: Field::Email }), "{typed}");
        }
    }

    #[test]
    fn reads_the_first_issuer() {
        let ask = |status, body: &str, asked: &str| {
            let asked = Endpoint::new(asked, Field::Email).unwrap();
            parse(&Response::new(status, &|_| None, body.as_bytes().to_vec()), &asked)
        };
        let remote = "https://example.com/.well-known/webfinger";
        // The example of RFC 7033 section 3.1, behind a link that nobody asked for.
        let found = ask(
            200,
            r#"{"subject":"acct:carol@example.com","aliases":["https://www.example.com/~carol/"],"links":[
                {"rel":"http://webfinger.net/rel/avatar","href":"http://www.example.com/carol.jpg"},
                {"rel":"http://openid.net/specs/connect/1.0/issuer","href":"https://openid.example.com"},
                {"rel":"http://openid.net/specs/connect/1.0/issuer","href":"https://second.example.com"}]}"#,
            remote,
        );
        assert_eq!(found.unwrap().unwrap().as_str(), "https://openid.example.com");
        for nothing in ["{}", r#"{"links":[]}"#, r#"{"links":[{"rel":"self","href":"https://a.example"}]}"#] {
            assert_eq!(ask(200, nothing, remote), Ok(None), "{nothing}");
        }
        assert_eq!(ask(404, "", remote), Ok(None));
        assert_eq!(ask(500, "", remote), Err(Error::Unreachable));
    }

    #[test]
    fn an_issuer_has_the_form_of_one() {
        let ask = |href: &str, asked: &str| {
            let body =
                [r#"{"links":[{"rel":"http://openid.net/specs/connect/1.0/issuer","href":"#, href, "}]}"]
                    .concat();
            let asked = Endpoint::new(asked, Field::Email).unwrap();
            parse(&Response::new(200, &|_| None, body.into_bytes()), &asked)
        };
        let remote = "https://example.com/.well-known/webfinger";
        let here = "http://127.0.0.1:9400/.well-known/webfinger";
        let malformed = |field| Err(Error::Malformed { message: MESSAGE, field });
        for bad in [
            "null",
            "1",
            "\"\"",
            r#""https://a.example?b""#,
            r#""https://a.example#b""#,
            r#""http://127.0.0.1:9400""#,
        ] {
            assert_eq!(ask(bad, remote), malformed(Field::Href), "{bad}");
        }
        assert!(ask(r#""http://127.0.0.1:9400""#, here).unwrap().is_some());
        let nameless = Response::new(200, &|_| None, br#"{"links":[{"href":"https://a.example"}]}"#.to_vec());
        assert_eq!(parse(&nameless, &Endpoint::new(remote, Field::Email).unwrap()), malformed(Field::Rel));
    }
}
