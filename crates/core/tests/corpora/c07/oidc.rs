//! The modules of the basic, config, dynamic and refresh-token plans.

use std::time::Duration;

use gatepass_core::error::{Error, Refusal};
use gatepass_core::field::{Field, Message};
use gatepass_core::jwk::Algorithm;
use gatepass_core::name::ClientId;
use gatepass_core::protocol::client_auth::ClientAuth;
use gatepass_core::protocol::client_metadata::{Application, Authentication, ClientMetadata};
use gatepass_core::protocol::{discovery, initiate, registration, webfinger};
use gatepass_core::secret::Secret;
use gatepass_core::session::client::Client;
use gatepass_core::url::RedirectUri;
use serde_json::json;

use super::{Ending, Told, append, both, check, claim, done, ends, remove, stopped};
use crate::issuer::{CLIENT, Change, HOST, Issuer, SECRET, To};
use crate::story::{Mode, REDIRECT_URI, Story};

const BAD_AUD: Error = Error::BadClaim { claim: Field::Aud };
const BAD_NONCE: Error = Error::BadClaim { claim: Field::Nonce };
const BAD_SUB: Error = Error::BadClaim { claim: Field::Sub };
const NO_ALGORITHM: Error = Error::Unsupported { feature: Field::IdTokenSigningAlgValuesSupported };

fn by(algorithm: &'static str) -> Story {
    Story::new(Issuer::new(algorithm))
}

fn rs256() -> Story {
    by("RS256")
}

const fn missing(field: Field) -> Error {
    Error::Malformed { message: Message::IdToken, field }
}

pub(super) fn tell(module: &str) -> Option<Told> {
    Some(match module {
        "" => happy(),
        "3rd-party-init-login" => third_party(),
        "aggregated-claims" => elsewhere(|claims| {
            claims["_claim_names"] = json!({ "address": "src1" });
            claims["_claim_sources"] = json!({ "src1": { "JWT": "eyJhbGciOiJub25lIn0.e30." } });
        }),
        "distributed-claims" => elsewhere(|claims| {
            claims["_claim_names"] = json!({ "credit_score": "src1" });
            let source = json!({ "endpoint": "https://claims.example/score", "access_token": "canary" });
            claims["_claim_sources"] = json!({ "src1": source });
        }),
        "client-secret-basic" => secret_basic(),
        "form-post-error" => form_post_error(),
        "idtoken-sig-none" => no_signature(),
        "idtoken-sig-rs256" => done(rs256()),
        "invalid-athash" => both(
            claim(rs256(), |claims| append(claims, "at_hash", "1"), Error::BadClaim { claim: Field::AtHash }),
            front_channel(|answer| answer["access_token"] = json!("canary")),
        ),
        // An ID token that comes with a code by way of the browser: there is none, whatever its hash.
        "invalid-chash" | "missing-chash" => {
            front_channel(|answer| answer["id_token"] = json!("e30.e30.e30"))
        }
        "missing-athash" => front_channel(|answer| {
            answer["id_token"] = json!("e30.e30.e30");
            answer["access_token"] = json!("canary");
        }),
        "invalid-aud" => claim(rs256(), |claims| append(claims, "aud", "1"), BAD_AUD),
        "invalid-iss" => claim(rs256(), |claims| append(claims, "iss", "1"), Error::IssuerMismatch),
        "invalid-sig-es256" => invalid_signature("ES256"),
        "invalid-sig-rs256" => invalid_signature("RS256"),
        "invalid-sig-hs256" => hmac(),
        "userinfo-invalid-sub" => {
            let mut story = rs256();
            story.issuer.faults.userinfo = Some(|claims| append(claims, "sub", "invalid"));
            stopped(story, BAD_SUB)
        }
        "kid-absent-multiple-jwks" => kid_absent(3),
        "kid-absent-single-jwks" => kid_absent(1),
        "missing-aud" => claim(rs256(), |claims| remove(claims, "aud"), BAD_AUD),
        "missing-iat" => {
            claim(rs256(), |claims| remove(claims, "iat"), Error::BadClaim { claim: Field::Iat })
        }
        "missing-sub" => claim(rs256(), |claims| remove(claims, "sub"), missing(Field::Sub)),
        "mtls-endpoint-aliases" => {
            let mut story = rs256();
            story.issuer.faults.discovery = Some(|document| {
                document["mtls_endpoint_aliases"] = json!({ "token_endpoint": "https://mtls.example/token" });
            });
            done(story)
        }
        "nonce-unless-code-flow" => nonce_is_always_sent(),
        "nonce-invalid" => claim(rs256(), |claims| append(claims, "nonce", "1"), BAD_NONCE),
        "refresh-token" => refresh(),
        "refresh-token-invalid-issuer" => {
            refused_refresh(|claims| append(claims, "iss", "1"), Error::IssuerMismatch)
        }
        "refresh-token-invalid-sub" => refused_refresh(|claims| append(claims, "sub", "1"), BAD_SUB),
        "request-uri-signed-none" | "request-uri-signed-rs256" => pushed(),
        "scope-userinfo-claims" => scopes_and_claims(),
        "userinfo-signed" => signed_userinfo(),
        "userinfo-bearer-body" | "userinfo-bearer-header" => bearer_header(),
        "discovery-issuer-mismatch" => {
            let mut story = rs256();
            story.issuer.faults.discovery = Some(|document| append(document, "issuer", "INVALID"));
            stopped(story, Error::IssuerMismatch)
        }
        "discovery-jwks-uri-keys" => jwks_uri(),
        "discovery-openid-config" => openid_config(),
        "discovery-webfinger-acct" => web_finger("acct:user@issuer.example"),
        "discovery-webfinger-url" => web_finger("https://issuer.example/user"),
        "dynamic-registration" => dynamic_registration(),
        "signing-key-rotation" => rotation(false),
        "signing-key-rotation-just-before-signing" => rotation(true),
        _ => return None,
    })
}

