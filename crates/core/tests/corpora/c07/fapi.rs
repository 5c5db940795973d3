//! The modules of FAPI 2.0: pushed requests, `private_key_jwt`, tokens bound to a key, issuers that name themselves.

use gatepass_core::error::Error;
use gatepass_core::field::{Field, Message};
use gatepass_core::protocol::client_auth::{AssertionKey, ClientAuth};
use gatepass_core::secret::Secret;
use serde_json::json;

use super::{Ending, Told, append, check, claim, done, remove, stopped};
use crate::issuer::{CLIENT, Change, Issuer, NOW, SUBJECT, To};
use crate::story::Story;

fn fapi() -> Story {
    let mut issuer = Issuer::new("ES256");
    (issuer.binds, issuer.wants_push, issuer.nonces) = (true, true, true);
    let mut story = Story::new(issuer);
    let key = AssertionKey { kid: Some("key-1".to_owned()), private: Secret::new(vec![2; 32]) };
    story.auth = ClientAuth::PrivateKeyJwt(key);
    story
}

fn redirect(change: Change, expected: Error) -> Told {
    let mut story = fapi();
    story.issuer.faults.redirect = Some(change);
    stopped(story, expected)
}

fn tokens(change: Change) -> Told {
    let mut story = fapi();
    story.issuer.faults.tokens = Some(change);
    done(story)
}

pub(super) fn tell(module: &str) -> Option<Told> {
    let bad = |claim| Error::BadClaim { claim };
    let missing = |field| Error::Malformed { message: Message::IdToken, field };
    let header = |change: Change| {
        let mut story = fapi();
        story.issuer.faults.header = Some(change);
        stopped(story, Error::BadSignature)
    };
    Some(match module {
        "discovery-issuer-mismatch" => {
            let mut story = fapi();
            story.issuer.faults.discovery = Some(|document| append(document, "issuer", "INVALID"));
            stopped(story, Error::IssuerMismatch)
        }
        "ensure-authorization-response-with-invalid-missing-state-fails" => {
            redirect(|answer| remove(answer, "state"), Error::StateMismatch)
        }
        "ensure-authorization-response-with-invalid-state-fails" => {
            redirect(|answer| append(answer, "state", "1"), Error::StateMismatch)
        }
        "happy-path" => happy(true),
        "happy-path-no-dpop-nonce" => happy(false),
        "invalid-alternate-alg" => header(|header| {
            header["alg"] = json!("RS256");
            header["kid"] = json!("RS256-1");
        }),
        "invalid-null-alg" => header(|header| header["alg"] = json!("none")),
        "invalid-aud" => claim(fapi(), |claims| append(claims, "aud", "1"), bad(Field::Aud)),
        "invalid-missing-aud" => claim(fapi(), |claims| remove(claims, "aud"), bad(Field::Aud)),
        "invalid-secondary-aud" => {
            claim(fapi(), |claims| claims["aud"] = json!([CLIENT, "unknown-client"]), bad(Field::Aud))
        }
        "valid-aud-as-array" => {
            let mut story = fapi();
            story.issuer.faults.claims = Some(|claims| claims["aud"] = json!([CLIENT]));
            done(story)
        }
        "invalid-authorization-response-iss" => {
            redirect(|answer| append(answer, "iss", "INVALID"), Error::IssuerMismatch)
        }
        "remove-authorization-response-iss" => {
            redirect(|answer| remove(answer, "iss"), Error::IssuerMismatch)
        }
        "invalid-expired-exp" => claim(fapi(), |claims| claims["exp"] = json!(NOW - 301), bad(Field::Exp)),
        "invalid-missing-exp" => claim(fapi(), |claims| remove(claims, "exp"), bad(Field::Exp)),
        "invalid-iss" => claim(fapi(), |claims| append(claims, "iss", "1"), Error::IssuerMismatch),
        "invalid-missing-iss" => claim(fapi(), |claims| remove(claims, "iss"), missing(Field::Iss)),
        "invalid-nonce" => claim(fapi(), |claims| append(claims, "nonce", "1"), bad(Field::Nonce)),
        "invalid-missing-nonce" => claim(fapi(), |claims| remove(claims, "nonce"), bad(Field::Nonce)),
        "rs-dpop-auth-scheme-case-insensitivity" => {
            let mut story = fapi();
            story.issuer.scheme = "dPOP";
            story.tell().map_err(|error| format!("{error:?}")).and_then(|_| retried(&story))
        }
        "token-endpoint-response-without-expires_in" => tokens(|tokens| remove(tokens, "expires_in")),
        "token-type-case-insensitivity" => tokens(|tokens| tokens["token_type"] = json!("dPOP")),
        _ => return None,
    })
}

/// The resource wanted its nonce, and got it in one more request.
fn retried(story: &Story) -> Told {
    check(story.issuer.count(To::Userinfo) == 2, "once more")?;
    let proof = story.issuer.last(To::Userinfo).proof().ok_or("no proof")?;
    check(proof["nonce"].is_string() && proof["ath"].is_string(), "with the nonce, for this token")?;
    Ok(Ending::Done)
}

fn happy(nonces: bool) -> Told {
    let mut story = fapi();
    story.issuer.nonces = nonces;
    story.tell().map_err(|error| format!("{error:?}"))?;
    let issuer = &story.issuer;
    if nonces {
        retried(&story)?;
    }
    check(issuer.count(To::Token) == 1 + usize::from(nonces), "one exchange, or two for the nonce")?;
    let (pushed, asked, token) =
        (issuer.last(To::Push), issuer.last(To::Authorization), issuer.last(To::Token));
    check(asked.parameters.keys().eq(["client_id", "request_uri"]), "all by name, nothing twice")?;
    check(pushed.parameter("code_challenge_method") == Some("S256"), "PKCE")?;
    check(pushed.parameter("dpop_jkt").is_some(), "the code is bound to the key")?;
    check(token.parameter("code_verifier").is_some(), "the verifier")?;
    let mut names = Vec::new();
    for seen in [pushed, token] {
        let kind = seen.parameter("client_assertion_type");
        check(kind == Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), "an assertion")?;
        let assertion = seen.parameter("client_assertion").ok_or("no assertion")?;
        let part = assertion.split('.').nth(1).and_then(gatepass_core::base64url::decode).unwrap_or_default();
        let claims: serde_json::Value = serde_json::from_slice(&part).map_err(|error| error.to_string())?;
        check(claims["iss"] == CLIENT && claims["sub"] == CLIENT, "of the client about itself")?;
        check(claims["aud"] == issuer.url.as_str(), "for the issuer alone")?;
        names.push(claims["jti"].clone());
    }
    check(names[0] != names[1], "each used once")?;
    let proof = token.proof().ok_or("no proof")?;
    check(proof["htm"] == "POST" && proof["htu"] == token.url.as_str(), "a proof for this request")?;
    let shown = format!("DPoP {}", issuer.access_token());
    check(issuer.last(To::Userinfo).header("authorization") == Some(&shown), "the bound token")?;
    let record = story.store.load().ok_or("nothing is kept")?;
    check(record.view.bound && record.view.identity.subject.as_str() == SUBJECT, "a bound session")?;
    Ok(Ending::Done)
}
