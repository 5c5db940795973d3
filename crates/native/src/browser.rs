//! Opening the person's browser, or saying that there is none.

/// Opens an address; whether a browser was found. What the browser prints stays away from our terminal.
pub fn open(url: &str) -> bool {
    let options = {
        let mut options = webbrowser::BrowserOptions::new();
        options.with_suppress_output(true);
        options
    };
    webbrowser::open_browser_with_options(webbrowser::Browser::Default, url, &options).is_ok()
}
