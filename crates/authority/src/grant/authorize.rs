//! The authorization request (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2) and what to do about it.

use gatepass_core::name::Scopes;
use gatepass_core::time::Timestamp;

use super::client::{Client, Clients, GrantType};
use super::params::{self, Params};
use super::pkce;
use super::refused::Refused;

/// The scopes that mean something here.
pub(crate) const SCOPES: [&str; 4] = ["openid", "email", "profile", "offline_access"];

/// How long an authorization request may wait for its person.
pub(crate) const FLOW_SECONDS: u64 = 30 * 60;

/// A request that may be answered by a redirect.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) client: &'a Client,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) scope: Scopes,
    pub(crate) audience: String,
    pub(crate) organization: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) dpop_jkt: Option<String>,
    pub(crate) login_hint: Option<String>,
    /// The domain of the person's address, as some services call it.
    pub(crate) domain_hint: Option<String>,
    prompt: Vec<Prompt>,
    max_age: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prompt {
    None,
    Login,
    Consent,
    SelectAccount,
}

impl Request<'_> {
    /// What whoever signs the person in has to ask again, in the words of `prompt`.
    pub(crate) fn asks_again(&self) -> Option<&'static str> {
        let asks = |prompt| self.prompt.contains(&prompt);
        match (asks(Prompt::Login), asks(Prompt::SelectAccount)) {
            (true, true) => Some("login select_account"),
            (true, false) => Some("login"),
            (false, true) => Some("select_account"),
            (false, false) => None,
        }
    }

    /// How old a sign-in may be, in seconds.
    pub(crate) const fn max_age(&self) -> Option<u64> {
        self.max_age
    }

    /// The domain whose people are meant, by either hint.
    pub(crate) fn domain(&self) -> Option<&str> {
        let of_address = || self.login_hint.as_deref()?.rsplit_once('@').map(|(_, domain)| domain);
        self.domain_hint.as_deref().or_else(of_address)
    }
}

/// A request that is refused: on a page of ours, or at the client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The redirect URI is not proven: nothing leaves for it (RFC 9700 section 4.11.2).
    Page(&'static str),
    /// The client hears of it.
    Redirect { redirect_uri: String, state: Option<String>, refused: Refused },
}

/// Reads the parameters. Unknown ones are ignored, repeated ones refused (RFC 6749 section 3.1).
pub(crate) fn read<'a>(params: &Params, clients: &'a Clients) -> Result<Request<'a>, Refusal> {
    let (Ok(Some(client_id)), Ok(redirect_uri)) = (params.one("client_id"), params.one("redirect_uri"))
    else {
        return Err(Refusal::Page("The address does not name one application and one place to return to."));
    };
    let client = clients.find(client_id).ok_or(Refusal::Page("The application is not known here."))?;
    let redirect_uri = redirect_uri
        .filter(|uri| client.accepts(uri))
        .ok_or(Refusal::Page("The place to return to is not registered for this application."))?
        .to_owned();
    // A repeated state is nobody's state.
    let state = params.one("state").ok().flatten().map(str::to_owned);
    read_rest(params, client, &redirect_uri, &state).map_err(|refused| Refusal::Redirect {
        redirect_uri: redirect_uri.clone(),
        state: state.clone(),
        refused,
    })
}