fn happy() -> Told {
    let mut story = rs256();
    story.tell().map_err(|error| format!("stopped: {error:?}"))?;
    let order: Vec<To> = story.issuer.seen.iter().map(|seen| seen.to).collect();
    let expected = [To::Discovery, To::Authorization, To::Token, To::Jwks, To::Userinfo];
    check(order == expected, "discovery, authorization, token, keys, userinfo")?;
    let (asked, exchanged) = (story.issuer.last(To::Authorization), story.issuer.last(To::Token));
    check(asked.parameter("redirect_uri") == exchanged.parameter("redirect_uri"), "the same redirect_uri")?;
    check(asked.parameter("response_type") == Some("code"), "a code is asked for")?;
    let bearer = format!("Bearer {}", story.issuer.access_token());
    check(story.issuer.last(To::Userinfo).header("authorization") == Some(&bearer), "the token is shown")?;
    Ok(Ending::Done)
}

fn third_party() -> Told {
    let mut story = rs256();
    let query = "iss=https%3A%2F%2Fissuer.example&login_hint=jane";
    let initiation = initiate::parse(query, &story.client.issuer).map_err(|error| format!("{error:?}"))?;
    check(story.issuer.seen.is_empty(), "nothing is asked before")?;
    check(
        initiate::parse("iss=https%3A%2F%2Fevil.example", &story.client.issuer).is_err(),
        "another issuer starts no login",
    )?;
    story.login_hint = initiation.login_hint;
    story.tell().map_err(|error| format!("{error:?}"))?;
    check(story.issuer.last(To::Authorization).parameter("login_hint") == Some("jane"), "the hint travels")?;
    Ok(Ending::Done)
}

/// Claims that lie elsewhere lead to no request, and do not stand in the way of the others.
fn elsewhere(change: Change) -> Told {
    let mut story = rs256();
    story.issuer.faults.userinfo = Some(change);
    let told = story.tell().map_err(|error| format!("{error:?}"))?;
    check(told.email.as_deref() == Some("user@example.com"), "the other claims are read")?;
    check(story.issuer.count(To::Elsewhere) == 0 && story.issuer.after_the_fault().is_empty(), "no request")?;
    Ok(Ending::Done)
}

fn secret_basic() -> Told {
    let mut story = rs256();
    story.auth = ClientAuth::SecretBasic(Secret::from(SECRET));
    story.tell().map_err(|error| format!("{error:?}"))?;
    // client:canary+secret%3A%25, each half form-encoded.
    let expected = "Basic Y2xpZW50OmNhbmFyeStzZWNyZXQlM0ElMjU=";
    let token = story.issuer.last(To::Token);
    check(token.header("authorization") == Some(expected), "the encoded pair")?;
    check(token.parameter("client_secret").is_none(), "one method")?;
    let told = story.issuer.last(To::Authorization).url.contains("canary");
    check(!told, "no secret by way of the browser")?;
    Ok(Ending::Done)
}

fn form_post_error() -> Told {
    let mut story = rs256();
    (story.mode, story.prompt, story.max_age) = (Mode::FormPost, Some("none"), Some(Duration::ZERO));
    story.issuer.faults.redirect = Some(|answer| {
        remove(answer, "code");
        answer["error"] = json!("login_required");
    });
    stopped(story, Error::Refused(Refusal::LoginRequired))
}

