//! Organizations: who belongs where, by list and by domain, over restarts and changes of mind.

use gatepass_authority::{Config, OrganizationConfig};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::key::Key;
use crate::world::*;

const ID: &str = "550e8400-e29b-41d4-a716-446655440000";

fn acme() -> OrganizationConfig {
    OrganizationConfig {
        id: Some(ID.into()),
        name: "Acme".into(),
        domains: vec!["Example.com".into()],
        owners: vec!["owner@example.com".into()],
        members: vec!["guest@other.example".into()],
    }
}

fn named(name: &str, members: &[&str]) -> OrganizationConfig {
    let members = members.iter().map(|&member| member.to_owned()).collect();
    OrganizationConfig { name: name.into(), members, ..OrganizationConfig::default() }
}

fn configured(organizations: Vec<OrganizationConfig>) -> impl FnOnce(&mut Config) {
    move |config| config.organizations = organizations
}

async fn orgs(world: &World, tokens: &Value) -> Value {
    let answer = world.resource("/orgs", "Bearer", tokens["access_token"].as_str().unwrap(), None).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer.body["organizations"].clone()
}

#[tokio::test]
async fn people_join_by_domain_and_by_list() {
    let world = World::with(configured(vec![acme()])).await;
    for (email, role) in
        [("owner@example.com", "owner"), (EMAIL, "member"), ("guest@other.example", "member")]
    {
        let tokens = world.tokens_of(email, None).await;
        let expected = json!([{"id": ID, "name": "Acme", "role": role, "default": true}]);
        assert_eq!(orgs(&world, &tokens).await, expected, "{email}");
    }
    for email in
        ["eve@other.example", "eve@evilexample.com", "eve@sub.example.com", "eve@example.com.evil.example"]
    {
        let tokens = world.tokens_of(email, None).await;
        assert_eq!(orgs(&world, &tokens).await, json!([]), "{email}");
    }
}

#[tokio::test]
async fn one_is_the_default_and_stays_it() {
    let world = World::with(configured(vec![named("Zebra", &[EMAIL])])).await;
    let tokens = world.tokens(None).await;
    world.pass(10);
    // Earlier in the alphabet, later in time.
    let world = world.restart(configured(vec![named("Aardvark", &[EMAIL]), named("Zebra", &[EMAIL])])).await;
    let list = orgs(&world, &tokens).await;
    let seen: Vec<(&str, bool)> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["default"].as_bool().unwrap()))
        .collect();
    assert_eq!(seen, [("Zebra", true), ("Aardvark", false)]);
    // A made-up id is a UUID, and the same one after another start.
    let id = list[0]["id"].as_str().unwrap().to_owned();
    assert_eq!((id.len(), id.as_bytes()[14], id.matches('-').count()), (36, b'4', 4), "{id}");
    let world = world.restart(configured(vec![named("Zebra", &[EMAIL])])).await;
    assert_eq!(
        orgs(&world, &tokens).await,
        json!([{"id": id, "name": "Zebra", "role": "member", "default": true}])
    );
}

#[tokio::test]
async fn what_is_configured_is_what_holds() {
    let world = World::new().await;
    let tokens = world.tokens(None).await;
    assert_eq!(orgs(&world, &tokens).await, json!([]));
    // Who signed in before joins at the start, without another sign-in.
    let world = world.restart(configured(vec![acme()])).await;
    assert_eq!(orgs(&world, &tokens).await[0]["role"], "member");
    let owned = OrganizationConfig { name: "Acme & Co.".into(), owners: vec![EMAIL.into()], ..acme() };
    let world = world.restart(configured(vec![owned])).await;
    let expected = json!([{"id": ID, "name": "Acme & Co.", "role": "owner", "default": true}]);
    assert_eq!(orgs(&world, &tokens).await, expected);
    // Who is not listed any more is not a member any more, at once.
    let closed = OrganizationConfig { domains: Vec::new(), ..acme() };
    let world = world.restart(configured(vec![closed])).await;
    assert_eq!(orgs(&world, &tokens).await, json!([]));
    let world = world.restart(configured(vec![acme()])).await;
    assert_eq!(orgs(&world, &tokens).await[0]["id"], ID);
    let world = world.restart(|_| {}).await;
    assert_eq!(
        orgs(&world, &tokens).await,
        json!([]),
        "an organization that is not configured has no members"
    );
}

