//! The types of core, read from the source.

use std::collections::BTreeSet;
use std::fs;

use syn::visit::{self, Visit};

use crate::layers::{crates, sources};

/// Text and bytes outside of [`Secret`](gatepass_core::secret::Secret), with the reason why they are none.
pub(super) const PLAIN: &[(&str, &str)] = &[
    ("http::Request.headers", "the names of headers; their values are secrets"),
    ("http::Response.dpop_nonce", "what a server gives to everybody (RFC 9449 section 8)"),
    ("http::Response.retry_after", "a span or a date"),
    ("jwk::PublicKey.Ed25519.x", "a public key"),
    ("jwk::PublicKey.P256.x", "a public key"),
    ("jwk::PublicKey.P256.y", "a public key"),
    ("jwk::PublicKey.Rsa.e", "a public key"),
    ("jwk::PublicKey.Rsa.n", "a public key"),
    ("kept::Text.0", "what it is, the fields that have one say"),
    ("name::Audience.Named.0", "for whom tokens are meant, which is configured"),
    ("name::Audience.Resource.0", "the same, by its address"),
    ("name::Scopes.0", "names of permissions"),
    ("protocol::handoff::Ask.device", "how a machine is called, which is shown to its person"),
    ("protocol::handoff::Ask.organization", "configured"),
    ("protocol::handoff::Ask.thumbprint", "the hash of a public key"),
    ("protocol::handoff::Moved.enc", "a public key"),
    ("protocol::handoff::Moved.iss", "an issuer's name"),
    ("protocol::handoff::Moved.sealed", "a ciphertext"),
    ("session::handoff::Begun.words", "shown at two screens; a hash from which nothing is found"),
    ("session::handoff::Start.device", "how a machine is called, which is shown to its person"),
    ("session::handoff::Start.organization", "configured"),
    ("protocol::authorize::Ask.login_hint", "what a person typed as their name"),
    ("protocol::authorize::Ask.prompt", "a word of the specification"),
    ("protocol::authorize::Ask.thumbprint", "the hash of a public key"),
    ("protocol::authorize::Callback.iss", "an issuer's address"),
    ("protocol::client_auth::AssertionKey.kid", "the name of a public key"),
    ("protocol::client_metadata::ClientMetadata.client_name", "what everybody is shown"),
    ("protocol::client_metadata::KeySet.0", "public keys"),
    ("protocol::device::DeviceAuthorization.user_code", "what people are shown, and are to compare"),
    ("protocol::dpop::Unsigned.0", "a proof without its signature"),
    ("protocol::end_session::Ask.logout_hint", "what a person is called at their issuer"),
    ("protocol::id_token::Check.signature", "left out by its own Debug"),
    ("protocol::id_token::Check.signed", "left out by its own Debug"),
    ("protocol::id_token::Expected.essential_acr", "words that are configured"),
    ("protocol::id_token::Expected.trusted_audiences", "names of other clients"),
    ("protocol::id_token::Identity.email", "what is shown to the person"),
    ("protocol::id_token::Identity.name", "what is shown to the person"),
    ("protocol::id_token::Vouched.0", "a hash"),
    ("protocol::initiate::Initiation.login_hint", "what a stranger wishes for"),
    ("protocol::initiate::Initiation.target_link_uri", "what a stranger wishes for"),
    ("protocol::introspect::Introspection.audience", "for whom a token is meant"),
    ("protocol::introspect::Introspection.thumbprint", "the hash of a public key"),
    ("protocol::jwks::Entry.kid", "the name of a public key"),
    ("protocol::logout_token::SignedOut.jti", "the name of a token that was used with this"),
    ("protocol::logout_token::SignedOut.sid", "the name of a session that is over"),
    ("protocol::registration::Registration.token_endpoint_auth_method", "a word of the specification"),
    ("protocol::token_exchange::Ask.requested_kind", "a name of the specification"),
    ("protocol::token_exchange::Ask.thumbprint", "the hash of a public key"),
    ("protocol::token_exchange::Exchanged.kind", "a name of the specification"),
    ("protocol::token_exchange::Presented.kind", "a name of the specification"),
    ("protocol::userinfo::Userinfo.email", "what is shown to the person"),
    ("protocol::userinfo::Userinfo.name", "what is shown to the person"),
    ("session::device::Shown.user_code", "what people are shown, and are to compare"),
    ("session::login::Start.login_hint", "what a person typed as their name"),
    ("session::login::Start.prompt", "a word of the specification"),
    ("session::record::Rest.nonce", "what a server gives to everybody, stored"),
    ("session::transaction::Answer.Signed.0", "a signature of a proof that is sent"),
    ("session::transaction::Effect.Sign.input", "a proof without its signature"),
    ("session::transcript::Names.nonces", "what a server gives to everybody, to be told apart"),
    ("session::transcript::TracedAccess.text", "words and numbers of our own, which people publish"),
    ("session::transcript::Transcript.0", "words and numbers of our own, which people publish"),
    ("url::Endpoint.0", "an address of metadata"),
    ("url::Issuer.0", "an address that is configured"),
    ("url::Parts.host", "a part of an address"),
    ("url::Parts.path", "a part of an address"),
    ("url::RedirectUri.0", "an address that is configured"),
];

