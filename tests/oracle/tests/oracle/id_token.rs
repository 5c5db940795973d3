//! ID tokens: `jsonwebtoken`, written by others, gives the same verdict on the same bytes, except where core is
//! stricter by rule. Signatures are made and verified by aws-lc-rs on both sides.

use std::sync::LazyLock;

use gatepass_core::base64url;
use gatepass_core::error::Error;
use gatepass_core::field::{Field, Message};
use gatepass_core::jwk::{Algorithm, PublicKey};
use gatepass_core::name::ClientId;
use gatepass_core::protocol::id_token::{self, Expected, Identity};
use gatepass_core::secret::Secret;
use gatepass_core::time::{LEEWAY, Timestamp};
use gatepass_core::url;
use gatepass_oracle::{Issuer, cases, verify};
use jsonwebtoken::{DecodingKey, Validation};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value};

use crate::json::{Damage, damage};

const ISSUER: &str = "https://issuer.example";
const CLIENT: &str = "client";
/// Who may see our tokens too.
const TRUSTED: &str = "trusted";
const NONCE: &str = "n-0S6_WzA2Mj";
const ACCESS_TOKEN: &str = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
/// OpenID Connect Core 1.0 section 3.1.3.6 for that access token, whose hash appendix A.3 prints.
const AT_HASH: &str = "\"77QmUPtjPfzWtF2AnpK9RQ\"";
/// A header may not bring a key, whatever the key is.
const FOREIGN_JWK: &str = concat!(
    r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#,
    r#""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#
);

/// Made once a run.
static ISSUERS: LazyLock<[Issuer; 4]> = LazyLock::new(|| {
    [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Ps256, Algorithm::Rs256].map(Issuer::new)
});

/// In which part of a token a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Header,
    Claims,
}

/// What becomes of a member.
#[derive(Clone, Copy, Debug)]
enum Put {
    Nothing,
    Json(&'static str),
    /// Seconds from now.
    Time(i64),
    /// The name of the algorithm that the issuer's key does not have.
    OtherAlgorithm,
}

/// Who has to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Nobody,
    Both,
    /// Core is stricter, and says this.
    Core(Error),
}

const fn claim(claim: Field) -> Refused {
    Refused::Core(Error::BadClaim { claim })
}

/// What makes core ask for the key set once more.
const UNKNOWN_KEY: Refused = Refused::Core(Error::Malformed { message: Message::Jwks, field: Field::Kid });

const fn malformed(field: Field) -> Refused {
    Refused::Core(Error::Malformed { message: Message::IdToken, field })
}

