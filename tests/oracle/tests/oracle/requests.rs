//! Requests: the crate `oauth2`, written by others, says the same words.
//!
//! Parameters have names and no order (RFC 6749 section 4 and appendix B), and each side has an order of its own:
//! `oauth2` puts `client_id` behind what a grant brings, core writes them as the specification lists them. So encoded
//! pairs are compared as a sorted list; everything else is compared byte by byte.

use std::cell::RefCell;
use std::convert::Infallible;
use std::time::Duration;

use gatepass_core::field::Field;
use gatepass_core::http::{Method, Request, Response};
use gatepass_core::json::Writer;
use gatepass_core::name::{Audience, ClientId, Scopes};
use gatepass_core::protocol::authorize::{self, Ask};
use gatepass_core::protocol::client_auth::{ClientAuth, Prepared};
use gatepass_core::protocol::token_exchange::Presented;
use gatepass_core::protocol::{device, exchange, introspect, par, pkce, refresh, revoke, token_exchange};
use gatepass_core::secret::Secret;
use gatepass_core::testing::SeededDice;
use gatepass_core::time::Timestamp;
use gatepass_core::url::{Endpoint, Issuer, RedirectUri};
use gatepass_oracle::cases;
use oauth2::basic::BasicClient;
use oauth2::{
    AccessToken, AuthType, AuthUrl, AuthorizationCode, ClientSecret, CsrfToken, DeviceAuthorizationUrl,
    EmptyExtraDeviceAuthorizationFields, HttpRequest, HttpResponse, IntrospectionUrl, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RefreshToken, RevocationUrl, Scope, StandardDeviceAuthorizationResponse,
    StandardRevocableToken, TokenUrl,
};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn authorization_url(
        endpoint in endpoint(), client in name(), redirect in redirect(), scopes in scopes(),
        audience in option::of(audience()), state in secret(), nonce in secret(), verifier in verifier(),
        thumbprint in option::of("[A-Za-z0-9_-]{43}"), prompt in option::of(secret()),
        hint in option::of(secret()),
        max_age in option::of(any::<u32>()),
    ) {
        let ask = Ask {
            client_id: &ClientId::new(&client).unwrap(),
            redirect_uri: &RedirectUri::new(&redirect).unwrap(),
            scopes: &Scopes::parse(&scopes.join(" ")).unwrap(),
            audience: audience.as_ref(),
            state: &Secret::from(state.as_str()),
            nonce: &Secret::from(nonce.as_str()),
            verifier: &Secret::from(verifier.as_str()),
            thumbprint: thumbprint.clone(),
            prompt: prompt.as_deref(),
            login_hint: hint.as_deref(),
            max_age: max_age.map(|seconds| Duration::from_secs(seconds.into())),
        };
        let our_endpoint = Endpoint::new(&endpoint, Field::AuthorizationEndpoint).unwrap();
        let ours = authorize::url(&our_endpoint, ask.form());
        let pushed = par::request(&our_endpoint, ask.form()).body.unwrap();
        // Core asks for consent by itself where it asks for offline access (OpenID Connect Core 1.0 section 11).
        let consent = scopes.iter().any(|scope| scope == "offline_access").then(|| "consent".to_owned());
        let theirs = BasicClient::new(oauth2::ClientId::new(client))
            .set_auth_uri(AuthUrl::new(endpoint).unwrap())
            .set_redirect_uri(RedirectUrl::new(redirect).unwrap());
        let mut theirs = theirs
            .authorize_url(|| CsrfToken::new(state))
            .add_scopes(scopes.into_iter().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier)))
            .add_extra_param("nonce", nonce);
        for (name, value) in [
            ("dpop_jkt", thumbprint),
            ("prompt", prompt.or(consent)),
            ("login_hint", hint),
            ("max_age", max_age.map(|seconds| seconds.to_string())),
        ] {
            if let Some(value) = value {
                theirs = theirs.add_extra_param(name, value);
            }
        }
        if let Some((name, value)) = audience.as_ref().map(Audience::parameter) {
            theirs = theirs.add_extra_param(name, value);
        }
        let (theirs, _) = theirs.url();
        let (address, query) = ours.expose().split_once('?').unwrap();
        let (their_address, their_query) = theirs.as_str().split_once('?').unwrap();
        prop_assert_eq!(address, their_address);
        prop_assert_eq!(sorted(query), sorted(their_query));
        // `oauth2` hands nothing in beforehand; what core hands in are the same bytes (RFC 9126 section 2.1).
        let bare = our_endpoint.as_str().split_once('?').map_or(0, |(_, own)| own.len() + 1);
        prop_assert_eq!(pushed.expose(), &query[bare..]);
    }

    #[test]
    fn code_exchange(
        endpoint in endpoint(), client in name(), auth in auth(), redirect in redirect(), code in secret(),
        verifier in verifier(),
    ) {
        let ours = exchange::request(
            &Endpoint::new(&endpoint, Field::TokenEndpoint).unwrap(),
            &ClientId::new(&client).unwrap(),
            Some(&RedirectUri::new(&redirect).unwrap()),
            &Secret::from(code.as_str()),
            &Secret::from(verifier.as_str()),
        );
        let theirs = captured(|http| {
            let _ = auth.of(&client)
                .set_token_uri(TokenUrl::new(endpoint).unwrap())
                .set_redirect_uri(RedirectUrl::new(redirect).unwrap())
                .exchange_code(AuthorizationCode::new(code))
                .set_pkce_verifier(PkceCodeVerifier::new(verifier))
                .request(&http);
        });
        compare(&auth.prepare(&client, ours), &theirs, Order::Own)?;
    }

    #[test]
    fn refreshing(
        endpoint in endpoint(), client in name(), auth in auth(), token in secret(),
        audience in option::of(audience()), scopes in option::of(scopes()),
    ) {
        let our_scopes = scopes.as_ref().map(|scopes| Scopes::parse(&scopes.join(" ")).unwrap());
        let ours = refresh::request(
            &Endpoint::new(&endpoint, Field::TokenEndpoint).unwrap(),
            &ClientId::new(&client).unwrap(),
            &Secret::from(token.as_str()),
            audience.as_ref(),
            our_scopes.as_ref(),
        );
        let order = if scopes.is_none() && audience.is_none() { Order::Same } else { Order::Own };
        let theirs = captured(|http| {
            let client = auth.of(&client).set_token_uri(TokenUrl::new(endpoint).unwrap());
            let token = RefreshToken::new(token);
            let mut request = client
                .exchange_refresh_token(&token)
                .add_scopes(scopes.into_iter().flatten().map(Scope::new));
            if let Some((name, value)) = audience.as_ref().map(Audience::parameter) {
                request = request.add_extra_param(name, value);
            }
            let _ = request.request(&http);
        });
        compare(&auth.prepare(&client, ours), &theirs, order)?;
    }

    #[test]
    fn revoking(endpoint in https_endpoint(), client in name(), auth in auth(), token in secret()) {
        let ours = revoke::request(
            &Endpoint::new(&endpoint, Field::RevocationEndpoint).unwrap(),
            &ClientId::new(&client).unwrap(),
            &Secret::from(token.as_str()),
        );
        let theirs = captured(|http| {
            let _ = auth.of(&client)
                .set_revocation_url(RevocationUrl::new(endpoint).unwrap())
                .revoke_token(StandardRevocableToken::from(RefreshToken::new(token)))
                .unwrap()
                .request(&http);
        });
        compare(&auth.prepare(&client, ours), &theirs, Order::Same)?;
    }

    #[test]
    fn device_authorization(
        endpoint in endpoint(), client in name(), auth in auth(), audience in option::of(audience()),
        scopes in prop_oneof![Just(Vec::new()), scopes()],
    ) {
        let ours = device::request(
            &Endpoint::new(&endpoint, Field::DeviceAuthorizationEndpoint).unwrap(),
            &ClientId::new(&client).unwrap(),
            &Scopes::parse(&scopes.join(" ")).unwrap(),
            audience.as_ref(),
        );
        let theirs = captured(|http| {
            let client = auth.of(&client)
                .set_device_authorization_url(DeviceAuthorizationUrl::new(endpoint).unwrap());
            let mut request = client.exchange_device_code().add_scopes(scopes.into_iter().map(Scope::new));
            if let Some((name, value)) = audience.as_ref().map(Audience::parameter) {
                request = request.add_extra_param(name, value);
            }
            let _ = request.request::<_, EmptyExtraDeviceAuthorizationFields>(&http);
        });
        compare(&auth.prepare(&client, ours), &theirs, Order::Own)?;
    }

    #[test]
    fn device_polling(endpoint in endpoint(), client in name(), auth in auth(), code in secret()) {
        let answer = Writer::new()
            .text("device_code", &code)
            .text("user_code", "WDJB-MJHT")
            .text("verification_uri", "https://a.example/device")
            .number("expires_in", 1800)
            .finish();
        let response = Response::new(200, &|_| None, answer.clone().into_bytes());
        let begun = device::parse(&response, Timestamp::from_seconds(0)).unwrap();
        let ours = begun.polling.request(
            &Endpoint::new(&endpoint, Field::TokenEndpoint).unwrap(),
            &ClientId::new(&client).unwrap(),
        );
        let theirs = captured(|http| {
            let details: StandardDeviceAuthorizationResponse = serde_json::from_str(&answer).unwrap();
            let _ = auth.of(&client)
                .set_token_uri(TokenUrl::new(endpoint).unwrap())
                .exchange_device_access_token(&details)
                .request(&http, |_| {}, None);
        });
        compare(&auth.prepare(&client, ours), &theirs, Order::Same)?;
    }

    #[test]
    fn introspecting(
        endpoint in endpoint(), client in name(), auth in auth(), token in secret(),
        hint in option::of(select(vec!["access_token", "refresh_token"])),
    ) {
        let ours = introspect::request(
            &Endpoint::new(&endpoint, Field::IntrospectionEndpoint).unwrap(),
            &ClientId::new(&client).unwrap(),
            &Secret::from(token.as_str()),
            hint,
        );
        let theirs = captured(|http| {
            let client = auth.of(&client).set_introspection_url(IntrospectionUrl::new(endpoint).unwrap());
            let token = AccessToken::new(token);
            let mut request = client.introspect(&token);
            if let Some(hint) = hint {
                request = request.set_token_type_hint(hint);
            }
            let _ = request.request(&http);
        });
        compare(&auth.prepare(&client, ours), &theirs, Order::Same)?;
    }

    /// `oauth2` knows no token exchange (RFC 8693): its client credentials, with everything else added to them, bring
    /// the same pairs but for the grant's name.
    #[test]
    fn token_exchange(
        endpoint in endpoint(), client in name(), auth in auth(), subject in secret(),
        actor in option::of(secret()), audiences in vec(audience(), 0..3),
        scopes in prop_oneof![Just(Vec::new()), scopes()],
    ) {
        let subject_token = Secret::from(subject.as_str());
        let actor_token = actor.as_deref().map(Secret::from);
        let ours = token_exchange::request(
            &Endpoint::new(&endpoint, Field::TokenEndpoint).unwrap(),
            &ClientId::new(&client).unwrap(),
            &token_exchange::Ask {
                subject: Presented { token: &subject_token, kind: token_exchange::ACCESS_TOKEN },
                actor: actor_token.as_ref().map(|token| Presented { token, kind: token_exchange::JWT }),
                audiences: &audiences.iter().collect::<Vec<_>>(),
                scopes: &Scopes::parse(&scopes.join(" ")).unwrap(),
                requested_kind: Some(token_exchange::ACCESS_TOKEN),
                thumbprint: None,
            },
        );
        let mut extra = vec![
            ("requested_token_type", token_exchange::ACCESS_TOKEN),
            ("subject_token", &subject),
            ("subject_token_type", token_exchange::ACCESS_TOKEN),
        ];
        if let Some(actor) = &actor {
            extra.extend([("actor_token", actor.as_str()), ("actor_token_type", token_exchange::JWT)]);
        }
        extra.extend(audiences.iter().map(Audience::parameter));
        let mut theirs = captured(|http| {
            let client = auth.of(&client).set_token_uri(TokenUrl::new(endpoint).unwrap());
            let request = client.exchange_client_credentials().add_scopes(scopes.into_iter().map(Scope::new));
            let _ = extra
                .iter()
                .fold(request, |request, (name, value)| request.add_extra_param(*name, *value))
                .request(&http);
        });
        let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange";
        let body = str::from_utf8(theirs.body()).unwrap();
        *theirs.body_mut() = body.replacen("grant_type=client_credentials", grant, 1).into_bytes();
        compare(&auth.prepare(&client, ours), &theirs, Order::Own)?;
    }

    #[test]
    fn challenges(verifier in verifier()) {
        let theirs = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.clone()));
        prop_assert_eq!(pkce::challenge(&Secret::from(verifier.as_str())), theirs.as_str());
        prop_assert_eq!(pkce::METHOD, theirs.method().as_str());
    }
}

