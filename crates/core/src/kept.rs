//! What owns memory, and whether it gives it back.
//!
//! In a page nothing is freed piece by piece: its shell takes the memory of a whole transaction back, and wipes it
//! (`www/shared/instance.js`). An allocator that does nothing is not enough to say so: the compiler sees it last, and by
//! then every early return calls what drops all that it leaves.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
#[cfg(all(target_arch = "wasm32", feature = "wiped"))]
use core::mem::ManuallyDrop as Slot;
use core::ops::{Deref, DerefMut};

#[cfg(not(all(target_arch = "wasm32", feature = "wiped")))]
type Slot<T> = T;

/// Whether memory is wiped as a whole, so that nobody has to wipe what they leave.
pub(crate) const WIPED: bool = cfg!(all(target_arch = "wasm32", feature = "wiped"));

/// A value that is dropped where memory is freed, and stays where it is in a page. What is moved is its address, which
/// is a register where a text or a list are three.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kept<T>(Slot<Box<T>>);

#[cfg(all(target_arch = "wasm32", feature = "wiped"))]
impl<T> Kept<T> {
    /// Takes a value.
    pub fn new(value: T) -> Self {
        Self(Slot::new(Box::new(value)))
    }

    /// Gives it back.
    pub fn into_inner(self) -> T {
        *Slot::into_inner(self.0)
    }
}

#[cfg(not(all(target_arch = "wasm32", feature = "wiped")))]
impl<T> Kept<T> {
    /// Takes a value.
    pub fn new(value: T) -> Self {
        Self(Box::new(value))
    }

    /// Gives it back.
    pub fn into_inner(self) -> T {
        *self.0
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Kept<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A text of this kind.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text(Kept<String>);

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Kept::new(text))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(String::from(text))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
