//! Sign-in at an organization's own OpenID provider: what its answers must say before anybody is let in.

use gatepass_core::field::Field;
use gatepass_core::secret::Secret;
use gatepass_core::time::{LEEWAY, Timestamp};
use gatepass_core::url::{Endpoint, Issuer};
use serde_json::Value;

use super::address;

/// How long a person may take there, in seconds.
pub(crate) const WAIT_SECONDS: u64 = 30 * 60;

/// A provider and the domains whose people it signs in. The operator vouches for it: it alone says who holds an
/// address of these domains, and it says nothing about any other.
pub(crate) struct Connection {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) issuer: Issuer,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<Secret>,
    pub(crate) domains: Vec<String>,
}

/// Why somebody is not signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No answer, or one that says that the provider has trouble.
    Unreachable,
    /// The provider, or the person there, said no.
    Denied,
    /// An answer that must not be believed, and what is wrong with it.
    Answer(&'static str),
    /// The provider does not say that the address is proven.
    Unverified,
    /// The address is of none of the connection's domains.
    Domain,
    /// The address belongs to another account of the same provider.
    Taken,
}

/// What a provider says about itself (OpenID Connect Discovery 1.0 section 3).
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) authorization_endpoint: Endpoint,
    pub(crate) token_endpoint: Endpoint,
    pub(crate) jwks_uri: Endpoint,
    pub(crate) userinfo_endpoint: Option<Endpoint>,
    /// It names itself in its responses (RFC 9207 section 3).
    pub(crate) names_itself: bool,
    /// It takes the secret in the body alone.
    pub(crate) secret_in_body: bool,
}

/// Reads the metadata; the issuer is compared exactly (section 4.3).
pub(crate) fn provider(metadata: &Value, issuer: &Issuer) -> Result<Provider, Fault> {
    if metadata["issuer"] != issuer.as_str() {
        return Err(Fault::Answer("metadata of another issuer"));
    }
    let optional = |name: &str| match &metadata[name] {
        Value::Null => Ok(None),
        Value::String(text) => {
            Endpoint::new(text, Field::Issuer).map(Some).map_err(|_| Fault::Answer("endpoint"))
        }
        _ => Err(Fault::Answer("endpoint")),
    };
    let endpoint = |name| optional(name)?.ok_or(Fault::Answer("endpoint missing"));
    // Section 3: without the member, `client_secret_basic`.
    let methods = metadata["token_endpoint_auth_methods_supported"].as_array();
    let takes = |method: &str| methods.is_some_and(|known| known.iter().any(|known| known == method));
    Ok(Provider {
        authorization_endpoint: endpoint("authorization_endpoint")?,
        token_endpoint: endpoint("token_endpoint")?,
        jwks_uri: endpoint("jwks_uri")?,
        userinfo_endpoint: optional("userinfo_endpoint")?,
        names_itself: metadata["authorization_response_iss_parameter_supported"] == true,
        secret_in_body: takes("client_secret_post") && !takes("client_secret_basic"),
    })
}

/// Whether a response is this issuer's (RFC 9207 section 2.4). Before its code is sent anywhere.
pub(crate) fn check_issuer(given: Option<&str>, issuer: &Issuer, provider: &Provider) -> Result<(), Fault> {
    match given {
        Some(given) if given == issuer.as_str() => Ok(()),
        None if !provider.names_itself => Ok(()),
        _ => Err(Fault::Answer("`iss` of the response")),
    }
}

/// What an ID token has to go with.
pub(crate) struct Expected<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) nonce: &'a str,
    /// How old the sign-in there may be, where that was asked.
    pub(crate) max_age: Option<u64>,
    pub(crate) now: Timestamp,
}

