//! People whose organization signs them in: who is sent there, and what comes back that must not be believed.

use gatepass_authority::OrganizationConfig;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::idp::*;
use crate::key::Key;
use crate::world::*;

/// Whether this browser is signed in.
async fn signed_in(browser: &Browser) -> bool {
    browser.get("/logout").await.has("id=\"account\"")
}

/// The tokens of a browser that has come back.
async fn tokens_after(world: &World, browser: &Browser, back: &Page) -> Value {
    let consent = browser.get(&back.location()).await;
    let location = browser.answer(&consent, "allow").await.location();
    let code = parameter(&location, "code").unwrap_or_else(|| panic!("no code: {location}"));
    world.token(&redemption(&code), None).await.body
}

#[tokio::test]
async fn a_hint_of_the_domain_goes_straight_there() {
    let idp = Idp::start().await;
    let world = idp.world().await;
    for extra in ["&domain_hint=example.com", "&domain_hint=EXAMPLE.com", "&login_hint=ada%40example.com"] {
        let address = Browser::new(&world).get(&cli_request(extra)).await.location();
        assert!(address.starts_with(&format!("{}/authorize?tenant=1&", idp.issuer)), "{address}");
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("scope", "openid email"),
            ("redirect_uri", &format!("{}/oauth/callback/oidc", world.base)),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(parameter(&address, name).unwrap().replace('+', " "), value, "{address}");
        }
        let hint = extra.starts_with("&login").then(|| "ada@example.com".to_owned());
        assert_eq!(parameter(&address, "login_hint"), hint);
        for name in ["state", "nonce", "code_challenge"] {
            assert_eq!(parameter(&address, name).unwrap().len(), 43, "{name}");
        }
        assert_ne!(parameter(&address, "state"), Some("st&te".into()), "a state of its own");
    }
    for extra in [
        "",
        "&domain_hint=sub.example.com",
        "&domain_hint=evilexample.com",
        "&login_hint=example.com",
        "&domain_hint=%00",
    ] {
        assert!(Browser::new(&world).get(&cli_request(extra)).await.has("name=\"email\""), "{extra}");
    }
    // Nobody is asked anything where nobody may be asked.
    let silent =
        Browser::new(&world).get(&cli_request("&domain_hint=example.com&prompt=none")).await.location();
    assert_eq!(parameter(&silent, "error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn an_address_of_the_domain_gets_no_letter() {
    let idp = Idp::start().await;
    let world = idp.world().await;
    let browser = Browser::new(&world);
    let page = browser.ask(&cli_request(""), "Ada@Example.COM").await;
    assert_eq!((page.status, world.letters().await), (StatusCode::OK, 0));
    assert!(page.has("id=\"upstream\"") && page.has("Acme &#60;SSO&#62;"), "{}", page.html);
    let refresh = page.headers["refresh"].to_str().unwrap();
    let address = refresh.strip_prefix("0;url=").unwrap();
    assert_eq!(parameter(address, "login_hint").as_deref(), Some("ada@example.com"));
    assert!(!page.headers["content-security-policy"].to_str().unwrap().contains(&idp.issuer[..20]));
    idp.expect(&world, address);
    let back = idp.arrive(&browser, address).await;
    assert!(browser.get(&back.location()).await.has("ada@example.com"));
    browser.ask(&cli_request("&prompt=select_account"), "eve@elsewhere.example").await;
    assert_eq!(world.letters().await, 1);
}

#[tokio::test]
async fn a_person_signs_in_and_belongs() {
    let idp = Idp::start().await;
    let acme =
        OrganizationConfig { name: "Acme".into(), domains: vec!["example.com".into()], ..Default::default() };
    let connect = idp.connected();
    let world = World::with(|config| {
        connect(config);
        config.organizations = vec![acme];
    })
    .await;
    let (browser, address) = idp.depart(&world, "").await;
    let back = idp.arrive(&browser, &address).await;
    assert!(
        back.location().starts_with(&format!("{}/authorize/resume?flow=", world.base)),
        "no open redirect"
    );
    let tokens = tokens_after(&world, &browser, &back).await;
    let access = tokens["access_token"].as_str().unwrap();
    let info = world.userinfo("Bearer", access, None).await;
    assert_eq!((info.text("email"), &info.body["email_verified"]), (EMAIL.to_owned(), &json!(true)));
    let orgs = world.resource("/orgs", "Bearer", access, None).await;
    assert_eq!(orgs.body["organizations"][0]["name"], "Acme");

    let verifier_and_tokens =
        [UPSTREAM_TOKEN.to_owned(), parameter(&address, "state").unwrap(), CLIENT_SECRET.into()];
    let folder = world.stop().await;
    let mut file = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        file.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let holds = |text: &str| file.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("subject-1"), "this is the file in question");
    for secret in verifier_and_tokens {
        assert!(!holds(&secret), "{secret}");
    }
}

