//! What a browser says of a request by Fetch Metadata, and scripts cannot change: a person's window goes somewhere, or a
//! script reads, frames or sends something.
//!
//! A page of the house may lie on this very origin. Its scripts have the person's cookies, and read what they fetch or
//! frame; but they do not become a window that a person looks at. Programs and old browsers send no such headers, and
//! what is decided by a form has a ticket beside them.

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::page::Problem;

/// Refuses what is no navigation of a whole window: for everything that shows a person a page of ours.
pub(crate) async fn whole_window(request: Request, next: Next) -> Response {
    if is_whole_window(request.headers()) {
        next.run(request).await
    } else {
        // Nothing to read, nothing to frame.
        (StatusCode::FORBIDDEN, [(header::CACHE_CONTROL, "no-store")], "open this in a window of its own\n")
            .into_response()
    }
}

/// Refuses to be a service worker, whatever is asked for: a script of this origin could give its pages any header by one,
/// and with it the very window that a page of ours keeps away from (Cross-Origin-Opener-Policy).
pub(crate) async fn no_service_worker(request: Request, next: Next) -> Response {
    if request.headers().contains_key("service-worker") {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

/// Refuses a form that no person sent, where the browser would say that one did.
pub(crate) fn by_person(headers: &HeaderMap) -> Result<(), Problem> {
    let metadata = headers.contains_key("sec-fetch-dest");
    if !metadata || says(headers, "sec-fetch-user", "?1") || !tells_of_persons(headers) {
        Ok(())
    } else {
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "This answer was not given by a person. Please go back and press the button.",
        ))
    }
}

/// Whether a script of this very origin asks, as far as the browser says who does.
pub(crate) fn is_own_script(headers: &HeaderMap) -> bool {
    !headers.contains_key("sec-fetch-dest")
        || says(headers, "sec-fetch-site", "same-origin") && says(headers, "sec-fetch-dest", "empty")
}

fn is_whole_window(headers: &HeaderMap) -> bool {
    // Every browser that sends one of the two sends both. Programs that imitate `fetch` send a mode alone.
    !headers.contains_key("sec-fetch-dest")
        || says(headers, "sec-fetch-dest", "document") && says(headers, "sec-fetch-mode", "navigate")
}

/// Safari, and whatever is made of it, sends all of Fetch Metadata but `Sec-Fetch-User`.
fn tells_of_persons(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    agent.contains("Chrome/") || agent.contains("Firefox/")
}

fn says(headers: &HeaderMap, name: &str, value: &str) -> bool {
    headers.get(name).is_some_and(|given| given == value)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn windows_and_programs_pass_scripts_and_frames_do_not() {
        let sent = |mode, dest| headers(&[("sec-fetch-mode", mode), ("sec-fetch-dest", dest)]);
        assert!(is_whole_window(&sent("navigate", "document")));
        assert!(is_whole_window(&HeaderMap::new()));
        assert!(is_whole_window(&headers(&[("sec-fetch-mode", "cors")])), "node's fetch");
        for (mode, dest) in [
            ("navigate", "iframe"),
            ("navigate", "frame"),
            ("navigate", "embed"),
            ("navigate", "object"),
            ("navigate", "fencedframe"),
            ("cors", "empty"),
            ("same-origin", "empty"),
            ("no-cors", "empty"),
            ("no-cors", "script"),
            ("no-cors", "image"),
            ("cors", "document"),
        ] {
            assert!(!is_whole_window(&sent(mode, dest)), "{mode} {dest}");
        }
    }

    #[test]
    fn scripts_of_this_origin_ask_and_others_do_not() {
        let sent = |site, dest| headers(&[("sec-fetch-site", site), ("sec-fetch-dest", dest)]);
        assert!(is_own_script(&sent("same-origin", "empty")));
        assert!(is_own_script(&HeaderMap::new()), "too old for any of it");
        for (site, dest) in [
            ("same-site", "empty"),
            ("cross-site", "empty"),
            ("none", "document"),
            ("same-origin", "document"),
            ("same-origin", "iframe"),
            ("same-origin", "script"),
            ("same-site", "image"),
        ] {
            assert!(!is_own_script(&sent(site, dest)), "{site} {dest}");
        }
    }

    #[test]
    fn persons_are_asked_for_where_they_are_told_of() {
        const CHROMIUM: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
             HeadlessChrome/146.0.0.0 Safari/537.36";
        const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        const SAFARI: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 \
             (KHTML, like Gecko) Version/26.0 Safari/605.1.15";
        let from =
            |agent| [("user-agent", agent), ("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate")];
        for agent in [CHROMIUM, FIREFOX] {
            assert!(by_person(&headers(&from(agent))).is_err(), "{agent}");
            let pressed = [&from(agent)[..], &[("sec-fetch-user", "?1")]].concat();
            assert!(by_person(&headers(&pressed)).is_ok(), "{agent}");
            assert!(by_person(&headers(&[("user-agent", agent)])).is_ok(), "too old for any of it");
        }
        assert!(by_person(&headers(&from(SAFARI))).is_ok());
        assert!(by_person(&HeaderMap::new()).is_ok());
    }
}
