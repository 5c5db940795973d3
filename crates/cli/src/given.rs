//! A token that was given by a variable or a flag: it is used as it is, and no session is looked at.

use std::io::Read;

use gatepass::Secret;

use crate::args::Options;
use crate::context::{Setting, Source};
use crate::environment::Environment;
use crate::manifest::App;
use crate::words::Trouble;

/// No token is longer.
const MOST: u64 = 64 * 1024;

/// A given token.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) token: Secret,
    /// By whose word.
    pub(crate) source: Source,
    /// Whether every process of this machine could read it.
    pub(crate) visible: bool,
    /// Variables that are set too and lost.
    pub(crate) shadowed: Vec<String>,
}

/// Finds a given token: the flag first, then the manifest's variables in their order.
pub(crate) fn find(
    app: &App,
    options: &Options,
    environment: &Environment,
) -> Result<Option<Given>, Trouble> {
    let mut set = app.variables.token.iter().filter_map(|name| Some((name, environment.text(name)?)));
    if let Some(flag) = &options.token {
        let shadowed = set.map(|(name, _)| name.clone()).collect();
        let (text, visible) = if flag == "-" { (from_stdin()?, false) } else { (flag.clone(), true) };
        let token = checked(&text, "--token")?;
        return Ok(Some(Given { token, source: Source::Flag("--token"), visible, shadowed }));
    }
    let Some((name, text)) = set.next() else { return Ok(None) };
    let token = checked(&text, name)?;
    let shadowed = set.map(|(name, _)| name.clone()).collect();
    Ok(Some(Given { token, source: Source::Variable(name.clone()), visible: false, shadowed }))
}

/// An API that something else than the manifest names, while the manifest names the authority: a token of that
/// authority must not be sent there, be it given or a session's.
pub(crate) fn stray<'a>(issuer: Option<&Setting>, api: Option<&'a Setting>) -> Option<&'a Setting> {
    api.filter(|api| api.is_moved() && !issuer.is_some_and(Setting::is_moved))
}

/// A token must not be sent to an authority that it does not belong to: where a variable names another API, another one
/// must name the authority too.
pub(crate) fn belongs(
    given: &Given,
    app: &App,
    issuer: Option<&Setting>,
    api: Option<&Setting>,
) -> Result<(), Trouble> {
    let Some(api) = stray(issuer, api) else { return Ok(()) };
    let (said, mend) = match &app.variables.issuer {
        Some(variable) => (&**variable, format!("set {variable}")),
        None => ("the command line", String::from("give --issuer")),
    };
    Err(Trouble::Usage(format!(
        "{} holds a token and {} names another service, but {said} does not say which authority the token belongs to: {mend}",
        given.source.words(),
        api.source.words(),
    )))
}

fn checked(text: &str, place: &str) -> Result<Secret, Trouble> {
    let text = text.trim();
    // RFC 6750 section 2.1: b64token. Anything else would break out of a header.
    let sound = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if text.is_empty() || !text.bytes().all(sound) {
        return Err(Trouble::Usage(format!("{place} does not hold a token")));
    }
    Ok(Secret::from(text))
}

fn from_stdin() -> Result<String, Trouble> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(MOST)
        .read_to_string(&mut text)
        .map_err(|error| Trouble::Usage(format!("cannot read the token from stdin: {error}")))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::output::Talk;

    fn app() -> App {
        App::from_toml(
            "name = 'acme'\nissuer = 'https://a.example'\napi = 'https://api.a.example'\n\
             [variables]\nissuer = 'ACME_ISSUER'\napi = 'ACME_API'\ntoken = ['ACME_TOKEN', 'OLD_TOKEN']",
        )
        .unwrap()
    }

    fn context(variables: &[(&str, &str)], token: Option<&str>) -> Result<Context, Trouble> {
        let variables = [&[("HOME", "/nowhere")], variables].concat();
        let options = Options { token: token.map(str::to_owned), ..Options::default() };
        Context::new(app(), options, Environment::of(&variables), Talk::new(false))
    }

    #[test]
    fn the_first_variable_wins_and_the_flag_before_all() {
        let both = [("OLD_TOKEN", "old"), ("ACME_TOKEN", "new")];
        let given = context(&both, None).unwrap().given.unwrap();
        assert_eq!((given.token.expose().as_str(), given.source.words()), ("new", "ACME_TOKEN"));
        assert_eq!(given.shadowed, ["OLD_TOKEN"]);
        let given = context(&both, Some("flag")).unwrap().given.unwrap();
        assert_eq!((given.token.expose().as_str(), given.visible), ("flag", true));
        assert_eq!(given.shadowed, ["ACME_TOKEN", "OLD_TOKEN"]);
        assert!(context(&[], None).unwrap().given.is_none());
    }

    #[test]
    fn a_token_without_its_authority_is_refused() {
        let api = ("ACME_API", "https://api.b.example");
        let error = context(&[("ACME_TOKEN", "x"), api], None).unwrap_err();
        assert!(error.message().contains("ACME_ISSUER"), "{}", error.message());
        context(&[("ACME_TOKEN", "x"), api, ("ACME_ISSUER", "https://b.example")], None).unwrap();
        context(&[api], None).unwrap();
    }

    #[test]
    fn nor_is_it_where_no_variable_could_name_the_authority() {
        let mut app = app();
        app.variables.issuer = None;
        let with = |issuer: Option<&str>| {
            let variables =
                [("HOME", "/nowhere"), ("ACME_TOKEN", "x"), ("ACME_API", "https://api.b.example")];
            let options = Options { issuer: issuer.map(str::to_owned), ..Options::default() };
            Context::new(app.clone(), options, Environment::of(&variables), Talk::new(false))
        };
        let error = with(None).unwrap_err();
        assert!(error.message().contains("--issuer"), "{}", error.message());
        with(Some("https://b.example")).unwrap();
    }

    #[test]
    fn a_sessions_token_does_not_follow_a_variable_that_moves_the_api_alone() {
        let origins = |variables: &[(&str, &str)]| {
            let mut context = context(variables, None).unwrap();
            context.client_id = Some(Setting { value: "c".to_owned(), source: Source::Manifest });
            let stray = context.stray_api().is_some();
            (context.settings("default").unwrap().api, stray)
        };
        let at = |url| vec![gatepass::Origin::of_url(url).unwrap()];
        let api = ("ACME_API", "https://api.b.example");
        assert_eq!(origins(&[]), (at("https://api.a.example"), false));
        assert_eq!(origins(&[api]), (Vec::new(), true));
        let both = [api, ("ACME_ISSUER", "https://b.example")];
        assert_eq!(origins(&both), (at("https://api.b.example"), false));
    }

    #[test]
    fn what_is_no_token_is_named_by_its_place_alone() {
        for bad in ["a b", "a\r\nb", "  "] {
            let error = context(&[("ACME_TOKEN", bad)], None).unwrap_err();
            assert_eq!(error.message(), "ACME_TOKEN does not hold a token");
        }
    }
}
