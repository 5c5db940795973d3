//! The corpora of tests/corpora, as core reads them: one line a file. See the README there.

#[path = "../../../../tests/corpora/frame.rs"]
#[allow(
    dead_code,
    clippy::print_stdout,
    reason = "shared, and each crate uses its part; its lines are what is asked for"
)]
mod frame;
#[path = "../../../../tests/corpora/id_tokens.rs"]
mod id_tokens;
mod issuer;
mod signing;
mod story;

mod answers;
mod c01;
mod c02;
mod c04;
mod c05;
mod c06;
mod c07;
mod c07c;
mod c08c;

fn main() {
    let mut trials = vec![
        c01::trial(),
        c02::trial(),
        c04::trial(),
        frame::corpus("05-oidc-discovery", c05::judge),
        c06::trial(),
        c07c::trial(),
        c08c::trial(),
    ];
    trials.extend(c07::trials());
    frame::run(trials).exit();
}
