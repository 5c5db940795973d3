//! Words to the operator. Stdout is data (one line when ready), stderr is talk; neither ever carries a token.

use std::io::Write;

/// One line on stderr. A closed stderr stops nobody.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "gatepass-authority: {line}");
}
