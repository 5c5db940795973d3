//! Opening the person's browser, or saying that there is none.

use gatepass_core::secret::Secret;

/// Opens an address; whether a browser was found. What the browser prints stays away from our terminal.
pub(crate) fn open(url: &Secret) -> bool {
    let options = {
        let mut options = webbrowser::BrowserOptions::new();
        options.with_suppress_output(true);
        options
    };
    webbrowser::open_browser_with_options(webbrowser::Browser::Default, url.expose(), &options).is_ok()
}