/// Holds the claims of an ID token whose signature is right against what was asked (OpenID Connect Core section
/// 3.1.3.7), and gives its subject.
pub(crate) fn subject<'a>(claims: &'a Value, expected: &Expected<'_>) -> Result<&'a str, Fault> {
    let Expected { connection, nonce, max_age, now } = expected;
    if claims["iss"] != connection.issuer.as_str() {
        return Err(Fault::Answer("`iss`"));
    }
    let ours = |value: &Value| value == connection.client_id.as_str();
    let audience = match &claims["aud"] {
        Value::Array(several) => several.iter().any(ours),
        one => ours(one),
    };
    if !audience {
        return Err(Fault::Answer("`aud`"));
    }
    // Points 4 and 5: with several audiences, it says which is meant.
    let several = claims["aud"].as_array().is_some_and(|several| several.len() > 1);
    if (several || !claims["azp"].is_null()) && !ours(&claims["azp"]) {
        return Err(Fault::Answer("`azp`"));
    }
    let moment = |name: &str| claims[name].as_u64().map(Timestamp::from_seconds);
    if moment("exp").is_none_or(|exp| exp.plus(LEEWAY) <= *now) {
        return Err(Fault::Answer("`exp`"));
    }
    if moment("iat").is_none_or(|iat| iat.since(*now) > LEEWAY) {
        return Err(Fault::Answer("`iat`"));
    }
    if claims["nonce"] != *nonce {
        return Err(Fault::Answer("`nonce`"));
    }
    if let Some(seconds) = max_age {
        // Point 13.
        let age = moment("auth_time").map(|at| now.since(at).as_secs());
        if age.is_none_or(|age| age > seconds.saturating_add(LEEWAY.as_secs())) {
            return Err(Fault::Answer("`auth_time`"));
        }
    }
    // Section 2: at most 255 ASCII characters.
    let subject = claims["sub"].as_str().filter(|sub| !sub.is_empty() && sub.len() <= 255);
    subject.ok_or(Fault::Answer("`sub`"))
}

/// The proven address out of an ID token or a userinfo answer.
pub(crate) fn email(claims: &Value, connection: &Connection) -> Result<String, Fault> {
    // Only this: an address that nobody proved is anybody's (OpenID Connect Core section 5.7).
    if claims["email_verified"] != true {
        return Err(Fault::Unverified);
    }
    let email = claims["email"].as_str().and_then(address::normal).ok_or(Fault::Answer("`email`"))?;
    if connection.domains.iter().any(|domain| domain == address::domain(&email)) {
        Ok(email)
    } else {
        Err(Fault::Domain)
    }
}

