//! The messages of the steps that no page takes.

use gatepass_core::error::{Error, Refusal};
use gatepass_core::field::{Field, Message};
use gatepass_core::name::Subject;
use gatepass_core::protocol::client_metadata::{Application, Authentication, ClientMetadata, DocumentUrl};
use gatepass_core::protocol::{
    challenge, device, introspect, par, protected_resource, registration, token_exchange, userinfo, webfinger,
};
use gatepass_core::time::Timestamp;
use gatepass_core::url::{Endpoint, RedirectUri};

use super::{Row, UNREAD, hold, of, ok};
use crate::test;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// What a number of seconds may be where one that cannot be read counts as unsaid.
const SPAN: &[&str] =
    &["null", "number", "negative", "fraction", "exponent", "large", "empty", "text", "control", "long"];

/// What a text may be that is only kept; `null` is none.
const KEPT: &[&str] = &["null", "text", "control", "long"];

/// The same where nothing in it counts as nothing.
const TOLD: &[&str] = &["null", "empty", "text", "control", "long"];

/// A moment that may be left out; a fraction is cut off.
const MOMENT: &[&str] = &["null", "number", "fraction"];

/// A list of texts that may be left out.
const LIST: &[&str] = &["null", "texts", "nothing"];

/// The error field of a body whose status is a success.
fn error() -> Row {
    Row("error", "null", &["null"], Some(Error::Refused(Refusal::Other)))
}

