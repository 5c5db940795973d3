//! Proofs of possession (RFC 9449): the checks of section 4.3 in their order, and server nonces without a store.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::time::{LEEWAY, Timestamp};
use serde_json::Value;

use super::refused::Refused;
use crate::jose::Jws;
use crate::keys::{base64url, sha256};

/// A nonce changes every so many seconds; the two before the newest are taken too.
const NONCE_STEP_SECONDS: u64 = 60;

/// What the request at hand needs from its proof.
pub(crate) struct Expected<'a> {
    pub(crate) method: &'a str,
    /// The public address of the endpoint, whatever the Host header says.
    pub(crate) url: &'a str,
    pub(crate) now: Timestamp,
    /// At resources, the token that the proof goes with.
    pub(crate) access_token: Option<&'a str>,
    /// The key of server nonces, where they are required.
    pub(crate) nonce_key: Option<&'a hmac::Key>,
}

/// A proof that passed; whether it is the first of its kind, only the store knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The thumbprint of the key (RFC 7638).
    pub(crate) jkt: String,
    /// The hash of the access token that it says to go with, expected or not.
    pub(crate) ath: Option<String>,
    /// Key and `jti` together: another key may use the same `jti`.
    pub(crate) replay_hash: [u8; 32],
    /// When a replay would be refused for its age.
    pub(crate) stale_at: Timestamp,
}

/// Checks a proof (RFC 9449 section 4.3).
pub(crate) fn verify(jwt: &str, expected: &Expected<'_>) -> Result<Proof, Refused> {
    let jws = Jws::read(jwt).ok_or(Refused::Proof("form"))?;
    if jws.header["typ"] != "dpop+jwt" {
        return Err(Refused::Proof("`typ`"));
    }
    // One algorithm; `none` and the symmetric ones are thereby impossible.
    if jws.header["alg"] != "ES256" {
        return Err(Refused::Proof("`alg`"));
    }
    let (point, jkt) = public_key(&jws.header["jwk"]).ok_or(Refused::Proof("`jwk`"))?;
    if !jws.signed_by(&point) {
        return Err(Refused::Proof("signature"));
    }
    let text = |name: &str| jws.claims[name].as_str();
    let jti = text("jti").filter(|jti| !jti.is_empty() && jti.len() <= 256).ok_or(Refused::Proof("`jti`"))?;
    if text("htm") != Some(expected.method) {
        return Err(Refused::Proof("`htm`"));
    }
    let same = text("htu").and_then(normal).is_some_and(|htu| Some(htu) == normal(expected.url));
    if !same {
        return Err(Refused::Proof("`htu`"));
    }
    let iat = jws.claims["iat"].as_u64().map(Timestamp::from_seconds).ok_or(Refused::Proof("`iat`"))?;
    if expected.now.since(iat) > LEEWAY || iat.since(expected.now) > LEEWAY {
        return Err(Refused::Proof("`iat`"));
    }
    if let Some(token) = expected.access_token {
        let ath = base64url(sha256(token));
        if text("ath") != Some(ath.as_str()) {
            return Err(Refused::Proof("`ath`"));
        }
    }
    if let Some(key) = expected.nonce_key
        && !text("nonce").is_some_and(|given| nonce_is_fresh(key, given, expected.now))
    {
        return Err(Refused::ProofNonce);
    }
    Ok(Proof {
        ath: text("ath").map(str::to_owned),
        replay_hash: sha256(format!("{jkt}\0{jti}")),
        jkt,
        stale_at: iat.plus(LEEWAY).plus(std::time::Duration::from_secs(1)),
    })
}

/// The nonce of this moment (RFC 9449 section 8): a step of time and its MAC, the same on every replica.
pub(crate) fn nonce(key: &hmac::Key, now: Timestamp) -> String {
    nonce_of_step(key, now.seconds() / NONCE_STEP_SECONDS)
}

fn nonce_is_fresh(key: &hmac::Key, given: &str, now: Timestamp) -> bool {
    let step = now.seconds() / NONCE_STEP_SECONDS;
    (0..3).any(|back| {
        let known = nonce_of_step(key, step.saturating_sub(back));
        verify_slices_are_equal(known.as_bytes(), given.as_bytes()).is_ok()
    })
}

fn nonce_of_step(key: &hmac::Key, step: u64) -> String {
    base64url(&hmac::sign(key, &step.to_be_bytes()).as_ref()[..16])
}

/// The uncompressed point and the thumbprint of a public P-256 JWK.
fn public_key(jwk: &Value) -> Option<(Vec<u8>, String)> {
    // Section 4.3 point 7: no private key; nor a symmetric one.
    if ["d", "k", "p", "q", "dp", "dq", "qi"].iter().any(|member| jwk.get(member).is_some()) {
        return None;
    }
    if jwk["kty"] != "EC" || jwk["crv"] != "P-256" {
        return None;
    }
    let (x, y) = (jwk["x"].as_str()?, jwk["y"].as_str()?);
    let mut point = vec![4];
    for coordinate in [x, y] {
        let bytes = Base64UrlUnpadded::decode_vec(coordinate).ok()?;
        // RFC 7518 section 6.2.1.2: all 32 bytes, so that one key has one thumbprint.
        if bytes.len() != 32 {
            return None;
        }
        point.extend(bytes);
    }
    // RFC 7638 section 3.2: these members, in this order, without spaces. Both coordinates are plain base64url.
    let thumbprint = base64url(sha256(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)));
    Some((point, thumbprint))
}

