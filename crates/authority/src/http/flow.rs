//! What waits for a sign-in, an authorization request, a handoff or a visit to `/activate`: sealed, and carried by the
//! forms and the letter.

use std::time::Duration;

use axum::http::StatusCode;
use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::error::Error;
use gatepass_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::handoff::Pushed;
use super::handoff_page;
use super::page::Problem;
use crate::app::App;
use crate::grant::authorize::{self, FLOW_SECONDS, Request};
use crate::grant::params::Params;
use crate::grant::pushed::PUSHED_SECONDS;
use crate::keys::base64url;
use crate::random;
use crate::store::Session;

/// What waits: the request as it came, when, and the session that the browser had then.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Flow {
    query: String,
    began: u64,
    sid: Option<String>,
    /// The query is one of `/activate`.
    #[serde(default)]
    activation: bool,
    /// The query is the name of a handoff.
    #[serde(default)]
    handoff: bool,
    /// The query was handed in first.
    #[serde(default)]
    pushed: Option<Opening>,
}

/// One opening of a request that was handed in first (RFC 9126).
#[derive(Clone, Serialize, Deserialize)]
struct Opening {
    uri_hash: String,
    /// Tells openings apart: one of them comes to an end.
    id: String,
}

/// Who wants somebody to sign in, as the pages of the sign-in show it.
pub(crate) struct Asker {
    /// Its name.
    pub(crate) client: String,
    /// Its id, for the log; nothing where it is not told yet.
    pub(crate) client_id: Option<String>,
    /// Where the sign-in leads to in the end, if not to a page of ours.
    pub(crate) redirect_uri: Option<String>,
    pub(crate) login_hint: Option<String>,
    /// What it asks of the sign-in (OpenID Connect Core section 3.1.2.1).
    pub(crate) prompt: Option<&'static str>,
    pub(crate) max_age: Option<u64>,
}

impl From<&Request<'_>> for Asker {
    fn from(request: &Request<'_>) -> Self {
        Self {
            client: request.client.name.clone(),
            client_id: Some(request.client.id.clone()),
            redirect_uri: Some(request.redirect_uri.clone()),
            login_hint: request.login_hint.clone(),
            prompt: request.asks_again(),
            max_age: request.max_age(),
        }
    }
}

impl Flow {
    /// A request that began now.
    pub(crate) fn begin(params: &Params, session: Option<&Session>, now: Timestamp) -> Self {
        let sid = session.map(|session| session.sid.clone());
        let query = params.to_query();
        Self { query, began: now.seconds(), sid, activation: false, handoff: false, pushed: None }
    }

    /// A visit to `/activate` that began now, in a browser where nobody is signed in.
    pub(crate) fn activation(params: &Params, now: Timestamp) -> Self {
        Self { activation: true, ..Self::begin(params, None, now) }
    }

    /// A handoff of this name that began now.
    pub(crate) fn handoff(name: &str, session: Option<&Session>, now: Timestamp) -> Self {
        Self { query: name.to_owned(), handoff: true, ..Self::begin(&Params::default(), session, now) }
    }

    /// This flow, as an opening of the request that was handed in under this name.
    pub(crate) fn opened_from(mut self, uri_hash: &[u8; 32]) -> Result<Self, Error> {
        self.pushed = Some(Opening { uri_hash: base64url(uri_hash), id: random::identifier()? });
        Ok(self)
    }

    /// Before the answer goes out: a request that was handed in first has one (RFC 9126 section 7.3).
    pub(crate) async fn finish(&self, app: &App) -> Result<(), Problem> {
        let Some(opening) = &self.pushed else { return Ok(()) };
        let uri_hash = Base64UrlUnpadded::decode_vec(&opening.uri_hash).map_err(|_| Error::Bug)?;
        // Until no other opening can be under way.
        let forget_at = app.now().plus(Duration::from_secs(PUSHED_SECONDS + FLOW_SECONDS));
        if app.store.use_pushed_request(&uri_hash, &opening.id, forget_at).await? {
            Ok(())
        } else {
            Err(too_late())
        }
    }

    /// Where a visit to a page of ours goes on, if that is what waits; `sealed` is this flow.
    pub(crate) fn page_address(&self, app: &App, sealed: &str) -> Option<String> {
        if self.handoff {
            return Some(handoff_page::address(app, sealed));
        }
        self.activation.then(|| format!("{}/activate?{}", app.base, self.query))
    }

    /// The name of the handoff, if that is what waits.
    pub(super) fn handoff_name(&self) -> Option<&str> {
        self.handoff.then_some(self.query.as_str())
    }

    /// Which opening of a request this is.
    pub(super) fn opening_id(&self) -> Option<&str> {
        self.pushed.as_ref().map(|opening| opening.id.as_str())
    }

    /// Whether this session was signed in for this request. Every sign-in makes a new session, so this holds within
    /// one second too, where moments alone could not tell.
    pub(crate) fn led_to(&self, session: &Session) -> bool {
        self.sid.as_ref() != Some(&session.sid) && session.auth_time >= self.began()
    }

    /// When it began.
    const fn began(&self) -> Timestamp {
        Timestamp::from_seconds(self.began)
    }

    /// The form in which it travels: nobody reads it, nobody changes it.
    pub(crate) fn seal(&self, app: &App) -> Result<String, Error> {
        let plain = serde_json::to_vec(self).map_err(|_| Error::Bug)?;
        Ok(base64url(app.keys.flow.seal(&plain, "flow")?))
    }

    /// Opens what travelled, if it is not too old.
    pub(crate) fn open(app: &App, sealed: &str) -> Result<Self, Problem> {
        let opened = Base64UrlUnpadded::decode_vec(sealed)
            .ok()
            .and_then(|sealed| app.keys.flow.open(&sealed, "flow"))
            .and_then(|plain| serde_json::from_slice::<Self>(&plain).ok())
            .filter(|flow| app.now().since(flow.began()).as_secs() < FLOW_SECONDS);
        opened.ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "This sign-in took too long. Please go back to the application and start again.",
            )
        })
    }

    /// The parameters of the request.
    pub(crate) fn params(&self) -> Result<Params, Problem> {
        Ok(Params::from_form(&self.query)?)
    }

    /// Who asks for the sign-in.
    pub(crate) fn asker(&self, app: &App) -> Result<Asker, Problem> {
        if self.activation {
            // Which client it is, is told to nobody who is not signed in: codes could be tried that way.
            return Ok(Asker {
                client: "your device".into(),
                client_id: None,
                redirect_uri: None,
                login_hint: None,
                prompt: None,
                max_age: None,
            });
        }
        if let Some(name) = self.handoff_name() {
            let pushed = Pushed::open(app, name).ok_or_else(handoff_page::too_late)?;
            let client = pushed.request(app)?.client;
            return Ok(Asker {
                client: client.name.clone(),
                client_id: Some(client.id.clone()),
                redirect_uri: None,
                login_hint: None,
                // A sign-in that is too old is not made young by a provider that remembers it.
                prompt: Some("login"),
                max_age: None,
            });
        }
        Ok(Asker::from(&self.request(app)?))
    }

    /// The request; it was good when it was sealed.
    pub(crate) fn request<'a>(&self, app: &'a App) -> Result<Request<'a>, Problem> {
        authorize::read(&self.params()?, &app.clients)
            .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "The application is not known here any more."))
    }
}

/// For a request that was answered, or that waited too long to be opened.
pub(super) fn too_late() -> Problem {
    Problem::new(
        StatusCode::GONE,
        "This sign-in was finished already, or it took too long. Please go back to the application and start again.",
    )
}
