//! Organizations: who belongs to which, by address and by domain of the address.

use super::address;

/// What a member may do in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Owner,
    Member,
}

impl Role {
    /// As it is kept and shown.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Member => "member",
        }
    }
}

/// An organization as configured; addresses and domains in their kept form.
#[derive(Clone, Debug)]
pub(crate) struct Organization {
    /// Absent until the store knows it by name.
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) domains: Vec<String>,
    pub(crate) owners: Vec<String>,
    pub(crate) members: Vec<String>,
}

impl Organization {
    /// What the holder of a proven address is here.
    pub(crate) fn role(&self, email: &str) -> Option<Role> {
        let listed = |list: &[String]| list.iter().any(|known| known == email);
        if listed(&self.owners) {
            Some(Role::Owner)
        } else if listed(&self.members) || self.domains.iter().any(|known| known == address::domain(email)) {
            Some(Role::Member)
        } else {
            None
        }
    }
}

/// The id of a new organization, out of fresh bytes (RFC 9562 section 5.4).
pub(crate) fn new_id(random: [u8; 16]) -> String {
    uuid::Builder::from_random_bytes(random).into_uuid().to_string()
}

/// Whether a text is an id in the one form in which ids are kept (RFC 9562 section 4).
pub(crate) fn is_id(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok_and(|id| id.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles() {
        let organization = Organization {
            id: None,
            name: "Acme".into(),
            domains: vec!["acme.example".into()],
            owners: vec!["ada@acme.example".into()],
            members: vec!["guest@other.example".into()],
        };
        for (email, expected) in [
            ("ada@acme.example", Some(Role::Owner)),
            ("bob@acme.example", Some(Role::Member)),
            ("guest@other.example", Some(Role::Member)),
            ("eve@other.example", None),
            ("eve@evilacme.example", None),
            ("eve@acme.example.evil.example", None),
            ("eve@sub.acme.example", None),
            ("acme.example", None),
        ] {
            assert_eq!(organization.role(email), expected, "{email}");
        }
    }

    #[test]
    fn ids_have_one_form() {
        assert_eq!(new_id([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert!(is_id("550e8400-e29b-41d4-a716-446655440000"));
        for bad in [
            "",
            "550E8400-E29B-41D4-A716-446655440000",
            "550e8400e29b41d4a716446655440000",
            "{550e8400-e29b-41d4-a716-446655440000}",
            "urn:uuid:550e8400-e29b-41d4-a716-446655440000",
            "550e8400-e29b-41d4-a716-44665544000",
        ] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
