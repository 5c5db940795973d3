//! `/oauth/device/code`: a device without a browser asks for its two codes (RFC 8628 section 3.1).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{self, Failure};
use super::sign_in::place;
use super::{Note, client_auth};
use crate::app::App;
use crate::grant::authorize::{audience_parameter, organization_parameter, scope_parameter};
use crate::grant::client::{Client, GrantType};
use crate::grant::device::{DeviceCode, LIFE_SECONDS, WAIT_SECONDS};
use crate::grant::params::Params;
use crate::grant::refused::Refused;
use crate::grant::short_code;
use crate::keys::sha256;
use crate::random::{self, SystemDice};
use crate::store::{Added, CODE_WINDOW};

/// What the short codes of devices answer.
pub(super) const CONTEXT: &[u8] = b"device";

/// How often a short code is drawn anew when it is taken. Twenty to the eighth are there; only a full house runs out.
const DRAWS: u32 = 8;

/// `POST /oauth/device/code`.
pub(crate) async fn post(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let basic = headers.contains_key(header::AUTHORIZATION);
    let read = client_auth::parameters(&uri, &headers, &body).and_then(|params| {
        params.refuse_repeated()?;
        Ok((client_auth::client(&app, &headers, &params)?, params))
    });
    let (client, params) = match read {
        Ok(read) => read,
        Err(refused) => return answer::error(refused, None, basic),
    };
    match begin(&app, client, &place(peer.ip()), &params).await {
        Ok(codes) => {
            let mut response = answer::json(StatusCode::OK, &codes);
            response.extensions_mut().insert(Note { client: Some(client.id.clone()), reason: None });
            response
        }
        Err(failure) => {
            let refused = failure.refused();
            let mut response = answer::error(refused, Some(client.id.clone()), basic);
            if refused == Refused::DeviceMany {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(CODE_WINDOW.as_secs()));
            }
            response
        }
    }
}

async fn begin(app: &App, client: &Client, place: &str, params: &Params) -> Result<Value, Failure> {
    client.may_use(GrantType::DeviceCode)?;
    let now = app.now();
    let code = DeviceCode {
        client_id: client.id.clone(),
        scope: scope_parameter(params)?.as_str().to_owned(),
        audience: client.audience(audience_parameter(params)?)?.to_owned(),
        organization_id: organization_parameter(params)?,
        place: place.to_owned(),
        created_at: now,
        expires_at: now.plus(Duration::from_secs(LIFE_SECONDS)),
        decision: None,
        family_id: None,
    };
    for _ in 0..DRAWS {
        let (device_code, user_code) = (random::token()?, short_code::draw(&mut SystemDice)?);
        let mac = short_code::mac(&app.keys.short_code, CONTEXT, &user_code);
        let hash = sha256(device_code.expose());
        let added = app.store.add_device_code(&hash, &mac, &code, app.device_codes_per_place).await?;
        if added == Added::TooMany {
            return Err(Refused::DeviceMany.into());
        }
        if added == Added::Kept {
            let verification_uri = format!("{}/activate", app.base);
            // RFC 8628 section 3.2.
            return Ok(json!({
                "device_code": device_code.expose().as_str(),
                "user_code": user_code,
                "verification_uri_complete": format!("{verification_uri}?user_code={user_code}"),
                "verification_uri": verification_uri,
                "expires_in": LIFE_SECONDS,
                "interval": WAIT_SECONDS,
            }));
        }
    }
    Err(Refused::Server.into())
}