#[tokio::test]
async fn the_state_is_this_browsers_and_good_once() {
    let idp = Idp::start().await;
    let world = idp.world().await;
    let (browser, address) = idp.depart(&world, "").await;
    let good = idp.callback(&address, "code=c");
    let state = parameter(&address, "state").unwrap();
    let issuer = idp.issuer.replace(':', "%3A").replace('/', "%2F");
    for wrong in [
        format!("/oauth/callback/oidc?code=c&iss={issuer}"),
        format!("/oauth/callback/oidc?code=c&state=&iss={issuer}"),
        format!("/oauth/callback/oidc?code=c&state=x&iss={issuer}"),
        format!("{good}&state={state}"),
        good.replace(&state, &state[..42]),
    ] {
        assert_eq!(browser.get(&wrong).await.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    // A stranger who was given the address gets nothing by it, and takes nothing away.
    let stranger = Browser::new(&world);
    assert_eq!(stranger.get(&good).await.status, StatusCode::BAD_REQUEST);
    stranger.get(&cli_request("")).await;
    assert_eq!(stranger.get(&good).await.status, StatusCode::BAD_REQUEST);
    assert!(!signed_in(&stranger).await && !signed_in(&browser).await);
    assert_eq!(browser.get(&good).await.status, StatusCode::SEE_OTHER);
    assert!(signed_in(&browser).await);
    assert_eq!(browser.get(&good).await.status, StatusCode::BAD_REQUEST, "once");

    let (browser, address) = idp.depart(&world, "").await;
    let elsewhere = idp.callback(&address, "code=c").replace("/oidc?", "/other?");
    assert_eq!(
        browser.get(&elsewhere).await.status,
        StatusCode::BAD_REQUEST,
        "another connection's way back"
    );
    assert_eq!(browser.get(&elsewhere.replace("/other?", "/none?")).await.status, StatusCode::BAD_REQUEST);

    let (browser, address) = idp.depart(&world, "").await;
    world.pass(30 * 60);
    assert_eq!(idp.arrive(&browser, &address).await.status, StatusCode::BAD_REQUEST, "too late");
    assert!(!signed_in(&browser).await);
}

#[tokio::test]
async fn responses_name_their_issuer() {
    let idp = Idp::start().await;
    let world = idp.world().await;
    for (from, to) in [("&iss=", "&iss=https%3A%2F%2Fevil.example"), ("&iss=", "&not_iss=")] {
        let (browser, address) = idp.depart(&world, "").await;
        let page = browser.get(&idp.callback(&address, "code=c").replace(from, to)).await;
        assert!(page.status == StatusCode::BAD_REQUEST && page.has("cannot be trusted"), "{}", page.html);
        assert!(!signed_in(&browser).await);
    }
}

#[tokio::test]
async fn every_claim_is_held_against_what_was_asked() {
    let idp = Idp::start().await;
    let world = idp.world().await;
    let now = world.now();
    for (member, value, words) in [
        ("iss", json!("https://evil.example"), "cannot be trusted"),
        ("aud", json!("them"), "cannot be trusted"),
        ("aud", json!([CLIENT, "them"]), "cannot be trusted"),
        ("azp", json!("them"), "cannot be trusted"),
        ("exp", json!(now - 61), "cannot be trusted"),
        ("iat", json!(now + 61), "cannot be trusted"),
        ("nonce", json!("another"), "cannot be trusted"),
        ("nonce", Value::Null, "cannot be trusted"),
        ("sub", Value::Null, "cannot be trusted"),
        ("email", json!("ada"), "cannot be trusted"),
        ("email_verified", json!(false), "has not confirmed"),
        ("email_verified", json!("true"), "has not confirmed"),
        ("email_verified", Value::Null, "has not confirmed"),
        ("email", json!("ada@evil.example"), "another domain"),
        ("email", json!("ada@other.example"), "another domain"),
        ("email", json!("ada@sub.example.com"), "another domain"),
    ] {
        let (browser, address) = idp.depart(&world, "").await;
        idp.says().claims[member] = value.clone();
        let page = idp.arrive(&browser, &address).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{member} {value}");
        assert!(page.has(words) && page.has("name=\"email\""), "{member} {value}: {}", page.html);
        assert!(!signed_in(&browser).await, "{member} {value}");
    }
    assert_eq!(world.letters().await, 0);
}

#[tokio::test]
async fn signatures_are_the_providers() {
    let idp = Idp::start().await;
    let world = idp.world().await;
    let honest = Arc::clone(&idp.says().key);
    let strangers = Arc::new(Key::new());
    let embedded = json!({"alg": "ES256", "kid": "one", "jwk": strangers.jwk()});
    for (header, key) in [
        (json!({"alg": "ES256", "kid": "one"}), &strangers),
        (embedded, &strangers),
        (json!({"alg": "none"}), &honest),
        (json!({"alg": "HS256", "kid": "one"}), &honest),
        (json!({"alg": "RS256", "kid": "one"}), &honest),
        (json!({"alg": "ES256", "kid": "two"}), &honest),
        (json!({"alg": "ES256", "kid": "one", "crit": ["exp"]}), &honest),
    ] {
        let (browser, address) = idp.depart(&world, "").await;
        {
            let mut says = idp.says();
            (says.header, says.key) = (header.clone(), Arc::clone(key));
        }
        let page = idp.arrive(&browser, &address).await;
        assert!(page.has("cannot be trusted") && !signed_in(&browser).await, "{header}");
    }
    assert_eq!(idp.says().keys_asked, 1, "a forger does not make us ask again and again");
    let (browser, address) = idp.depart(&world, "").await;
    {
        let mut says = idp.says();
        (says.header, says.key) = (json!({"alg": "ES256"}), honest);
    }
    assert_eq!(idp.arrive(&browser, &address).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn new_keys_are_found_in_a_minute() {
    let idp = Idp::start().await;
    let world = idp.world().await;
    let (browser, address) = idp.depart(&world, "").await;
    assert_eq!(idp.arrive(&browser, &address).await.status, StatusCode::SEE_OTHER);
    let next = Arc::new(Key::new());
    {
        let mut says = idp.says();
        says.published = json!({"keys": [named(&says.key, "one"), named(&next, "two")]});
        (says.header, says.key) = (json!({"alg": "ES256", "kid": "two"}), next);
    }
    let (browser, address) = idp.depart(&world, "").await;
    assert_eq!(idp.arrive(&browser, &address).await.status, StatusCode::BAD_REQUEST);
    world.pass(60);
    let (browser, address) = idp.depart(&world, "").await;
    assert_eq!(idp.arrive(&browser, &address).await.status, StatusCode::SEE_OTHER);
    let asked = |idp: &Idp| {
        let says = idp.says();
        (says.keys_asked, says.metadata_asked)
    };
    assert_eq!(asked(&idp), (2, 1));
    world.pass(3600);
    idp.depart(&world, "").await;
    assert_eq!(asked(&idp), (2, 2), "metadata is believed for an hour");
}

#[tokio::test]
async fn an_address_may_come_from_userinfo() {
    let idp = Idp::start().await;
    let world = idp.world().await;
    let email = json!({"sub": "subject-1", "email": EMAIL, "email_verified": true});
    for (member, value, words) in [
        ("sub", json!("subject-2"), Some("cannot be trusted")),
        ("sub", Value::Null, Some("cannot be trusted")),
        ("email_verified", json!(false), Some("has not confirmed")),
        ("email", json!("ada@evil.example"), Some("another domain")),
        ("more", json!("x"), None),
    ] {
        let (browser, address) = idp.depart(&world, "").await;
        {
            let mut says = idp.says();
            says.claims["email"] = Value::Null;
            says.userinfo = email.clone();
            says.userinfo[member] = value;
        }
        let page = idp.arrive(&browser, &address).await;
        match words {
            Some(words) => assert!(page.has(words) && !signed_in(&browser).await, "{member}: {}", page.html),
            None => assert!(page.status == StatusCode::SEE_OTHER && signed_in(&browser).await),
        }
    }
}

#[tokio::test]
async fn refusals_and_broken_answers_are_said_in_words() {
    let idp = Idp::start().await;
    let world = idp.world().await;
    for (members, words) in [
        ("error=access_denied&error_description=%3Cscript%3E", "said no"),
        ("error=login_required&code=c", "said no"),
        ("error=temporarily_unavailable", "does not answer"),
        ("code=", "cannot be trusted"),
        ("code=c&code=d", "cannot be trusted"),
        ("code=wrong", "cannot be trusted"),
    ] {
        let (browser, address) = idp.depart(&world, "").await;
        let page = browser.get(&idp.callback(&address, members)).await;
        assert!(page.has(words) && !page.has("<script>"), "{members}: {}", page.html);
        assert!(!signed_in(&browser).await, "{members}");
        assert_eq!(idp.arrive(&browser, &address).await.status, StatusCode::BAD_REQUEST, "it is over");
    }
    for refusal in [
        (StatusCode::BAD_REQUEST, r#"{"error":"invalid_client"}"#),
        (StatusCode::OK, r#"{"access_token":"x","token_type":"Bearer"}"#),
        (StatusCode::OK, r#"{"access_token":"x","token_type":"Bearer","id_token":"a.b.c"}"#),
        (StatusCode::OK, "<html>"),
        (StatusCode::INTERNAL_SERVER_ERROR, "<html>"),
        (StatusCode::FOUND, ""),
    ] {
        let (browser, address) = idp.depart(&world, "").await;
        idp.says().refusal = Some(refusal);
        let page = idp.arrive(&browser, &address).await;
        assert!(page.has("cannot be trusted") && !signed_in(&browser).await, "{refusal:?}");
    }
}

#[tokio::test]
async fn a_provider_that_is_not_there_gets_no_letter_instead() {
    let idp = Idp::start().await;
    let world = idp.world().await;
    idp.says().metadata["issuer"] = json!("https://evil.example");
    let page = Browser::new(&world).get(&cli_request("&domain_hint=example.com")).await;
    assert!(page.status == StatusCode::BAD_REQUEST && page.has("cannot be trusted"), "{}", page.html);
    idp.says().metadata["issuer"] = json!(idp.issuer);
    idp.says().metadata["token_endpoint"] = json!("http://evil.example/token");
    let page = Browser::new(&world).get(&cli_request("&domain_hint=example.com")).await;
    assert!(page.has("cannot be trusted"), "{}", page.html);
    drop(idp);
    let page = Browser::new(&world).ask(&cli_request(""), EMAIL).await;
    assert!(page.has("does not answer"), "{}", page.html);
    assert_eq!(world.letters().await, 0);
}

#[tokio::test]
async fn a_subject_keeps_its_account_and_an_address_its_subject() {
    let idp = Idp::start().await;
    let world = World::new().await;
    // Proven by letter, before the organization came with its provider.
    let letter = claims(world.tokens(None).await["access_token"].as_str().unwrap())["sub"].clone();
    let world = world.restart(idp.connected()).await;
    let person = async |subject: &str, email: &str| {
        let (browser, address) = idp.depart(&world, "").await;
        {
            let mut says = idp.says();
            says.claims["sub"] = subject.into();
            says.claims["email"] = email.into();
        }
        let back = idp.arrive(&browser, &address).await;
        if back.status != StatusCode::SEE_OTHER {
            assert!(!signed_in(&browser).await);
            return Err(back);
        }
        let tokens = tokens_after(&world, &browser, &back).await;
        let info = world.userinfo("Bearer", tokens["access_token"].as_str().unwrap(), None).await;
        assert_eq!(info.text("email"), email);
        Ok(info.body["sub"].clone())
    };
    assert_eq!(person("ada", EMAIL).await.ok(), Some(letter.clone()), "both sides proved the address");
    // The address is given to somebody new.
    assert!(person("new", EMAIL).await.err().unwrap().has("belongs to another account"));
    // The subject is renamed and keeps what is hers; now the address is free.
    assert_eq!(person("ada", "lovelace@example.com").await.ok(), Some(letter.clone()));
    let new = person("new", EMAIL).await.ok().unwrap();
    assert_ne!(new, letter);
    // Nobody is renamed into somebody else's account.
    assert!(person("new", "lovelace@example.com").await.err().unwrap().has("belongs to another account"));
    assert_eq!(person("new", EMAIL).await.ok(), Some(new));
}

#[tokio::test]
async fn asking_again_is_passed_on() {
    let idp = Idp::start().await;
    let world = idp.world().await;
    let (_, address) = idp.depart(&world, "&prompt=login").await;
    assert_eq!(parameter(&address, "prompt").as_deref(), Some("login"));
    let (_, address) = idp.depart(&world, "&prompt=select_account").await;
    assert_eq!(parameter(&address, "prompt").as_deref(), Some("select_account"));
    for (auth_time, status) in [
        (Value::Null, StatusCode::BAD_REQUEST),
        (json!(world.now() - 200), StatusCode::BAD_REQUEST),
        (json!(world.now() - 100), StatusCode::SEE_OTHER),
    ] {
        let (browser, address) = idp.depart(&world, "&max_age=100").await;
        assert_eq!(parameter(&address, "max_age").as_deref(), Some("100"));
        idp.says().claims["auth_time"] = auth_time.clone();
        assert_eq!(idp.arrive(&browser, &address).await.status, status, "{auth_time}");
    }
}

#[tokio::test]
async fn the_way_back_stands_below_the_issuers_path() {
    let idp = Idp::start().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let connect = idp.connected();
    let world = World::with(|config| {
        connect(config);
        config.listen = free;
        config.issuer = Some(format!("http://{free}/some/path"));
    })
    .await;
    let (browser, address) = idp.depart(&world, "").await;
    let back = format!("http://{free}/some/path/oauth/callback/oidc");
    assert_eq!(parameter(&address, "redirect_uri"), Some(back));
    assert_eq!(idp.arrive(&browser, &address).await.status, StatusCode::SEE_OTHER);
    assert!(signed_in(&browser).await);
}
