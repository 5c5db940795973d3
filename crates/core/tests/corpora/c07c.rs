//! 07c, what the conformance suite checks about every request of a client: each is asserted over the requests that
//! clients of several kinds send to the issuer of paper.
//!
//! Choice: `max_age=0` together with `prompt=none` asks for a sign-in that nobody may see. The core passes on what a
//! person's program asks for, and the server answers `login_required`; nothing here asks for both by itself, which is
//! what is asserted.

use std::time::Duration;

use gatepass_core::field::Field;
use gatepass_core::jwk::{Algorithm, PublicKey};
use gatepass_core::protocol::client_auth::{AssertionKey, ClientAuth};
use gatepass_core::protocol::client_metadata::{Application, Authentication, ClientMetadata, KeySet, Keys};
use gatepass_core::protocol::registration;
use gatepass_core::secret::Secret;
use gatepass_core::url::{Endpoint, RedirectUri};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::frame::{Judgement, Verdict, corpus, text};
use crate::issuer::{CLIENT, CODE, Issuer, SECRET, Seen, To};
use crate::story::{REDIRECT_URI, Story};

pub(crate) fn trial() -> Trial {
    corpus("07c-conformance-rp-request-checks", judge)
}

fn judge(line: &Value) -> Judgement {
    let condition = text(line, "condition");
    if condition.contains("Registration") || condition.contains("Jwks") || condition.contains("JWKs") {
        about_registration(condition)?;
        return Ok(Verdict::Right);
    }
    for story in stories()? {
        let requests = story.issuer.seen.as_slice();
        about_requests(condition, &story, requests)?;
    }
    Ok(Verdict::Right)
}

/// Clients of each kind, signed in, with a refreshed token and a narrower one.
fn stories() -> Result<Vec<Story>, String> {
    let kinds: [fn(&mut Story); 5] = [
        |_| {},
        |story| story.auth = ClientAuth::SecretBasic(Secret::from(SECRET)),
        |story| story.auth = ClientAuth::SecretPost(Secret::from(SECRET)),
        |story| {
            let key = AssertionKey { kid: None, private: Secret::new(vec![2; 32]) };
            story.auth = ClientAuth::PrivateKeyJwt(key);
            story.issuer.wants_push = true;
        },
        |story| (story.prompt, story.max_age) = (Some("login"), Some(Duration::from_secs(600))),
    ];
    kinds
        .into_iter()
        .map(|change| {
            let mut story = Story::new(Issuer::new("RS256"));
            change(&mut story);
            let told = |error| format!("the story stopped: {error:?}");
            story.tell().map_err(told)?;
            story.refresh(None).map_err(told)?;
            story.userinfo().map_err(told)?;
            story.refresh(Some("openid email")).map_err(told)?;
            Ok(story)
        })
        .collect()
}

/// The requests that say what is asked for: pushed, or by way of the browser.
fn asking(requests: &[Seen]) -> Vec<&Seen> {
    let found: Vec<_> = requests.iter().filter(|seen| seen.parameter("redirect_uri").is_some()).collect();
    found.into_iter().filter(|seen| matches!(seen.to, To::Authorization | To::Push)).collect()
}

/// The token requests of one kind.
fn tokens<'a>(requests: &'a [Seen], grant_type: &str) -> Vec<&'a Seen> {
    let is = |seen: &&Seen| seen.to == To::Token && seen.parameter("grant_type") == Some(grant_type);
    requests.iter().filter(is).collect()
}

fn all(requests: &[&Seen], what: &str, holds: impl Fn(&Seen) -> bool) -> Result<(), String> {
    if requests.is_empty() {
        return Err(format!("no request to ask whether {what}"));
    }
    if requests.iter().all(|seen| holds(seen)) {
        Ok(())
    } else {
        Err(format!("not in every request: {what}"))
    }
}

