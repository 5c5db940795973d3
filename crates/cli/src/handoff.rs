//! `login --via dashboard`: which page is opened, what it calls this machine, and what it cannot do.

use gatepass::{Dashboard, Endpoint, Field, Flow, LoginOptions, Surroundings, Via};

use crate::args::Login;
use crate::context::Context;
use crate::manifest::{AuthFlow, Through};
use crate::profiles::DEFAULT;
use crate::words::Trouble;

/// Which ways a login takes and where it sends the browser. What a flag says holds against the manifest; two flags that
/// exclude each other are refused.
pub(crate) fn choose(context: &Context, how: &Login) -> Result<(AuthFlow, Via), Trouble> {
    let login = &context.app.login;
    let usage = |text: &str| Err(Trouble::Usage(text.to_owned()));
    let (mut flow, mut via) = (how.auth_flow.unwrap_or(login.flow), how.via.unwrap_or(login.via));
    if via == Through::Dashboard && flow == AuthFlow::DeviceCode {
        match (how.auth_flow, how.via) {
            (Some(_), Some(_)) => {
                return usage("a device code goes to no dashboard: leave --via or --auth-flow out");
            }
            (Some(_), None) => via = Through::Browser,
            (None, _) => flow = AuthFlow::Auto,
        }
    }
    if via == Through::Browser {
        return Ok((flow, Via::Issuer));
    }
    if how.switch {
        return usage(
            "a dashboard signs in whoever is signed in there: change the account there, or take --via browser",
        );
    }
    let dashboard = Dashboard { page: page(context)?, device: device(context), moves: login.moves };
    Ok((flow, Via::Dashboard(dashboard)))
}

/// Refuses a login whose only answer would be a code that nobody is there to type.
pub(crate) fn somebody_can_answer(context: &Context, options: &LoginOptions) -> Result<(), Trouble> {
    let comes_back = options.flow == Flow::Pkce || Surroundings::of_this_process().browser().is_ok();
    if options.via == Via::Issuer || comes_back {
        return Ok(());
    }
    let way = if said(context) { "--via dashboard " } else { "" };
    Err(Trouble::Usage(format!(
        "no browser can come back here, and nobody is here to type the code of the page: run `{}` and then `{}`",
        context.command(&format!("login {way}--start")),
        context.command("login --finish HANDLE")
    )))
}

/// Whether it takes a flag to go by the dashboard, as the manifest does not say so.
pub(crate) fn said(context: &Context) -> bool {
    context.app.login.via == Through::Browser
}

/// What this machine is called on the page; the profile goes with it where there may be several.
fn device(context: &Context) -> String {
    let (device, profile) = (context.environment.device(), &context.profile.name);
    if profile == DEFAULT { device } else { format!("{device}, {profile}").chars().take(64).collect() }
}

/// The page of the dashboard.
fn page(context: &Context) -> Result<Endpoint, Trouble> {
    let app = &context.app;
    let below = |address: &str, path: &str| format!("{}{path}", address.trim_end_matches('/'));
    let page = match (&app.login.handoff, &app.dashboard, &context.issuer) {
        (Some(page), _, _) => page.clone(),
        (None, Some(dashboard), _) => below(dashboard, "/cli"),
        // Our own server has its dashboard below itself.
        (None, None, Some(issuer)) if app.is_own() => below(&issuer.value, "/dashboard/cli"),
        (None, None, _) => {
            return Err(Trouble::Usage(String::from(
                "no dashboard is configured: `dashboard` in a manifest names one, or `login.handoff` its page",
            )));
        }
    };
    Endpoint::new(&page, Field::Resource).map_err(|_| {
        Trouble::Usage(String::from("the dashboard's page must be an https address without a fragment"))
    })
}
