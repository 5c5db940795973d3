//! Where a resource says who may give tokens for it (RFC 9728).

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::http::{Request, Response};
use crate::json::Object;
use crate::jwk::Algorithm;
use crate::name::Scopes;
use crate::protocol::error_body;
use crate::url::{Endpoint, Issuer, Parts};

const MESSAGE: Message = Message::ProtectedResource;

/// What a resource says of itself. Each issuer is a proposal: whoever uses it has to trust it already, or ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedResource {
    /// The resource, as it was asked for. It is also what `resource` says in a token request (RFC 8707 section 2).
    pub resource: Endpoint,
    /// Who may give tokens for it. What is no issuer is left out.
    pub authorization_servers: Vec<Issuer>,
    /// What may be asked for; not all of it has to be.
    pub scopes: Scopes,
    /// Whether a token may come in the `Authorization` header, the only way in which it is sent here.
    pub takes_header: bool,
    /// Whether it knows tokens that are bound to an ES256 key (RFC 9449).
    pub binds_keys: bool,
    /// Whether it takes no others.
    pub requires_bound: bool,
}

/// Asks for the metadata (RFC 9728 section 3.1: inserted between host and path). Where a challenge named an address,
/// that one is asked instead.
pub fn request(resource: &Endpoint) -> Result<Request, Error> {
    let path = Parts::split(resource.as_str(), Field::Resource)?.path;
    let mut url = String::from(resource.as_str().strip_suffix(path).unwrap_or(resource.as_str()));
    url.push_str("/.well-known/oauth-protected-resource");
    // Section 3.1: only a slash right behind the host is dropped; a query stays.
    let alone = path == "/" || path.starts_with("/?");
    url.push_str(if alone { path.strip_prefix("/").unwrap_or(path) } else { path });
    Ok(Request::get(Endpoint::new(&url, Field::Resource)?))
}

/// Reads the metadata; the resource in it must be the one that was asked for, character by character
/// (RFC 9728 section 3.3). Otherwise a resource could have tokens made that are meant for another.
pub fn parse(response: &Response, resource: &Endpoint) -> Result<ProtectedResource, Error> {
    if response.status != 200 {
        return Err(error_body::parse(response, MESSAGE));
    }
    let document = Object::parse(response.body.expose(), MESSAGE)?;
    if document.required(Field::Resource)? != resource.as_str() {
        return Err(document.blame(Field::Resource));
    }
    let scopes = document.texts(Field::ScopesSupported)?.join(" ");
    let methods = document.texts(Field::BearerMethodsSupported)?;
    let servers = document.texts(Field::AuthorizationServers)?;
    let es256 = Algorithm::Es256.as_str();
    Ok(ProtectedResource {
        resource: resource.clone(),
        authorization_servers: servers.into_iter().filter_map(|issuer| Issuer::new(issuer).ok()).collect(),
        scopes: Scopes::parse(&scopes).map_err(|_| document.blame(Field::ScopesSupported))?,
        // Section 2: an empty list means that it takes none; without a list nothing is said.
        takes_header: !document.has(Field::BearerMethodsSupported) || methods.contains(&"header"),
        binds_keys: document.texts(Field::DpopSigningAlgValuesSupported)?.contains(&es256),
        requires_bound: document.flag(Field::DpopBoundAccessTokensRequired)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Writer;
    use crate::test;

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::new(url, Field::Resource).unwrap()
    }

    fn answer(writer: Writer) -> Response {
        Response::new(200, &|_| None, writer.finish().into_bytes())
    }

    #[test]
    fn asks_where_section_3_1_says() {
        for (resource, url) in [
            (
                "https://resource.example.com",
                "https://resource.example.com/.well-known/oauth-protected-resource",
            ),
            (
                "https://resource.example.com/",
                "https://resource.example.com/.well-known/oauth-protected-resource",
            ),
            (
                "https://resource.example.com/resource1",
                "https://resource.example.com/.well-known/oauth-protected-resource/resource1",
            ),
            (
                "https://resource.example.com/resource1/?a=b/",
                "https://resource.example.com/.well-known/oauth-protected-resource/resource1/?a=b/",
            ),
            (
                "https://resource.example.com/?a=b",
                "https://resource.example.com/.well-known/oauth-protected-resource?a=b",
            ),
        ] {
            assert_eq!(request(&endpoint(resource)).unwrap().url.as_str(), url);
        }
    }

    /// The document of section 3.2, without what is not read here.
    fn section_3_2() -> Writer {
        Writer::new()
            .text("resource", "https://resource.example.com")
            .raw(
                "authorization_servers",
                r#"["https://as1.example.com","https://as2.example.net","http://as3.example"]"#,
            )
            .raw("bearer_methods_supported", r#"["header","body"]"#)
            .raw("scopes_supported", r#"["profile","email","phone"]"#)
    }

    #[test]
    fn reads_the_document_of_section_3_2() {
        let resource = endpoint("https://resource.example.com");
        let found = parse(&answer(section_3_2()), &resource).unwrap();
        let expected = ["https://as1.example.com", "https://as2.example.net"];
        assert!(found.authorization_servers.iter().map(Issuer::as_str).eq(expected), "no plain http");
        assert_eq!(found.scopes.as_str(), "profile email phone");
        assert!(found.takes_header && !found.binds_keys && !found.requires_bound);
        let bound = section_3_2()
            .flag("dpop_bound_access_tokens_required", true)
            .raw("dpop_signing_alg_values_supported", r#"["ES256"]"#);
        let found = parse(&answer(bound), &resource).unwrap();
        assert!(found.binds_keys && found.requires_bound);
    }

    #[test]
    fn a_resource_speaks_for_itself_alone() {
        let blame = |field| Some(Error::Malformed { message: MESSAGE, field });
        for other in ["https://resource.example.com/", "https://resource.example.com/a", "https://b.example"]
        {
            let found = parse(&answer(section_3_2()), &endpoint(other));
            assert_eq!(found.err(), blame(Field::Resource), "{other}");
        }
        let methods = |list| {
            let document =
                Writer::new().text("resource", "https://a.example").raw("bearer_methods_supported", list);
            parse(&answer(document), &endpoint("https://a.example")).map(|found| found.takes_header)
        };
        assert_eq!((methods("[]"), methods("[\"body\"]")), (Ok(false), Ok(false)));
        assert_eq!(methods("\"header\"").err(), blame(Field::BearerMethodsSupported));
    }
}
