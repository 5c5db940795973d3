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
    // What became of an effect.
    LOADED = 6,
    LOCKED = 7,
    LATE = 8,
    SIGNED = 9,
    SENT = 10,
    LOST = 11,
    SAVED = 12,
    ERASED = 13,
    MOVED = 14,
    UNLOCKED = 15,
    MADE = 16,
    KEPT = 17,
    TAKEN = 18,
    JUDGED = 19,
    FAILED = 20,
}
