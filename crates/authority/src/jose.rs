//! Signatures: the two keys that sign tokens, and the one check of foreign ES256 (RFC 7515, RFC 7518).

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::error::Error;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::keys::{base64url, sha256};

/// The algorithms that sign here. HS256 is not among them: whoever verifies could mint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// ECDSA over P-256.
    ES256,
    /// RSASSA-PKCS1-v1_5, the default of OpenID Connect.
    RS256,
}

impl Algorithm {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
        }
    }

    /// A fresh private key in PKCS #8.
    pub(crate) fn generate(self) -> Result<Vec<u8>, Error> {
        match self {
            Self::ES256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                    .map(|document| document.as_ref().to_vec())
            }
            Self::RS256 => RsaKeyPair::generate(KeySize::Rsa2048)
                .and_then(|key| AsDer::as_der(&key).map(|document| document.as_ref().to_vec())),
        }
        .map_err(|_| Error::NoDice)
    }
}

enum Private {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// A key that signs tokens, with its public half as published.
pub(crate) struct SigningKey {
    algorithm: Algorithm,
    kid: String,
    public: Map<String, Value>,
    private: Private,
}

impl SigningKey {
    /// Reads a private key in PKCS #8. Its `kid` is the thumbprint of RFC 7638, so that no two keys share one.
    pub(crate) fn from_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, Error> {
        let (private, members) = match algorithm {
            Algorithm::ES256 => {
                let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                    .map_err(|_| Error::StoreCorrupt)?;
                // SEC 1 section 2.3.3: 04, then x and y of 32 bytes each.
                let point = key.public_key().as_ref();
                let (x, y) = (base64url(&point[1..33]), base64url(&point[33..65]));
                let members = json!({"crv": "P-256", "kty": "EC", "x": x, "y": y});
                (Private::Ec(key), members)
            }
            Algorithm::RS256 => {
                let key = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| Error::StoreCorrupt)?;
                let members = rsa_public(key.public_key().as_ref()).ok_or(Error::StoreCorrupt)?;
                (Private::Rsa(key), members)
            }
        };
        let Value::Object(mut public) = members else { return Err(Error::Bug) };
        // RFC 7638 section 3: the required members in lexicographic order, which is how this map writes them.
        let kid = base64url(sha256(Value::Object(public.clone()).to_string()));
        public.insert("kid".into(), kid.clone().into());
        public.insert("alg".into(), algorithm.name().into());
        public.insert("use".into(), "sig".into());
        Ok(Self { algorithm, kid, public, private })
    }

    /// The public half (RFC 7517 section 4).
    pub(crate) fn jwk(&self) -> Value {
        Value::Object(self.public.clone())
    }

    /// A compact JWS of these claims (RFC 7515 section 7.1).
    pub(crate) fn sign(&self, typ: &str, claims: &Value) -> Result<String, Error> {
        let header = json!({"alg": self.algorithm.name(), "kid": self.kid, "typ": typ});
        let mut token = base64url(header.to_string());
        token.push('.');
        token.push_str(&base64url(claims.to_string()));
        let signature = match &self.private {
            Private::Ec(key) => key
                .sign(&SystemRandom::new(), token.as_bytes())
                .map(|signature| base64url(signature.as_ref()))
                .map_err(|_| Error::Bug)?,
            Private::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
                    .map_err(|_| Error::Bug)?;
                base64url(&signature)
            }
        };
        token.push('.');
        token.push_str(&signature);
        Ok(token)
    }

    /// The claims of a token that this very key signed with this `typ`. ES256 alone: access tokens.
    pub(crate) fn verify_own(&self, typ: &str, token: &str) -> Option<Value> {
        let jws = Jws::read(token)?;
        let header = &jws.header;
        let Private::Ec(key) = &self.private else { return None };
        if header["typ"] != typ
            || header["alg"] != self.algorithm.name()
            || header["kid"] != self.kid.as_str()
        {
            return None;
        }
        jws.signed_by(key.public_key().as_ref()).then_some(jws.claims)
    }
}

