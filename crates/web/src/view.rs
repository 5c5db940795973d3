//! What JavaScript gets to see: a session without tokens, and a token by itself.

use gatepass_core::session::access::Handout;
use gatepass_core::session::record::Record;
use gatepass_core::time::Timestamp;
use js_sys::Array;
use wasm_bindgen::JsValue;

use crate::js::object;
use crate::site::Site;

/// A session without its secrets.
pub fn session(site: &Site, record: &Record) -> JsValue {
    let view = &record.view;
    let identity = &view.identity;
    let subject = JsValue::from_str(identity.subject.as_str());
    let claims = object(&[
        ("sub", &subject),
        ("email", &maybe(identity.email.as_deref())),
        ("name", &maybe(identity.name.as_deref())),
    ]);
    let scopes: Array = view.scopes.iter().map(JsValue::from_str).collect();
    let expires_at =
        record.access.as_ref().map_or(JsValue::UNDEFINED, |access| milliseconds(access.expires_at));
    object(&[
        ("id", &JsValue::from_str(&site.session)),
        ("generation", &JsValue::from_f64(record.generation.number() as f64)),
        ("issuer", &JsValue::from_str(view.issuer.as_str())),
        ("subject", &subject),
        ("claims", &claims),
        ("scopes", &scopes),
        ("bound", &JsValue::from_bool(view.bound)),
        ("signedInAt", &milliseconds(view.signed_in_at)),
        ("accessExpiresAt", &expires_at),
    ])
    .into()
}

/// A token for its caller: the one door by which an access token leaves.
pub fn token(handout: &Handout) -> JsValue {
    let access = &handout.access;
    object(&[
        ("value", &JsValue::from_str(access.token.expose())),
        ("type", &JsValue::from_str(access.token_type.as_str())),
        ("expiresAt", &milliseconds(access.expires_at)),
        ("refreshed", &JsValue::from_bool(handout.refreshed)),
    ])
    .into()
}

fn maybe(text: Option<&str>) -> JsValue {
    text.map_or(JsValue::UNDEFINED, JsValue::from_str)
}

/// Moments as JavaScript counts them.
fn milliseconds(moment: Timestamp) -> JsValue {
    JsValue::from_f64(moment.seconds() as f64 * 1000.0)
}
