//! The way to an organization's own OpenID provider and back. `grant/upstream` says what its answers must say; here they
//! are fetched. The provider's tokens are looked at once and dropped: nothing of them is kept.

mod fetch;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatepass_core::secret::Secret;
use gatepass_core::time::Timestamp;
use gatepass_core::url::Endpoint;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, ExtraTokenFields, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError,
    Scope, StandardRevocableToken, StandardTokenResponse, TokenResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::grant::upstream::{self, Connection, Expected, Fault, Provider};
use crate::jose::Jws;
use fetch::Fetch;

/// How long what a provider says about itself is believed.
const METADATA_LIFE: Duration = Duration::from_secs(3600);

/// A signature by a key that is not known has the keys fetched again, at most this often.
const KEYS_PAUSE: Duration = Duration::from_secs(60);

/// All connections.
pub(crate) struct Upstreams {
    list: Vec<Upstream>,
    fetch: Fetch,
}

/// A connection and what is known of its provider.
pub(crate) struct Upstream {
    pub(crate) connection: Connection,
    redirect_uri: String,
    provider: Mutex<Option<(Timestamp, Arc<Provider>)>>,
    keys: Mutex<Option<(Timestamp, Arc<Vec<Value>>)>>,
}

/// What goes along on the way there.
pub(crate) struct Departure<'a> {
    pub(crate) state: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) verifier: &'a str,
    pub(crate) login_hint: Option<&'a str>,
    pub(crate) prompt: Option<&'a str>,
    pub(crate) max_age: Option<u64>,
}

/// What came back.
pub(crate) struct Arrival<'a> {
    pub(crate) code: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) verifier: &'a str,
    pub(crate) max_age: Option<u64>,
}

/// Whom the provider signed in.
pub(crate) struct Person {
    pub(crate) subject: String,
    pub(crate) email: String,
}

impl Upstreams {
    /// `base` is the front of every address here.
    pub(crate) fn new(connections: Vec<Connection>, base: &str) -> Self {
        let upstream = |connection: Connection| Upstream {
            // One address a connection: a code of one provider never comes in as another's (RFC 9700 section 4.4.2).
            redirect_uri: format!("{base}/oauth/callback/{}", connection.id),
            connection,
            provider: Mutex::default(),
            keys: Mutex::default(),
        };
        Self { list: connections.into_iter().map(upstream).collect(), fetch: Fetch::default() }
    }

    /// The connection that signs people of this domain in.
    pub(crate) fn of_domain(&self, domain: &str) -> Option<&Upstream> {
        let found = upstream::of_domain(self.list.iter().map(|one| &one.connection), domain)?;
        self.find(&found.id)
    }

    /// The connection of this id.
    pub(crate) fn find(&self, id: &str) -> Option<&Upstream> {
        self.list.iter().find(|one| one.connection.id == id)
    }

