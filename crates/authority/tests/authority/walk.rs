//! The whole way of a person and a program.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::key::Key;
use crate::world::*;

/// Verifies a token against the published keys, as a stranger would.
async fn verify(world: &World, token: &str) {
    let jwks = world.get_json("/.well-known/jwks.json").await;
    let header = header(token);
    let jwk: &Value =
        jwks["keys"].as_array().unwrap().iter().find(|jwk| jwk["kid"] == header["kid"]).unwrap();
    assert_eq!(jwk["alg"], header["alg"]);
    let (input, signature) = token.rsplit_once('.').unwrap();
    let member = |name: &str| Base64UrlUnpadded::decode_vec(jwk[name].as_str().unwrap()).unwrap();
    let signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
    let verified = if jwk["kty"] == "EC" {
        let point = [vec![4], member("x"), member("y")].concat();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(input.as_bytes(), &signature)
    } else {
        RsaPublicKeyComponents { n: member("n"), e: member("e") }.verify(
            &RSA_PKCS1_2048_8192_SHA256,
            input.as_bytes(),
            &signature,
        )
    };
    verified.unwrap();
}

#[tokio::test]
async fn a_person_signs_a_program_in() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let waiting = browser.ask(&cli_request(""), EMAIL).await;
    assert_eq!(waiting.status, StatusCode::OK);
    assert!(waiting.has("id=\"enter-code\""));
    let letter = world.letter(EMAIL).await;
    assert_eq!(letter["subject"], "Sign in to Gatepass CLI");
    assert!(letter["text"].as_str().unwrap().contains(letter["link"].as_str().unwrap()));
    let resumed = browser.open(letter["link"].as_str().unwrap()).await.location();
    let consent = browser.get(&resumed).await;
    assert!(consent.has("Gatepass CLI") && consent.has(EMAIL) && consent.has("see your e-mail address"));
    let location = browser.answer(&consent, "allow").await.location();
    assert!(location.starts_with(&format!("{CALLBACK}?code=")), "{location}");
    assert_eq!(parameter(&location, "state").unwrap(), "st&te");
    assert_eq!(parameter(&location, "iss").unwrap(), world.issuer);

    let key = Key::new();
    let code = parameter(&location, "code").unwrap();
    let answer = world.token(&redemption(&code), Some(&key)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(
        (&answer.body["token_type"], &answer.body["expires_in"], &answer.body["scope"]),
        (&json!("DPoP"), &json!(3600), &json!("openid email"))
    );
    let (access, id) = (answer.text("access_token"), answer.text("id_token"));
    verify(&world, &access).await;
    verify(&world, &id).await;

    assert_eq!(header(&access)["typ"], "at+jwt");
    let access_claims = claims(&access);
    assert_eq!(access_claims["cnf"]["jkt"], key.jkt());
    assert_eq!(access_claims["iss"], world.issuer);
    assert_eq!(access_claims["aud"], world.issuer);
    assert_eq!(access_claims["client_id"], "gatepass-cli");
    assert_eq!(access_claims["exp"].as_u64().unwrap(), world.now() + 3600);

    assert_eq!(header(&id)["alg"], "ES256");
    let half =
        Base64UrlUnpadded::encode_string(&Base64UrlUnpadded::decode_vec(&hash(&access)).unwrap()[..16]);
    let expected = json!({
        "iss": world.issuer, "sub": access_claims["sub"], "aud": "gatepass-cli", "azp": "gatepass-cli",
        "iat": world.now(), "exp": world.now() + 3600, "auth_time": world.now(), "nonce": "n-1",
        "sid": access_claims["sid"], "at_hash": half, "email": EMAIL, "email_verified": true,
    });
    assert_eq!(claims(&id), expected);
    assert!(answer.text("refresh_token").starts_with("gpr_"));
}

