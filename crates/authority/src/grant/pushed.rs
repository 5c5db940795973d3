//! Authorization requests that are handed in before their person arrives (RFC 9126 section 2).

use super::authorize::{self, Refusal};
use super::client::{Client, Clients};
use super::params::Params;
use super::refused::Refused;

/// How long a request may be opened after it was handed in, in seconds: it is on its way to a browser.
pub(crate) const PUSHED_SECONDS: u64 = 60;

/// What the name of such a request begins with (RFC 9126 section 2.2).
pub(crate) const URI_PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// The parameters to keep, once the request is found good; `jkt` is the key whose proof came along.
pub(crate) fn read(
    mut params: Params,
    client: &Client,
    clients: &Clients,
    jkt: Option<&str>,
) -> Result<Params, Refused> {
    // Section 2.1: a request by reference to another one.
    if params.one("request_uri")?.is_some() {
        return Err(Refused::RequestUriPushed);
    }
    // The client has proven itself; its secret has no place in what is kept. By Basic, it may have been named there alone.
    params.remove("client_secret");
    params.set("client_id", &client.id);
    // RFC 9449 section 10.1: the proof binds the code as the parameter does, and they name one key.
    if let Some(jkt) = jkt {
        if params.one("dpop_jkt")?.is_some_and(|named| named != jkt) {
            return Err(Refused::Proof("`dpop_jkt` names another key"));
        }
        params.set("dpop_jkt", jkt);
    }
    match authorize::read(&params, clients) {
        Ok(_) => Ok(params),
        Err(Refusal::Redirect { refused, .. }) => Err(refused),
        Err(Refusal::Page(_)) => Err(Refused::Malformed("redirect_uri")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::tests::native;
    use super::*;

    const GOOD: &str = "redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&response_type=code&scope=openid\
        &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

    fn pushed(extra: &str, jkt: Option<&str>) -> Result<Params, Refused> {
        let params = Params::from_form(&format!("{GOOD}{extra}")).unwrap();
        read(params, &native(), &Clients::new(vec![native()]), jkt)
    }

    #[test]
    fn keeps_what_is_asked_and_no_secret() {
        let kept = pushed("&client_secret=s3cret&state=x", Some(JKT)).unwrap();
        assert_eq!(kept.one("client_secret"), Ok(None));
        assert_eq!((kept.one("client_id"), kept.one("state")), (Ok(Some("cli")), Ok(Some("x"))));
        assert_eq!(kept.one("dpop_jkt"), Ok(Some(JKT)));
        assert_eq!(pushed(&format!("&dpop_jkt={JKT}"), None).unwrap().one("dpop_jkt"), Ok(Some(JKT)));
        assert_eq!(pushed("&dpop_jkt=", Some(JKT)).unwrap().one("dpop_jkt"), Ok(Some(JKT)));
    }

    #[test]
    fn refuses_at_once_what_the_page_would_refuse() {
        for (extra, jkt, expected) in [
            ("&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Ax", None, Refused::RequestUriPushed),
            ("&dpop_jkt=x", Some(JKT), Refused::Proof("`dpop_jkt` names another key")),
            ("&redirect_uri=https%3A%2F%2Fevil.example", None, Refused::Malformed("redirect_uri")),
            ("&audience=https%3A%2F%2Fevil.example", None, Refused::Target),
            ("&request=x", None, Refused::RequestObject),
            ("&x=1&x=2", None, Refused::Repeated),
        ] {
            assert_eq!(pushed(extra, jkt), Err(expected), "{extra}");
        }
    }
}
