//! Proof Key for Code Exchange (RFC 7636), by S256 alone: `plain` protects nothing (RFC 9700 section 2.1.1).

use alloc::string::String;

use sha2::{Digest, Sha256};

use crate::base64url;
use crate::secret::Secret;

/// The only transformation in use.
pub const METHOD: &str = "S256";

/// `BASE64URL-ENCODE(SHA256(ASCII(code_verifier)))` (RFC 7636 section 4.2).
pub fn challenge(verifier: &Secret) -> String {
    base64url::encode(&Sha256::digest(verifier.expose().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    #[test]
    fn challenge_of_rfc_7636_appendix_b() {
        let verifier = Secret::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