/// Types that the reader below does not see: of other crates, or made by macros.
const HARMLESS: &[&str] = &[
    "bool", "u8", "u16", "u64", "usize", "Duration", "ClientId", "Subject", "Profile", "Field", "Message",
    "Refusal",
];

/// Words that a field of plain text is not called by.
pub(super) const SUSPICIOUS: [&str; 8] =
    ["token", "code", "secret", "verifier", "private", "password", "assertion", "credential"];

/// Fields that are called by one of them and hold none.
pub(super) const CLEARED: &[&str] = &[
    "protocol::device::DeviceAuthorization.user_code",
    "protocol::registration::Registration.token_endpoint_auth_method",
    "session::device::Shown.user_code",
];

/// A struct or an enum of core.
struct Type {
    module: String,
    name: String,
    public: bool,
    derives: bool,
    /// `variant.field` or `field`, with every name in its type.
    fields: Vec<(String, BTreeSet<String>)>,
}

/// Every type of core.
#[derive(Default)]
pub(super) struct Types {
    module: String,
    /// Those with a `Debug` or `Display` written by hand.
    printed: BTreeSet<(String, String)>,
    found: Vec<Type>,
}

impl Types {
    pub(super) fn read() -> Self {
        let mut types = Self::default();
        for (module, file) in sources(&crates().join("core/src")) {
            if !module.starts_with("testing") {
                types.module = module;
                types.visit_file(&syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap());
            }
        }
        types
    }

