//! Opening the person's browser, or saying that there is none.

use std::process::{Command, Stdio};

use gatepass_core::secret::Secret;

use crate::detect::Surroundings;

/// Opens a page that holds no secret, where a browser is to be expected; whether one was found.
pub fn open_browser(address: &str) -> bool {
    let surroundings = Surroundings::of_this_process();
    surroundings.browser().is_ok() && open(&Secret::from(address), &surroundings)
}

/// Opens an address; whether a browser was found. What the browser prints stays away from our terminal.
pub(crate) fn open(url: &Secret, surroundings: &Surroundings) -> bool {
    if surroundings.by_wslview() && start("wslview", url) {
        return true;
    }
    // Honours BROWSER first.
    let options = {
        let mut options = webbrowser::BrowserOptions::new();
        options.with_suppress_output(true);
        options
    };
    webbrowser::open_browser_with_options(webbrowser::Browser::Default, url.expose(), &options).is_ok()
}

fn start(program: &str, url: &Secret) -> bool {
    let mut command = Command::new(program);
    command.arg(url.expose()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok()
}
