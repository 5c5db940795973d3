//! Token requests: the crate `oauth2`, written by others, says the same words.

use std::cell::RefCell;
use std::convert::Infallible;

use gatepass_core::field::Field;
use gatepass_core::http::{Method, Request};
use gatepass_core::name::ClientId;
use gatepass_core::protocol::{exchange, pkce, refresh};
use gatepass_core::secret::Secret;
use gatepass_core::url::{Endpoint, RedirectUri};
use gatepass_oracle::Source;
use oauth2::basic::BasicClient;
use oauth2::{
    AuthorizationCode, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RefreshToken, TokenUrl,
};

const CASES: u64 = 600;

/// What servers really issue, what forms have to escape, and what nobody expects.
const ODD: &str = "abcXYZ0189-._~+/=&%?#:;,@!$'()*[]{}|\\^`\"<> \t\r\n\u{0}\u{7f}äß€\u{2028}\u{202e}🔑";
const PRINTABLE: &str = "abcXYZ0189-._~+/=&%?#:;,@!$'()*[]{}|\\^`\"<> ";
const UNRESERVED: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

#[test]
fn code_exchange() {
    for seed in 0..CASES {
        let case = Case::new(seed);
        let ours = exchange::request(
            &Endpoint::new(&case.endpoint, Field::TokenEndpoint).unwrap(),
            &ClientId::new(&case.client).unwrap(),
            &RedirectUri::new(&case.redirect).unwrap(),
            &Secret::from(case.code.as_str()),
            &Secret::from(case.verifier.as_str()),
        );
        let theirs = captured(|http| {
            let _ = BasicClient::new(oauth2::ClientId::new(case.client.clone()))
                .set_token_uri(TokenUrl::new(case.endpoint.clone()).unwrap())
                .set_redirect_uri(RedirectUrl::new(case.redirect.clone()).unwrap())
                .exchange_code(AuthorizationCode::new(case.code.clone()))
                .set_pkce_verifier(PkceCodeVerifier::new(case.verifier.clone()))
                .request(&http);
        });
        compare(seed, &ours, &theirs);
    }
}

#[test]
fn refreshing() {
    for seed in 0..CASES {
        let case = Case::new(seed);
        let ours = refresh::request(
            &Endpoint::new(&case.endpoint, Field::TokenEndpoint).unwrap(),
            &ClientId::new(&case.client).unwrap(),
            &Secret::from(case.code.as_str()),
        );
        let theirs = captured(|http| {
            let _ = BasicClient::new(oauth2::ClientId::new(case.client.clone()))
                .set_token_uri(TokenUrl::new(case.endpoint.clone()).unwrap())
                .exchange_refresh_token(&RefreshToken::new(case.code.clone()))
                .request(&http);
        });
        compare(seed, &ours, &theirs);
    }
}

#[test]
fn challenges() {
    for seed in 0..CASES {
        let verifier = Case::new(seed).verifier;
        let theirs = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.clone()));
        assert_eq!(pkce::challenge(&Secret::from(verifier.as_str())), theirs.as_str(), "seed {seed}");
        assert_eq!(pkce::METHOD, theirs.method().as_str());
    }
}

/// One set of inputs.
struct Case {
    endpoint: String,
    client: String,
    redirect: String,
    /// Stands for a code and for a refresh token.
    code: String,
    verifier: String,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut source = Source::new(seed);
        let host = source.pick(&[
            "https://a.example",
            "https://id.a-b.example:8443",
            "http://127.0.0.1:9400",
            "http://[::1]:1",
        ]);
        let query = source.pick(&["", "", "?tenant=1", "?x=%2F&y=+"]);
        let path = source.text("abc-._~/%41", 20).replace('%', "%2F").replace("..", "").replace("./", "/");
        let verifier: String = {
            let length = 43 + source.below(128 - 43 + 1);
            let alphabet: Vec<char> = UNRESERVED.chars().collect();
            (0..length).map(|_| source.pick(&alphabet)).collect()
        };
        Self {
            endpoint: format!("{host}/{}x{query}", path.trim_matches(['.', '/'])),
            client: format!("c{}", source.text(PRINTABLE, 40)),
            redirect: format!(
                "http://127.0.0.1:{}/{}",
                1 + source.below(65535),
                source.text("abc-._~%20&=+?", 20).replace('%', "%25")
            ),
            code: format!("{}x", source.text(ODD, 80)),
            verifier,
        }
    }
}

/// Lets the other crate send into our hands.
fn captured(send: impl FnOnce(&dyn Fn(HttpRequest) -> Result<HttpResponse, Infallible>)) -> HttpRequest {
    let seen = RefCell::new(None);
    send(&|request| {
        *seen.borrow_mut() = Some(request);
        let answer = br#"{"access_token":"a","token_type":"bearer"}"#.to_vec();
        Ok(oauth2::http::Response::builder().header("content-type", "application/json").body(answer).unwrap())
    });
    seen.into_inner().expect("a request was sent")
}

/// Method, address, type of the body, and the body itself up to the order of its pairs.
fn compare(seed: u64, ours: &Request, theirs: &HttpRequest) {
    assert_eq!(ours.method, Method::Post);
    assert_eq!(ours.method.as_str(), theirs.method().as_str());
    assert_eq!(ours.url.as_str(), theirs.uri().to_string(), "seed {seed}");
    let header = |name: &str| theirs.headers().get(name).map(|value| value.to_str().unwrap());
    for name in ["content-type", "accept"] {
        let value =
            ours.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.expose().as_str());
        assert_eq!(value, header(name), "seed {seed}");
    }
    // A public client has nothing to say here; a stray header would be a second set of credentials.
    assert_eq!(header("authorization"), None);
    let body = ours.body.as_ref().unwrap().expose();
    let mut pairs: Vec<&str> = body.split('&').collect();
    let mut expected: Vec<&str> = str::from_utf8(theirs.body()).unwrap().split('&').collect();
    pairs.sort_unstable();
    expected.sort_unstable();
    assert_eq!(pairs, expected, "seed {seed}");
}