/// What an issuer may say, good or bad, and what has to come of it.
const SAYINGS: &[(Part, &str, Put, Refused)] = {
    use Part::{Claims, Header};
    use Put::{Json, Nothing, OtherAlgorithm, Time};
    use Refused::{Both, Nobody};
    &[
        (Header, "alg", OtherAlgorithm, Both),
        (Header, "alg", Json("\"HS256\""), Both),
        (Header, "alg", Json("\"PS384\""), Both),
        (Header, "alg", Json("\"none\""), Both),
        (Header, "alg", Json("\"None\""), Both),
        (Header, "alg", Json("null"), Both),
        (Header, "alg", Nothing, Both),
        (Header, "typ", Json("\"application/JWT\""), Nobody),
        (Header, "typ", Nothing, Nobody),
        // RFC 8725 section 3.11: a token of another kind says so.
        (Header, "typ", Json("\"at+jwt\""), malformed(Field::Typ)),
        // `jsonwebtoken` is handed its key. Core looks it up, and no key of the set has this name.
        (Header, "kid", Json("\"other\""), UNKNOWN_KEY),
        (Header, "kid", Json("null"), malformed(Field::Kid)),
        // RFC 7515 section 4.1.11: an extension that is not understood must not be passed over.
        (Header, "crit", Json("[\"exp\"]"), malformed(Field::Crit)),
        (Header, "crit", Json("null"), malformed(Field::Crit)),
        // RFC 8725 section 3.10: whoever forges a token brings the key to it.
        (Header, "jwk", Json(FOREIGN_JWK), malformed(Field::Jwk)),
        (Header, "jku", Json("\"https://evil.example\""), malformed(Field::Jku)),
        (Header, "x5c", Json("[\"MII\"]"), malformed(Field::X5c)),
        (Header, "x5u", Json("\"https://evil.example\""), malformed(Field::X5u)),
        (Claims, "iss", Json("\"https://issuer.example/\""), Both),
        (Claims, "iss", Json("\"https://ISSUER.example\""), Both),
        (Claims, "iss", Json("7"), Both),
        (Claims, "iss", Json("null"), Both),
        (Claims, "iss", Nothing, Both),
        // RFC 7519 section 4.1.1: a text, though `jsonwebtoken` takes a list too.
        (Claims, "iss", Json("[\"https://issuer.example\"]"), malformed(Field::Iss)),
        (Claims, "aud", Json("[\"client\"]"), Nobody),
        (Claims, "aud", Json("\"other\""), Both),
        (Claims, "aud", Json("\"client \""), Both),
        (Claims, "aud", Json("[\"other\"]"), Both),
        (Claims, "aud", Json("[]"), Both),
        (Claims, "aud", Json("null"), Both),
        (Claims, "aud", Json("{\"client\":true}"), Both),
        (Claims, "aud", Json("[\"client\",7]"), Both),
        (Claims, "aud", Nothing, Both),
        (Claims, "aud", Json("[\"client\",\"client\"]"), Nobody),
        // OpenID Connect Core 1.0 section 3.1.3.7, steps 3 to 5; a JWT knows neither trust in others nor `azp`.
        (Claims, "aud", Json("[\"client\",\"other\"]"), claim(Field::Aud)),
        (Claims, "aud", Json("[\"client\",\"trusted\"]"), claim(Field::Azp)),
        (Claims, "azp", Json("\"client\""), Nobody),
        (Claims, "azp", Json("\"other\""), claim(Field::Azp)),
        (Claims, "azp", Json("null"), malformed(Field::Azp)),
        (Claims, "exp", Time(-50), Nobody),
        (Claims, "exp", Time(-70), Both),
        (Claims, "exp", Time(-100_000), Both),
        (Claims, "exp", Json("0"), Both),
        (Claims, "exp", Json("-1"), Both),
        (Claims, "exp", Json("4102444800.75"), Nobody),
        (Claims, "exp", Json("\"4102444800\""), Both),
        (Claims, "exp", Json("null"), Both),
        (Claims, "exp", Nothing, Both),
        (Claims, "exp", Json("4.1024448e9"), Nobody),
        // No writer of times makes a number smaller, and core has no parser for floats.
        (Claims, "exp", Json("4102444800000e-3"), malformed(Field::Exp)),
        // RFC 7519 section 4.1.6 has no rule for `iat`. OpenID Connect Core 1.0 section 2 requires it.
        (Claims, "iat", Time(50), Nobody),
        (Claims, "iat", Time(70), claim(Field::Iat)),
        (Claims, "iat", Nothing, claim(Field::Iat)),
        (Claims, "iat", Json("\"now\""), malformed(Field::Iat)),
        (Claims, "nbf", Time(-600), Nobody),
        (Claims, "nbf", Time(50), Nobody),
        (Claims, "nbf", Time(70), Both),
        (Claims, "nbf", Json("\"now\""), Both),
        (Claims, "nbf", Json("null"), Both),
        (Claims, "sub", Nothing, Both),
        (Claims, "sub", Json("7"), Both),
        (Claims, "sub", Json("null"), Both),
        (Claims, "sub", Json("\"\""), malformed(Field::Sub)),
        // OpenID Connect Core 1.0 section 2: ASCII.
        (Claims, "sub", Json("\"ä\""), claim(Field::Sub)),
        // What ties the token to this login; `jsonwebtoken` knows no logins.
        (Claims, "nonce", Json("\"other\""), claim(Field::Nonce)),
        (Claims, "nonce", Nothing, claim(Field::Nonce)),
        (Claims, "at_hash", Json(AT_HASH), Nobody),
        (Claims, "at_hash", Json("\"other\""), claim(Field::AtHash)),
        (Claims, "at_hash", Json("null"), malformed(Field::AtHash)),
        (Claims, "c_hash", Json("\"other\""), claim(Field::CHash)),
        (Claims, "name", Json("\"Grüße \\ud83d\\udd11\""), Nobody),
        (Claims, "address", Json("{\"a\":[[[1,2.5,null]]]}"), Nobody),
    ]
};

