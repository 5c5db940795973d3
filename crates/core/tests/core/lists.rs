//! Lists that a reviewer reads: who opens a secret, who vouches for a signature.

use std::collections::BTreeSet;
use std::fs;

use crate::layers::{crates, sources};

/// Every file that may call `Secret::expose`, with its reason. A new one is a decision, not an accident.
const EXPOSES: &[(&str, &str)] = &[
    ("core/form", "reads and decodes what travels in forms"),
    ("core/protocol::authorize", "state, nonce and code are parameters"),
    ("core/protocol::client_auth", "a client's secret leaves in a header or a parameter"),
    ("core/protocol::device", "reads a response body"),
    (
        "core/protocol::device::polling",
        "the device code is a parameter and stored, and a response body is read",
    ),
    ("core/protocol::discovery", "reads a response body"),
    ("core/protocol::dpop", "hashes the access token"),
    ("core/protocol::end_session", "ID token and state are parameters"),
    ("core/protocol::error_body", "reads a response body"),
    ("core/protocol::exchange", "code and verifier are parameters"),
    ("core/http", "the access token leaves in a header"),
    ("core/protocol::handoff", "state and nonce are parameters, and a form is read"),
    ("core/protocol::initiate", "reads parameters that are no secret"),
    ("core/protocol::id_token", "takes the token apart, hashes the access token"),
    ("core/protocol::introspect", "the token is a parameter, and a response body is read"),
    ("core/protocol::frontchannel_logout", "compares what a frame was told"),
    ("core/protocol::logout_token", "takes the token apart"),
    ("core/protocol::jwks", "reads a response body"),
    ("core/protocol::par", "reads a response body, and the name in it is a parameter"),
    ("core/protocol::pkce", "hashes the verifier"),
    ("core/protocol::protected_resource", "reads a response body"),
    ("core/protocol::refresh", "the refresh token is a parameter"),
    ("core/protocol::registration", "the initial access token is a header; reads a response body"),
    ("core/protocol::revoke", "the refresh token is a parameter"),
    ("core/protocol::token_exchange", "both tokens are parameters"),
    ("core/protocol::token_response", "reads a response body"),
    ("core/protocol::userinfo", "reads a response body"),
    ("core/session::device", "stores a login that waits"),
    ("core/session::grant", "stores a pending login"),
    ("core/protocol::webfinger", "reads a response body"),
    ("core/session::handoff", "takes a session apart that a dashboard gives away"),
    ("core/session::login", "stores a pending login"),
    ("core/session::record", "stores a session"),
    ("native/http", "puts headers and body on the wire"),
    ("native/login::race", "reads the query that came back"),
    ("native/handover", "sends a browser on to an address that is good once"),
    ("native/session_link", "reads a response body"),
    ("native/hpke", "opens a session that a dashboard gives away"),
    ("native/login::dashboard", "builds the address of its page, and reads what comes back"),
    ("native/login::parked", "reads a login that waited"),
    ("native/login::redirect", "reads an address that was pasted"),
    ("native/request", "writes the fields of a form"),
    ("native/sign", "hands the private key to the crypto provider"),
    ("native/store", "seals a record and opens it again"),
    ("native/store::cache", "hands the key of the access part to the kernel"),
    ("native/store::file", "writes the file"),
    ("native/store::parked", "writes a login that waits"),
    ("native/store::frame", "reads and writes what stands in the file"),
    ("native/store::passphrase", "derives a key from it, and wraps the keys"),
    ("native/store::place", "reads a path, which is no secret"),
    ("native/store::register", "reads the file of the accounts"),
    ("native/store::sealed", "seals the file"),
    ("native/store::keyring", "hands keys, or the session, to the keyring"),
    ("native/browser", "opens the authorization address"),
    ("web/view", "hands effects and tokens over the border to JavaScript"),
    ("cli/commands::token", "prints the token that was asked for"),
    ("cli/commands::credential::token", "gives the token to the program that was set up to ask for it"),
    ("cli/commands::credential::stdio", "speaks with that program"),
    ("cli/commands::credential::aws", "puts the token on the wire to STS, and reads the keys in the answer"),
    ("cli/commands::extension::host", "gives a narrowed token to the extension that a person let in"),
    ("cli/commands::extension::token", "prints the headers that were asked for"),
    ("cli/organizations", "reads the list that an API answered with"),
    ("cli/commands::open", "prints the address of --print"),
    ("cli/commands::login", "shows the authorization address to copy"),
    ("cli/tui::world", "shows that address too, and hands a pasted one to the sign-in that waits for it"),
];

/// The files in which a signature's verdict is given.
const VOUCHES: &[&str] = &["native/verify", "web/verify"];

fn calls(needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in ["core", "native", "web", "cli"] {
        for (module, file) in sources(&crates().join(name).join("src")) {
            let text = fs::read_to_string(file).unwrap();
            // What stands below the tests of a file, or in the world for tests, leaves with no release.
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let code = text.lines().any(|line| line.contains(needle) && !line.trim_start().starts_with("//"));
            let for_tests = module.starts_with("testing") || module.split("::").any(|part| part == "tests");
            if code && !for_tests {
                found.push(format!("{name}/{module}"));
            }
        }
    }
    found
}

#[test]
fn secrets_leave_by_listed_doors() {
    let listed: BTreeSet<_> = EXPOSES.iter().map(|(file, _)| String::from(*file)).collect();
    let found: BTreeSet<_> = calls(".expose()").into_iter().collect();
    let new: Vec<_> = found.difference(&listed).collect();
    assert!(
        new.is_empty(),
        "{new:?} open a secret: add each to EXPOSES in tests/core/lists.rs, with its reason"
    );
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(gone.is_empty(), "{gone:?} open no secret any more: take each out of EXPOSES");
}

#[test]
fn each_protocol_step_has_its_row() {
    let text = fs::read_to_string(crates().join("core/src/protocol/mod.rs")).unwrap();
    let rows: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("//! | `")?.split('`').next()).collect();
    let steps: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(steps.len() > 20);
    let missing: Vec<_> = steps.iter().filter(|step| !rows.contains(step)).collect();
    assert!(missing.is_empty(), "{missing:?} have no row in the table of protocol/mod.rs");
}

#[test]
fn two_files_vouch_for_signatures() {
    assert_eq!(calls(".vouch("), VOUCHES, "a verdict on a signature is given where it was verified");
}