fn about_requests(condition: &str, story: &Story, requests: &[Seen]) -> Result<(), String> {
    let asking = asking(requests);
    let exchanges = tokens(requests, "authorization_code");
    let refreshes = tokens(requests, "refresh_token");
    let to = |to| requests.iter().filter(|seen| seen.to == to).collect::<Vec<_>>();
    let scopes = |seen: &Seen| -> Vec<String> {
        seen.parameter("scope").unwrap_or_default().split(' ').map(str::to_owned).collect()
    };
    match condition {
        "EnsureOpenIDInScopeRequest" => {
            all(&asking, "openid is asked for", |seen| scopes(seen).iter().any(|scope| scope == "openid"))
        }
        "EnsureValidRedirectUriForAuthorizationEndpointRequest" => {
            all(&asking, "redirect_uri is the registered one, without fragment", |seen| {
                let uri = seen.parameter("redirect_uri").unwrap_or_default();
                uri == REDIRECT_URI
                    && !uri.contains('#')
                    && RedirectUri::new(uri).is_ok_and(|uri| uri.is_loopback())
            })?;
            // Plain http goes to this machine alone.
            match RedirectUri::new("http://app.example/callback") {
                Err(_) => Ok(()),
                Ok(_) => Err("plain http to another machine".to_owned()),
            }
        }
        "EnsureMatchingClientId" => {
            all(&asking, "client_id matches", |seen| seen.parameter("client_id") == Some(CLIENT))?;
            all(&to(To::Authorization), "client_id matches", |seen| {
                seen.parameter("client_id") == Some(CLIENT)
            })
        }
        _ if condition.starts_with("EnsureResponseTypeIs") => {
            all(&asking, "a code is asked for", |seen| seen.parameter("response_type") == Some("code"))
        }
        "ExtractNonceFromAuthorizationRequest" => {
            all(&asking, "a nonce is sent", |seen| seen.parameter("nonce").is_some())
        }
        "CheckForInvalidCharsInNonce" => all(&asking, "the nonce is plain", |seen| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
            seen.parameter("nonce").unwrap_or("#").bytes().all(plain)
        }),
        "CheckNonceMaximumLength" => all(&asking, "the nonce has 43 characters at most", |seen| {
            (22..=43).contains(&seen.parameter("nonce").unwrap_or_default().len())
        }),
        "DisallowMaxAgeEqualsZeroAndPromptNone" => all(&asking, "not both", |seen| {
            seen.parameter("max_age") != Some("0") || seen.parameter("prompt") != Some("none")
        }),
        "ValidateAuthorizationCode" => {
            all(&exchanges, "the code that was issued", |seen| seen.parameter("code") == Some(CODE))
        }
        "ValidateRedirectUriForTokenEndpointRequest" => {
            let asked = asking.first().and_then(|seen| seen.parameter("redirect_uri"));
            all(&exchanges, "the same redirect_uri", |seen| seen.parameter("redirect_uri") == asked)
        }
        "CheckClientIdMatchesOnTokenRequestIfPresent" => {
            all(&to(To::Token), "client_id matches, and is left out where the header says it", |seen| {
                match seen.parameter("client_id") {
                    Some(client_id) => client_id == CLIENT && seen.header("authorization").is_none(),
                    None => seen.header("authorization").is_some_and(|header| header.starts_with("Basic ")),
                }
            })
        }
        "OIDCCExtractBearerAccessTokenFromRequest" => {
            all(&to(To::Userinfo), "the token is in the header and nowhere else", |seen| {
                let bearer = seen.header("authorization").is_some_and(|header| header.starts_with("Bearer "));
                bearer && !seen.url.contains('?') && seen.body.is_empty()
            })
        }
        "RequireBearerAccessToken" => {
            let issued = ["Bearer canary-access-0", "Bearer canary-access-1"];
            let shown: Vec<_> = to(To::Userinfo).iter().map(|seen| seen.header("authorization")).collect();
            if shown == issued.map(Some) {
                Ok(())
            } else {
                Err(format!("the issued ones, in order: {shown:?}"))
            }
        }
        "EnsureScopeInRefreshRequestContainsNoMoreThanOriginallyGranted" => {
            let granted = asking.first().map(|seen| scopes(seen)).unwrap_or_default();
            if !refreshes.iter().any(|seen| seen.parameter("scope") == Some("openid email")) {
                return Err("no refresh asks for less".to_owned());
            }
            all(&refreshes, "no more than was granted", |seen| {
                seen.parameter("scope").is_none() || scopes(seen).iter().all(|scope| granted.contains(scope))
            })
        }
        "ValidateRefreshToken" => {
            let shown: Vec<_> = refreshes.iter().map(|seen| seen.parameter("refresh_token")).collect();
            let issued = ["canary-refresh-0", "canary-refresh-1"];
            if shown == issued.map(Some) {
                Ok(())
            } else {
                Err(format!("the issued ones, in order: {shown:?}"))
            }
        }
        _ => Err(format!("cannot read: condition {condition:?} of {}", story.client_id())),
    }
}