type Saying = (Part, &'static str, Put, Refused);

proptest! {
    #![proptest_config(cases(1500))]

    /// Sound signatures over whatever an issuer says.
    #[test]
    fn what_issuers_say(issuer in issuer(), sayings in vec(select(SAYINGS), 0..4)) {
        let now = jsonwebtoken::get_current_timestamp();
        // Who says two things of one member says the first.
        let mut said: Vec<Saying> = Vec::new();
        for saying in sayings {
            if said.iter().all(|other| (other.0, other.1) != (saying.0, saying.1)) {
                said.push(saying);
            }
        }
        let ours_by_azp = said.iter().any(|(_, name, put, _)| {
            *name == "azp" && matches!(put, Put::Json("\"client\""))
        });
        for (_, name, _, refused) in &mut said {
            // A token for several is good if it was issued to us.
            let for_several = *name == "aud" && *refused == claim(Field::Azp);
            // RFC 8032 names no hash of which `at_hash` and `c_hash` could be halves.
            let hash = *refused == claim(Field::AtHash) || *refused == claim(Field::CHash);
            if for_several && ours_by_azp || hash && issuer.algorithm == Algorithm::EdDsa {
                *refused = Refused::Nobody;
            }
        }
        let (header, claims) = write(issuer, &said, now);
        let token = issuer.token(&header, &claims);
        let (ours, theirs) = (ours(issuer, &token, now), theirs(issuer, &token));
        let by_both = said.iter().any(|saying| saying.3 == Refused::Both);
        let by_core: Vec<Refused> =
            said.iter().map(|saying| saying.3).filter(|refused| matches!(refused, Refused::Core(_))).collect();
        prop_assert_eq!(theirs.is_err(), by_both, "{:?}", theirs);
        match ours {
            Ok(identity) => {
                prop_assert!(!by_both && by_core.is_empty());
                let theirs = theirs.unwrap();
                prop_assert_eq!(Some(identity.subject.as_str()), theirs["sub"].as_str());
            }
            Err(error) => prop_assert!(by_both || by_core.contains(&Refused::Core(error)), "{:?}", error),
        }
    }

    /// A sound token to which something happened on its way: nothing of that is ever good.
    #[test]
    fn what_happens_on_the_way(issuer in issuer(), alteration in alteration()) {
        let now = jsonwebtoken::get_current_timestamp();
        let (header, claims) = write(issuer, &[], now);
        let sound = issuer.token(&header, &claims);
        prop_assert!(ours(issuer, &sound, now).is_ok() && theirs(issuer, &sound).is_ok());
        let altered = alteration.apply(&sound);
        prop_assume!(altered != sound);
        let (ours, theirs) = (ours(issuer, &altered, now), theirs(issuer, &altered));
        prop_assert!(ours.is_err() && theirs.is_err(), "{:?} {:?}", ours, theirs);
    }

    /// Header and claims that are hardly JSON any more, well signed: what is a token still?
    #[test]
    fn what_is_written_badly(
        issuer in issuer(), sayings in vec(select(SAYINGS), 0..2), of_header in vec(damage(), 0..2),
        of_claims in vec(damage(), 0..3),
    ) {
        let now = jsonwebtoken::get_current_timestamp();
        let (header, claims) = write(issuer, &sayings, now);
        let spoil = |text: String, damages: &[Damage]| {
            let mut bytes = text.into_bytes();
            damages.iter().for_each(|damage| damage.apply(&mut bytes));
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (header, claims) = (spoil(header, &of_header), spoil(claims, &of_claims));
        let token = issuer.token(&header, &claims);
        let (ours, theirs) = (ours(issuer, &token, now), theirs(issuer, &token));
        let stricter = |error| {
            // Two readers may read two things out of a repeated member, and only core refuses all of them.
            malformed(Field::RepeatedKey) == Refused::Core(error)
                || SAYINGS.iter().any(|saying| saying.3 == Refused::Core(error))
        };
        match (&ours, &theirs) {
            (Ok(_), Ok(_)) | (Err(_), Err(_)) => {}
            (Err(error), Ok(_)) => prop_assert!(stricter(*error), "{:?}: {} {}", error, header, claims),
            (Ok(_), Err(error)) => prop_assert!(false, "{:?}: {} {}", error, header, claims),
        }
    }
}

/// The last second of a token: core counts the leeway out, `jsonwebtoken` counts it in.
#[test]
fn one_second_between_us() {
    let now = jsonwebtoken::get_current_timestamp();
    let issuer = &ISSUERS[0];
    let token = |exp: u64| {
        let (header, claims) = write(issuer, &[], now);
        issuer.token(&header, &claims.replacen("\"exp\":", &format!("\"exp\":{exp},\"was\":"), 1))
    };
    let verdict = |exp| ours(issuer, &token(exp), now).map(|_| ());
    assert_eq!(verdict(now - LEEWAY.as_secs() + 1), Ok(()));
    assert_eq!(verdict(now - LEEWAY.as_secs()), Err(Error::BadClaim { claim: Field::Exp }));
}

fn issuer() -> impl Strategy<Value = &'static Issuer> {
    (0..ISSUERS.len()).prop_map(|at| &ISSUERS[at])
}

/// The header and the claims of a sound token, and what was said instead.
fn write(issuer: &Issuer, said: &[Saying], now: u64) -> (String, String) {
    let mut header =
        vec![("alg", format!("\"{}\"", issuer.algorithm.as_str())), ("typ", "\"JWT\"".to_owned())];
    let mut claims = vec![
        ("iss", format!("\"{ISSUER}\"")),
        ("aud", format!("\"{CLIENT}\"")),
        ("exp", (now + 600).to_string()),
        ("iat", now.to_string()),
        ("sub", "\"user-1\"".to_owned()),
        ("nonce", format!("\"{NONCE}\"")),
    ];
    for (part, name, put, _) in said {
        let part = if *part == Part::Header { &mut header } else { &mut claims };
        part.retain(|(known, _)| known != name);
        let json = match put {
            Put::Nothing => continue,
            Put::Json(json) => (*json).to_owned(),
            Put::Time(offset) => now.saturating_add_signed(*offset).to_string(),
            Put::OtherAlgorithm => match issuer.algorithm {
                Algorithm::Es256 => "\"RS256\"".to_owned(),
                _ => "\"ES256\"".to_owned(),
            },
        };
        part.push((name, json));
    }
    let object = |members: Vec<(&str, String)>| {
        let members: Vec<String> = members.iter().map(|(name, json)| format!("\"{name}\":{json}")).collect();
        format!("{{{}}}", members.join(","))
    };
    (object(header), object(claims))
}

/// Core's verdict, with the signature settled in between as a shell does.
fn ours(issuer: &Issuer, token: &str, now: u64) -> Result<Identity, Error> {
    let token = Secret::from(token);
    let vouched = verify(id_token::check(&token, &issuer.jwks, issuer.algorithm)?)?;
    let (issuer, client_id) = (url::Issuer::new(ISSUER).unwrap(), ClientId::new(CLIENT).unwrap());
    let (access_token, nonce, code) =
        (Secret::from(ACCESS_TOKEN), Secret::from(NONCE), Secret::from("SplxlOBeZQQYbYS6WxSbIA"));
    let expected = Expected {
        nonce: Some(&nonce),
        code: Some(&code),
        trusted_audiences: &[TRUSTED],
        ..Expected::new(&issuer, &client_id, &access_token)
    };
    id_token::prove(&token, &vouched, &expected, Timestamp::from_seconds(now))
}

/// The verdict of `jsonwebtoken`, told all that it can be told.
fn theirs(issuer: &Issuer, token: &str) -> Result<Map<String, Value>, jsonwebtoken::errors::Error> {
    let text = |bytes: &[u8]| base64url::encode(bytes);
    let key = match &issuer.public {
        PublicKey::Ed25519 { x } => DecodingKey::from_ed_components(&text(x)).unwrap(),
        PublicKey::P256 { x, y } => DecodingKey::from_ec_components(&text(x), &text(y)).unwrap(),
        PublicKey::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
    };
    let mut validation = Validation::new(issuer.algorithm.as_str().parse().unwrap());
    validation.validate_nbf = true;
    validation.leeway = LEEWAY.as_secs();
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[CLIENT]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    jsonwebtoken::decode(token, &key, &validation).map(|data| data.claims)
}

/// What may become of a token between its issuer and us.
#[derive(Clone, Debug)]
enum Alteration {
    Change(Index, char),
    Insert(Index, char),
    /// The last letter of a part has bits to spare, in which a lax reader sees no change.
    End(usize, char),
    Cut(Index),
    Append(&'static str),
    Prepend(&'static str),
    /// Two parts in each other's place.
    Swap(usize, usize),
    /// A part that another token has.
    Replace(usize, &'static str),
    /// The first parts alone.
    Keep(usize),
    /// A signature of all zeros.
    Zeros(usize),
}

fn alteration() -> impl Strategy<Value = Alteration> {
    let letter = prop_oneof!["[A-Za-z0-9_-]", "[.=+/ \\t\\r\\n\\x00]", any::<char>().prop_map(String::from)]
        .prop_map(|text| text.chars().next().unwrap());
    let others = vec!["", "e30", "eyJhbGciOiJub25lIn0", "AA", "AA=="];
    let ends = vec![".", ".AA", "=", "==", " ", "\n", "\0", "A", "%3D"];
    prop_oneof![
        6 => (any::<Index>(), letter.clone()).prop_map(|(at, letter)| Alteration::Change(at, letter)),
        2 => (any::<Index>(), letter).prop_map(|(at, letter)| Alteration::Insert(at, letter)),
        2 => (0..3_usize, "[A-Za-z0-9_-]").prop_map(|(part, text)| Alteration::End(part, text.chars().next().unwrap())),
        2 => any::<Index>().prop_map(Alteration::Cut),
        1 => select(ends.clone()).prop_map(Alteration::Append),
        1 => select(ends).prop_map(Alteration::Prepend),
        1 => (0..3_usize, 0..3_usize).prop_map(|(one, other)| Alteration::Swap(one, other)),
        1 => (0..3_usize, select(others)).prop_map(|(at, part)| Alteration::Replace(at, part)),
        1 => (0..3_usize).prop_map(Alteration::Keep),
        1 => select(vec![0, 63, 64, 65, 255, 256, 257]).prop_map(Alteration::Zeros),
    ]
}

impl Alteration {
    fn apply(&self, token: &str) -> String {
        let mut parts: Vec<&str> = token.split('.').collect();
        // A token is ASCII: each of its bytes is a character.
        let at = |index: &Index| index.index(token.len());
        match self {
            Self::Change(index, letter) => {
                format!("{}{letter}{}", &token[..at(index)], &token[at(index) + 1..])
            }
            Self::Insert(index, letter) => format!("{}{letter}{}", &token[..at(index)], &token[at(index)..]),
            Self::End(at, letter) => {
                let changed = format!("{}{letter}", &parts[*at][..parts[*at].len() - 1]);
                parts[*at] = &changed;
                parts.join(".")
            }
            Self::Cut(index) => token[..at(index)].to_owned(),
            Self::Append(end) => format!("{token}{end}"),
            Self::Prepend(end) => format!("{end}{token}"),
            Self::Swap(one, other) => {
                parts.swap(*one, *other);
                parts.join(".")
            }
            Self::Replace(at, part) => {
                parts[*at] = part;
                parts.join(".")
            }
            Self::Keep(number) => parts[..*number].join("."),
            Self::Zeros(length) => {
                let zeros = base64url::encode(&[0; 257][..*length]);
                parts[2] = &zeros;
                parts.join(".")
            }
        }
    }
}
