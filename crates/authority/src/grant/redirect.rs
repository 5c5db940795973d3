//! Where an authorization response may go. Strings and a strict grammar: no URL parser, whose idea of a host could
//! differ from the browser's.

/// Whether a requested redirect URI is this registered one (RFC 9700 section 4.1.3): the same characters, or, for a
/// native client's loopback literal registered without port, the same but for the port (RFC 8252 section 7.3).
pub(crate) fn matches(registered: &str, requested: &str, native: bool) -> bool {
    if registered == requested {
        return true;
    }
    let (Some(known), Some(asked)) = (loopback(registered), loopback(requested)) else { return false };
    native && known.port.is_none() && known.host == asked.host && known.path == asked.path
}

/// Whether a redirect URI may be registered at all.
pub(crate) fn may_be_registered(uri: &str, native: bool) -> bool {
    if uri.bytes().any(|b| !b.is_ascii_graphic() || b"\\#<>\"^`{|}".contains(&b)) {
        return false;
    }
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    match scheme {
        "https" => gatepass_core::url::RedirectUri::new(uri).is_ok(),
        // A native client's `localhost` may resolve to somebody else's listener (RFC 8252 section 8.3).
        "http" if native => loopback(uri).is_some(),
        "http" => gatepass_core::url::RedirectUri::new(uri).is_ok(),
        // RFC 8252 section 7.1: a private-use scheme is a domain name in reverse, so it has a dot.
        _ => {
            native
                && !rest.is_empty()
                && scheme.contains('.')
                && scheme.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".+-".contains(&b))
        }
    }
}

/// Whether no tab can open this address, but for the one window of an extension that waits for it
/// (`identity.launchWebAuthFlow`): nobody serves these names.
pub(crate) fn one_window(uri: &str) -> bool {
    let host = uri.strip_prefix("https://").and_then(|rest| rest.split(['/', '?']).next());
    host.is_some_and(|host| [".chromiumapp.org", ".allizom.org"].iter().any(|end| host.ends_with(end)))
}

/// The source expression for `form-action` that lets a form's redirect chain end at this URI: Chromium applies the
/// directive to every hop.
pub(crate) fn form_action(uri: &str) -> String {
    if let Some(loopback) = loopback(uri) {
        // The grammar of CSP has no IPv6 literals, so `[::1]` needs the whole scheme.
        return if loopback.host == "127.0.0.1" { "http://127.0.0.1:*".into() } else { "http:".into() };
    }
    let after = uri.find("://").map(|at| at + 3);
    match after {
        Some(start) => {
            let end = uri[start..].find(['/', '?']).map_or(uri.len(), |at| start + at);
            uri[..end].to_owned()
        }
        None => format!("{}:", uri.split(':').next().unwrap_or_default()),
    }
}

struct Loopback<'a> {
    host: &'a str,
    port: Option<u16>,
    path: &'a str,
}

/// `http://` (`127.0.0.1` | `[::1]`) [`:` port] [`/` path], and nothing else.
fn loopback(uri: &str) -> Option<Loopback<'_>> {
    if uri.bytes().any(|b| !b.is_ascii_graphic() || b"\\#<>\"^`{|}".contains(&b)) {
        return None;
    }
    let rest = uri.strip_prefix("http://")?;
    let (host, rest) =
        ["127.0.0.1", "[::1]"].iter().find_map(|host| Some((*host, rest.strip_prefix(host)?)))?;
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let port = match authority.strip_prefix(':') {
        None if authority.is_empty() => None,
        None => return None,
        Some(digits) => {
            // Digits alone, no leading zero, no sign: `u16::from_str` would take a plus.
            if digits.is_empty() || digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            Some(digits.parse().ok()?)
        }
    };
    Some(Loopback { host, port, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTERED: &str = "http://127.0.0.1/callback";

    #[test]
    fn any_port_of_a_loopback_literal() {
        for good in
            ["http://127.0.0.1/callback", "http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback"]
        {
            assert!(matches(REGISTERED, good, true), "{good}");
        }
        assert!(matches("http://[::1]/cb", "http://[::1]:9/cb", true));
        assert!(
            !matches(REGISTERED, "http://127.0.0.1:9/callback", false),
            "a web client has no such exception"
        );
        assert!(!matches("http://127.0.0.1:80/cb", "http://127.0.0.1:81/cb", true), "registered with a port");
    }

    #[test]
    fn nothing_else_varies() {
        for bad in [
            "http://localhost:9/callback",
            "http://127.0.0.1.evil.example:9/callback",
            "http://127.0.0.1:9@evil.example/callback",
            "http://user@127.0.0.1:9/callback",
            "http://127.0.0.1:9/callback/",
            "http://127.0.0.1:9/callback?x=1",
            "http://127.0.0.1:9/callback#f",
            "http://127.0.0.1:9/Callback",
            "http://127.0.0.1:9/x/../callback",
            "http://127.0.0.1:09/callback",
            "http://127.0.0.1:+9/callback",
            "http://127.0.0.1:/callback",
            "http://127.0.0.1:65536/callback",
            "http://127.1:9/callback",
            "http://0x7f.0.0.1:9/callback",
            "http://2130706433:9/callback",
            "http://127.0.0.1\\@evil.example/callback",
            "http://127.0.0.1\t:9/callback",
            "HTTP://127.0.0.1:9/callback",
            "https://127.0.0.1:9/callback",
            "http://[::1]:9/callback",
            "http://[::ffff:127.0.0.1]:9/callback",
            " http://127.0.0.1:9/callback",
            "http:/127.0.0.1:9/callback",
            "",
        ] {
            assert!(!matches(REGISTERED, bad, true), "{bad}");
        }
    }

    #[test]
    fn registration_is_strict() {
        for good in ["http://127.0.0.1/cb", "https://a.example/cb?x=1", "com.example.app:/cb"] {
            assert!(may_be_registered(good, true), "{good}");
        }
        for bad in
            ["http://localhost/cb", "http://a.example/cb", "javascript:alert(1)", "app:/cb", "data:x", "x"]
        {
            assert!(!may_be_registered(bad, true), "{bad}");
        }
        assert!(may_be_registered("http://localhost:3000/cb", false));
        assert!(!may_be_registered("com.example.app:/cb", false));
    }

    #[test]
    fn addresses_that_one_window_can_follow() {
        for uri in [
            "https://abcdefghijklmnopabcdefghijklmnop.chromiumapp.org/gatepass",
            "https://abcdef.chromiumapp.org",
            "https://abcdef.extensions.allizom.org/gatepass",
            "https://abcdef.allizom.org?x",
        ] {
            assert!(one_window(uri), "{uri}");
        }
        for uri in [
            "https://a.example/.chromiumapp.org",
            "https://a.example?.chromiumapp.org",
            "https://chromiumapp.org.a.example/",
            "https://evilchromiumapp.org/",
            "http://127.0.0.1:9/callback",
            "com.example.app:/cb.allizom.org",
        ] {
            assert!(!one_window(uri), "{uri}");
        }
    }

    #[test]
    fn form_action_sources() {
        for (uri, source) in [
            ("http://127.0.0.1:9/cb", "http://127.0.0.1:*"),
            ("http://[::1]:9/cb", "http:"),
            ("https://a.example/cb?x", "https://a.example"),
            ("com.example.app:/cb", "com.example.app:"),
        ] {
            assert_eq!(form_action(uri), source);
        }
    }
}
