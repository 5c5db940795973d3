//! Lists that a reviewer reads: who opens a secret, who vouches for a signature.

use std::fs;

use crate::layers::{crates, sources};

/// Every file that may call `Secret::expose`, with its reason. A new one is a decision, not an accident.
const EXPOSES: &[(&str, &str)] = &[
    ("core/form", "reads and decodes what travels in forms"),
    ("core/json", "none: secrets enter here"),
    ("core/protocol::authorize", "state, nonce and code are parameters"),
    ("core/protocol::discovery", "reads a response body"),
    ("core/protocol::dpop", "hashes the access token"),
    ("core/protocol::error_body", "reads a response body"),
    ("core/protocol::exchange", "code and verifier are parameters"),
    ("core/protocol::id_token", "takes the token apart, hashes the access token"),
    ("core/protocol::jwks", "reads a response body"),
    ("core/protocol::pkce", "hashes the verifier"),
    ("core/protocol::refresh", "the refresh token is a parameter"),
    ("core/protocol::revoke", "the refresh token is a parameter"),
    ("core/protocol::token_response", "reads a response body"),
    ("core/session::access", "makes the authorization header"),
    ("core/session::login", "stores a pending login"),
    ("core/session::record", "stores a session"),
    ("native/http", "puts headers and body on the wire"),
    ("native/loopback", "none yet"),
    ("native/sign", "hands the private key to the crypto provider"),
    ("native/store::file", "writes the file"),
    ("native/store::sealed", "seals the file"),
    ("native/store::keyring", "hands keys to the keyring"),
    ("native/browser", "opens the authorization address"),
    ("cli/commands::token", "prints the token that was asked for"),
    ("cli/commands::login", "shows the authorization address to copy"),
];

/// The files in which a signature's verdict is given.
const VOUCHES: &[&str] = &["native/verify", "web/verify"];

fn calls(needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in ["core", "native", "web", "cli"] {
        for (module, file) in sources(&crates().join(name).join("src")) {
            let text = fs::read_to_string(file).unwrap();
            // What stands below the tests of a file, or in the world for tests, leaves with no release.
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            if text.contains(needle) && !module.starts_with("testing") {
                found.push(format!("{name}/{module}"));
            }
        }
    }
    found
}

#[test]
fn secrets_leave_by_listed_doors() {
    for file in calls(".expose()") {
        assert!(EXPOSES.iter().any(|(listed, _)| *listed == file), "{file} opens a secret and is not listed");
    }
}

#[test]
fn two_files_vouch_for_signatures() {
    assert_eq!(calls(".vouch("), VOUCHES);
}
