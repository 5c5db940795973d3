//! What stands in a session's file, or in its keyring entry: both parts of a record, sealed or plain.
//!
//! | first bytes | what follows |
//! |---|---|
//! | `gatepass sealed 1` | both parts as ciphertext, their keys in the OS keyring |
//! | `gatepass passphrase 1` | the keys, wrapped under a passphrase; both parts as ciphertext |
//! | `{` | an object: version, session, generation, and both parts as objects |
//! | `gatepass plain 1` | both parts as text; read, and written as an object at the next change |

use gatepass_core::error::Error;
use gatepass_core::json::Writer;
use gatepass_core::secret::{Secret, SecretBytes};
use gatepass_core::session::record::{Encoded, Generation};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::store::passphrase::Wrapped;

const SEALED: &[u8] = b"gatepass sealed 1\n";
const PASSPHRASE: &[u8] = b"gatepass passphrase 1\n";
const PLAIN: &[u8] = b"gatepass plain 1\n";

/// The version of the object, not of the record inside.
const VERSION: u64 = 1;

/// Both parts of a record as they are kept.
#[derive(Debug)]
pub(crate) struct Frame {
    /// What the parts are.
    pub(crate) kind: Kind,
    /// The generation, readable without a key.
    pub(crate) generation: Generation,
    /// The part that a cached token needs.
    pub(crate) access: SecretBytes,
    /// The part that gets new ones.
    pub(crate) rest: SecretBytes,
}

/// What the two parts of a [`Frame`] are.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Ciphertext under keys in the OS keyring.
    Sealed,
    /// Ciphertext under keys that are beside it, wrapped.
    Passphrase(Wrapped),
    /// Text.
    Plain,
}

/// The object in a plain file. It names its session, as a file that a manifest names may be asked for by several.
#[derive(Deserialize)]
struct Plain<'a> {
    version: u64,
    session: &'a str,
    generation: u64,
    #[serde(borrow)]
    access: &'a RawValue,
    #[serde(borrow)]
    rest: &'a RawValue,
}

impl Frame {
    /// A frame of plain text.
    pub(crate) fn plain(generation: Generation, encoded: &Encoded) -> Self {
        let bytes = |text: &Secret| Secret::new(text.expose().clone().into_bytes());
        Self { kind: Kind::Plain, generation, access: bytes(&encoded.access), rest: bytes(&encoded.rest) }
    }

    /// Reads what was written for the session of this name; `None` if it is another one's.
    pub(crate) fn parse(bytes: &SecretBytes, name: &str) -> Result<Option<Self>, Error> {
        let bytes = bytes.expose().as_slice();
        if bytes.first() == Some(&b'{') {
            return object(bytes, name);
        }
        let (kind, rest) = kind(bytes).ok_or(Error::StoreCorrupt)?;
        parts(kind, rest).map(Some).ok_or(Error::StoreCorrupt)
    }

    /// Whether what cannot be read was written for the session of this name: torn, or by a later version. A file that
    /// somebody else has put under a name of theirs is not.
    pub(crate) fn is_remnant(bytes: &SecretBytes, name: &str) -> bool {
        let bytes = bytes.expose().as_slice();
        let is_named = || bytes.windows(name.len()).any(|window| window == name.as_bytes());
        let is_headed = || [SEALED, PASSPHRASE, PLAIN].iter().any(|head| bytes.starts_with(head));
        bytes.is_empty() || is_headed() || bytes.first() == Some(&b'{') && is_named()
    }

    /// Writes it for the session of this name.
    pub(crate) fn write(&self, name: &str) -> Result<SecretBytes, Error> {
        let (access, rest) = (self.access.expose(), self.rest.expose());
        let (head, wrapped) = match &self.kind {
            Kind::Plain => return self.write_object(name),
            Kind::Sealed => (SEALED, Vec::new()),
            Kind::Passphrase(wrapped) => (PASSPHRASE, wrapped.write()),
        };
        let length = u32::try_from(access.len()).map_err(|_| Error::Bug)?;
        let mut bytes = Vec::with_capacity(head.len() + wrapped.len() + 12 + access.len() + rest.len());
        bytes.extend_from_slice(head);
        bytes.extend_from_slice(&wrapped);
        bytes.extend_from_slice(&self.generation.number().to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(access);
        bytes.extend_from_slice(rest);
        Ok(Secret::new(bytes))
    }

    fn write_object(&self, name: &str) -> Result<SecretBytes, Error> {
        let text = |part: &'_ SecretBytes| {
            std::str::from_utf8(part.expose()).map(Secret::from).map_err(|_| Error::Bug)
        };
        let object = Writer::new()
            .number("version", VERSION)
            .text("session", name)
            .number("generation", self.generation.number())
            .raw("access", text(&self.access)?.expose())
            .raw("rest", text(&self.rest)?.expose());
        let object = Secret::new(object.finish());
        Ok(Secret::new([object.expose().as_bytes(), b"\n"].concat()))
    }
}

fn object(bytes: &[u8], name: &str) -> Result<Option<Frame>, Error> {
    let plain: Plain<'_> = serde_json::from_slice(bytes).map_err(|_| Error::StoreCorrupt)?;
    if plain.version != VERSION {
        return Err(Error::StoreCorrupt);
    }
    let part = |part: &RawValue| Secret::new(part.get().as_bytes().to_vec());
    Ok((plain.session == name).then(|| Frame {
        kind: Kind::Plain,
        generation: Generation::from_number(plain.generation),
        access: part(plain.access),
        rest: part(plain.rest),
    }))
}

fn kind(bytes: &[u8]) -> Option<(Kind, &[u8])> {
    if let Some(rest) = bytes.strip_prefix(SEALED) {
        return Some((Kind::Sealed, rest));
    }
    if let Some(rest) = bytes.strip_prefix(PLAIN) {
        return Some((Kind::Plain, rest));
    }
    let (wrapped, rest) = Wrapped::parse(bytes.strip_prefix(PASSPHRASE)?)?;
    Some((Kind::Passphrase(wrapped), rest))
}

fn parts(kind: Kind, bytes: &[u8]) -> Option<Frame> {
    let (generation, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (access, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some(Frame {
        kind,
        generation: Generation::from_number(u64::from_le_bytes(*generation)),
        access: Secret::new(access.to_vec()),
        rest: Secret::new(rest.to_vec()),
    })
}