fn read_rest<'a>(
    params: &Params,
    client: &'a Client,
    redirect_uri: &str,
    state: &Option<String>,
) -> Result<Request<'a>, Refused> {
    params.refuse_repeated()?;
    // RFC 6749 section 4.1.2.1.
    client.may_use(GrantType::AuthorizationCode)?;
    // OpenID Connect Core section 6: what is not supported is refused, never ignored.
    if params.one("request")?.is_some() {
        return Err(Refused::RequestObject);
    }
    if params.one("request_uri")?.is_some() {
        return Err(Refused::RequestUri);
    }
    if params.required("response_type")? != "code" {
        return Err(Refused::ResponseType);
    }
    if params.one("response_mode")?.is_some_and(|mode| mode != "query") {
        return Err(Refused::ResponseMode);
    }
    let text = |name| -> Result<Option<String>, Refused> { Ok(params.one(name)?.map(str::to_owned)) };
    Ok(Request {
        client,
        redirect_uri: redirect_uri.to_owned(),
        state: state.clone(),
        scope: scope_parameter(params)?,
        audience: client.audience(audience_parameter(params)?)?.to_owned(),
        organization: organization_parameter(params)?,
        nonce: text("nonce")?,
        challenge: challenge(params, client)?,
        dpop_jkt: dpop_jkt(params)?,
        login_hint: text("login_hint")?,
        domain_hint: text("domain_hint")?,
        prompt: prompts(params)?,
        max_age: match params.one("max_age")? {
            None => None,
            Some(seconds) => Some(seconds.parse().map_err(|_| Refused::Malformed("max_age"))?),
        },
    })
}

/// `audience` as the hosted service has it, or `resource` as RFC 8707 section 2 has it; not two different ones.
pub(crate) fn audience_parameter(params: &Params) -> Result<Option<&str>, Refused> {
    match (params.one("audience")?, params.one("resource")?) {
        (Some(audience), Some(resource)) if audience != resource => Err(Refused::Target),
        (audience, resource) => Ok(audience.or(resource)),
    }
}

/// The organization for which the tokens are to be, as the hosted service has it. Whether the person is a member of it
/// is asked once they are known.
pub(crate) fn organization_parameter(params: &Params) -> Result<Option<String>, Refused> {
    match params.one("organization")? {
        Some(name) if name.len() > 255 || !name.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(Refused::Malformed("organization"))
        }
        name => Ok(name.map(str::to_owned)),
    }
}

/// Scopes that are not known are left out (OpenID Connect Core section 3.1.2.1); asking for nothing else is refused.
pub(crate) fn scope_parameter(params: &Params) -> Result<Scopes, Refused> {
    let asked = Scopes::parse(params.one("scope")?.unwrap_or_default()).map_err(|_| Refused::Scope)?;
    let known: Vec<&str> = asked.iter().filter(|scope| SCOPES.contains(scope)).collect();
    if known.is_empty() && !asked.is_empty() {
        return Err(Refused::Scope);
    }
    Scopes::parse(&known.join(" ")).map_err(|_| Refused::Scope)
}

fn challenge(params: &Params, client: &Client) -> Result<Option<String>, Refused> {
    match (params.one("code_challenge")?, params.one("code_challenge_method")?) {
        // RFC 9700 section 2.1.1: public clients must. A confidential one may rely on its nonce instead.
        (None, _) if client.is_public() || params.one("nonce")?.is_none() => Err(Refused::PkceRequired),
        (None, _) => Ok(None),
        // Without a method, RFC 7636 section 4.3 means `plain`, which protects nobody.
        (Some(_), method) if method != Some("S256") => Err(Refused::PkceMethod),
        (Some(challenge), _) if pkce::is_challenge(challenge) => Ok(Some(challenge.to_owned())),
        (Some(_), _) => Err(Refused::Malformed("code_challenge")),
    }
}

/// RFC 9449 section 10: a SHA-256 thumbprint, which has the form of a challenge.
pub(crate) fn dpop_jkt(params: &Params) -> Result<Option<String>, Refused> {
    match params.one("dpop_jkt")? {
        None => Ok(None),
        Some(jkt) if pkce::is_challenge(jkt) => Ok(Some(jkt.to_owned())),
        Some(_) => Err(Refused::Malformed("dpop_jkt")),
    }
}