/// An address for comparison (RFC 3986 section 6.2): without query and fragment, scheme and host in lower case,
/// without the default port, `/` for an empty path.
fn normal(url: &str) -> Option<String> {
    let url = url.split(['?', '#']).next()?;
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = authority.to_ascii_lowercase();
    let default = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let authority = authority.strip_suffix(default).unwrap_or(&authority);
    let path = if path.is_empty() { "/" } else { path };
    Some(format!("{scheme}://{authority}{path}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jose::Algorithm;

    const URL: &str = "https://a.example/oauth/token";
    const NOW: u64 = 1_000_000;

    fn expected() -> Expected<'static> {
        let now = Timestamp::from_seconds(NOW);
        Expected { method: "POST", url: URL, now, access_token: None, nonce_key: None }
    }

    fn claims() -> Value {
        json!({"jti": "one", "htm": "POST", "htu": URL, "iat": NOW})
    }

    struct Prover(aws_lc_rs::signature::EcdsaKeyPair);

    impl Prover {
        fn new() -> Self {
            let pkcs8 = Algorithm::ES256.generate().unwrap();
            let algorithm = &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
            Self(aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(algorithm, &pkcs8).unwrap())
        }

        fn jwk(&self) -> Value {
            use aws_lc_rs::signature::KeyPair;
            let point = self.0.public_key().as_ref();
            let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
            json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
        }

        fn prove(&self, header: &Value, claims: &Value) -> String {
            let input = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
            let signature = self.0.sign(&aws_lc_rs::rand::SystemRandom::new(), input.as_bytes()).unwrap();
            format!("{input}.{}", base64url(signature.as_ref()))
        }

        fn header(&self) -> Value {
            json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()})
        }
    }

    #[test]
    fn accepts_what_the_rfc_lets_vary() {
        let prover = Prover::new();
        for (member, value) in [
            ("htu", json!("HTTPS://A.example:443/oauth/token?x=1#f")),
            ("iat", json!(NOW - 60)),
            ("iat", json!(NOW + 60)),
            ("more", json!({"claims": true})),
        ] {
            let mut claims = claims();
            claims[member] = value;
            assert!(verify(&prover.prove(&prover.header(), &claims), &expected()).is_ok(), "{claims}");
        }
    }

    #[test]
    fn refuses_each_wrong_part() {
        let prover = Prover::new();
        for (member, value, named) in [
            ("jti", Value::Null, "`jti`"),
            ("jti", json!(""), "`jti`"),
            ("htm", json!("GET"), "`htm`"),
            ("htm", json!("post"), "`htm`"),
            ("htu", json!("https://a.example/oauth/Token"), "`htu`"),
            ("htu", json!("https://a.example.evil.example/oauth/token"), "`htu`"),
            ("htu", json!("http://a.example/oauth/token"), "`htu`"),
            ("htu", Value::Null, "`htu`"),
            ("iat", json!(NOW - 61), "`iat`"),
            ("iat", json!(NOW + 61), "`iat`"),
            ("iat", json!("now"), "`iat`"),
        ] {
            let mut claims = claims();
            claims[member] = value;
            let refused = verify(&prover.prove(&prover.header(), &claims), &expected());
            assert_eq!(refused, Err(Refused::Proof(named)), "{claims}");
        }
        for (member, value, named) in [
            ("typ", json!("JWT"), "`typ`"),
            ("alg", json!("none"), "`alg`"),
            ("alg", json!("RS256"), "`alg`"),
            ("jwk", Value::Null, "`jwk`"),
            ("jwk", Prover::new().jwk(), "signature"),
        ] {
            let mut header = prover.header();
            header[member] = value;
            let refused = verify(&prover.prove(&header, &claims()), &expected());
            assert_eq!(refused, Err(Refused::Proof(named)), "{header}");
        }
        let mut private = prover.header();
        private["jwk"]["d"] = json!("AAAA");
        assert_eq!(verify(&prover.prove(&private, &claims()), &expected()), Err(Refused::Proof("`jwk`")));
        assert_eq!(verify("a.b", &expected()), Err(Refused::Proof("form")));
    }

    #[test]
    fn access_tokens_and_nonces_are_tied_in() {
        let prover = Prover::new();
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"k");
        let now = Timestamp::from_seconds(NOW);
        let mut claims = claims();
        let needs = || Expected { access_token: Some("token"), nonce_key: Some(&key), ..expected() };
        let attempt = |claims: &Value| verify(&prover.prove(&prover.header(), claims), &needs());
        assert_eq!(attempt(&claims), Err(Refused::Proof("`ath`")));
        claims["ath"] = json!(base64url(sha256("token")));
        assert_eq!(attempt(&claims), Err(Refused::ProofNonce));
        claims["nonce"] = json!(nonce(&key, now));
        assert!(attempt(&claims).is_ok());
        claims["nonce"] = json!(nonce(&key, Timestamp::from_seconds(NOW - 120)));
        assert!(attempt(&claims).is_ok());
        claims["nonce"] = json!(nonce(&key, Timestamp::from_seconds(NOW - 240)));
        assert_eq!(attempt(&claims), Err(Refused::ProofNonce));
    }

    /// RFC 9449 section 4.1 and its thumbprint from section 6.1.
    #[test]
    fn the_thumbprint_of_the_rfc() {
        let jwk = json!({
            "kty": "EC",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
            "crv": "P-256"
        });
        assert_eq!(public_key(&jwk).unwrap().1, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }
}
