//! One line of 02 as a login meets it; what core, the native shell and the browser's adapters share.
//!
//! Choices: where a line is no MUST and Gatepass accepts what the corpus would refuse, [`Case::choice`] says why.
//! Algorithms are those that both shells verify: EdDSA, ES256, PS256 and RS256. Others (ES256K, RSA with longer
//! hashes, the name `Ed25519` of RFC 9864) cannot be configured, so no token of theirs gets in.

use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::field::Field;
use gatepass_core::http::Response;
use gatepass_core::jwk::Algorithm;
use gatepass_core::name::{ClientId, Subject};
use gatepass_core::protocol::id_token::{self, Check, Expected, Vouched};
use gatepass_core::protocol::jwks;
use gatepass_core::secret::Secret;
use gatepass_core::time::Timestamp;
use gatepass_core::url::Issuer;
use serde_json::Value;

use crate::frame::{Judgement, Verdict};

/// The name of the file.
pub(crate) const NAME: &str = "02-jwt-idtoken-vectors";

/// The file with the clock, the client, the keys.
pub(crate) const CONTEXT: &str = "02-jwt-idtoken-context.json";

/// A line with what it overrides in the context.
pub(crate) struct Case<'a> {
    line: &'a Value,
    context: &'a Value,
    token: Secret,
}

/// How a token was met.
pub(crate) type Met = Result<(), Error>;