#[tokio::test]
async fn a_partner_gets_the_defaults_of_the_specifications() {
    let world = World::new().await;
    let request = "/authorize?client_id=partner&redirect_uri=https%3A%2F%2Fpartner.example%2Fcb&response_type=code\
                   &scope=openid%20offline_access%20unknown&nonce=n&audience=https%3A%2F%2Ffiles.example";
    let browser = Browser::new(&world);
    let location = browser.sign_in(request, EMAIL).await;
    let code = parameter(&location, "code").unwrap();
    let fields = [
        ("grant_type", "authorization_code"),
        ("redirect_uri", "https://partner.example/cb"),
        ("code", code.as_str()),
    ];
    let answer = world.token_with(&fields, None, Some(("partner", "partner-secret"))).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["scope"], "openid offline_access");
    let (access, id) = (answer.text("access_token"), answer.text("id_token"));
    assert_eq!(header(&id)["alg"], "RS256");
    verify(&world, &id).await;
    assert_eq!(claims(&access)["aud"], "https://files.example");
    assert_eq!(claims(&access)["exp"].as_u64().unwrap(), world.now() + 600);
    assert!(claims(&id).get("email").is_none(), "the scope was not asked for");
    assert!(answer.body["refresh_token"].is_string());

    // The person agreed once; the same question is not asked again, another one is.
    let again = browser.get(request).await;
    assert!(again.location().starts_with("https://partner.example/cb?code="));
    let more = browser.get(&request.replace("unknown", "email")).await;
    assert!(more.has("id=\"consent\""));
    let forced = browser.get(&format!("{request}&prompt=consent")).await;
    assert!(forced.has("id=\"consent\""));
    assert!(forced.has("stay signed in until you sign out, for 12 hours at most"), "{}", forced.html);
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token() {
    let world = World::new().await;
    let request = "/authorize?client_id=partner&redirect_uri=https%3A%2F%2Fpartner.example%2Fcb&response_type=code\
                   &scope=openid&nonce=n";
    let location = Browser::new(&world).sign_in(request, EMAIL).await;
    let code = parameter(&location, "code").unwrap();
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", "partner"),
        ("client_secret", "partner-secret"),
        ("redirect_uri", "https://partner.example/cb"),
        ("code", code.as_str()),
    ];
    let answer = world.token(&fields, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(answer.body.get("refresh_token").is_none());
}

#[tokio::test]
async fn saying_no_is_heard_by_the_program() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    browser.ask(&cli_request(""), EMAIL).await;
    let link = world.letter(EMAIL).await["link"].as_str().unwrap().to_owned();
    let resumed = browser.open(&link).await.location();
    let consent = browser.get(&resumed).await;
    let location = browser.answer(&consent, "deny").await.location();
    assert!(location.starts_with(&format!("{CALLBACK}?error=access_denied")), "{location}");
    assert_eq!(parameter(&location, "state").unwrap(), "st&te");
    assert_eq!(parameter(&location, "iss").unwrap(), world.issuer);
    // Nothing is remembered for a native client, neither yes nor no.
    assert!(browser.get(&cli_request("")).await.has("id=\"consent\""));
}