/// The connection that signs people of this domain in.
pub(crate) fn of_domain<'a>(
    mut connections: impl Iterator<Item = &'a Connection>,
    domain: &str,
) -> Option<&'a Connection> {
    let domain = address::normal_domain(domain)?;
    connections.find(|connection| connection.domains.contains(&domain))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_000_000;

    fn connection() -> Connection {
        Connection {
            id: "oidc".into(),
            name: "Acme".into(),
            issuer: Issuer::new("https://idp.example").unwrap(),
            client_id: "us".into(),
            client_secret: None,
            domains: vec!["acme.example".into()],
        }
    }

    fn metadata() -> Value {
        json!({
            "issuer": "https://idp.example",
            "authorization_endpoint": "https://idp.example/auth",
            "token_endpoint": "https://idp.example/token",
            "jwks_uri": "https://idp.example/jwks",
        })
    }

    #[test]
    fn metadata_is_read_strictly() {
        let issuer = connection().issuer;
        let good = provider(&metadata(), &issuer).unwrap();
        assert!(good.userinfo_endpoint.is_none() && !good.names_itself && !good.secret_in_body);
        for (member, value) in [
            ("issuer", json!("https://idp.example/")),
            ("issuer", Value::Null),
            ("token_endpoint", Value::Null),
            ("token_endpoint", json!("http://idp.example/token")),
            ("jwks_uri", json!(7)),
            ("authorization_endpoint", json!("javascript:alert(1)")),
            ("userinfo_endpoint", json!("https://user@idp.example/")),
        ] {
            let mut bad = metadata();
            bad[member] = value;
            assert!(provider(&bad, &issuer).is_err(), "{bad}");
        }
        let mut post = metadata();
        post["token_endpoint_auth_methods_supported"] = json!(["client_secret_post", "private_key_jwt"]);
        assert!(provider(&post, &issuer).unwrap().secret_in_body);
    }

    #[test]
    fn responses_of_another_issuer_are_refused() {
        let issuer = connection().issuer;
        let silent = provider(&metadata(), &issuer).unwrap();
        let named = Provider { names_itself: true, ..provider(&metadata(), &issuer).unwrap() };
        let right = Some("https://idp.example");
        assert!(
            check_issuer(right, &issuer, &named).is_ok() && check_issuer(right, &issuer, &silent).is_ok()
        );
        assert!(check_issuer(None, &issuer, &silent).is_ok());
        assert!(check_issuer(None, &issuer, &named).is_err());
        for provider in [&silent, &named] {
            assert!(check_issuer(Some("https://evil.example"), &issuer, provider).is_err());
        }
    }

    #[test]
    fn each_claim_counts() {
        let connection = connection();
        let claims = || json!({"iss": "https://idp.example", "aud": "us", "exp": NOW + 60, "iat": NOW, "nonce": "n", "sub": "s"});
        let judge = |claims: &Value, max_age| {
            let now = Timestamp::from_seconds(NOW);
            subject(claims, &Expected { connection: &connection, nonce: "n", max_age, now })
                .map(str::to_owned)
        };
        assert_eq!(judge(&claims(), None).as_deref(), Ok("s"));
        let with = |member: &str, value: Value| {
            let mut claims = claims();
            claims[member] = value;
            claims
        };
        for (member, value) in [
            ("iss", json!("https://idp.example/")),
            ("aud", json!("them")),
            ("aud", json!([])),
            ("aud", json!(["us", "them"])),
            ("azp", json!("them")),
            ("exp", json!(NOW - 61)),
            ("exp", json!("soon")),
            ("iat", json!(NOW + 61)),
            ("iat", Value::Null),
            ("nonce", json!("m")),
            ("nonce", Value::Null),
            ("sub", json!("")),
            ("sub", json!(7)),
            ("sub", json!("x".repeat(256))),
        ] {
            let claims = with(member, value);
            assert!(matches!(judge(&claims, None), Err(Fault::Answer(_))), "{claims}");
        }
        let mut several = with("aud", json!(["us", "them"]));
        several["azp"] = json!("us");
        assert!(judge(&several, None).is_ok());
        assert_eq!(judge(&claims(), Some(30)), Err(Fault::Answer("`auth_time`")));
        assert!(judge(&with("auth_time", json!(NOW - 90)), Some(30)).is_ok());
        assert!(judge(&with("auth_time", json!(NOW - 91)), Some(30)).is_err());
    }

    #[test]
    fn addresses_are_proven_and_of_the_domain() {
        let judge = |claims: Value| email(&claims, &connection());
        assert_eq!(
            judge(json!({"email": "Ada@ACME.example", "email_verified": true})).as_deref(),
            Ok("ada@acme.example")
        );
        for (claims, expected) in [
            (json!({"email": "ada@acme.example"}), Fault::Unverified),
            (json!({"email": "ada@acme.example", "email_verified": false}), Fault::Unverified),
            (json!({"email": "ada@acme.example", "email_verified": "true"}), Fault::Unverified),
            (json!({"email_verified": true}), Fault::Answer("`email`")),
            (
                json!({"email": "ada@acme.example@evil.example", "email_verified": true}),
                Fault::Answer("`email`"),
            ),
            (json!({"email": "ada@evil.example", "email_verified": true}), Fault::Domain),
            (json!({"email": "ada@sub.acme.example", "email_verified": true}), Fault::Domain),
            (json!({"email": "ada@evilacme.example", "email_verified": true}), Fault::Domain),
        ] {
            assert_eq!(judge(claims.clone()), Err(expected), "{claims}");
        }
    }

    #[test]
    fn domains_are_compared_whole() {
        let known = [connection()];
        assert!(of_domain(known.iter(), "ACME.example").is_some());
        for other in ["", "example", "sub.acme.example", "acme.example.evil.example", "acme.example."] {
            assert!(of_domain(known.iter(), other).is_none(), "{other}");
        }
    }
}