fn no_signature() -> Told {
    let mut story = rs256();
    story.issuer.faults.header = Some(|header| header["alg"] = json!("none"));
    // An issuer that knows nothing else is not even asked.
    let mut knows_nothing_else = rs256();
    knows_nothing_else.issuer.faults.discovery =
        Some(|document| document["id_token_signing_alg_values_supported"] = json!(["none"]));
    both(stopped(story, Error::BadSignature), stopped(knows_nothing_else, NO_ALGORITHM))
}

fn hmac() -> Told {
    let mut story = rs256();
    story.issuer.faults.header = Some(|header| header["alg"] = json!("HS256"));
    story.issuer.faults.signature = true;
    let mut knows_nothing_else = by("HS256");
    knows_nothing_else.issuer.faults.discovery = Some(|_| {});
    both(stopped(story, Error::BadSignature), stopped(knows_nothing_else, NO_ALGORITHM))
}

/// Tokens by way of the browser are asked for by nobody: whether they stand in the query, where they are refused, or
/// behind the `#`, where they are not seen.
fn front_channel(change: Change) -> Told {
    let told = |mode| {
        let mut story = rs256();
        story.mode = mode;
        story.issuer.faults.redirect = Some(change);
        let ended = story.tell().map(drop);
        let error = ended.err().ok_or("went on")?;
        let malformed = matches!(error, Error::Malformed { message: Message::AuthorizationResponse, .. });
        check(malformed, "the response is no answer")?;
        ends(&story, Err(error), error)
    };
    both(told(Mode::Query), told(Mode::Fragment))
}

fn invalid_signature(algorithm: &'static str) -> Told {
    let mut story = by(algorithm);
    story.issuer.faults.signature = true;
    both(stopped(story, Error::BadSignature), done(by(algorithm)).map(|_| Ending::Stopped))
}

fn kid_absent(keys_of_a_kind: u8) -> Told {
    let mut story = rs256();
    (story.issuer.names_keys, story.issuer.keys_of_a_kind) = (false, keys_of_a_kind);
    if keys_of_a_kind == 1 {
        return done(story);
    }
    story.issuer.faults.claims = Some(|_| {});
    stopped(story, Error::Malformed { message: Message::Jwks, field: Field::Kid })
}

fn nonce_is_always_sent() -> Told {
    let mut story = rs256();
    story.tell().map_err(|error| format!("{error:?}"))?;
    check(story.issuer.last(To::Authorization).parameter("nonce").is_some(), "a nonce")?;
    Ok(Ending::Done)
}

fn refresh() -> Told {
    let mut story = rs256();
    story.tell().map_err(|error| format!("{error:?}"))?;
    let first = story.issuer.access_token();
    story.refresh(None).map_err(|error| format!("{error:?}"))?;
    story.userinfo().map_err(|error| format!("{error:?}"))?;
    let second = format!("Bearer {}", story.issuer.access_token());
    check(!second.ends_with(&first), "the token is another")?;
    check(story.issuer.last(To::Userinfo).header("authorization") == Some(&second), "the new token")?;
    check(story.issuer.last(To::Token).parameter("scope").is_none(), "as much as was granted")?;
    Ok(Ending::Done)
}

fn refused_refresh(change: Change, expected: Error) -> Told {
    let mut story = rs256();
    story.issuer.faults.refreshed = Some(change);
    story.tell().map_err(|error| format!("{error:?}"))?;
    let ended = story.refresh(None).map(drop);
    check(story.store.load().is_some(), "the session is not erased by an answer about another")?;
    ends(&story, ended, expected)
}

fn pushed() -> Told {
    let mut story = rs256();
    story.issuer.wants_push = true;
    story.tell().map_err(|error| format!("{error:?}"))?;
    let asked = story.issuer.last(To::Authorization);
    check(
        asked.parameter("request_uri").is_some_and(|uri| uri.starts_with("urn:")),
        "the issuer's own name",
    )?;
    check(asked.parameter("request").is_none(), "no object beside it")?;
    Ok(Ending::Done)
}

fn scopes_and_claims() -> Told {
    let mut story = rs256();
    let told = story.tell().map_err(|error| format!("{error:?}"))?;
    let scope = story.issuer.last(To::Authorization).parameter("scope").unwrap_or_default().to_owned();
    check(scope.split(' ').any(|scope| scope == "email"), "email is asked for")?;
    check(told.email.as_deref() == Some("user@example.com") && told.email_verified, "and read")?;
    check(told.name.as_deref() == Some("User One"), "so is the name")?;
    Ok(Ending::Done)
}