    /// The address at which a person signs in (OpenID Connect Core section 3.1.2.1).
    pub(crate) async fn address(
        &self,
        upstream: &Upstream,
        departure: &Departure<'_>,
        now: Timestamp,
    ) -> Result<String, Fault> {
        let provider = self.provider(upstream, now).await?;
        let verifier = PkceCodeVerifier::new(departure.verifier.to_owned());
        let client = client(upstream, &provider)?;
        let mut request = client
            .authorize_url(|| CsrfToken::new(departure.state.to_owned()))
            .add_scopes(["openid", "email"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_extra_param("nonce", departure.nonce);
        for (name, value) in [("login_hint", departure.login_hint), ("prompt", departure.prompt)] {
            if let Some(value) = value {
                request = request.add_extra_param(name, value);
            }
        }
        if let Some(seconds) = departure.max_age {
            request = request.add_extra_param("max_age", seconds.to_string());
        }
        Ok(request.url().0.into())
    }

    /// Whether a response came from this very provider (RFC 9207 section 2.4).
    pub(crate) async fn check_issuer(
        &self,
        upstream: &Upstream,
        given: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let provider = self.provider(upstream, now).await?;
        upstream::check_issuer(given, &upstream.connection.issuer, &provider)
    }

    /// Trades the code and judges what comes for it (section 3.1.3).
    pub(crate) async fn person(
        &self,
        upstream: &Upstream,
        arrival: &Arrival<'_>,
        now: Timestamp,
    ) -> Result<Person, Fault> {
        let provider = self.provider(upstream, now).await?;
        let tokens = self.exchange(upstream, &provider, arrival).await?;
        let id_token = tokens.extra_fields().id_token.as_deref().ok_or(Fault::Answer("no id token"))?;
        let claims = self.signed_claims(upstream, &provider, id_token, now).await?;
        let connection = &upstream.connection;
        let expected = Expected { connection, nonce: arrival.nonce, max_age: arrival.max_age, now };
        let subject = upstream::subject(&claims, &expected)?.to_owned();
        let email = match &provider.userinfo_endpoint {
            // Many providers keep the ID token small and answer this here.
            Some(endpoint) if claims["email"].is_null() => {
                let info = self.fetch.json(endpoint, Some(tokens.access_token().secret())).await?;
                // Section 5.3.2: an answer about somebody else is nobody's.
                if info["sub"] != subject.as_str() {
                    return Err(Fault::Answer("`sub` of userinfo"));
                }
                upstream::email(&info, connection)?
            }
            _ => upstream::email(&claims, connection)?,
        };
        Ok(Person { subject, email })
    }

    async fn exchange(
        &self,
        upstream: &Upstream,
        provider: &Provider,
        arrival: &Arrival<'_>,
    ) -> Result<Tokens, Fault> {
        let request = client(upstream, provider)?
            .exchange_code(AuthorizationCode::new(arrival.code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(arrival.verifier.to_owned()))
            .request_async(&self.fetch)
            .await;
        request.map_err(|error| match error {
            RequestTokenError::Request(_) => Fault::Unreachable,
            RequestTokenError::ServerResponse(_) => Fault::Answer("code refused"),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => Fault::Answer("token answer"),
        })
    }

    /// What the provider says about itself; an older word counts while there is no newer one.
    async fn provider(&self, upstream: &Upstream, now: Timestamp) -> Result<Arc<Provider>, Fault> {
        let known = remembered(&upstream.provider);
        if let Some((at, provider)) = &known
            && now.since(*at) < METADATA_LIFE
        {
            return Ok(Arc::clone(provider));
        }
        let fresh = async {
            let issuer = &upstream.connection.issuer;
            // OpenID Connect Discovery 1.0 section 4.1.
            let base = issuer.as_str().trim_end_matches('/');
            let url = trusted(&format!("{base}/.well-known/openid-configuration"))?;
            let metadata = self.fetch.json(&url, None).await?;
            upstream::provider(&metadata, issuer).map(Arc::new)
        };
        match (fresh.await, known) {
            (Ok(provider), _) => {
                remember(&upstream.provider, (now, Arc::clone(&provider)));
                Ok(provider)
            }
            (Err(Fault::Unreachable), Some((_, provider))) => Ok(provider),
            (Err(fault), _) => Err(fault),
        }
    }

    /// The claims of a token that the provider signed.
    async fn signed_claims(
        &self,
        upstream: &Upstream,
        provider: &Provider,
        token: &str,
        now: Timestamp,
    ) -> Result<Value, Fault> {
        let jws = Jws::read(token).ok_or(Fault::Answer("form of the id token"))?;
        let known = remembered(&upstream.keys);
        if let Some((_, keys)) = &known
            && signed_by_one(&jws, keys)
        {
            return Ok(jws.claims);
        }
        if known.is_some_and(|(at, _)| now.since(at) < KEYS_PAUSE) {
            return Err(Fault::Answer("signature"));
        }
        let mut set = self.fetch.json(&provider.jwks_uri, None).await?;
        let Value::Array(keys) = set["keys"].take() else { return Err(Fault::Answer("keys")) };
        let keys = Arc::new(keys);
        remember(&upstream.keys, (now, Arc::clone(&keys)));
        if signed_by_one(&jws, &keys) { Ok(jws.claims) } else { Err(Fault::Answer("signature")) }
    }
}

/// The token that OpenID Connect adds to an answer.
#[derive(Debug, Deserialize, Serialize)]
struct IdToken {
    #[serde(default)]
    id_token: Option<String>,
}

impl ExtraTokenFields for IdToken {}

type Tokens = StandardTokenResponse<IdToken, BasicTokenType>;

type OidcClient = Client<
    BasicErrorResponse,
    Tokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

fn client(upstream: &Upstream, provider: &Provider) -> Result<OidcClient, Fault> {
    let address = |_| Fault::Answer("address");
    let url = |endpoint: &Endpoint| endpoint.as_str().to_owned();
    let connection = &upstream.connection;
    let client = Client::new(ClientId::new(connection.client_id.clone()))
        .set_auth_uri(AuthUrl::new(url(&provider.authorization_endpoint)).map_err(address)?)
        .set_token_uri(TokenUrl::new(url(&provider.token_endpoint)).map_err(address)?)
        .set_redirect_uri(RedirectUrl::new(upstream.redirect_uri.clone()).map_err(address)?)
        .set_auth_type(if provider.secret_in_body { AuthType::RequestBody } else { AuthType::BasicAuth });
    Ok(match &connection.client_secret {
        Some(secret) => client.set_client_secret(ClientSecret::new(Secret::expose(secret).clone())),
        None => client,
    })
}

/// Whether one of these keys signed it: the one that it names, or any if it names none.
fn signed_by_one(jws: &Jws<'_>, keys: &[Value]) -> bool {
    let named = &jws.header["kid"];
    keys.iter().any(|key| (named.is_null() || key["kid"] == *named) && jws.signed_by_key(key))
}

fn trusted(url: &str) -> Result<Endpoint, Fault> {
    Endpoint::new(url, gatepass_core::field::Field::Issuer).map_err(|_| Fault::Answer("address"))
}

fn remembered<T: Clone>(place: &Mutex<Option<T>>) -> Option<T> {
    place.lock().ok().and_then(|known| known.clone())
}

fn remember<T>(place: &Mutex<Option<T>>, value: T) {
    if let Ok(mut known) = place.lock() {
        *known = Some(value);
    }
}