impl<'a> Case<'a> {
    pub(crate) fn read(line: &'a Value, context: &'a Value) -> Result<Self, String> {
        const KNOWN: [&str; 11] = [
            "id_token_alg",
            "skew",
            "nonce",
            "access_token",
            "code",
            "max_age",
            "trusted_auds",
            "essential_acr",
            "original_sub",
            "original_iss",
            "now",
        ];
        let overrides = line["ctx"].as_object().ok_or("no ctx")?;
        if let Some(unknown) = overrides.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(format!("cannot read: ctx {unknown:?}"));
        }
        let token = match line["token"].as_str() {
            Some(token) => token.to_owned(),
            None => generate(&line["generate"])?,
        };
        Ok(Self { line, context, token: Secret::new(token) })
    }

    /// The value of this line, or of the context; `null` overrides too.
    fn setting(&self, name: &str) -> &'a Value {
        let default = || match name {
            "skew" | "id_token_alg" => &self.context["meta"][format!("default_{name}")],
            _ => &self.context["meta"][name],
        };
        self.line["ctx"].get(name).unwrap_or_else(default)
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.setting(name).as_str()
    }

    /// One text or several.
    fn texts(&self, name: &str) -> Vec<&'a str> {
        match self.setting(name) {
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
            value => value.as_str().into_iter().collect(),
        }
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        self.text(name).map(Secret::from)
    }

    /// Algorithm, key set and header: what is left for a shell to verify.
    pub(crate) fn check(&self) -> Result<Check, Error> {
        let name = self.line["jwks"].as_str().unwrap_or_default();
        let keys = &self.context["jwks"][name];
        assert!(keys.is_object(), "the context has no key set {name:?}");
        let response = Response::new(200, &|_| None, keys.to_string().into_bytes());
        // An algorithm that cannot be configured ends a login before it begins.
        let algorithm = Algorithm::parse(self.text("id_token_alg").unwrap_or_default())
            .ok_or(Error::Configuration { field: Field::IdTokenSignedResponseAlg })?;
        id_token::check(&self.token, &jwks::parse(&response)?, algorithm)
    }

    /// What the claims come to.
    pub(crate) fn prove(&self, vouched: &Vouched) -> Met {
        let issuer = Issuer::new(self.text("issuer").unwrap_or_default())?;
        let client_id = ClientId::new(self.text("client_id").unwrap_or_default())?;
        if self.is_refresh() {
            let original = Issuer::new(self.text("original_iss").unwrap_or(issuer.as_str()))?;
            let subject = Subject::new(&self.original_subject())?;
            return id_token::unchanged(&self.token, &original, &client_id, &subject);
        }
        let access_token = self.secret("access_token").unwrap_or_else(|| Secret::from(""));
        let (nonce, code) = (self.secret("nonce"), self.secret("code"));
        let seconds = |name| self.setting(name).as_u64();
        let (trusted, acr) = (self.texts("trusted_auds"), self.texts("essential_acr"));
        let expected = Expected {
            trusted_audiences: &trusted,
            nonce: nonce.as_ref(),
            code: code.as_ref(),
            max_age: seconds("max_age").map(Duration::from_secs),
            essential_acr: &acr,
            leeway: Duration::from_secs(seconds("skew").unwrap_or_default()),
            ..Expected::new(&issuer, &client_id, &access_token)
        };
        let now = Timestamp::from_seconds(seconds("now").unwrap_or_default());
        id_token::prove(&self.token, vouched, &expected, now).map(drop)
    }

    fn is_refresh(&self) -> bool {
        self.line["ctx"].get("original_sub").is_some() || self.line["ctx"].get("original_iss").is_some()
    }

    /// Who signed in at first; where only the issuer is another, the person is the same.
    fn original_subject(&self) -> String {
        let own = || self.claims()["sub"].as_str().map(str::to_owned);
        self.text("original_sub").map(str::to_owned).or_else(own).unwrap_or_else(|| "nobody".to_owned())
    }

    fn part(&self, at: usize) -> Value {
        let part = self.token.expose().split('.').nth(at).unwrap_or_default();
        let bytes = gatepass_core::base64url::decode(part).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    fn claims(&self) -> Value {
        self.part(1)
    }

    /// Compares what happened with what the line demands.
    pub(crate) fn judge(&self, met: &Met) -> Judgement {
        if let Err(error) = met {
            self.says_nothing(error)?;
        }
        match (self.line["must"].as_str().unwrap_or_default(), met) {
            // No panic, no overflow, no request: we are still here, and core has no network.
            ("either", _) | ("accept", Ok(())) | ("reject", Err(_)) => Ok(Verdict::Right),
            ("accept", Err(error)) => Err(format!("refused: {error:?}")),
            ("reject", Ok(())) => {
                self.choice().map(Verdict::Chosen).ok_or_else(|| format!("accepted: {}", self.line["why"]))
            }
            (other, _) => Err(format!("cannot read: must {other:?}")),
        }
    }

    /// Why a token that the corpus would rather refuse is accepted.
    fn choice(&self) -> Option<&'static str> {
        let class = self.line["cls"].as_str().unwrap_or_default();
        let old = self.claims()["iat"].as_u64() < self.setting("now").as_u64();
        match class {
            "claim-iat" if old => {
                Some("no limit to a token's age: its nonce is of this login, and it has not expired")
            }
            "claim-at_hash" | "claim-c_hash" if self.part(0)["alg"] == "EdDSA" => {
                Some("EdDSA names no hash for at_hash and c_hash")
            }
            _ => None,
        }
    }

    /// An error is a name: nothing of the token, the keys or the login stands in it.
    fn says_nothing(&self, error: &Error) -> Result<(), String> {
        let said = format!("{error:?} {error}");
        let parts = self.token.expose().split('.').filter(|part| part.len() > 8);
        let settings = ["nonce", "access_token", "code"].into_iter().filter_map(|name| self.text(name));
        let claims = self.claims();
        let claimed = claims.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
        match parts
            .chain(settings)
            .chain(claimed.filter(|text| text.len() > 8))
            .find(|text| said.contains(text))
        {
            Some(_) => Err(format!("the error carries content: {said}")),
            None => Ok(()),
        }
    }
}

/// A token too long to be written down: `repeat UNIT COUNT`.
fn generate(recipe: &Value) -> Result<String, String> {
    let unreadable = || format!("cannot read: generate {recipe}");
    let text = recipe.as_str().ok_or_else(unreadable)?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let ["repeat", unit, count] = words[..] else { return Err(unreadable()) };
    let count: usize = count.parse().map_err(|_| unreadable())?;
    Ok(unit.trim_matches(['\'', '"']).repeat(count))
}
