//! How clients prove themselves and in what form they may ask.

use reqwest::StatusCode;

use crate::world::*;

const REFRESH: [(&str, &str); 2] = [("grant_type", "refresh_token"), ("refresh_token", "x")];

#[tokio::test]
async fn secrets_by_one_method_at_a_time() {
    let world = World::new().await;
    // Past the client, the token is what is wrong.
    for basic in [("partner", "partner-secret")] {
        world.token_with(&REFRESH, None, Some(basic)).await.refused("invalid_grant", "not known");
    }
    for basic in [("partner", "wrong"), ("partner", ""), ("nobody", "partner-secret"), ("gatepass-cli", "x")]
    {
        let answer = world.token_with(&REFRESH, None, Some(basic)).await;
        answer.refused("invalid_client", "not known or its secret is wrong");
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers["www-authenticate"], "Basic realm=\"gatepass\"");
    }
    let post = |id, secret| [REFRESH[0], REFRESH[1], ("client_id", id), ("client_secret", secret)];
    world.token(&post("partner", "partner-secret"), None).await.refused("invalid_grant", "not known");
    let wrong = world.token(&post("partner", "wrong"), None).await;
    wrong.refused("invalid_client", "not known");
    assert!(!wrong.headers.contains_key("www-authenticate"));
    let both =
        world.token_with(&post("partner", "partner-secret"), None, Some(("partner", "partner-secret"))).await;
    both.refused("invalid_request", "more than one way");
    world.token(&REFRESH, None).await.refused("invalid_request", "`client_id` is missing");
}

#[tokio::test]
async fn json_is_taken_exactly() {
    let world = World::new().await;
    let tokens = world.tokens(None).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let body =
        format!(r#"{{"grant_type":"refresh_token","client_id":"gatepass-cli","refresh_token":"{refresh}"}}"#);
    let send = async |query: &str, kind: &str, body: &str, basic: bool| {
        let mut request =
            plain().post(format!("{}/oauth/token{query}", world.base)).header("content-type", kind);
        if basic {
            request = request.basic_auth("partner", Some("partner-secret"));
        }
        Answer::read(request.body(body.to_owned()).send().await.unwrap()).await
    };
    let json = "application/json";
    send("?client_id=x", json, &body, false).await.refused("invalid_request", "more than one way");
    send("", json, &body, true).await.refused("invalid_request", "more than one way");
    send("", "application/json; charset=utf-8", &body, false)
        .await
        .refused("invalid_request", "neither a form");
    send("", "text/plain", &body, false).await.refused("invalid_request", "neither a form");
    let twice = body.replace("\"client_id\"", "\"client_id\":\"web\",\"client_id\"");
    send("", json, &twice, false).await.refused("invalid_request", "more than once");
    send("", json, &body.replace("\"gatepass-cli\"", "[\"gatepass-cli\"]"), false)
        .await
        .refused("invalid_request", "`json` cannot be read");
    let form =
        format!("grant_type=refresh_token&client_id=gatepass-cli&client_id=web&refresh_token={refresh}");
    send("", "application/x-www-form-urlencoded", &form, false)
        .await
        .refused("invalid_request", "more than once");
    assert_eq!(send("", json, &body, false).await.status, StatusCode::OK);
}

#[tokio::test]
async fn more_parameters_than_anybody_needs_are_refused() {
    let world = World::new().await;
    let names: Vec<String> = (0..64).map(|n| format!("x{n}")).collect();
    let mut fields: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "1")).collect();
    fields.push(("client_id", "gatepass-cli"));
    world.token(&fields, None).await.refused("invalid_request", "more than 64 parameters");
    let object: serde_json::Map<String, serde_json::Value> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    let request = plain().post(format!("{}/oauth/token", world.base)).json(&object);
    let answer = Answer::read(request.send().await.unwrap()).await;
    answer.refused("invalid_request", "more than 64 parameters");
}

#[tokio::test]
async fn other_grants_are_not_there() {
    let world = World::new().await;
    for grant in ["password", "client_credentials", "implicit"] {
        let fields = [("grant_type", grant), ("client_id", "gatepass-cli")];
        world.token(&fields, None).await.refused("unsupported_grant_type", "not supported");
    }
}