/// A registration by a key of the client's own, with the keys in one of their two places.
fn registered(key_set: &KeySet, at: Option<&Endpoint>) -> Result<Value, String> {
    let told = |error| format!("{error:?}");
    let redirect_uris = [RedirectUri::new(REDIRECT_URI).map_err(told)?];
    let metadata = ClientMetadata {
        client_name: "Gatepass",
        client_uri: None,
        application: Application::Native,
        redirect_uris: &redirect_uris,
        post_logout_redirect_uris: &[],
        device_code: false,
        refreshes: true,
        scopes: None,
        authentication: Authentication::PrivateKey {
            keys: at.map_or(Keys::Here(key_set), Keys::At),
            algorithm: Algorithm::Es256,
        },
        id_token_algorithm: None,
        bound: false,
    };
    let endpoint = Endpoint::new("https://issuer.example/register", Field::RegistrationEndpoint);
    let request = registration::request(&endpoint.map_err(told)?, &metadata, None).map_err(told)?;
    let body = request.body.ok_or("no body")?;
    serde_json::from_str(body.expose()).map_err(|error| error.to_string())
}

fn about_registration(condition: &str) -> Result<(), String> {
    let told = |error| format!("{error:?}");
    let keys = [1, 2].map(|number| PublicKey::P256 { x: [number; 32], y: [number; 32] });
    let pair = |kids: [&str; 2]| {
        KeySet::new(&[(kids[0], &keys[0], Algorithm::Es256), (kids[1], &keys[1], Algorithm::Es256)])
    };
    let key_set = pair(["one", "two"]).map_err(told)?;
    let address = Endpoint::new("https://app.example/jwks", Field::JwksUri).map_err(told)?;
    let (here, there) = (registered(&key_set, None)?, registered(&key_set, Some(&address))?);
    let holds = match condition {
        // INFO in the suite: a program has no address of its own to put there. It is said rightly or not at all.
        "EnsureRegistrationRequestContainsAtLeastOneContact" => [&here, &there].iter().all(|document| {
            document
                .get("contacts")
                .is_none_or(|contacts| contacts.as_array().is_some_and(|list| !list.is_empty()))
        }),
        "CheckDistinctKeyIdValueInClientJWKs" => {
            let kids: Vec<_> =
                here["jwks"]["keys"].as_array().ok_or("no keys")?.iter().map(|key| &key["kid"]).collect();
            kids == ["one", "two"] && pair(["one", "one"]).is_err() && pair(["", "two"]).is_err()
        }
        "EnsureClientDoesNotHaveBothJwksAndJwksUri" => {
            let has = |document: &Value| (document.get("jwks").is_some(), document.get("jwks_uri").is_some());
            (has(&here), has(&there)) == ((true, false), (false, true))
        }
        _ => return Err(format!("cannot read: condition {condition:?}")),
    };
    if holds { Ok(()) } else { Err(format!("not so: {condition}")) }
}
