//! The names of tests: what runs natively runs as wasm too, or is written down here.

use std::collections::BTreeSet;
use std::process::Command;

use crate::build::BUILD_LIMIT;
use crate::failure::Failure;
use crate::process;

/// Tests of the core that read files, and so stay native: modules of `crates/core/tests/core`.
const NATIVE: [&str; 5] = ["canary", "layers", "lists", "reports", "seeds"];

/// The arguments that make cargo and the runner list tests, one a line, instead of running them.
pub(crate) const LIST: [&str; 4] = ["--", "--list", "--format", "terse"];

/// Asks both harnesses what they would run. A test that one of them does not know would be silently not run.
pub(crate) fn compare(native: &mut Command, wasm: &mut Command) -> Result<(), Failure> {
    let native = process::capture(native, BUILD_LIMIT)?;
    let wasm = process::capture(wasm, BUILD_LIMIT)?;
    let (native, wasm) = (tests(&native), tests(&wasm));
    let missing = missing(&native, &wasm);
    if native.is_empty() || !missing.is_empty() {
        return Err(Failure::new(format!(
            "{} native tests of the core, {} as wasm; only one side has: {}",
            native.len(),
            wasm.len(),
            missing.join(", ")
        ))
        .hint("a module of tests says `use crate::test;`"));
    }
    Ok(())
}

fn tests(listed: &str) -> BTreeSet<&str> {
    listed.lines().filter_map(|line| line.strip_suffix(": test")).collect()
}

/// What only one side has and may not.
fn missing<'a>(native: &BTreeSet<&'a str>, wasm: &BTreeSet<&'a str>) -> Vec<&'a str> {
    let stays = |name: &str| name.split("::").next().is_some_and(|module| NATIVE.contains(&module));
    let expected: BTreeSet<&str> = native.iter().copied().filter(|name| !stays(name)).collect();
    expected.symmetric_difference(wasm).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_one_side_does_not_run_is_named() {
        let native = tests("json::tests::reads: test\nlayers::order: test\nlogin::begins: test\n");
        let wasm = tests("json::tests::reads: test\nlogin::begins: test\n\n");
        assert!(missing(&native, &wasm).is_empty());
        assert_eq!(missing(&native, &tests("json::tests::reads: test")), ["login::begins"]);
        assert_eq!(missing(&tests(""), &tests("old::test: test")), ["old::test"]);
    }
}
