//! Which secrets are no secrets.

use std::fmt;

/// Below this many characters a secret is refused; the documents recommend it, here it is required.
const MINIMUM: usize = 35;

/// A secret of fewer different characters is a pattern.
const DIVERSITY: usize = 10;

/// Words out of manuals. A real secret holds none of them, except by a chance of one in billions.
const PLACEHOLDERS: [&str; 12] = [
    "your-",
    "your_",
    "yoursecret",
    "changeme",
    "change-me",
    "change_me",
    "secure-random",
    "minimum",
    "placeholder",
    "example",
    "password",
    "jwtsecret",
];

/// What is wrong with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretFault {
    /// Too short.
    Short,
    /// Copied from a manual.
    Placeholder,
    /// The same few characters over and over.
    Pattern,
}

impl fmt::Display for SecretFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the secret has fewer than 35 characters",
            Self::Placeholder => "the secret is a placeholder from a manual",
            Self::Pattern => "the secret repeats fewer than 10 different characters",
        })
    }
}

impl std::error::Error for SecretFault {}

/// Refuses a secret from which others could derive our keys.
pub fn check_secret(secret: &str) -> Result<(), SecretFault> {
    let lower = secret.to_ascii_lowercase();
    if lower.starts_with('<') || PLACEHOLDERS.iter().any(|word| lower.contains(word)) {
        return Err(SecretFault::Placeholder);
    }
    if secret.chars().count() < MINIMUM {
        return Err(SecretFault::Short);
    }
    let mut different: Vec<char> = secret.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < DIVERSITY {
        return Err(SecretFault::Pattern);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_others_know() {
        for (secret, expected) in [
            ("", Err(SecretFault::Short)),
            ("4cN8vK2mQ7xR1tZ5wY9bE3gH6jL0pS-uAdF", Ok(())),
            ("4cN8vK2mQ7xR1tZ5wY9bE3gH6jL0pS-uAd", Err(SecretFault::Short)),
            ("<your-secure-random-string-minimum-35-characters>", Err(SecretFault::Placeholder)),
            ("CHANGEME-4cN8vK2mQ7xR1tZ5wY9bE3gH6jL0pS", Err(SecretFault::Placeholder)),
            ("abcabcabcabcabcabcabcabcabcabcabcabcabcabc", Err(SecretFault::Pattern)),
        ] {
            assert_eq!(check_secret(secret), expected, "{secret}");
        }
    }
}