fn signed_userinfo() -> Told {
    let signed = || {
        let mut story = rs256();
        story.issuer.signs_userinfo = true;
        story
    };
    done(signed())?;
    for (change, expected) in [
        ((|claims| claims["iss"] = json!("https://other.example")) as Change, Error::IssuerMismatch),
        (|claims| claims["aud"] = json!("another"), BAD_AUD),
        (|claims| claims["sub"] = json!("somebody-else"), BAD_SUB),
    ] {
        let mut story = signed();
        story.issuer.faults.userinfo = Some(change);
        stopped(story, expected)?;
    }
    let mut story = signed();
    story.login().map_err(|error| format!("{error:?}"))?;
    story.issuer.faults.signature = true;
    let ended = story.userinfo().map(drop);
    ends(&story, ended, Error::BadSignature).map(|_| Ending::Done)
}

fn bearer_header() -> Told {
    let mut story = rs256();
    story.tell().map_err(|error| format!("{error:?}"))?;
    let seen = story.issuer.last(To::Userinfo);
    let bearer = format!("Bearer {}", story.issuer.access_token());
    check(seen.header("authorization") == Some(&bearer), "in the header")?;
    check(seen.parameters.is_empty() && seen.body.is_empty() && seen.method == "GET", "nowhere else")?;
    Ok(Ending::Done)
}

fn jwks_uri() -> Told {
    let mut story = rs256();
    story.issuer.jwks_path = "/jwks-qzrtwpkfxy";
    story.tell().map_err(|error| format!("{error:?}"))?;
    let at = |to| story.issuer.seen.iter().position(|seen| seen.to == to);
    check(at(To::Discovery) == Some(0) && at(To::Jwks) > at(To::Discovery), "keys after discovery")?;
    Ok(Ending::Done)
}

fn openid_config() -> Told {
    let mut story = rs256();
    story.tell().map_err(|error| format!("{error:?}"))?;
    let seen = story.issuer.last(To::Discovery);
    let url = format!("{HOST}/.well-known/openid-configuration");
    check((seen.method, seen.url.as_str()) == ("GET", url.as_str()), "asked where it is")?;
    Ok(Ending::Done)
}

fn web_finger(typed: &str) -> Told {
    let mut story = rs256();
    story.issuer.url = format!("{HOST}/tenant-qzrtwpkfxy");
    let request = webfinger::request(typed).map_err(|error| format!("{error:?}"))?;
    let asked = request.url.clone();
    let response = story.send(request).map_err(|error| format!("{error:?}"))?;
    let found = webfinger::parse(&response, &asked).map_err(|error| format!("{error:?}"))?;
    let found = found.ok_or("no issuer is found")?;
    check(story.issuer.last(To::WebFinger).parameter("resource") == Some(typed), "the resource")?;
    let scopes = story.client.scopes.as_str().to_owned();
    story.client = Client::new(found.as_str(), CLIENT, &scopes, "RS256", "off").expect("a client");
    done(story)
}

fn dynamic_registration() -> Told {
    let mut story = rs256();
    let told = |error: Error| format!("{error:?}");
    let response = story.send(discovery::request(&story.client.issuer).map_err(told)?).map_err(told)?;
    let metadata = discovery::read(&response, &story.client.issuer).map_err(told)?;
    let endpoint = metadata.required(Field::RegistrationEndpoint).map_err(told)?;
    let redirect_uris = [RedirectUri::new(REDIRECT_URI).map_err(told)?];
    let asked = ClientMetadata {
        client_name: "Gatepass",
        client_uri: None,
        application: Application::Native,
        redirect_uris: &redirect_uris,
        post_logout_redirect_uris: &[],
        device_code: false,
        refreshes: true,
        scopes: None,
        authentication: Authentication::SecretBasic,
        id_token_algorithm: Some(Algorithm::Rs256),
        bound: false,
    };
    let request = registration::request(&endpoint, &asked, None).map_err(told)?;
    drop(metadata);
    let response = story.send(request).map_err(told)?;
    let registered = registration::parse(&response, &asked).map_err(told)?;
    let seen = story.issuer.last(To::Registration);
    check(seen.method == "POST" && seen.header("content-type") == Some("application/json"), "by JSON")?;
    check(registered.token_endpoint_auth_method == "client_secret_basic", "as it was asked for")?;
    story.client.client_id = ClientId::new(registered.client_id.as_str()).map_err(told)?;
    story.auth = ClientAuth::SecretBasic(registered.client_secret.ok_or("no secret")?);
    done(story)
}

fn rotation(just_before_signing: bool) -> Told {
    let mut story = rs256();
    story.keeps_keys = just_before_signing;
    story.tell().map_err(|error| format!("{error:?}"))?;
    if just_before_signing {
        story.issuer.rotates_before_signing = true;
    } else {
        story.issuer.keys += 1;
    }
    story.tell().map_err(|error| format!("{error:?}"))?;
    check(story.issuer.count(To::Jwks) == 2, "the keys are asked for once more")?;
    check(story.issuer.count(To::Userinfo) == 2, "and the second login is done")?;
    Ok(Ending::Done)
}