    fn add(
        &mut self,
        name: &syn::Ident,
        public: &syn::Visibility,
        attributes: &[syn::Attribute],
        fields: Vec<(String, BTreeSet<String>)>,
    ) {
        let derives = |attribute: &syn::Attribute| {
            attribute.path().is_ident("derive")
                && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string().contains("Debug"))
        };
        self.found.push(Type {
            module: self.module.clone(),
            name: name.to_string(),
            public: matches!(public, syn::Visibility::Public(_)),
            derives: attributes.iter().any(derives),
            fields,
        });
    }

    /// Whether a value of a type that `module` calls by this name has a secret in it. A name that nobody knows is a
    /// failure.
    fn holds(&self, module: &str, name: &str) -> bool {
        if matches!(name, "Secret" | "SecretBytes") {
            return true;
        }
        let mut named: Vec<_> = self.found.iter().filter(|found| found.name == name).collect();
        if named.is_empty() {
            let plain = matches!(
                name,
                "String" | "str" | "Option" | "Vec" | "Box" | "Slot" | "Result" | "T" | "Self" | "[u8]"
            );
            let known = plain || HARMLESS.contains(&name);
            assert!(known, "{module} holds a {name}, of which nothing is known here");
            return false;
        }
        // Of several, the one of the same file.
        if named.len() > 1 {
            named.retain(|found| found.module == module);
        }
        let found = named.first().unwrap_or_else(|| panic!("{module} holds one of several {name}"));
        let mut inner = found.fields.iter().flat_map(|(_, names)| names);
        inner.any(|inner| inner != name && self.holds(&found.module, inner))
    }

    fn printable(&self, found: &Type) -> bool {
        found.derives || self.printed.contains(&(found.module.clone(), found.name.clone()))
    }

    /// The public types that can be printed and hold a secret, by their paths.
    pub(super) fn secretive(&self) -> BTreeSet<String> {
        let secretive = self
            .found
            .iter()
            .filter(|found| found.public && self.printable(found) && self.holds(&found.module, &found.name));
        secretive.map(|found| format!("{}::{}", found.module, found.name)).collect()
    }

    /// What stands before each secret of a type when it is printed.
    pub(super) fn places(&self, path: &str) -> Vec<String> {
        let named = |found: &&Type| path == format!("{}::{}", found.module, found.name);
        let found = self.found.iter().find(named).unwrap_or_else(|| panic!("{path}"));
        // A secret prints nothing of its inside, not even a name.
        if found.name == "Secret" {
            return Vec::new();
        }
        let mut places = Vec::new();
        for (field, names) in &found.fields {
            if names.iter().any(|name| *name != found.name && self.holds(&found.module, name)) {
                let (variant, field) = field.split_once('.').unwrap_or((&found.name, field));
                let position = field.bytes().all(|byte| byte.is_ascii_digit());
                places.push(if position { format!("{variant}(") } else { format!("{field}: ") });
            }
        }
        places
    }

    /// The fields of printable types that are text or bytes.
    pub(super) fn plain(&self) -> BTreeSet<String> {
        let mut plain = BTreeSet::new();
        for found in self.found.iter().filter(|found| self.printable(found)) {
            for (field, names) in &found.fields {
                if ["String", "Text", "str", "[u8]"].iter().any(|text| names.contains(*text)) {
                    plain.insert(format!("{}::{}.{field}", found.module, found.name));
                }
            }
        }
        plain
    }
}

/// The names in a type; a list or an array of bytes is `[u8]`.
fn names(of: &syn::Type) -> BTreeSet<String> {
    #[derive(Default)]
    struct Names(BTreeSet<String>);
    impl<'ast> Visit<'ast> for Names {
        fn visit_type_array(&mut self, array: &'ast syn::TypeArray) {
            self.0.insert("[u8]".to_owned());
            visit::visit_type(self, &array.elem);
        }

        fn visit_type_path(&mut self, path: &'ast syn::TypePath) {
            let last = path.path.segments.last().unwrap();
            self.0.insert(last.ident.to_string());
            let bytes = matches!(&last.arguments, syn::PathArguments::AngleBracketed(inner)
                if last.ident == "Vec" && inner.args.iter().any(|inner| matches!(inner, syn::GenericArgument::Type(syn::Type::Path(inner)) if inner.path.is_ident("u8"))));
            if bytes {
                self.0.insert("[u8]".to_owned());
            }
            visit::visit_type_path(self, path);
        }
    }
    let mut names = Names::default();
    names.visit_type(of);
    names.0
}

fn fields(prefix: &str, fields: &syn::Fields) -> Vec<(String, BTreeSet<String>)> {
    let named = |(at, field): (usize, &syn::Field)| {
        let name = field.ident.as_ref().map_or_else(|| at.to_string(), ToString::to_string);
        (format!("{prefix}{name}"), names(&field.ty))
    };
    fields.iter().enumerate().map(named).collect()
}

impl<'ast> Visit<'ast> for Types {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add(&item.ident, &item.vis, &item.attrs, fields("", &item.fields));
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        let variant = |variant: &syn::Variant| fields(&format!("{}.", variant.ident), &variant.fields);
        self.add(&item.ident, &item.vis, &item.attrs, item.variants.iter().flat_map(variant).collect());
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let shows = |path: &syn::Path| {
            path.segments.last().is_some_and(|name| name.ident == "Debug" || name.ident == "Display")
        };
        if item.trait_.as_ref().is_some_and(|(_, path, _)| shows(path)) {
            let module = &self.module;
            self.printed.extend(names(&item.self_ty).into_iter().map(|name| (module.clone(), name)));
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        // Of inline modules there are only those of tests.
        assert!(item.content.is_none() || item.ident == "tests", "{}::{}", self.module, item.ident);
    }
}
