//! Authorization requests that are handed in first: once, soon, by whom they were made for.

use reqwest::StatusCode;
use serde_json::json;

use crate::key::Key;
use crate::world::*;

const FIELDS: [(&str, &str); 8] = [
    ("client_id", "gatepass-cli"),
    ("redirect_uri", CALLBACK),
    ("response_type", "code"),
    ("scope", "openid email"),
    ("state", "pushed"),
    ("nonce", "n-1"),
    ("code_challenge", CHALLENGE),
    ("code_challenge_method", "S256"),
];

async fn push_with(
    world: &World,
    fields: &[(&str, &str)],
    proof: Option<&str>,
    basic: Option<(&str, &str)>,
) -> Answer {
    let mut request = plain().post(format!("{}/oauth/par", world.base)).form(fields);
    if let Some(proof) = proof {
        request = request.header("DPoP", proof);
    }
    if let Some((id, secret)) = basic {
        request = request.basic_auth(id, Some(secret));
    }
    Answer::read(request.send().await.unwrap()).await
}

/// Hands in a request of the CLI, and gives the address to open.
async fn push(world: &World) -> String {
    let answer = push_with(world, &FIELDS, None, None).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    address("gatepass-cli", &answer)
}

fn address(client_id: &str, answer: &Answer) -> String {
    let name = answer.text("request_uri").replace(':', "%3A");
    format!("/authorize?client_id={client_id}&request_uri={name}")
}

/// Opens an address, up to the page after its redirect.
async fn open(browser: &Browser, address: &str) -> Page {
    let resumed = browser.get(address).await.location();
    browser.get(&resumed).await
}

/// A browser where this person is signed in.
async fn browser(world: &World) -> Browser {
    let browser = Browser::new(world);
    browser.sign_in(&cli_request(""), EMAIL).await;
    browser
}

#[tokio::test]
async fn a_request_is_handed_in_opened_and_answered_once() {
    let world = World::new().await;
    let answer = push_with(&world, &FIELDS, None, None).await;
    assert_eq!((answer.status, &answer.body["expires_in"]), (StatusCode::CREATED, &json!(60)));
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(answer.text("request_uri").starts_with("urn:ietf:params:oauth:request_uri:"));
    // What stands beside the name does not count.
    let address = format!("{}&state=other&scope=openid&nonce=x", address("gatepass-cli", &answer));
    let browser = Browser::new(&world);
    let resumed = browser.get(&address).await.location();
    // A minute is for opening; signing in takes as long as it takes, and the page may be loaded again.
    world.pass(90);
    let location = browser.sign_in(&resumed, EMAIL).await;
    assert!(location.starts_with(&format!("{CALLBACK}?code=")), "{location}");
    assert_eq!(parameter(&location, "state").unwrap(), "pushed");
    assert_eq!(parameter(&location, "iss").unwrap(), world.issuer);
    let tokens = world.token(&redemption(&parameter(&location, "code").unwrap()), None).await;
    assert_eq!(claims(&tokens.text("id_token"))["nonce"], "n-1");
    assert_eq!(tokens.body["scope"], "openid email");
    let again = browser.get(&address).await;
    assert_eq!(again.status, StatusCode::GONE);
    assert!(again.has("finished already"));
}

