//! What this process keeps to itself.

/// Lets no crash leave tokens on a disk. On Linux no other process of the same person can then look into this one's
/// memory or environment either (prctl(2), `PR_SET_DUMPABLE`), and a handler of core dumps is not called; elsewhere
/// the size of a core dump is limited to nothing. What this process starts is as it was.
pub(crate) fn no_core_dumps() {
    // Where a kernel forbids it (some sandboxes), everything works as without.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    #[cfg(all(unix, not(target_os = "linux")))]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let maximum = getrlimit(Resource::Core).maximum;
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    }
}
