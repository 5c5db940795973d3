//! What is shipped has no feature `testing`: nobody moves its clock.

use std::time::Duration;

use crate::build::{TESTING, WASM};
use crate::failure::Failure;
use crate::process;
use crate::workspace::Workspace;

/// Package and the targets that it is built for.
const SHIPPED: [(&str, &str); 3] =
    [("gatepass-cli", "all"), ("gatepass-authority", "all"), ("gatepass-web", WASM)];

/// Asks cargo for the features that each shipped package is built with.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    for (package, target) in SHIPPED {
        let found = testing(workspace, package, target, &[])?;
        if !found.is_empty() {
            return Err(Failure::new(format!(
                "{package} is shipped with feature `testing` of {}",
                found.join(", ")
            )));
        }
    }
    // The check is worth something only if it sees the feature where it is.
    let seen =
        testing(workspace, "gatepass-authority", "all", &["--features", "gatepass-authority/testing"])?;
    if seen.is_empty() {
        return Err(Failure::new(format!("the features {TESTING} are not visible in `cargo tree`")));
    }
    Ok(())
}

fn testing(
    workspace: &Workspace,
    package: &str,
    target: &str,
    more: &[&str],
) -> Result<Vec<String>, Failure> {
    let mut cargo = workspace.cargo(&["tree", "--locked", "--package", package, "--target", target]);
    cargo.args(["--edges", "normal,build", "--prefix", "none", "--format", "{p} features: {f}"]).args(more);
    Ok(with_testing(&process::capture(&mut cargo, Duration::from_secs(120))?))
}

/// The packages of this workspace that have the feature.
fn with_testing(tree: &str) -> Vec<String> {
    tree.lines()
        .filter_map(|line| line.split_once(" features: "))
        .filter(|(package, _)| package.starts_with("gatepass"))
        .filter(|(_, features)| {
            features.trim_end_matches(" (*)").split(',').any(|feature| feature == "testing")
        })
        .map(|(package, _)| package.split(' ').next().unwrap_or(package).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_tree() {
        let tree = "gatepass-cli v0.1.0 (x) features: default,testing\nserde v1.0.0 features: testing\n\
                    gatepass v0.1.0 (x) features: \ngatepass-core v0.1.0 (x) features: testing (*)";
        assert_eq!(with_testing(tree), ["gatepass-cli", "gatepass-core"]);
    }
}
