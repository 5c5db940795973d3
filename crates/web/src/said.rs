//! What is said to a transaction, as numbers: `www/shared/said.js` has the same, and `tests/browser.rs` compares them.

macro_rules! said {
    ($($name:ident = $number:literal,)*) => {
        $(#[expect(missing_docs, reason = "what each brings is said at `Transaction::step`")]
        pub const $name: u8 = $number;)*

        /// All of them by their names.
        pub const ALL: &[(&str, u8)] = &[$((stringify!($name), $number)),*];
    };
}

said! {
    // What is wanted.
    LOOK = 0,
    SIGN_IN = 1,
    CALLBACK = 2,
    ACCESS = 3,
    REFRESH = 4,
    SIGN_OUT = 5,
    PROVE = 6,
    // What became of an effect.
    LOADED = 7,
    LOCKED = 8,
    LATE = 9,
    SIGNED = 10,
    SENT = 11,
    LOST = 12,
    SAVED = 13,
    ERASED = 14,
    MOVED = 15,
    UNLOCKED = 16,
    MADE = 17,
    KEPT = 18,
    TAKEN = 19,
    JUDGED = 20,
    FAILED = 21,
}
