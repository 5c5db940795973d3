//! The modules of the logout plans.

use gatepass_core::error::Error;
use gatepass_core::protocol::id_token::Check;
use gatepass_core::protocol::{end_session, frontchannel_logout, jwks, logout_token};
use gatepass_core::secret::Secret;
use gatepass_core::url::RedirectUri;
use serde_json::{Value, json};

use super::{Ending, Told, append, check, done, remove};
use crate::issuer::{CANARY, Change, Issuer, NOW, SUBJECT, To};
use crate::signing::verify;
use crate::story::Story;

const BACK: &str = "https://app.example/bye";

fn signed_in() -> Result<Story, String> {
    let mut story = Story::new(Issuer::new("RS256"));
    story.tell().map_err(|error| format!("{error:?}"))?;
    Ok(story)
}

pub(super) fn tell(module: &str) -> Option<Told> {
    const NOTHING: Change = |_| {};
    let back_channel = |claims: Change, header: Option<Change>| back_channel(claims, header);
    Some(match module.strip_prefix("rp-").unwrap_or(module) {
        "backchannel-rpinitlogout" => back_channel(NOTHING, None),
        "backchannel-rpinitlogout-alg-none" => {
            back_channel(NOTHING, Some(|header| header["alg"] = json!("none")))
        }
        "backchannel-rpinitlogout-wrong-alg" => back_channel(
            NOTHING,
            Some(|header| {
                header["alg"] = json!("ES256");
                header["kid"] = json!("ES256-1");
            }),
        ),
        "backchannel-rpinitlogout-no-event" => back_channel(|claims| remove(claims, "events"), None),
        "backchannel-rpinitlogout-with-nonce" => {
            back_channel(|claims| claims["nonce"] = json!("logout_tokens_must_not_contain_a_nonce"), None)
        }
        "backchannel-rpinitlogout-wrong-aud" => back_channel(|claims| append(claims, "aud", "INVALID"), None),
        "backchannel-rpinitlogout-wrong-event" => back_channel(
            |claims| claims["events"] = json!({ "http://schemas.openid.net/event/foobar": {} }),
            None,
        ),
        "backchannel-rpinitlogout-wrong-iss" => back_channel(|claims| append(claims, "iss", "INVALID"), None),
        "frontchannel-opinitlogout" => front_channel(false),
        "frontchannel-rpinitlogout" => front_channel(true),
        "init-logout" => init_logout(Some(""), true),
        "init-logout-other-state" => init_logout(Some("_INVALID"), false),
        "init-logout-no-state" => init_logout(None, false),
        "session-management" => {
            let mut story = Story::new(Issuer::new("RS256"));
            story.issuer.faults.discovery =
                Some(|document| document["check_session_iframe"] = json!("https://frame.example/check"));
            done(story)
        }
        _ => return None,
    })
}

/// What a client's server does with a logout token: its status.
fn receive(story: &mut Story, body: &str) -> u16 {
    let judged = (|| {
        let token = logout_token::read(body)?;
        let provider = story.provider.as_ref().ok_or(Error::NotSignedIn)?;
        let keys = jwks::parse(&story.issuer.answer(&jwks::request(&provider.jwks_uri)))?;
        let check: Check = logout_token::check(&token, &keys, story.client.id_token_algorithm)?;
        let vouched = verify(check)?;
        logout_token::prove(&token, &vouched, &story.client.issuer, story.client_id(), story.now)
    })();
    match judged {
        Ok(signed_out) => {
            let record = story.store.load().filter(|record| {
                signed_out.subject.as_ref().is_none_or(|subject| record.view.identity.subject == *subject)
            });
            if let Some(record) = record {
                assert!(story.store.erase(record.generation), "nobody else is at the store");
            }
            200
        }
        Err(error) => {
            assert!(!format!("{error:?} {error}").contains(CANARY), "the error carries content");
            400
        }
    }
}

/// The token of the story has a fault or none: 400 and a session that stays, or 200 and one that is over.
fn back_channel(change: Change, header: Option<Change>) -> Told {
    let mut story = signed_in()?;
    let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    let sound = json!({
        "iss": story.issuer.url, "aud": story.issuer.audience, "sub": SUBJECT, "sid": "session-1",
        "iat": NOW, "exp": NOW + 120, "jti": "canary-1", "events": events,
    });
    let mut claims: Value = sound.clone();
    change(&mut claims);
    story.issuer.faults.header = header;
    let token = story.issuer.sign(&claims, true);
    let status = receive(&mut story, &format!("logout_token={token}"));
    let over = story.store.load().is_none();
    if claims == sound && header.is_none() {
        check(status == 200 && over, "200, and the session is over")?;
        return Ok(Ending::Done);
    }
    check(status == 400 && !over, "400, and the session stays")?;
    Ok(Ending::Stopped)
}

/// Sends the person to the issuer's end of session; gives the state that went along.
fn leave(story: &mut Story) -> Result<Secret, String> {
    let provider = story.provider.clone().ok_or("no provider")?;
    let endpoint = provider.end_session_endpoint.ok_or("no end of session")?;
    let back = RedirectUri::new(BACK).map_err(|error| format!("{error:?}"))?;
    let state = Secret::from("canary-state");
    let ask = end_session::Ask {
        client_id: story.client_id(),
        id_token_hint: None,
        logout_hint: None,
        back_to: Some((&back, &state)),
    };
    let url = end_session::url(&endpoint, &ask);
    check(story.issuer.visit(url.expose()) == To::EndSession, "the issuer's address")?;
    let seen = story.issuer.last(To::EndSession);
    check(seen.parameter("post_logout_redirect_uri") == Some(BACK), "the way back")?;
    check(seen.parameter("state") == Some("canary-state"), "the state")?;
    Ok(state)
}

/// The session here is over before the person leaves, so that nothing hangs on how they come back.
fn sign_out_here(story: &Story) -> Result<(), String> {
    check(story.store.load().is_none(), "signed out here")
}

fn front_channel(after_leaving: bool) -> Told {
    let mut story = signed_in()?;
    if after_leaving {
        leave(&mut story)?;
    }
    let issuer = &story.client.issuer;
    let parse = |query: &str| frontchannel_logout::parse(query, issuer, Some("session-1"));
    let own = "iss=https%3A%2F%2Fissuer.example&sid=";
    check(parse(&format!("{own}session-2")) == Ok(false), "another session stays")?;
    check(parse("iss=https%3A%2F%2Fother.example&sid=session-1") == Ok(false), "another issuer's stays")?;
    check(parse(&format!("{own}session-1")) == Ok(true), "this one is meant")?;
    let generation = story.store.load().ok_or("nobody is signed in")?.generation;
    check(story.store.erase(generation), "it is erased")?;
    sign_out_here(&story)?;
    Ok(Ending::Done)
}

/// `suffix` is what the issuer does to the state, `ours` whether the return is then known for ours.
fn init_logout(suffix: Option<&str>, ours: bool) -> Told {
    let mut story = signed_in()?;
    let generation = story.store.load().ok_or("nobody is signed in")?.generation;
    check(story.store.erase(generation), "it is erased")?;
    let state = leave(&mut story)?;
    let query = suffix.map_or_else(String::new, |suffix| format!("state={}{suffix}", state.expose()));
    let before = story.issuer.seen.len();
    let known = end_session::parse(&query, &state).map_err(|error| format!("{error:?}"))?;
    check(known == ours, "whether the return is ours")?;
    check(story.issuer.seen.len() == before, "nothing is asked")?;
    sign_out_here(&story)?;
    Ok(if ours { Ending::Done } else { Ending::Shrugged })
}
