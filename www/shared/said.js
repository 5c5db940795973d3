// What is said to the core, as numbers. crates/web/src/transaction.rs says what goes with each.

// What is wanted.
export const LOOK = 0;
export const SIGN_IN = 1;
export const CALLBACK = 2;
export const ACCESS = 3;
export const REFRESH = 4;
export const SIGN_OUT = 5;
export const PROVE = 6;

// What became of an effect.
export const LOADED = 7;
export const LOCKED = 8;
export const LATE = 9;
export const SIGNED = 10;
export const SENT = 11;
export const LOST = 12;
export const SAVED = 13;
export const ERASED = 14;
export const MOVED = 15;
export const UNLOCKED = 16;
export const MADE = 17;
export const KEPT = 18;
export const TAKEN = 19;
export const JUDGED = 20;
export const FAILED = 21;
