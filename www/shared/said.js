// What is said to the core, as numbers. crates/web/src/transaction.rs says what goes with each.

// What is wanted.
export const LOOK = 0;
export const SIGN_IN = 1;
export const CALLBACK = 2;
export const ACCESS = 3;
export const REFRESH = 4;
export const SIGN_OUT = 5;

// What became of an effect.
export const LOADED = 6;
export const LOCKED = 7;
export const LATE = 8;
export const SIGNED = 9;
export const SENT = 10;
export const LOST = 11;
export const SAVED = 12;
export const ERASED = 13;
export const MOVED = 14;
export const UNLOCKED = 15;
export const MADE = 16;
export const KEPT = 17;
export const TAKEN = 18;
export const JUDGED = 19;
export const FAILED = 20;