/// `oauth2` writes an address anew before it is used; core sends to what was configured, character by character, and
/// refuses what it would have to interpret. Generated addresses keep to those that have one spelling.
#[test]
fn addresses_are_not_written_anew() {
    for (configured, rewritten) in [
        ("https://a.example", "https://a.example/"),
        ("https://a.example?x=1", "https://a.example/?x=1"),
        ("https://a.example:443/token", "https://a.example/token"),
        ("https://a.example/x/../token", "https://a.example/token"),
        ("https://a.example/token?x='1'", "https://a.example/token?x=%271%27"),
        ("http://[0:0:0:0:0:0:0:1]/token", "http://[::1]/token"),
    ] {
        assert_eq!(TokenUrl::new(configured.to_owned()).unwrap().url().as_str(), rewritten);
        match Endpoint::new(configured, Field::TokenEndpoint) {
            Ok(endpoint) => assert_eq!(endpoint.as_str(), configured),
            // Plain http to this machine is known by its two literals.
            Err(_) => assert!(configured.starts_with("http://"), "{configured}"),
        }
    }
}

const SECURE: [&str; 2] = ["https://a.example", "https://id.a-b.example:8443"];
const HERE: [&str; 2] = ["http://127.0.0.1:9400", "http://[::1]:1"];

