//! Metadata, other issuers, other origins, files, and the mailbox's borders.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::json;

use crate::key::Key;
use crate::world::*;

#[tokio::test]
async fn metadata_tells_what_is_there() {
    let world = World::new().await;
    let metadata = world.get_json("/.well-known/openid-configuration").await;
    assert_eq!(metadata, world.get_json("/.well-known/oauth-authorization-server").await);
    for (member, expected) in [
        ("issuer", json!(world.issuer)),
        ("authorization_endpoint", json!(format!("{}/authorize", world.base))),
        ("token_endpoint", json!(format!("{}/oauth/token", world.base))),
        ("jwks_uri", json!(format!("{}/.well-known/jwks.json", world.base))),
        ("authorization_response_iss_parameter_supported", json!(true)),
        ("code_challenge_methods_supported", json!(["S256"])),
        ("dpop_signing_alg_values_supported", json!(["ES256"])),
        ("id_token_signing_alg_values_supported", json!(["RS256", "ES256"])),
        (
            "token_endpoint_auth_methods_supported",
            json!(["none", "client_secret_basic", "client_secret_post"]),
        ),
        ("scopes_supported", json!(["openid", "email", "profile", "offline_access"])),
        ("gatepass_refresh_token_replay", json!("successor")),
    ] {
        assert_eq!(metadata[member], expected, "{member}");
    }
    let jwks = world.get_json("/.well-known/jwks.json").await;
    for key in jwks["keys"].as_array().unwrap() {
        for private in ["d", "p", "q", "dp", "dq", "qi"] {
            assert!(key.get(private).is_none());
        }
    }
    let health = plain().get(format!("{}/healthz", world.base)).send().await.unwrap();
    assert_eq!(health.text().await.unwrap(), "ok\n");
}

