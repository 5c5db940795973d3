//! Where an answer may go, and where it must not.

use std::fs;
use std::path::PathBuf;

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

/// The lines of the corpus 01; `GATEPASS_CORPORA` names another folder with files of that form.
#[expect(clippy::disallowed_methods, reason = "the one setting of this test, read here alone")]
fn corpus() -> Option<Vec<serde_json::Value>> {
    let other = std::env::var_os("GATEPASS_CORPORA").map(PathBuf::from);
    let own = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpora"));
    let file = other.clone().unwrap_or_else(own).join("01-redirect-uri-loopback.jsonl");
    if other.is_some() && !file.exists() {
        return None;
    }
    let text = fs::read_to_string(file).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// A choice: the corpus registers `http://localhost/callback` beside the two literals, and would have it accepted. Here
/// only literals may change their port, since what the name means is up to a resolver (RFC 8252 section 8.3): nobody
/// can register the name, and it is refused.
fn is_localhost(uri: &str) -> bool {
    uri.strip_prefix("http://localhost").is_some_and(|rest| rest.starts_with([':', '/']))
}

#[tokio::test]
async fn the_corpus_of_loopback_addresses() {
    let Some(corpus) = corpus() else { return };
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
    let (mut right, mut chosen, mut others) = (0, 0, 0);
    let mut wrong = Vec::new();
    for line in corpus {
        let uri = line["input"].as_str().unwrap();
        let must = match line["must"].as_str() {
            Some("accept") => true,
            Some("reject") => false,
            other => panic!("{other:?} {uri:?}"),
        };
        // What may be a client's own listener is asked of the client (`crates/core/tests/corpora/c01.rs`).
        if line["surface"] == "client" {
            others += 1;
            continue;
        }
        match browser.get(&request(uri)).await.has("id=\"sign-in\"") {
            accepted if accepted == must => right += 1,
            false if is_localhost(uri) => chosen += 1,
            accepted => wrong.push(format!("{} accepted: {accepted} {uri:?}", line["id"])),
        }
    }
    #[expect(clippy::print_stdout, reason = "what is asked for")]
    {
        println!(
            "01-redirect-uri-loopback (the server's part; {others} lines are the client's): {right} right, {} wrong, \
             {chosen} by choice",
            wrong.len()
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(right > 0, "nothing was judged");
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

/// What an application got wrong is for whoever builds it, and never markup.
#[tokio::test]
async fn while_it_is_built_an_application_is_told_what_is_not_known() {
    let request =
        "/authorize?client_id=dash%3Cb%3E&redirect_uri=http%3A%2F%2Flocalhost%3A3000%2F%3Fa%3D1%26b%3D%22";
    let shipped = World::new().await;
    let page = Browser::new(&shipped).get(request).await;
    assert!(page.status == StatusCode::BAD_REQUEST && !page.has("localhost"), "{}", page.html);
    assert!(!page.has("id=\"logged\""), "there is no log here");
    let world = World::with(|config| config.dev = true).await;
    let browser = Browser::new(&world);
    let page = browser.get(request).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.has("<bdi>dash&#60;b&#62;</bdi>"), "{}", page.html);
    assert!(page.has("<bdi>http://localhost:3000/?a=1&#38;b=&#34;</bdi>"), "{}", page.html);
    let nothing = browser.get("/authorize").await;
    assert!(nothing.status == StatusCode::BAD_REQUEST && !nothing.has("id=\"asked\""), "{}", nothing.html);
}