#[tokio::test]
async fn an_id_that_is_claimed_is_not_found_by_name() {
    let world = World::with(configured(vec![acme()])).await;
    let tokens = world.tokens(None).await;
    // The configured id now has another name, and its old name is somebody else's.
    let renamed = OrganizationConfig { name: "Bolt".into(), ..acme() };
    let world = world.restart(configured(vec![named("Acme", &[EMAIL]), renamed])).await;
    let list = orgs(&world, &tokens).await;
    let id = |name: &str| {
        let one = list.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
        one["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(id("Bolt"), ID);
    assert_ne!(id("Acme"), ID);
}

#[tokio::test]
async fn tokens_are_checked_as_everywhere() {
    let world = World::with(configured(vec![acme()])).await;
    let key = Key::new();
    let bound = world.tokens_of(EMAIL, Some(&key)).await;
    let token = bound["access_token"].as_str().unwrap();
    let prove = |path: &str, token: &str| key.prove(&world, "GET", path, json!({"ath": hash(token)}));
    let get = async |scheme: &str, token: &str, proof: Option<&str>| {
        world.resource("/orgs", scheme, token, proof).await
    };
    get("Bearer", token, None).await.refused("invalid_token", "use the dpop scheme");
    get("DPoP", token, None).await.refused("invalid_dpop_proof", "no header");
    get("DPoP", token, Some(&prove("/userinfo", token))).await.refused("invalid_dpop_proof", "`htu`");
    get("DPoP", token, Some(&prove("/orgs", "another"))).await.refused("invalid_dpop_proof", "`ath`");
    let thief = Key::new().prove(&world, "GET", "/orgs", json!({"ath": hash(token)}));
    get("DPoP", token, Some(&thief)).await.refused("invalid_token", "another key");
    let proof = prove("/orgs", token);
    assert_eq!(get("DPoP", token, Some(&proof)).await.status, StatusCode::OK);
    get("DPoP", token, Some(&proof)).await.refused("invalid_dpop_proof", "used before");

    let bare = world.tokens(None).await;
    let access = bare["access_token"].as_str().unwrap();
    for wrong in ["", "x", bare["refresh_token"].as_str().unwrap(), bare["id_token"].as_str().unwrap()] {
        get("Bearer", wrong, None).await.refused("invalid_token", "not valid");
    }
    get("Basic", access, None).await.refused("invalid_token", "not valid");
    let nobody = Answer::read(plain().get(format!("{}/orgs", world.base)).send().await.unwrap()).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    assert_eq!(nobody.headers["www-authenticate"], "Bearer");
    let twice = plain()
        .get(format!("{}/orgs", world.base))
        .header("authorization", format!("Bearer {access}"))
        .header("authorization", "Bearer x");
    Answer::read(twice.send().await.unwrap()).await.refused("invalid_token", "not valid");
    world.pass(3600);
    get("Bearer", access, None).await.refused("invalid_token", "has expired");
}

#[tokio::test]
async fn mistakes_stop_the_start() {
    use gatepass_authority::{Authority, Clock};
    use gatepass_core::secret::Secret;
    let folder = tempfile::tempdir().unwrap();
    let broken = OrganizationConfig { id: Some("42".into()), ..acme() };
    let mut config = Config::new(folder.path().join("gatepass.sqlite"), Secret::from(SECRET));
    config.organizations = vec![broken];
    let error = Authority::start(config, Clock::system()).await.unwrap_err().to_string();
    assert!(error.contains("Acme") && error.contains("uuid"), "{error}");
}

/// Signs the CLI in for the organization of these tests, and gives its tokens.
async fn tokens_for_acme(world: &World) -> Answer {
    let location = Browser::new(world).sign_in(&cli_request(&format!("&organization={ID}")), EMAIL).await;
    let code = parameter(&location, "code").unwrap_or_else(|| panic!("no code: {location}"));
    world.token(&redemption(&code), None).await
}

#[tokio::test]
async fn tokens_name_the_organization_that_was_asked_for() {
    let world = World::with(configured(vec![acme()])).await;
    let tokens = tokens_for_acme(&world).await;
    let refreshed = world.refresh(&tokens.text("refresh_token"), None).await;
    for answer in [tokens, refreshed] {
        for token in ["access_token", "id_token"] {
            assert_eq!(claims(&answer.text(token))["org_id"], ID, "{token}");
        }
    }
    let plain = world.tokens(None).await;
    assert!(claims(plain["access_token"].as_str().unwrap()).get("org_id").is_none());
    // Others hear it at the program, where they can choose again.
    let location =
        Browser::new(&world).sign_in(&cli_request(&format!("&organization={ID}")), "eve@other.example").await;
    assert_eq!(parameter(&location, "error").unwrap(), "invalid_request");
}

#[tokio::test]
async fn who_leaves_an_organization_loses_its_tokens_and_no_others() {
    let world = World::with(configured(vec![acme()])).await;
    let (acme, own) = (tokens_for_acme(&world).await, world.tokens(None).await);
    let world = world.restart(|_| {}).await;
    let refresh = acme.text("refresh_token");
    world.refresh(&refresh, None).await.refused("invalid_grant", "no member of the organization any more");
    world.refresh(&refresh, None).await.refused("invalid_grant", "was revoked");
    let access = acme.text("access_token");
    world.userinfo("Bearer", &access, None).await.refused("invalid_token", "revoked");
    let own = own["refresh_token"].as_str().unwrap();
    assert_eq!(world.refresh(own, None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_device_may_ask_for_an_organization() {
    let world = World::with(configured(vec![acme()])).await;
    let fields = [("client_id", "gatepass-cli"), ("scope", "openid"), ("organization", ID)];
    let request = plain().post(format!("{}/oauth/device/code", world.base)).form(&fields);
    let codes = Answer::read(request.send().await.unwrap()).await;
    let browser = Browser::new(&world);
    browser.sign_in("/activate", EMAIL).await;
    let page = browser.get(&codes.text("verification_uri_complete")).await;
    let (csrf, code) = (page.field("csrf"), codes.text("user_code"));
    let question = browser.post("/activate", &[("csrf", &csrf), ("user_code", &code)]).await;
    assert!(question.has("<dd id=\"organization\">Acme</dd>"), "{}", question.html);
    let (csrf, ticket) = (question.field("csrf"), question.field("ticket"));
    let fields = [("csrf", csrf.as_str()), ("ticket", &ticket), ("decision", "allow")];
    assert!(browser.post("/activate/decision", &fields).await.has("id=\"done\""));
    let code = codes.text("device_code");
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let fields = [("grant_type", grant), ("client_id", "gatepass-cli"), ("device_code", &code)];
    let tokens = world.token(&fields, None).await;
    assert_eq!(claims(&tokens.text("access_token"))["org_id"], ID);
}