#[tokio::test]
async fn an_issuer_is_used_exactly_as_configured() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let issuer = format!("http://{free}/some/path/");
    let world = World::with(|config| {
        config.listen = free;
        config.issuer = Some(issuer.clone());
    })
    .await;
    assert_eq!(world.issuer, issuer);
    let metadata = world.get_json("/.well-known/openid-configuration").await;
    assert_eq!(metadata["issuer"], issuer);
    assert_eq!(metadata["token_endpoint"], format!("http://{free}/some/path/oauth/token"));
    // RFC 8414 section 3.1.
    let inserted = format!("http://{free}/.well-known/oauth-authorization-server/some/path");
    let answer = Answer::read(plain().get(inserted).send().await.unwrap()).await;
    assert_eq!(answer.body, metadata);
    let tokens = world.tokens(Some(&Key::new())).await;
    assert_eq!(claims(tokens["id_token"].as_str().unwrap())["iss"], issuer);
    let outside = plain().get(format!("http://{free}/authorize")).send().await.unwrap();
    assert_eq!(outside.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_registered_pages_may_call() {
    let world = World::new().await;
    let own = world.base.clone();
    let call = async |method: reqwest::Method, path: &str, origin: &str| {
        let request = plain().request(method, format!("{}{path}", world.base)).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        let response = request.send().await.unwrap();
        (response.status(), response.headers().clone())
    };
    let allowed = |headers: &HeaderMap| {
        headers.get("access-control-allow-origin").map(|value| value.to_str().unwrap().to_owned())
    };
    for path in ["/oauth/token", "/oauth/revoke", "/userinfo", "/orgs", "/tokens", "/tokens/x"] {
        for origin in ["https://web.example", own.as_str()] {
            let (status, headers) = call(reqwest::Method::OPTIONS, path, origin).await;
            assert_eq!(
                (status, allowed(&headers).as_deref()),
                (StatusCode::NO_CONTENT, Some(origin)),
                "{path}"
            );
            assert_eq!(headers["access-control-allow-methods"], "GET, POST, DELETE");
            assert_eq!(headers["access-control-allow-headers"], "authorization, content-type, dpop");
            assert!(!headers.contains_key("access-control-allow-credentials"));
            let (_, headers) = call(reqwest::Method::POST, path, origin).await;
            assert_eq!(allowed(&headers).as_deref(), Some(origin), "errors are readable too");
            assert_eq!(headers["access-control-expose-headers"], "DPoP-Nonce, WWW-Authenticate, Date");
            assert!(headers.contains_key("date"));
        }
        for origin in ["https://evil.example", "http://127.0.0.1:53123", "null"] {
            let (_, headers) = call(reqwest::Method::OPTIONS, path, origin).await;
            assert_eq!(allowed(&headers), None, "{path} {origin}");
        }
    }
    let (_, headers) = call(reqwest::Method::GET, "/.well-known/jwks.json", "https://any.example").await;
    assert_eq!(allowed(&headers).as_deref(), Some("*"));
    for path in ["/authorize", "/login/email", "/consent", "/dev/mailbox.json"] {
        let (_, headers) = call(reqwest::Method::OPTIONS, path, "https://web.example").await;
        assert_eq!(allowed(&headers), None, "{path}");
    }
}

#[tokio::test]
async fn the_mailbox_is_for_this_machine() {
    let world = World::new().await;
    let status = async |name: &str, value: &str| {
        let request = plain().get(format!("{}/dev/mailbox", world.base)).header(name, value);
        request.send().await.unwrap().status()
    };
    assert_eq!(status("accept", "*/*").await, StatusCode::OK);
    assert_eq!(status("host", "rebound.example").await, StatusCode::NOT_FOUND);
    assert_eq!(status("host", "127.0.0.1.evil.example").await, StatusCode::NOT_FOUND);
    assert_eq!(status("x-forwarded-for", "203.0.113.9").await, StatusCode::NOT_FOUND);

    let public = World::with(|config| config.issuer = Some("https://auth.example".into())).await;
    let mailbox = plain().get(format!("http://{}/dev/mailbox.json", public.addr())).send().await.unwrap();
    assert_eq!(mailbox.status(), StatusCode::NOT_FOUND);

    let wide = World::with(|config| {
        config.listen = ([0, 0, 0, 0], 0).into();
        config.issuer = Some("http://127.0.0.1".into());
    })
    .await;
    let mailbox = plain().get(format!("http://127.0.0.1:{}/dev/mailbox.json", wide.addr().port()));
    assert_eq!(mailbox.send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn letters_to_one_address_are_counted() {
    let world = World::with(|config| config.letters_per_address = Some(2)).await;
    let browser = Browser::new(&world);
    for expected in [1, 2, 2, 2] {
        // The answer stays the same.
        let page = browser.ask(&cli_request(""), EMAIL).await;
        assert!(page.has("id=\"enter-code\""));
        assert_eq!(world.letters().await, expected);
    }
    browser.ask(&cli_request(""), "eve@example.com").await;
    assert_eq!(world.letters().await, 3, "another address is another count");
    world.pass(15 * 60);
    browser.ask(&cli_request(""), EMAIL).await;
    assert_eq!(world.letters().await, 4);
}

#[tokio::test]
async fn an_https_issuer_has_host_cookies() {
    let world = World::with(|config| config.issuer = Some("https://auth.example".into())).await;
    let page = plain().get(format!("http://{}{}", world.addr(), cli_request(""))).send().await.unwrap();
    let cookie = page.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-gatepass_browser="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
}

#[tokio::test]
async fn the_dashboard_is_served_with_its_policy() {
    let www = tempfile::tempdir().unwrap();
    for (path, content) in [
        ("dashboard/index.html", "<!doctype html>hello"),
        ("dashboard/cli.html", "<!doctype html>handoff"),
        ("dashboard/app.js", "export {}"),
        ("assets/0123abcd/core.wasm", "\0asm"),
        ("assets/loose.js", "export {}"),
        ("web/index.js", "export {}"),
        ("secret.txt", "not served"),
    ] {
        let path = www.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let world = World::with(|config| config.www = Some(www.path().to_owned())).await;
    let get = async |path: &str| plain().get(format!("{}{path}", world.base)).send().await.unwrap();
    for (path, kind, cache) in [
        ("/dashboard/", "text/html", "no-cache"),
        ("/dashboard/index.html", "text/html", "no-cache"),
        ("/dashboard/app.js", "text/javascript", "no-cache"),
        ("/assets/0123abcd/core.wasm", "application/wasm", "public, max-age=31536000, immutable"),
        ("/assets/loose.js", "text/javascript", "no-cache"),
        ("/assets/authority.css", "text/css; charset=utf-8", "no-cache"),
        ("/web/index.js", "text/javascript", "no-cache"),
    ] {
        let response = get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()["content-type"], kind, "{path}");
        assert_eq!(response.headers()["cache-control"], cache, "{path}");
        let policy = response.headers().get("content-security-policy").map(|value| value.to_str().unwrap());
        // Scripts have it too, as a worker's own; our stylesheet comes from elsewhere.
        let of_www = path != "/assets/authority.css";
        assert_eq!(
            policy.is_some_and(|policy| policy.contains("script-src 'self' 'wasm-unsafe-eval'")),
            of_www,
            "{path}"
        );
        // What has not changed is not sent again, and is kept as long as before.
        if let Some(changed) = response.headers().get("last-modified").cloned() {
            let again = plain().get(format!("{}{path}", world.base)).header("if-modified-since", changed);
            let again = again.send().await.unwrap();
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
            assert_eq!(again.headers()["cache-control"], cache, "{path}");
        } else {
            assert!(!of_www, "{path}");
        }
    }
    let page = get("/dashboard/cli?a=b").await;
    assert_eq!(page.headers()["content-type"], "text/html");
    assert_eq!(page.text().await.unwrap(), "<!doctype html>handoff");
    for path in [
        "/secret.txt",
        "/dashboard/..%2Fsecret.txt",
        "/dashboard/%2e%2e/secret.txt",
        "/assets/9/none.js",
        "/dashboard/none",
        "/dashboard/cli/",
    ] {
        let response = get(path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(response.text().await.unwrap().contains("here is nothing at this address"), "{path}");
    }
    assert_eq!(get("/").await.headers()["location"], "/dashboard/");
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let world = World::new().await;
    let large = "x".repeat(64 * 1024);
    let answer = world.token(&[("client_id", &large)], None).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn an_unknown_address_is_said_to_be_one() {
    for issuer in ["http://127.0.0.1", "http://127.0.0.1/auth"] {
        let world = World::with(|config| config.issuer = Some(issuer.into())).await;
        for path in ["/", "/nothing", "/auth/nothing"] {
            let response = plain().get(format!("http://{}{path}", world.addr())).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
            assert!(response.text().await.unwrap().contains("There is nothing at this address."), "{path}");
        }
    }
}