#[tokio::test]
async fn consent_cannot_be_forged() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let before = browser.get(&cli_request("")).await.field("csrf");
    browser.sign_in(&cli_request(""), EMAIL).await;
    let page = browser.get(&cli_request("")).await;
    let (csrf, flow) = (page.field("csrf"), page.field("flow"));
    let answer = async |csrf: &str, origin: &str| {
        let fields = [("csrf", csrf), ("flow", &*flow), ("decision", "allow")];
        browser.post_from("/consent", &fields, origin).await.status
    };
    assert_eq!(answer("", &world.base).await, StatusCode::FORBIDDEN);
    assert_eq!(answer(&before, &world.base).await, StatusCode::FORBIDDEN, "a token from before the sign-in");
    assert_eq!(answer(&csrf, "https://evil.example").await, StatusCode::FORBIDDEN);
    // Another person signed in since the page was shown: the old page agrees to nothing.
    browser.sign_in(&cli_request("&prompt=login"), "eve@example.com").await;
    assert_eq!(answer(&csrf, &world.base).await, StatusCode::FORBIDDEN);
    let fresh = browser.get(&cli_request("")).await.field("csrf");
    assert_eq!(answer(&fresh, &world.base).await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_request_waits_for_half_an_hour() {
    let world = World::new().await;
    for (seconds, status) in [(1799, StatusCode::SEE_OTHER), (1800, StatusCode::BAD_REQUEST)] {
        let browser = Browser::new(&world);
        browser.sign_in(&cli_request(""), EMAIL).await;
        let consent = browser.get(&cli_request("")).await;
        world.pass(seconds);
        assert_eq!(browser.answer(&consent, "allow").await.status, status, "after {seconds} s");
    }
}

#[tokio::test]
async fn prompts_and_ages() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let silent = browser.get(&cli_request("&prompt=none")).await.location();
    assert_eq!(parameter(&silent, "error").unwrap(), "login_required");
    browser.sign_in(&cli_request(""), EMAIL).await;
    let silent = browser.get(&cli_request("&prompt=none")).await.location();
    assert_eq!(parameter(&silent, "error").unwrap(), "consent_required");
    world.pass(100);
    assert!(browser.get(&cli_request("&max_age=200")).await.has("id=\"consent\""));
    assert!(browser.get(&cli_request("&max_age=50")).await.has("id=\"sign-in\""));
    assert!(browser.get(&cli_request("&prompt=select_account")).await.has("id=\"sign-in\""));
    let hinted = browser.get(&cli_request("&prompt=login&login_hint=eve%40example.com")).await;
    assert!(hinted.has("value=\"eve@example.com\""));
    let nasty = browser.get(&cli_request("&prompt=login&login_hint=%22%3E%3Cscript%3E")).await;
    assert!(!nasty.has("<script>") && nasty.has("value=\"&#34;&#62;&#60;script&#62;\""), "{}", nasty.html);
    // Signing in again during the request satisfies it: there is no loop.
    let location = browser.sign_in(&cli_request("&prompt=login"), EMAIL).await;
    assert!(parameter(&location, "code").is_some());
}

#[tokio::test]
async fn sessions_end_by_idleness_by_age_and_by_sign_out() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    browser.sign_in(&cli_request(""), EMAIL).await;
    let signed_in = async || browser.get(&cli_request("")).await.has("id=\"consent\"");
    world.pass(6 * 3600 - 1);
    assert!(signed_in().await);
    world.pass(6 * 3600 - 1);
    assert!(signed_in().await, "being seen keeps a session");
    world.pass(3);
    assert!(!signed_in().await, "twelve hours are the end");

    browser.sign_in(&cli_request(""), EMAIL).await;
    world.pass(6 * 3600);
    assert!(!signed_in().await, "idle for six hours");

    browser.sign_in(&cli_request(""), EMAIL).await;
    let page = browser.get("/logout").await;
    assert!(page.has("id=\"sign-out\"") && page.has(EMAIL));
    assert!(signed_in().await, "asking signs nobody out");
    let forged = browser.post("/logout", &[("csrf", "x")]).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    assert!(signed_in().await);
    let out = browser.post("/logout", &[("csrf", &page.field("csrf"))]).await;
    assert!(out.has("id=\"signed-out\""));
    assert!(!signed_in().await);
}

