//! E-mail addresses and their domains, in the one form in which they are kept and compared.

/// An address in the form in which it is kept. Only its form is looked at: who may sign in is said by letter, or by
/// the organization's own sign-in.
pub(crate) fn normal(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.rsplit_once('@')?;
    let sound = text.len() <= 254
        && !local.is_empty()
        && is_domain(domain)
        // What could break out of a header or an address list has no place in either part.
        && local.bytes().all(|b| b.is_ascii_graphic() && !b"()<>[]:;@\\,\"".contains(&b));
    sound.then(|| text.to_ascii_lowercase())
}

/// The domain of an address in its kept form.
pub(crate) fn domain(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// A domain in the form in which it is kept: lower case, its labels in ASCII (RFC 5890 section 2.3.2.1).
pub(crate) fn normal_domain(text: &str) -> Option<String> {
    (text.len() <= 253 && is_domain(text)).then(|| text.to_ascii_lowercase())
}

fn is_domain(domain: &str) -> bool {
    domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && domain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(normal(" Ada@Example.COM ").as_deref(), Some("ada@example.com"));
        assert_eq!(normal("a+tag@b.example").as_deref(), Some("a+tag@b.example"));
        for bad in [
            "",
            "ada",
            "@b.example",
            "a@b",
            "a b@c.example",
            "a@b.example\r\nBcc: c@d.example",
            "a,b@c.example",
            "a@b.example@c.example",
        ] {
            assert_eq!(normal(bad), None, "{bad}");
        }
    }

    #[test]
    fn domains() {
        assert_eq!(domain("ada@example.com"), "example.com");
        assert_eq!(normal_domain("Example.COM").as_deref(), Some("example.com"));
        for bad in
            ["", "com", ".example.com", "example.com.", "*.example.com", "ada@example.com", "exämple.com"]
        {
            assert_eq!(normal_domain(bad), None, "{bad}");
        }
    }
}
