//! Gatepass for pages and extensions: the core behind one synchronous call, exported to `www/shared/`.
//!
//! ```text
//! random verify said  ->  view  ->  error  login  prove  ->  transaction  ->  lib
//! ```
//!
//! The world is not touched here. Whoever has something to do steps a [`Transaction`](transaction::Transaction); it
//! says in one JSON text what it needs done, `www/shared/drive.js` does that and answers, until it is over. So nothing
//! here waits, and what a page pays for is the judgement and not the plumbing.
//!
//! What pages load is built with `standalone`, that is, without std.
#![cfg_attr(feature = "standalone", no_std)]

extern crate alloc;

pub mod error;
pub mod login;
pub mod prove;
pub mod random;
pub mod said;
pub mod transaction;
pub mod verify;
pub mod view;

#[cfg(all(target_arch = "wasm32", feature = "standalone"))]
mod standalone {
    //! What std would bring: memory, and an end. A panic is a bug, and shows as `RuntimeError: unreachable`.

    /// Nothing is freed, and so no code is there that would: whoever runs a transaction wipes all of it afterwards
    /// (`www/shared/instance.js`). Browsers give a page of memory only to who writes to it; a sign-in takes a hundred
    /// kilobytes, and the most that a server can make it take are a few megabytes (`MAX_BODY`).
    #[global_allocator]
    static MEMORY: static_alloc::Bump<[u8; 8 << 20]> = static_alloc::Bump::uninit();

    #[panic_handler]
    fn end(_: &core::panic::PanicInfo<'_>) -> ! {
        core::arch::wasm32::unreachable()
    }
}
