//! The corpora of tests/corpora, as the native shell meets them: one line a file. See the README there.

#[path = "../../../../tests/corpora/frame.rs"]
#[allow(
    dead_code,
    clippy::print_stdout,
    reason = "shared, and each crate uses its part; its lines are what is asked for"
)]
mod frame;
#[path = "../../../../tests/corpora/id_tokens.rs"]
mod id_tokens;

mod c02;
mod c03;

fn main() {
    frame::run(vec![c02::trial(), c03::trial()]).exit();
}