fn prompts(params: &Params) -> Result<Vec<Prompt>, Refused> {
    let words = params.one("prompt")?.unwrap_or_default().split(' ').filter(|word| !word.is_empty());
    let prompts = words
        .map(|word| match word {
            "none" => Ok(Prompt::None),
            "login" => Ok(Prompt::Login),
            "consent" => Ok(Prompt::Consent),
            "select_account" => Ok(Prompt::SelectAccount),
            _ => Err(Refused::Malformed("prompt")),
        })
        .collect::<Result<Vec<_>, _>>()?;
    // OpenID Connect Core section 3.1.2.1: `none` stands alone.
    if prompts.contains(&Prompt::None) && prompts.len() > 1 {
        return Err(Refused::Malformed("prompt"));
    }
    Ok(prompts)
}

/// What comes next for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    SignIn,
    Consent,
    Grant,
    Refuse(Refused),
}

/// The sign-in of the browser that asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Login {
    pub(crate) at: Timestamp,
    /// It was done for this very request.
    pub(crate) during: bool,
}

/// Decides by the browser's sign-in and the remembered consent.
pub(crate) fn decide(request: &Request<'_>, login: Option<Login>, consented: bool, now: Timestamp) -> Step {
    let silent = request.prompt.contains(&Prompt::None);
    let again = request.prompt.contains(&Prompt::Login) || request.prompt.contains(&Prompt::SelectAccount);
    let recent = login.is_some_and(|login| {
        let young = request.max_age.is_none_or(|seconds| now.since(login.at).as_secs() <= seconds);
        // Whoever signed in for this very request has done what `login` and `max_age` ask for.
        login.during || (young && !again)
    });
    // A native client's id is anybody's: never silently approved (RFC 8252 section 8.6).
    let skip = !request.client.native && (request.client.first_party || consented);
    let ask = !skip || request.prompt.contains(&Prompt::Consent);
    match (recent, ask, silent) {
        (false, _, true) => Step::Refuse(Refused::LoginRequired),
        (false, _, false) => Step::SignIn,
        (true, true, true) => Step::Refuse(Refused::ConsentRequired),
        (true, true, false) => Step::Consent,
        (true, false, _) => Step::Grant,
    }
}

/// The address of an authorization response (RFC 6749 section 4.1.2), always with `iss` (RFC 9207 section 2).
pub(crate) fn response(
    redirect_uri: &str,
    state: Option<&str>,
    issuer: &str,
    members: &[(&str, &str)],
) -> String {
    let mut query = String::new();
    for (name, value) in members {
        params::push(&mut query, name, value);
    }
    if let Some(state) = state {
        params::push(&mut query, "state", state);
    }
    params::push(&mut query, "iss", issuer);
    let separator = if redirect_uri.contains('?') { '&' } else { '?' };
    format!("{redirect_uri}{separator}{query}")
}

#[cfg(test)]
mod tests {
    use super::super::client::tests::native;
    use super::*;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn clients() -> Clients {
        let web = Client {
            id: "web".into(),
            native: false,
            redirect_uris: vec!["https://a.example/cb".into()],
            secret: Some([0; 32]),
            ..native()
        };
        Clients::new(vec![native(), web])
    }

    fn query(extra: &str) -> Params {
        Params::from_form(&format!(
            "client_id=cli&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&response_type=code&state=s\
             &code_challenge={CHALLENGE}&code_challenge_method=S256&scope=openid{extra}"
        ))
        .unwrap()
    }

    fn refused(text: &str) -> Refused {
        match read(&Params::from_form(text).unwrap(), &clients()).unwrap_err() {
            Refusal::Redirect { refused, .. } => refused,
            Refusal::Page(words) => panic!("page: {words}"),
        }
    }

    #[test]
    fn pages_before_the_redirect_uri_is_proven() {
        for text in [
            "",
            "client_id=cli",
            "client_id=nobody&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback",
            "client_id=cli&redirect_uri=http%3A%2F%2Flocalhost%2Fcallback",
            "client_id=cli&client_id=cli&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback",
            "client_id=cli&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback&redirect_uri=https%3A%2F%2Fevil.example",
        ] {
            let refusal = read(&Params::from_form(text).unwrap(), &clients()).unwrap_err();
            assert!(matches!(refusal, Refusal::Page(_)), "{text}");
        }
    }