#[test]
fn device_authorizations() {
    let rows = |name, lenient, other| {
        [
            // It is only kept, up to a length.
            Row("device_code", r#""d""#, &["text", "control", "long"], None),
            // What would steer a terminal is taken out of it, and nobody types a long one.
            Row("user_code", r#""W""#, &["text", "control"], None),
            Row(name, r#""https://issuer.example/d""#, lenient, other),
            // It only saves typing: a bad one is left out.
            Row("verification_uri_complete", r#""https://issuer.example/d?W""#, UNREAD, None),
            Row("expires_in", "600", &["number", "fraction", "large"], None),
            Row("interval", "5", SPAN, None),
            error(),
            Row("unknown", "1", UNREAD, None),
        ]
    };
    let blames = of(Message::DeviceAuthorization);
    let parse = |body: &str| device::parse(&ok(body), NOW).map(drop);
    hold(&rows("verification_uri", &[], None), &blames, parse);
    // The draft's name for it.
    hold(&rows("verification_url", &[], Some(blames("verification_uri"))), &blames, parse);
}

#[test]
fn introspections() {
    let blames = of(Message::IntrospectionResponse);
    hold(
        &[
            Row("active", "true", &["flag"], None),
            Row("scope", r#""a""#, &["null", "empty", "text", "long"], None),
            Row("client_id", r#""c""#, &["null", "text"], None),
            Row("sub", r#""s""#, &["null", "text"], None),
            Row("aud", r#""a""#, &["null", "empty", "text", "control", "texts", "nothing", "long"], None),
            Row("exp", "1", MOMENT, None),
            Row("token_type", r#""Bearer""#, TOLD, None),
            // A binding that cannot be checked is no reason to do without one.
            Row("cnf", r#"{"jkt":"t"}"#, &["null"], Some(blames("jkt"))),
            Row("unknown", "1", UNREAD, None),
        ],
        &blames,
        |body| introspect::parse(&ok(body)).map(drop),
    );
    hold(&[Row("jkt", r#""t""#, &["text", "control", "long"], None)], &blames, |cnf| {
        introspect::parse(&ok(&format!(r#"{{"active":true,"cnf":{cnf}}}"#))).map(drop)
    });
}

#[test]
fn exchanged_tokens() {
    hold(
        &[
            // Whatever its kind, it will stand in a header or a form.
            Row("access_token", r#""a""#, &["text", "long"], None),
            Row("issued_token_type", r#""k""#, &["text", "control", "long"], None),
            Row("token_type", r#""N_A""#, &[], None),
            Row("expires_in", "60", SPAN, None),
            Row("scope", r#""a""#, &["null", "empty", "text", "texts", "nothing", "long"], None),
            // Whoever may exchange once may exchange again.
            Row("refresh_token", r#""r""#, UNREAD, None),
            error(),
        ],
        of(Message::TokenResponse),
        |body| token_exchange::parse(&ok(body), false).map(drop),
    );
}

fn registering<'a>(
    redirect_uris: &'a [RedirectUri],
    authentication: Authentication<'a>,
) -> ClientMetadata<'a> {
    ClientMetadata {
        client_name: "canary",
        client_uri: None,
        application: Application::Web,
        redirect_uris,
        post_logout_redirect_uris: &[],
        device_code: false,
        refreshes: true,
        scopes: None,
        authentication,
        id_token_algorithm: None,
        bound: false,
    }
}

#[test]
fn registrations() {
    let uris = [RedirectUri::new("https://app.example/").unwrap()];
    let rows = |secret| {
        [
            Row("client_id", r#""c""#, &["text"], None),
            Row("client_id_issued_at", "1", MOMENT, None),
            Row("client_secret", r#""s""#, secret, None),
            Row("client_secret_expires_at", "1", MOMENT, None),
            // Others than those that were asked for are of no use.
            Row("redirect_uris", r#"["https://app.example/"]"#, &["null"], None),
            Row("registration_client_uri", r#""https://issuer.example/r""#, &["null"], None),
            Row("registration_access_token", r#""t""#, KEPT, None),
            Row("unknown", "1", UNREAD, None),
        ]
    };
    let parse = |body: &str, asked| registration::parse(&ok(body), &registering(&uris, asked)).map(drop);
    hold(&rows(KEPT), of(Message::RegistrationResponse), |body| parse(body, Authentication::None));
    // Who has to show a secret needs one.
    hold(&rows(&["text", "control", "long"]), of(Message::RegistrationResponse), |body| {
        parse(body, Authentication::SecretBasic)
    });
    let mut chosen = Vec::from(rows(KEPT));
    chosen.push(Row("token_endpoint_auth_method", r#""none""#, TOLD, None));
    hold(&chosen, of(Message::RegistrationResponse), |body| parse(body, Authentication::None));
}

#[test]
fn what_a_client_says_of_itself() {
    let url = DocumentUrl::new("https://app.example/client.json").unwrap();
    let wrong = |field| Some(Error::Configuration { field });
    let [remote, plain, name] =
        ["https://app.example/", "http://127.0.0.1/canary", "http://localhost/canary"].map(RedirectUri::new);
    assert!(registering(&[remote.unwrap()], Authentication::None).document(&url).is_ok());
    for uris in [Vec::new(), vec![plain.unwrap()], name.into_iter().collect()] {
        let metadata = registering(&uris, Authentication::None);
        assert_eq!(metadata.document(&url).err(), wrong(Field::RedirectUri), "{uris:?}");
    }
    for authentication in [Authentication::SecretBasic, Authentication::SecretPost] {
        let metadata = registering(&[], authentication);
        assert_eq!(metadata.document(&url).err(), wrong(Field::TokenEndpointAuthMethod));
    }
    for text in [
        "",
        "canary",
        "http://canary.example/client.json",
        "https://canary.example",
        "https://canary.example//",
        "https://canary.example/a?b",
        "https://canary.example/a#b",
        "https://canary@a.example/b",
        "https://canary.example/%2e%2E/a",
        "https://canary.example/\u{1b}[31m",
        &["https://canary.example/", &"a".repeat(5000)].concat(),
    ] {
        assert_eq!(DocumentUrl::new(text).err(), wrong(Field::ClientId), "{text}");
    }
}

#[test]
fn metadata_of_resources() {
    let resource = Endpoint::new("https://api.example", Field::Resource).unwrap();
    hold(
        &[
            Row("resource", r#""https://api.example""#, &[], None),
            Row("authorization_servers", r#"["https://issuer.example"]"#, LIST, None),
            Row("scopes_supported", r#"["a"]"#, LIST, None),
            Row("bearer_methods_supported", r#"["header"]"#, LIST, None),
            Row("dpop_signing_alg_values_supported", r#"["ES256"]"#, LIST, None),
            Row("dpop_bound_access_tokens_required", "true", &["null", "flag"], None),
            Row("unknown", "1", UNREAD, None),
        ],
        of(Message::ProtectedResource),
        |body| protected_resource::parse(&ok(body), &resource).map(drop),
    );
}

#[test]
fn issuers_of_people() {
    let asked = Endpoint::new("https://a.example/.well-known/webfinger", Field::X).unwrap();
    let parse = |body: &str| webfinger::parse(&ok(body), &asked).map(drop);
    hold(
        &[
            Row("subject", r#""acct:a@a.example""#, TOLD, None),
            // What is no link is left out.
            Row("links", "[]", &["null", "texts", "numbers", "nothing"], None),
            Row("unknown", "1", UNREAD, None),
        ],
        of(Message::WebFinger),
        parse,
    );
    hold(
        &[
            // Another relation than the one that is looked for.
            Row("rel", r#""http://openid.net/specs/connect/1.0/issuer""#, &["text", "control", "long"], None),
            Row("href", r#""https://issuer.example""#, &[], None),
            Row("unknown", "1", UNREAD, None),
        ],
        of(Message::WebFinger),
        |link| parse(&format!(r#"{{"links":[{link}]}}"#)),
    );
}

#[test]
fn answers_about_the_person() {
    let subject = Subject::new("s").unwrap();
    hold(
        &[
            Row("sub", r#""s""#, &[], Some(Error::BadClaim { claim: Field::Sub })),
            // Shown and not judged, as in an ID token.
            Row("email", r#""e""#, UNREAD, None),
            Row("email_verified", "true", &["null", "flag"], None),
            Row("name", r#""n""#, UNREAD, None),
            Row("unknown", "1", UNREAD, None),
        ],
        of(Message::Userinfo),
        |body| userinfo::parse(&ok(body), &subject).map(drop),
    );
}

#[test]
fn pushed_requests() {
    hold(
        &[
            Row("request_uri", r#""urn:r""#, &["text", "control", "long"], None),
            Row("expires_in", "60", UNREAD, None),
        ],
        of(Message::PushedAuthorizationResponse),
        |body| par::parse(&ok(body)).map(drop),
    );
}

/// Values of parameters, by names as in the other tables.
const WRITTEN: [(&str, &str); 10] = [
    ("empty", r#""""#),
    ("bare", "canary"),
    ("text", r#""canary""#),
    ("escaped", r#""can\ary""#),
    ("quote", r#""can\"ary""#),
    ("control", "\"canary\u{1b}[31m\""),
    ("unclosed", r#""canary"#),
    ("two", r#""canary" "canary""#),
    ("missing", ""),
    ("letter", "\u{e4}"),
];

#[test]
fn challenges() {
    let rows = [
        // With nothing behind its sign, what stands first is no parameter but a token with padding (RFC 9110 section 11.2).
        Row("error", r#""invalid_token""#, &["empty", "bare", "text", "escaped", "quote", "missing"], None),
        Row("scope", r#""a""#, &["empty", "bare", "text", "escaped"], None),
        Row("resource_metadata", r#""https://api.example/m""#, &[], None),
        Row("realm", r#""r""#, &["empty", "bare", "text", "escaped", "quote"], None),
    ];
    let malformed = Error::Malformed { message: Message::Challenge, field: Field::Header };
    for (at, Row(field, _, lenient, _)) in rows.iter().enumerate() {
        for (name, wrong) in WRITTEN {
            let parameter = |(other, row): (usize, &Row)| {
                format!("{}={}", row.0, if at == other { wrong } else { row.1 })
            };
            let parameters: Vec<String> = rows.iter().enumerate().map(parameter).collect();
            let parsed = challenge::parse(&format!("Bearer {}", parameters.join(", ")));
            assert_eq!(parsed.is_ok(), lenient.contains(&name), "{field}: {name}");
            assert!(parsed.is_ok() || parsed == Err(malformed), "{field}: {name}");
        }
    }
}
