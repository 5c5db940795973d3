//! What stays over a restart, what does not over a new secret, and what the file never holds.

use gatepass_core::secret::Secret;
use reqwest::StatusCode;

use crate::world::*;

#[tokio::test]
async fn the_same_secret_keeps_everything() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let location = browser.sign_in(&cli_request(""), EMAIL).await;
    let code = parameter(&location, "code").unwrap();
    let tokens = world.token(&redemption(&code), None).await;
    let jwks = world.get_json("/.well-known/jwks.json").await;
    let world = world.restart(|_| {}).await;
    assert_eq!(world.get_json("/.well-known/jwks.json").await, jwks);
    assert!(browser.get(&cli_request("")).await.has("id=\"consent\""), "still signed in");
    assert_eq!(world.userinfo("Bearer", &tokens.text("access_token"), None).await.status, StatusCode::OK);
    assert_eq!(world.refresh(&tokens.text("refresh_token"), None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn another_secret_ends_every_token_and_coming_back_finds_its_own() {
    let world = World::new().await;
    let tokens = world.tokens(None).await;
    let (access, refresh) =
        (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    let jwks = world.get_json("/.well-known/jwks.json").await;
    let other = "another-Secret-0123456789-ABCDEFGHIJ-xyz";
    let world = world.restart(|config| config.secret = Secret::from(other)).await;
    assert_ne!(world.get_json("/.well-known/jwks.json").await, jwks);
    world.refresh(refresh, None).await.refused("invalid_grant", "not known");
    world.userinfo("Bearer", access, None).await.refused("invalid_token", "not valid");
    let world = world.restart(|_| {}).await;
    assert_eq!(
        world.get_json("/.well-known/jwks.json").await,
        jwks,
        "the first secret's keys were not touched"
    );
}

#[tokio::test]
async fn the_file_holds_no_token() {
    let world = World::new().await;
    let (browser, other) = (Browser::new(&world), Browser::new(&world));
    let waiting = browser.ask(&cli_request(""), EMAIL).await;
    let link = world.letter(EMAIL).await["link"].as_str().unwrap().to_owned();
    let short = other.open(&link).await.code();
    let resumed = browser.type_code(&waiting, &short).await;
    let cookie = resumed.headers["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
    let consent = browser.get(&resumed.location()).await;
    let location = browser.answer(&consent, "allow").await.location();
    let code = parameter(&location, "code").unwrap();
    let tokens = world.token(&redemption(&code), None).await;
    let next = world.refresh(&tokens.text("refresh_token"), None).await;
    let request = plain().post(format!("{}/oauth/device/code", world.base));
    let device = Answer::read(request.form(&[("client_id", "gatepass-cli")]).send().await.unwrap()).await;
    let folder = world.stop().await;

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join("gatepass.sqlite")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "for the owner alone");
    }
    let mut file = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        file.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let holds = |text: &str| file.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(EMAIL), "this is the file in question");
    let token = parameter(&link, "token").unwrap();
    for (name, secret) in [
        ("the secret", SECRET.to_owned()),
        ("the link", token),
        ("the short code", short.replace('-', "")),
        ("the short code as shown", short),
        ("the cookie", cookie),
        ("the code", code),
        ("the first refresh token", tokens.text("refresh_token")),
        ("its body", tokens.text("refresh_token")[4..].to_owned()),
        ("the second refresh token", next.text("refresh_token")),
        ("the access token", tokens.text("access_token")),
        ("the id token", tokens.text("id_token")),
        ("the device code", device.text("device_code")),
        ("the user code as shown", device.text("user_code")),
        ("the user code", device.text("user_code").replace('-', "")),
    ] {
        assert!(!holds(&secret), "{name} lies in the file");
    }
    // PKCS #8 names P-256 and RSA by these identifiers: no signing key lies open.
    for identifier in [
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07][..],
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01],
    ] {
        assert!(!file.windows(identifier.len()).any(|window| window == identifier));
    }
}
