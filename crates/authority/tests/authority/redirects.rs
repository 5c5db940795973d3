//! Where an answer may go, and where it must not.

use gatepass_authority::{ClientConfig, ClientKind};
use reqwest::StatusCode;

use crate::world::*;

fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

fn request(redirect_uri: &str) -> String {
    cli_request("").replace(&CALLBACK.replace(':', "%3A").replace('/', "%2F"), &encode(redirect_uri))
}

#[tokio::test]
async fn attacks_get_a_page() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    for attack in [
        "http://localhost:53123/callback",
        "http://127.0.0.1.evil.example:53123/callback",
        "http://127.0.0.1:53123@evil.example/callback",
        "http://user@127.0.0.1:53123/callback",
        "http://127.0.0.1:53123/other",
        "http://127.0.0.1:53123/callback/../other",
        "http://127.0.0.1:53123/callback?more=1",
        "http://127.0.0.1:53123/callback#x",
        "http://[::1]:53123/callback",
        "https://127.0.0.1:53123/callback",
        "https://evil.example/callback",
        "http://2130706433/callback",
        "http://127.0.0.1:53123\\@evil.example/callback",
        "",
    ] {
        for extra in ["", "&prompt=none", "&request=x"] {
            let page = browser.get(&format!("{}{extra}", request(attack))).await;
            assert_eq!(page.status, StatusCode::BAD_REQUEST, "{attack}");
            assert!(page.headers.get("location").is_none(), "{attack}");
            assert!(page.has("id=\"problem\""));
        }
    }
    assert!(browser.get(&request("http://127.0.0.1:1/callback")).await.has("id=\"sign-in\""));
    assert!(browser.get(&request("http://127.0.0.1/callback")).await.has("id=\"sign-in\""));
}

#[tokio::test]
async fn the_corpus_of_loopback_addresses() {
    let world = World::with(|config| {
        config.clients.push(ClientConfig {
            id: "gatepass-cli".into(),
            kind: ClientKind::Native,
            redirect_uris: vec!["http://127.0.0.1/callback".into(), "http://[::1]/callback".into()],
            ..web_client()
        });
    })
    .await;
    let browser = Browser::new(&world);
    let corpus = include_str!("redirect-uri-loopback.txt");
    let mut seen = 0;
    for line in corpus.lines().filter(|line| !line.starts_with('#')) {
        let (must, uri) = line.split_once(' ').unwrap();
        let uri: String = serde_json::from_str(uri).unwrap();
        let page = browser.get(&request(&uri)).await;
        assert_eq!(page.has("id=\"sign-in\""), must == "accept", "{uri:?}");
        seen += 1;
    }
    assert!(seen > 200, "{seen}");
}

#[tokio::test]
async fn errors_after_the_redirect_uri_go_home() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    for (request, error) in [
        (cli_request("").replace("S256", "plain"), "invalid_request"),
        (cli_request("").replace("=code&", "=token&"), "unsupported_response_type"),
        (cli_request("&request=x"), "request_not_supported"),
        (cli_request("&request_uri=urn%3Ax"), "request_uri_not_supported"),
        (cli_request("&nonce=2"), "invalid_request"),
        (cli_request("&audience=https%3A%2F%2Fevil.example"), "invalid_target"),
    ] {
        let location = browser.get(&request).await.location();
        assert!(location.starts_with(&format!("{CALLBACK}?error={error}&")), "{location}");
        assert_eq!(parameter(&location, "state").unwrap(), "st&te");
        assert_eq!(parameter(&location, "iss").unwrap(), world.issuer);
        assert!(parameter(&location, "code").is_none());
    }
}

#[tokio::test]
async fn posted_requests_come_back_as_navigation() {
    let world = World::new().await;
    let query = cli_request("");
    let fields: Vec<(String, String)> =
        ["client_id", "redirect_uri", "response_type", "state", "code_challenge", "code_challenge_method"]
            .iter()
            .map(|name| ((*name).to_owned(), parameter(&query, name).unwrap()))
            .collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (&**n, &**v)).collect();
    let browser = Browser::new(&world);
    let location = browser.post_from("/authorize", &fields, "https://elsewhere.example").await.location();
    assert!(browser.get(&location).await.has("id=\"sign-in\""));
}
