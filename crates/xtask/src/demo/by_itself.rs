//! The walk that needs nobody.

use crate::demo::ACCOUNT;
use crate::demo::chromium::Chromium;
use crate::demo::dashboard::Dashboard;
use crate::demo::house::House;
use crate::demo::story::{Story, shortened};
use crate::demo::visitor::{Visitor, Walker};
use crate::failure::Failure;

/// In Chromium: the terminal and, where it could be built, the dashboard.
pub(crate) fn in_chromium(
    story: &mut Story,
    house: &House,
    mut chromium: Chromium,
    dashboard: bool,
) -> Result<(), Failure> {
    sign_in(story, house, &mut chromium)?;
    if !dashboard {
        let terminal = use_session(story, house)?;
        close(story, &terminal, None);
        return sign_out(story, house);
    }
    story.step("Sign in the dashboard, in the same browser");
    let mut dashboard = Dashboard::open(&mut chromium, &house.issuer)?;
    story.tell(&format!("opened {}", crate::demo::dashboard::address(&house.issuer)));
    dashboard.sign_in()?;
    story.tell("pressed \"Sign in\": this browser is known to the authority, so nothing was asked");
    story.tell(&dashboard.shown()?);
    dashboard.reload()?;
    story.tell("reloaded the page: still signed in");
    let terminal = use_session(story, house)?;

    story.step("Refresh the dashboard's session");
    let before = dashboard.token()?;
    story.tell(&format!("token before: {before}"));
    let said = dashboard.refresh()?;
    story.tell(&format!("pressed \"Refresh now\"; the page says: {said}"));
    let token = dashboard.token()?;
    story.tell(&format!("token now:    {token}"));
    if token == before {
        return Err(Failure::new("the refresh gave no new token").hint("please report this"));
    }
    let page = format!("{}\n{token}", dashboard.shown()?);
    close(story, &terminal, Some(&page));

    sign_out(story, house)?;
    dashboard.refresh()?;
    story.tell("the dashboard still refreshes: its session is its own");
    let said = dashboard.sign_out()?;
    story.tell(&format!("pressed \"Sign out\" on the dashboard; the page says: {said}"));
    story.tell("the server has revoked the dashboard's session");
    Ok(())
}

/// As a browser would, without one: the dashboard is a program for browsers, so this is the terminal alone.
pub(crate) fn by_http(story: &mut Story, house: &House) -> Result<(), Failure> {
    sign_in(story, house, &mut Walker::default())?;
    let terminal = use_session(story, house)?;
    close(story, &terminal, None);
    sign_out(story, house)
}

/// The sign-in of the terminal, from its address to the page that says that it may be closed.
fn sign_in(story: &mut Story, house: &House, visitor: &mut impl Visitor) -> Result<(), Failure> {
    story.step("Sign in the terminal");
    story.tell("$ gatepass login --no-browser");
    let mut login = house.terminal.login()?;
    let address = login.address()?;
    approve(story, house, visitor, &address)?;
    let (said, warnings) = login.finish()?;
    story.tell(&format!("gatepass: {said}"));
    story.tell(&warnings);
    Ok(())
}

/// What a person does in the browser.
pub(crate) fn approve(
    story: &Story,
    house: &House,
    visitor: &mut impl Visitor,
    address: &str,
) -> Result<(), Failure> {
    visitor.open(address)?;
    story.tell("opened the address that it shows");
    visitor.submit("sign-in", "continue", &[("email", ACCOUNT)])?;
    visitor.see("Look into your mail")?;
    story.tell(&format!("typed {ACCOUNT} and pressed \"Mail me a link\""));
    visitor.open(&house.link(ACCOUNT)?)?;
    visitor.submit("open-link", "sign-in", &[])?;
    story.tell("opened the link from the development mailbox and pressed \"Sign in\"");
    visitor.submit("consent", "allow", &[])?;
    visitor.see("You are signed in")?;
    story.tell("pressed \"Allow\"; the page says: You are signed in");
    Ok(())
}

/// What the terminal does with its session; gives the lines to close with.
pub(crate) fn use_session(story: &mut Story, house: &House) -> Result<String, Failure> {
    story.step("Use the terminal's session");
    let terminal = &house.terminal;
    story.tell("$ gatepass status");
    let status = terminal.run(&["status"])?;
    story.tell(&status.stdout);
    story.tell(&status.warnings());
    story.tell("$ gatepass token");
    let (first, _) = terminal.token(&[])?;
    story.tell(&shortened(&first));
    story.tell("$ gatepass token --refresh");
    let (second, refreshed) = terminal.token(&["--refresh"])?;
    if !refreshed || second == first {
        return Err(Failure::new("the refresh gave no new token").hint("please report this"));
    }
    story.tell(&format!("{}: a new one, and nobody was asked", shortened(&second)));
    let status = terminal.run(&["status"])?;
    Ok(format!("{}\n{}", status.stdout.trim_end(), shortened(&second)))
}

/// Ends the terminal's session, here and at the server.
pub(crate) fn sign_out(story: &mut Story, house: &House) -> Result<(), Failure> {
    story.step("Sign out");
    story.tell("$ gatepass logout");
    let answer = house.terminal.json(&["logout"])?;
    if answer["revoked"] != true {
        return Err(Failure::new("the server did not revoke the terminal's session"));
    }
    story.tell("signed out; the server has revoked the terminal's session");
    Ok(())
}

/// The lines that the demo is about.
fn close(story: &Story, terminal: &str, dashboard: Option<&str>) {
    story.part("The terminal's session (gatepass status, gatepass token)", terminal);
    match dashboard {
        Some(dashboard) => {
            story.part("The dashboard's session (as the page shows it, and its token)", dashboard)
        }
        None => story.tell(""),
    }
}