fn endpoint() -> impl Strategy<Value = String> {
    address([SECURE, HERE].concat())
}

/// `oauth2` revokes over https alone, on this machine too.
fn https_endpoint() -> impl Strategy<Value = String> {
    address(SECURE.to_vec())
}

/// A host, a path and perhaps a query, in the one spelling that all parsers agree on.
fn address(hosts: Vec<&'static str>) -> impl Strategy<Value = String> {
    let query = option::of("[a-z]{1,8}=([A-Za-z0-9._~!$()*,;:@/?+-]|%2F){0,12}");
    let path = "(/[A-Za-z0-9_~!$&()*+,;=:@-][A-Za-z0-9._~!$&'()*+,;=:@-]{0,9}){1,4}/?";
    (select(hosts), path, query).prop_map(|(host, path, query)| match query {
        Some(query) => format!("{host}{path}?{query}"),
        None => format!("{host}{path}"),
    })
}

/// Everything that core takes for a redirect URI: nobody may write it anew (RFC 9700 section 4.1.3).
fn redirect() -> impl Strategy<Value = String> {
    let rest =
        "(/([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}){0,20})?([?][A-Za-z0-9._~!$&'()*+,;=:@/?-]{0,20})?";
    prop_oneof![
        (1..=u16::MAX, rest).prop_map(|(port, rest)| format!("http://127.0.0.1:{port}{rest}")),
        "https://[a-z]{1,9}[.]example(:443)?(/[A-Za-z0-9._~-]{0,9}){0,3}",
    ]
}

