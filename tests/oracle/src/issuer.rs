//! An issuer of ID tokens: fresh keys, their public halves as core reads them, and signatures by aws-lc-rs.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
pub use gatepass::testing::verify;
use gatepass_core::http::Response;
use gatepass_core::json::Writer;
use gatepass_core::jwk::{Algorithm, PublicKey};
use gatepass_core::jwt::{assemble, signing_input};
use gatepass_core::protocol::jwks::{self, Jwks};

/// Somebody who signs ID tokens with one key.
#[derive(Debug)]
pub struct Issuer {
    /// The algorithm of the key.
    pub algorithm: Algorithm,
    /// The key, to be known by.
    pub public: PublicKey,
    /// The key set that holds it.
    pub jwks: Jwks,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Issuer {
    /// With a new key.
    ///
    /// # Panics
    ///
    /// If the machine has no randomness.
    pub fn new(algorithm: Algorithm) -> Self {
        let pair = match algorithm {
            Algorithm::EdDsa => Pair::Ed25519(Ed25519KeyPair::generate().expect("randomness")),
            Algorithm::Es256 => {
                Pair::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("randomness"))
            }
            Algorithm::Ps256 | Algorithm::Rs256 => {
                Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("randomness"))
            }
        };
        let public = match &pair {
            Pair::Ed25519(pair) => {
                PublicKey::Ed25519 { x: pair.public_key().as_ref().try_into().expect("32 bytes") }
            }
            Pair::P256(pair) => point(pair),
            Pair::Rsa(pair) => {
                let components = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                PublicKey::Rsa { n: components.n, e: components.e }
            }
        };
        let set = Writer::new().raw("keys", &["[", &public.to_json(), "]"].concat()).finish();
        let jwks = jwks::parse(&Response::new(200, &|_| None, set.into_bytes())).expect("one sound key");
        Self { algorithm, public, jwks, pair }
    }

    /// Signs anything.
    ///
    /// # Panics
    ///
    /// If the machine has no randomness.
    pub fn sign(&self, input: &[u8]) -> Vec<u8> {
        let dice = SystemRandom::new();
        match &self.pair {
            Pair::Ed25519(pair) => pair.sign(input).as_ref().to_vec(),
            Pair::P256(pair) => pair.sign(&dice, input).expect("randomness").as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let pss = self.algorithm == Algorithm::Ps256;
                let scheme = if pss { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(scheme, &dice, input, &mut signature).expect("room for the signature");
                signature
            }
        }
    }

    /// A token with a good signature over whatever this header and these claims are.
    pub fn token(&self, header: &str, claims: &str) -> String {
        let input = signing_input(header, claims);
        let signature = self.sign(input.as_bytes());
        assemble(input, &signature)
    }
}

/// A session's key as `crates/native/src/sign.rs` keeps it: PKCS #8, read for each signature.
#[derive(Debug)]
pub struct StoredKey {
    /// The private half.
    pub pkcs8: Vec<u8>,
    /// The public half.
    pub public: PublicKey,
}

impl StoredKey {
    /// A new one.
    ///
    /// # Panics
    ///
    /// If the machine has no randomness.
    pub fn generate() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).expect("randomness");
        let pkcs8 = document.as_ref().to_vec();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, &pkcs8).expect("a key that was just made");
        Self { pkcs8, public: point(&pair) }
    }

    /// Signs by ES256: the 64 bytes r || s.
    ///
    /// # Panics
    ///
    /// If the machine has no randomness.
    pub fn sign(&self, input: &[u8]) -> Vec<u8> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.pkcs8).expect("a key");
        pair.sign(&SystemRandom::new(), input).expect("randomness").as_ref().to_vec()
    }
}

fn point(pair: &EcdsaKeyPair) -> PublicKey {
    // SEC 1 section 2.3.3: 0x04, x, y.
    let point: &[u8; 65] = pair.public_key().as_ref().try_into().expect("an uncompressed point");
    let (mut x, mut y) = ([0; 32], [0; 32]);
    x.copy_from_slice(&point[1..33]);
    y.copy_from_slice(&point[33..]);
    PublicKey::P256 { x, y }
}