#[tokio::test]
async fn it_may_be_opened_for_a_minute_by_its_own_client() {
    let world = World::new().await;
    let browser = browser(&world).await;
    let address = push(&world).await;
    world.pass(59);
    let page = open(&browser, &address).await;
    assert!(page.has("id=\"consent\""));
    let flow = page.field("flow");
    for wrong in [
        address.replace("client_id=gatepass-cli", "client_id=web"),
        address.replace("client_id=gatepass-cli", "client_id=nobody"),
        format!("{address}x"),
        format!("{address}AAAA"),
        // What we sealed for another purpose is no request.
        format!("/authorize?client_id=gatepass-cli&request_uri=urn:ietf:params:oauth:request_uri:{flow}"),
    ] {
        assert_eq!(browser.get(&wrong).await.status, StatusCode::GONE, "{wrong}");
    }
    // One name has one spelling: another one would be opened once more.
    let (front, last) = address.split_at(address.len() - 1);
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=".chars() {
        if !last.starts_with(other) {
            assert_eq!(browser.get(&format!("{front}{other}")).await.status, StatusCode::GONE, "{other}");
        }
    }
    let nameless = address.replace("client_id=gatepass-cli&", "");
    assert_eq!(browser.get(&nameless).await.status, StatusCode::BAD_REQUEST);
    world.pass(1);
    assert_eq!(browser.get(&address).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn of_two_openings_one_comes_to_an_end() {
    let world = World::new().await;
    let (one, two) = (browser(&world).await, browser(&world).await);
    for decisions in [["allow", "allow"], ["deny", "allow"], ["allow", "deny"]] {
        let address = push(&world).await;
        let (first, second) = (open(&one, &address).await, open(&two, &address).await);
        let (a, b) = tokio::join!(one.answer(&first, decisions[0]), two.answer(&second, decisions[1]));
        let mut answers = [a.status, b.status];
        answers.sort();
        assert_eq!(answers, [StatusCode::SEE_OTHER, StatusCode::GONE], "{decisions:?}");
        // The one that counted may be pressed twice.
        let (winner, page) = if a.status == StatusCode::SEE_OTHER { (&one, first) } else { (&two, second) };
        assert_eq!(winner.answer(&page, "allow").await.status, StatusCode::SEE_OTHER);
        assert_eq!(one.get(&address).await.status, StatusCode::GONE);
    }
}

#[tokio::test]
async fn mistakes_are_told_to_the_program_and_not_to_the_person() {
    let world = World::new().await;
    let with = |name: &'static str, value: &'static str| {
        let mut fields: Vec<_> = FIELDS.iter().copied().filter(|(known, _)| *known != name).collect();
        if !value.is_empty() {
            fields.push((name, value));
        }
        fields
    };
    for (fields, error, words) in [
        (
            with("request_uri", "urn:ietf:params:oauth:request_uri:x"),
            "invalid_request",
            "cannot be handed in",
        ),
        (with("redirect_uri", "https://evil.example/"), "invalid_request", "`redirect_uri`"),
        (with("redirect_uri", ""), "invalid_request", "`redirect_uri`"),
        (with("code_challenge", ""), "invalid_request", "`code_challenge` is required"),
        (with("code_challenge_method", "plain"), "invalid_request", "`S256`"),
        (with("response_type", "token"), "unsupported_response_type", "`code`"),
        (with("audience", "https://evil.example"), "invalid_target", "may not ask"),
        (with("request", "x"), "request_not_supported", "`request`"),
        (with("client_id", "nobody"), "invalid_client", "not known"),
        (with("client_id", "partner"), "invalid_client", "not known"),
        (with("client_id", ""), "invalid_request", "`client_id` is missing"),
    ] {
        push_with(&world, &fields, None, None).await.refused(error, words);
    }
    let mut twice = FIELDS.to_vec();
    twice.push(("state", "pushed"));
    push_with(&world, &twice, None, None).await.refused("invalid_request", "more than once");
    let got = plain().get(format!("{}/oauth/par", world.base)).send().await.unwrap();
    assert_eq!(got.status(), StatusCode::METHOD_NOT_ALLOWED);
    // Names that are not ours are still not fetched from anywhere.
    let foreign = cli_request("&request_uri=https%3A%2F%2Fevil.example%2Frequest");
    let location = Browser::new(&world).get(&foreign).await.location();
    assert_eq!(parameter(&location, "error").unwrap(), "request_uri_not_supported");
}

#[tokio::test]
async fn a_client_with_a_secret_proves_it() {
    let world = World::new().await;
    let fields = [
        ("redirect_uri", "https://partner.example/cb"),
        ("response_type", "code"),
        ("scope", "openid"),
        ("nonce", "n"),
    ];
    push_with(&world, &fields, None, Some(("partner", "wrong"))).await.refused("invalid_client", "not known");
    // By Basic, the client is named there alone.
    let answer = push_with(&world, &fields, None, Some(("partner", "partner-secret"))).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let location = {
        let browser = browser(&world).await;
        let consent = open(&browser, &address("partner", &answer)).await;
        browser.answer(&consent, "allow").await.location()
    };
    assert!(location.starts_with("https://partner.example/cb?code="), "{location}");
    let mut posted = fields.to_vec();
    posted.extend([("client_id", "partner"), ("client_secret", "partner-secret")]);
    let answer = push_with(&world, &posted, None, None).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
}

#[tokio::test]
async fn a_proof_binds_the_code_to_its_key() {
    let world = World::new().await;
    let key = Key::new();
    let proof = key.prove(&world, "POST", "/oauth/par", json!({}));
    let answer = push_with(&world, &FIELDS, Some(&proof), None).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let elsewhere = key.prove(&world, "POST", "/oauth/token", json!({}));
    push_with(&world, &FIELDS, Some(&elsewhere), None).await.refused("invalid_dpop_proof", "`htu`");
    let (other, proof) = (Key::new().jkt(), key.prove(&world, "POST", "/oauth/par", json!({})));
    let mut fields = FIELDS.to_vec();
    fields.push(("dpop_jkt", &other));
    push_with(&world, &fields, Some(&proof), None).await.refused("invalid_dpop_proof", "another key");
    let browser = browser(&world).await;
    let consent = open(&browser, &address("gatepass-cli", &answer)).await;
    let location = browser.answer(&consent, "allow").await.location();
    let code = parameter(&location, "code").unwrap();
    world.token(&redemption(&code), Some(&Key::new())).await.refused("invalid_grant", "another key");
    world.token(&redemption(&code), None).await.refused("invalid_grant", "another key");
    assert_eq!(world.token(&redemption(&code), Some(&key)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn metadata_names_the_endpoint() {
    let world = World::new().await;
    let metadata = world.get_json("/.well-known/openid-configuration").await;
    assert_eq!(metadata["pushed_authorization_request_endpoint"], format!("{}/oauth/par", world.base));
    // Nothing is fetched from where a client points to.
    assert_eq!(metadata["request_uri_parameter_supported"], false);
}

/// What anybody may hand in must not fill the file.
#[tokio::test]
async fn nothing_is_kept_of_a_request_that_nobody_answers() {
    let world = World::new().await;
    let key = Key::new();
    let size = |world: &World| {
        let files = std::fs::read_dir(world.folder.path()).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>()
    };
    let before = size(&world);
    let state = "s".repeat(10_000);
    let mut fields = FIELDS.to_vec();
    fields.retain(|(name, _)| *name != "state");
    fields.push(("state", &state));
    for _ in 0..20 {
        let proof = key.prove(&world, "POST", "/oauth/par", json!({}));
        let answer = push_with(&world, &fields, Some(&proof), None).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    }
    assert_eq!(size(&world), before);
}
