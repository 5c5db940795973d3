//! Values go one way: no module imports to its right. Every path counts, written in a `use` or inline.

use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// The core from left to right.
const CORE: &[&str] = &[
    // words
    "kept",
    "field",
    "text",
    "error",
    "secret",
    "time",
    "base64url",
    "dice",
    "name",
    "url",
    "phrase",
    // formats
    "form",
    "http",
    "json",
    "jwk",
    "jwt",
    // protocol
    "protocol::error_body",
    "protocol::client_auth",
    "protocol::pkce",
    "protocol::dpop",
    "protocol::token_response",
    "protocol::device",
    "protocol::discovery",
    "protocol::webfinger",
    "protocol::protected_resource",
    "protocol::challenge",
    "protocol::client_metadata",
    "protocol::registration",
    "protocol::authorize",
    "protocol::handoff",
    "protocol::par",
    "protocol::exchange",
    "protocol::refresh",
    "protocol::token_exchange",
    "protocol::introspect",
    "protocol::revoke",
    "protocol::jwks",
    "protocol::id_token",
    "protocol::userinfo",
    "protocol::logout_token",
    "protocol::frontchannel_logout",
    "protocol::initiate",
    "protocol::end_session",
    // session
    "session::client",
    "session::record",
    "session::freshness",
    "session::transaction",
    "session::grant",
    "session::login",
    "session::handoff",
    "session::device",
    "session::access",
    "session::transcript",
    "session::save",
    "session::sign_out",
];

/// What the authority may know of the core: the words, not the protocol. Client and server are two witnesses.
const WORDS: &[&str] =
    &["kept", "field", "text", "error", "secret", "time", "base64url", "dice", "name", "url", "phrase"];

/// In `native` and `web`, the files that own one thing of the world each. They know the core and nothing beside them.
const LEAVES: &[&str] = &["http", "lock", "sign", "verify", "clock", "random"];

pub(crate) fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file below a folder, with its module path (`session::login`).
pub(crate) fn sources(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap_or_else(|error| panic!("{}: {error}", next.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let module = path.strip_prefix(folder).unwrap().with_extension("");
                let parts: Vec<_> =
                    module.iter().map(|part| part.to_str().unwrap()).filter(|part| *part != "mod").collect();
                found.push((parts.join("::"), path));
            }
        }
    }
    found.sort();
    found
}

/// Collects paths, with the trees of `use` unfolded. Code for tests alone is left out.
#[derive(Default)]
struct Paths(Vec<String>);

impl Paths {
    fn of(file: &Path) -> Vec<String> {
        let text = fs::read_to_string(file).unwrap();
        let mut paths = Self::default();
        paths.visit_file(
            &syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())),
        );
        paths.0
    }

    fn unfold(&mut self, prefix: &str, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => self.unfold(&format!("{prefix}{}::", path.ident), &path.tree),
            syn::UseTree::Name(name) => self.0.push(format!("{prefix}{}", name.ident)),
            syn::UseTree::Rename(name) => self.0.push(format!("{prefix}{}", name.ident)),
            syn::UseTree::Glob(_) => self.0.push(prefix.trim_end_matches(':').to_owned()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.unfold(prefix, tree)),
        }
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string().contains("test"))
    })
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.unfold("", &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(
            path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>().join("::"),
        );
        visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }
}

/// The entry of `order` that a path names, by its longest prefix.
fn rank(order: &[&str], path: &str) -> Option<usize> {
    let fits =
        |entry: &str| path == entry || path.strip_prefix(entry).is_some_and(|rest| rest.starts_with("::"));
    order.iter().position(|entry| fits(entry))
}

#[test]
fn core_imports_to_the_left() {
    let mut seen = 0;
    for (module, file) in sources(&crates().join("core/src")) {
        if matches!(module.as_str(), "lib" | "protocol" | "session") || module.starts_with("testing") {
            continue;
        }
        let own = rank(CORE, &module).unwrap_or_else(|| {
            panic!("{module} has no place in the order: add it to CORE here, right of all that it imports")
        });
        for path in Paths::of(&file) {
            let Some(path) = path.strip_prefix("crate::") else {
                assert!(!path.starts_with("super::super"), "{module}: write {path} from the crate's root");
                continue;
            };
            let other =
                rank(CORE, path).unwrap_or_else(|| panic!("{module} imports {path}, which has no place"));
            assert!(other <= own, "{module} imports {path}, which stands to its right");
            seen += 1;
        }
    }
    assert!(seen > 100, "the order was held against {seen} paths only");
}

#[test]
fn the_authority_knows_only_the_words() {
    for (module, file) in sources(&crates().join("authority/src")) {
        for path in Paths::of(&file).iter().filter_map(|path| path.strip_prefix("gatepass_core::")) {
            assert!(rank(WORDS, path).is_some(), "{module} imports {path} of the core");
        }
    }
}

#[test]
fn leaves_know_nothing_beside_them() {
    for shell in ["native", "web"] {
        for (module, file) in sources(&crates().join(shell).join("src")) {
            if !LEAVES.contains(&module.as_str()) {
                continue;
            }
            for path in Paths::of(&file) {
                let beside = path.strip_prefix("crate::").unwrap_or_default();
                assert!(rank(LEAVES, beside).is_none(), "{shell}/{module} imports {path}");
            }
        }
    }
}

#[test]
fn crates_depend_one_way() {
    let allowed: [(&str, &[&str]); 5] = [
        ("core", &[]),
        ("native", &["gatepass-core"]),
        ("web", &["gatepass-core"]),
        ("cli", &["gatepass", "gatepass-core"]),
        ("authority", &["gatepass-core"]),
    ];
    for (name, allowed) in allowed {
        let manifest = fs::read_to_string(crates().join(name).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
        for line in dependencies.lines().filter(|line| line.starts_with("gatepass")) {
            let dependency = line.split(['.', ' ', '=']).next().unwrap();
            assert!(allowed.contains(&dependency), "{name} depends on {dependency}");
        }
    }
}

#[test]
fn the_same_job_has_the_same_file_name() {
    for job in ["login", "drive", "http", "store", "lock", "sign", "verify", "clock", "random"] {
        let native = crates().join("native/src").join(job);
        assert!(
            native.with_extension("rs").exists() || native.join("mod.rs").exists(),
            "native has no {job}"
        );
        // In a browser, what is asked of the world is JavaScript; what is decided is Rust.
        let shell = crates().join("../www/shared").join(job).with_extension("js");
        let border = crates().join("web/src").join(job).with_extension("rs");
        assert!(shell.exists() || border.exists(), "web has no {job}");
    }
}
