//! Who can read what is kept: owners, modes and links.

use std::fs;
use std::path::{Path, PathBuf};

use super::finding::Finding;
use crate::context::{self, Context};

/// The folder of this program, every file in it, and those that the manifest puts elsewhere.
pub(super) fn examine(context: &Context) -> Vec<Finding> {
    let folder = &context.folder;
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    // The rules for folders are a person's own and hold no secret; folders are other programs'.
    files.retain(|path| !path.ends_with(crate::profiles::FILE) && !path.is_dir());
    let storage = &context.app.storage;
    let mut found = Vec::new();
    for text in [&storage.file, &storage.state].into_iter().flatten() {
        match context::path(text, &context.environment, &context.profile.name) {
            Ok(path) => files.push(path),
            Err(trouble) => found.push(Finding::wrong("files", trouble.message())),
        }
    }
    files.sort();
    found.extend(judge(folder, 0o700));
    let count = files.len();
    found.extend(files.iter().filter_map(|path| judge(path, 0o600)));
    if found.is_empty() {
        let seen = if folder.exists() {
            format!("{} and its {count} files are yours alone", folder.display())
        } else {
            format!("{} is not there yet", folder.display())
        };
        found.push(Finding::ok("files", seen));
    }
    found
}

/// What is wrong with a path that its owner alone should be able to use.
#[cfg(unix)]
fn judge(path: &Path, mode: u32) -> Option<Finding> {
    use std::io::ErrorKind;
    use std::os::unix::fs::MetadataExt;

    let shown = path.display();
    let quoted = context::quoted(&shown.to_string());
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            return Some(Finding::wrong("files", format!("{shown} cannot be looked at ({})", error.kind())));
        }
    };
    if metadata.is_symlink() {
        let seen = format!("{shown} is a link: what is kept there lies elsewhere");
        return Some(Finding::warning("files", seen).mend(format!("see where it leads: ls -ld {quoted}")));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Some(
            Finding::wrong("files", format!("{shown} belongs to somebody else"))
                .mend(format!("sudo chown \"$(id -un)\" {quoted}")),
        );
    }
    let open = metadata.mode() & 0o777 & !mode;
    if open != 0 {
        let seen = format!("{shown} has mode {:03o}: others can use it", metadata.mode() & 0o777);
        return Some(Finding::wrong("files", seen).mend(format!("chmod {mode:o} {quoted}")));
    }
    None
}

/// Elsewhere a person's folders are theirs by inheritance.
#[cfg(not(unix))]
fn judge(_path: &Path, _mode: u32) -> Option<Finding> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::commands::doctor::finding::State;

    #[test]
    fn what_others_can_read_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b.session");
        assert!(judge(&path, 0o600).is_none(), "what is not there is no matter");
        fs::write(&path, "").unwrap();
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o600);
        assert!(judge(&path, 0o600).is_none());
        mode(0o640);
        let finding = judge(&path, 0o600).unwrap();
        assert_eq!(finding.state, State::Wrong);
        assert_eq!(finding.mend.unwrap(), format!("chmod 600 '{}'", path.display()));
        mode(0o700);
        assert!(judge(&path, 0o600).is_some());
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        assert_eq!(judge(&link, 0o600).unwrap().state, State::Warning);
    }
}