/// A compact JWS whose signature nobody has checked yet.
pub(crate) struct Jws<'a> {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    signing_input: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Splits and decodes; the header and the claims are objects.
    pub(crate) fn read(token: &'a str) -> Option<Self> {
        let (signing_input, signature) = token.rsplit_once('.')?;
        let (header, claims) = signing_input.split_once('.')?;
        let object = |part: &str| {
            let value: Value = serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).ok()?).ok()?;
            value.is_object().then_some(value)
        };
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            signing_input,
            signature: Base64UrlUnpadded::decode_vec(signature).ok()?,
        })
    }

    /// Whether the holder of this public key signed it, by one of the two algorithms that are believed here. What the
    /// header says beyond that, embedded keys and addresses of keys too, is not looked at.
    pub(crate) fn signed_by_key(&self, jwk: &Value) -> bool {
        let fits = |member: &str, wanted: &str| jwk[member].is_null() || jwk[member] == wanted;
        let bytes = |member: &str| Base64UrlUnpadded::decode_vec(jwk[member].as_str()?).ok();
        let algorithm = self.header["alg"].as_str().unwrap_or_default();
        // RFC 7515 section 4.1.11: an extension that must be understood is not.
        if !fits("use", "sig") || !fits("alg", algorithm) || !self.header["crit"].is_null() {
            return false;
        }
        match algorithm {
            "ES256" if jwk["kty"] == "EC" && jwk["crv"] == "P-256" => {
                bytes("x").zip(bytes("y")).is_some_and(|(x, y)| self.signed_by(&[&[4][..], &x, &y].concat()))
            }
            "RS256" if jwk["kty"] == "RSA" => bytes("n").zip(bytes("e")).is_some_and(|(n, e)| {
                RsaPublicKeyComponents { n, e }
                    .verify(&RSA_PKCS1_2048_8192_SHA256, self.signing_input.as_bytes(), &self.signature)
                    .is_ok()
            }),
            _ => false,
        }
    }

    /// Whether the holder of this uncompressed P-256 point signed it by ES256 (RFC 7518 section 3.4).
    pub(crate) fn signed_by(&self, point: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(self.signing_input.as_bytes(), &self.signature)
            .is_ok()
    }
}

/// Modulus and exponent out of a PKCS #1 `RSAPublicKey` of exactly 2048 bits and exponent 65537, as generated here.
fn rsa_public(der: &[u8]) -> Option<Value> {
    // SEQUENCE, INTEGER of 257 bytes (a leading zero and the modulus), INTEGER 65537.
    let modulus = der.strip_prefix(&[0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00])?;
    let modulus = modulus.strip_suffix(&[0x02, 0x03, 0x01, 0x00, 0x01])?;
    (modulus.len() == 256).then(|| json!({"e": "AQAB", "kty": "RSA", "n": base64url(modulus)}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_verifies_its_own() {
        let key = SigningKey::from_pkcs8(Algorithm::ES256, &Algorithm::ES256.generate().unwrap()).unwrap();
        let other = SigningKey::from_pkcs8(Algorithm::ES256, &Algorithm::ES256.generate().unwrap()).unwrap();
        let token = key.sign("at+jwt", &json!({"sub": "a"})).unwrap();
        assert_eq!(key.verify_own("at+jwt", &token), Some(json!({"sub": "a"})));
        assert_eq!(key.verify_own("JWT", &token), None);
        assert_eq!(other.verify_own("at+jwt", &token), None);
        let (front, _) = token.rsplit_once('.').unwrap();
        assert_eq!(key.verify_own("at+jwt", &format!("{front}.")), None);
    }

    #[test]
    fn foreign_keys_verify_what_they_signed() {
        for algorithm in [Algorithm::ES256, Algorithm::RS256] {
            let key = SigningKey::from_pkcs8(algorithm, &algorithm.generate().unwrap()).unwrap();
            let other = SigningKey::from_pkcs8(algorithm, &algorithm.generate().unwrap()).unwrap();
            let token = key.sign("JWT", &json!({"sub": "a"})).unwrap();
            let jws = Jws::read(&token).unwrap();
            assert!(jws.signed_by_key(&key.jwk()));
            assert!(!jws.signed_by_key(&other.jwk()));
            for (member, value) in [
                ("use", json!("enc")),
                ("alg", json!("PS256")),
                ("kty", json!("oct")),
                ("x", json!("AA")),
                ("n", json!("AA")),
            ] {
                let mut jwk = key.jwk();
                let there = jwk.get(member).is_some();
                jwk[member] = value;
                assert_eq!(jws.signed_by_key(&jwk), !there, "{member}");
            }
            let changed = token.replace(&base64url(r#"{"sub":"a"}"#), &base64url(r#"{"sub":"b"}"#));
            assert!(!Jws::read(&changed).unwrap().signed_by_key(&key.jwk()));
            let (_, rest) = token.split_once('.').unwrap();
            for header in [
                json!({"alg": "none"}),
                json!({"alg": "HS256"}),
                json!({"alg": algorithm.name(), "crit": ["x"]}),
            ] {
                let forged = format!("{}.{rest}", base64url(header.to_string()));
                assert!(!Jws::read(&forged).unwrap().signed_by_key(&key.jwk()), "{header}");
            }
        }
    }

    #[test]
    fn publishes_rsa_without_private_members() {
        let key = SigningKey::from_pkcs8(Algorithm::RS256, &Algorithm::RS256.generate().unwrap()).unwrap();
        let jwk = key.jwk();
        let mut members: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
        assert_eq!(key.sign("JWT", &json!({})).unwrap().rsplit('.').next().unwrap().len(), 342);
    }
}