/// RFC 6749 appendix A: whatever can be printed in ASCII.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{1,40}", "[a-z0-9-]{1,20}", "[ -~]{255}"]
}

/// Codes, tokens, states: what servers really issue, what forms have to escape, and what nobody expects.
fn secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9._~+/=-]{1,80}",
        "[ -~]{1,80}",
        "\\PC{1,40}",
        any::<String>().prop_filter("not empty", |text| !text.is_empty()),
    ]
}

/// RFC 7636 section 4.1.
fn verifier() -> impl Strategy<Value = String> {
    "[A-Za-z0-9._~-]{43,128}"
}

/// RFC 6749 section 3.3, each of them once: core counts a repeated scope once, `oauth2` repeats it.
fn scopes() -> impl Strategy<Value = Vec<String>> {
    let scope =
        prop_oneof![Just("openid".to_owned()), Just("offline_access".to_owned()), "[!#-\\[\\]-~]{1,12}",];
    btree_set(scope, 1..6).prop_map(|scopes| scopes.into_iter().collect::<Vec<_>>()).prop_shuffle()
}

fn audience() -> impl Strategy<Value = Audience> {
    prop_oneof![
        name().prop_map(|name| Audience::named(&name).unwrap()),
        "https://[a-z]{1,9}[.]example(/[!$-~]{0,20})?".prop_map(|url| Audience::resource(&url).unwrap()),
    ]
}