    #[test]
    fn redirects_afterwards() {
        let web = "client_id=web&redirect_uri=https%3A%2F%2Fa.example%2Fcb&response_type=code";
        for (text, expected) in [
            (query("&foo=1&foo=2").to_query(), Refused::Repeated),
            (query("&request=x").to_query(), Refused::RequestObject),
            (query("&request_uri=x").to_query(), Refused::RequestUri),
            (query("&prompt=none%20login").to_query(), Refused::Malformed("prompt")),
            (query("&audience=https%3A%2F%2Fevil.example").to_query(), Refused::Target),
            (query("&audience=a&resource=b").to_query(), Refused::Target),
            (query("&organization=a%20b").to_query(), Refused::Malformed("organization")),
            (query("&max_age=soon").to_query(), Refused::Malformed("max_age")),
            (query("&response_mode=fragment").to_query(), Refused::ResponseMode),
            (query("").to_query().replace("S256", "plain"), Refused::PkceMethod),
            (query("").to_query().replace(CHALLENGE, ""), Refused::PkceRequired),
            (query("").to_query().replace(CHALLENGE, "short"), Refused::Malformed("code_challenge")),
            (query("").to_query().replace("=code&", "=token&"), Refused::ResponseType),
            (query("").to_query().replace("=openid", "=unknown"), Refused::Scope),
            (web.to_owned(), Refused::PkceRequired),
        ] {
            assert_eq!(refused(&text), expected, "{text}");
        }
        let clients = clients();
        assert!(read(&Params::from_form(&format!("{web}&nonce=n")).unwrap(), &clients).is_ok());
        assert!(read(&query("&foo=1"), &clients).is_ok());
    }

    #[test]
    fn decisions() {
        let now = Timestamp::from_seconds(110);
        let login = |at, during| Some(Login { at: Timestamp::from_seconds(at), during });
        let clients = clients();
        let request = |extra: &str| read(&query(extra), &clients).unwrap();
        let step = |extra: &str, login, consented| decide(&request(extra), login, consented, now);
        assert_eq!(step("", None, false), Step::SignIn);
        assert_eq!(step("", login(50, false), true), Step::Consent, "native clients are asked every time");
        assert_eq!(step("&prompt=login", login(110, false), true), Step::SignIn);
        assert_eq!(step("&prompt=login", login(105, true), true), Step::Consent);
        assert_eq!(step("&max_age=30", login(50, false), true), Step::SignIn);
        assert_eq!(step("&max_age=30", login(50, true), true), Step::Consent, "slow people do not loop");
        assert_eq!(step("&max_age=60", login(50, false), true), Step::Consent);
        assert_eq!(step("&prompt=none", None, true), Step::Refuse(Refused::LoginRequired));
        assert_eq!(step("&prompt=none", login(50, false), true), Step::Refuse(Refused::ConsentRequired));
        let third = Client { native: false, first_party: false, ..native() };
        let mut web = request("");
        web.client = &third;
        assert_eq!(decide(&web, login(50, false), false, now), Step::Consent);
        assert_eq!(decide(&web, login(50, false), true, now), Step::Grant);
        let first = Client { native: false, ..native() };
        web.client = &first;
        assert_eq!(decide(&web, login(50, false), false, now), Step::Grant);
    }

    #[test]
    fn responses_name_the_issuer() {
        assert_eq!(
            response("https://a.example/cb?x=1", Some("a b"), "https://i.example/", &[("code", "c")]),
            "https://a.example/cb?x=1&code=c&state=a%20b&iss=https%3A%2F%2Fi.example%2F"
        );
        assert_eq!(response("https://a.example/cb", None, "i", &[]), "https://a.example/cb?iss=i");
    }
}
