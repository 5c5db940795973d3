//! Proof key for code exchange (RFC 7636), S256 alone.

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::keys::{base64url, sha256};

/// Whether this can be a challenge made by S256: 43 characters of base64url (RFC 7636 section 4.2).
pub(crate) fn is_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Whether the verifier belongs to the challenge (RFC 7636 section 4.6).
pub(crate) fn verify(challenge: &str, verifier: &str) -> bool {
    // RFC 7636 section 4.1: 43 to 128 unreserved characters.
    let well_formed = (43..=128).contains(&verifier.len())
        && verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    let computed = base64url(sha256(verifier));
    well_formed && verify_slices_are_equal(computed.as_bytes(), challenge.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    #[test]
    fn the_example_of_the_rfc() {
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(is_challenge(challenge));
        assert!(verify(challenge, verifier));
        assert!(!verify(challenge, challenge));
    }

    #[test]
    fn short_verifiers_are_refused_even_if_they_match() {
        assert!(!verify(&base64url(sha256("short")), "short"));
        assert!(!is_challenge("short"));
    }
}