/// OpenID Connect RP-Initiated Logout sections 2 and 3.
#[tokio::test]
async fn a_sign_out_leads_back_to_where_the_client_said_and_nowhere_else() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let back = "https%3A%2F%2Fpartner.example%2Fbye%3Ffrom%3Dgatepass";
    let good = format!("/logout?client_id=partner&post_logout_redirect_uri={back}&state=a%20b");
    let to = "https://partner.example/bye?from=gatepass&state=a%20b";

    browser.sign_in(&cli_request(""), EMAIL).await;
    for bad in [
        format!("/logout?post_logout_redirect_uri={back}"),
        format!("/logout?client_id=gatepass-cli&post_logout_redirect_uri={back}"),
        format!("/logout?client_id=partner&post_logout_redirect_uri={back}1"),
        "/logout?client_id=partner&post_logout_redirect_uri=https%3A%2F%2Fpartner.example%2Fcb".into(),
        "/logout?client_id=partner&post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F".into(),
    ] {
        let page = browser.get(&bad).await;
        assert!(page.has("id=\"sign-out\"") && !page.has("post_logout_redirect_uri"), "{bad}");
    }
    let twice = browser.get(&format!("{good}&post_logout_redirect_uri=x")).await;
    assert_eq!(twice.status, StatusCode::BAD_REQUEST);

    let page = browser.get(&good).await;
    assert_eq!(page.status, StatusCode::OK, "a person is asked");
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("https://partner.example"));
    let (csrf, uri, state) =
        (page.field("csrf"), page.field("post_logout_redirect_uri"), page.field("state"));
    let forged = [("csrf", "x"), ("client_id", "partner"), ("post_logout_redirect_uri", &*uri)];
    assert_eq!(browser.post("/logout", &forged).await.status, StatusCode::FORBIDDEN);
    let fields =
        [("csrf", &*csrf), ("client_id", "partner"), ("post_logout_redirect_uri", &*uri), ("state", &*state)];
    let out = browser.post("/logout", &fields).await;
    assert_eq!((out.status, out.location()), (StatusCode::SEE_OTHER, to.to_owned()));
    assert!(!browser.get(&cli_request("")).await.has("id=\"consent\""));
    assert_eq!(browser.get(&good).await.location(), to, "nobody is here to be asked");

    browser.sign_in(&cli_request(""), EMAIL).await;
    let csrf = browser.get("/logout").await.field("csrf");
    let out = browser
        .post(
            "/logout",
            &[
                ("csrf", &*csrf),
                ("client_id", "partner"),
                ("post_logout_redirect_uri", "https://evil.example/"),
            ],
        )
        .await;
    assert!(out.has("id=\"signed-out\""), "signed out, and led nowhere");
}

/// Against fixation: whoever put a session of their own into this browser, or kept a copy of it, has nothing of the next.
#[tokio::test]
async fn signing_in_ends_the_session_that_the_browser_had() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    browser.ask(&cli_request(""), EMAIL).await;
    let link = world.letter(EMAIL).await["link"].as_str().unwrap().to_owned();
    let signed_in = browser.open(&link).await;
    let cookie = signed_in.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let copy = async || {
        let request = plain().get(format!("{}{}", world.base, cli_request(""))).header("cookie", &cookie);
        request.send().await.unwrap().text().await.unwrap()
    };
    assert!(copy().await.contains("id=\"consent\""), "the copy is signed in");
    browser.sign_in(&cli_request("&prompt=login"), "eve@example.com").await;
    assert!(browser.get(&cli_request("")).await.has("eve@example.com"));
    assert!(copy().await.contains("id=\"sign-in\""), "the copy is signed out");
}

#[tokio::test]
async fn a_script_cannot_consent() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let waiting = browser.ask(&cli_request(""), EMAIL).await;
    assert!(waiting.has("id=\"enter-code\""), "{}", waiting.html);
    let link = world.letter(EMAIL).await["link"].as_str().unwrap().to_owned();
    let consent = browser.get(&browser.open(&link).await.location()).await;
    consent.stands_alone();
    let (csrf, flow) = (consent.field("csrf"), consent.field("flow"));
    let fields = [("csrf", csrf.as_str()), ("flow", &flow), ("decision", "allow")];
    assert_eq!(browser.post_with("/consent", &fields, &SCRIPTED).await.status, StatusCode::FORBIDDEN);
    let answered = browser.post_with("/consent", &fields, &PRESSED).await;
    assert!(parameter(&answered.location(), "code").is_some());
}
