//! An authorization request that waits for its person: sealed, and carried by the forms and the letter.

use axum::http::StatusCode;
use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::error::Error;
use gatepass_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::page::Problem;
use crate::app::App;
use crate::grant::authorize::{self, FLOW_SECONDS, Request};
use crate::grant::params::Params;
use crate::keys::base64url;
use crate::store::Session;

/// What waits: the request as it came, when, and the session that the browser had then.
#[derive(Serialize, Deserialize)]
pub(crate) struct Flow {
    query: String,
    began: u64,
    sid: Option<String>,
}

impl Flow {
    /// A request that began now.
    pub(crate) fn begin(params: &Params, session: Option<&Session>, now: Timestamp) -> Self {
        let sid = session.map(|session| session.sid.clone());
        Self { query: params.to_query(), began: now.seconds(), sid }
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

    /// The request; it was good when it was sealed.
    pub(crate) fn request<'a>(&self, app: &'a App) -> Result<Request<'a>, Problem> {
        authorize::read(&self.params()?, &app.clients)
            .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "The application is not known here any more."))
    }
}