/// How the client shows that it is itself.
#[derive(Clone, Debug)]
enum Auth {
    Public,
    Basic(String),
    Post(String),
}

fn auth() -> impl Strategy<Value = Auth> {
    prop_oneof![Just(Auth::Public), secret().prop_map(Auth::Basic), secret().prop_map(Auth::Post)]
}

impl Auth {
    /// Core adds what it takes to a public client's request.
    fn prepare(&self, client: &str, request: Request) -> Request {
        let auth = match self {
            Self::Public => ClientAuth::None,
            Self::Basic(secret) => ClientAuth::SecretBasic(Secret::from(secret.as_str())),
            Self::Post(secret) => ClientAuth::SecretPost(Secret::from(secret.as_str())),
        };
        let (client, issuer) = (ClientId::new(client).unwrap(), Issuer::new("https://a.example").unwrap());
        let now = Timestamp::from_seconds(0);
        match auth.prepare(&client, &issuer, request, now, &mut SeededDice::new(0)).unwrap() {
            Prepared::Ready(request) => request,
            Prepared::Sign(_) => unreachable!("a secret signs nothing"),
        }
    }

    /// `oauth2` knows it from the beginning.
    fn of(&self, client: &str) -> BasicClient {
        let client = BasicClient::new(oauth2::ClientId::new(client.to_owned()));
        match self {
            Self::Public => client,
            Self::Basic(secret) => client.set_client_secret(ClientSecret::new(secret.clone())),
            Self::Post(secret) => client
                .set_client_secret(ClientSecret::new(secret.clone()))
                .set_auth_type(AuthType::RequestBody),
        }
    }
}

/// Lets the other crate send into our hands.
fn captured(send: impl FnOnce(&dyn Fn(HttpRequest) -> Result<HttpResponse, Infallible>)) -> HttpRequest {
    let seen = RefCell::new(None);
    send(&|request| {
        *seen.borrow_mut() = Some(request);
        let answer = br#"{"access_token":"a","token_type":"bearer"}"#.to_vec();
        Ok(oauth2::http::Response::builder().header("content-type", "application/json").body(answer).unwrap())
    });
    seen.into_inner().expect("a request was sent")
}

/// Whether both sides write their parameters in one order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Same,
    Own,
}

/// Method, address, those headers that mean something, and the body.
fn compare(ours: &Request, theirs: &HttpRequest, order: Order) -> Result<(), TestCaseError> {
    prop_assert_eq!(ours.method, Method::Post);
    prop_assert_eq!(ours.method.as_str(), theirs.method().as_str());
    prop_assert_eq!(ours.url.as_str(), theirs.uri().to_string());
    // A stray `authorization` would be a second set of credentials.
    for name in ["content-type", "accept", "authorization"] {
        let header = ours.headers.iter().find(|(known, _)| *known == name);
        let value = header.map(|(_, value)| value.expose().as_str());
        prop_assert_eq!(value, theirs.headers().get(name).map(|value| value.to_str().unwrap()));
    }
    prop_assert_eq!(ours.headers.len(), theirs.headers().len());
    let body = ours.body.as_ref().unwrap().expose().as_str();
    let expected = str::from_utf8(theirs.body()).unwrap();
    match order {
        Order::Same => prop_assert_eq!(body, expected),
        Order::Own => prop_assert_eq!(sorted(body), sorted(expected)),
    }
    Ok(())
}

/// The encoded pairs of a form or query.
fn sorted(pairs: &str) -> Vec<&str> {
    let mut pairs: Vec<&str> = pairs.split('&').collect();
    pairs.sort_unstable();
    pairs
}
