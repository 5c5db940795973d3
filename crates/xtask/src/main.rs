//! The project's own commands: `cargo xtask demo`, `test`, `wasm`, `size`, `pictures`, `bench`, `chaos`.
//!
//! One file a command; what they share lies beside them: `workspace` (where things are), `build` (what cargo makes),
//! `process` (children that end in time), `scratch` (folders and ports that are gone afterwards), `talk`.

mod bench;
mod build;
mod chaos;
mod clock;
mod demo;
mod deny;
mod environment;
mod failure;
mod guardian;
mod install;
mod manifest;
mod names;
mod node;
mod pictures;
mod process;
mod scratch;
mod shipped;
mod size;
mod stage;
mod steps;
mod table;
mod talk;
mod test;
mod wasm;
mod workspace;

use std::process::ExitCode;

use failure::Failure;

const USAGE: &str = "\
usage: cargo xtask <command>

  demo [--by-hand | --by-itself]     one sign-in through everything, with you or, where nobody watches, by itself
       [--no-browser]                by itself, over plain HTTP, although there is a browser
  test [--install] [--only NAME,..]  everything that must hold, cheap failures first
  wasm                               builds and stages what pages load, under target/www
  size [--json]                      how much that weighs, against the budget in wasm-pack.toml
  bench cli [--json] [--rounds N]    how long a cached token takes, beside git, oidc-token and gh
  bench web [--json] [--rounds N]   what the package for pages weighs beside five others, and how long a cached
       [--calls N]                   token and a restored session take beside two
  chaos cli [--rounds N] [--seed S]  64 processes with one expired token, every third one killed, a thousand times
       [--server own | strict]       strict is npm oidc-provider, whose refresh tokens work once
       [--storage file | keyring] [--processes N] [--round R]
  chaos web [--rounds N] [--seed S]  64 tabs with one expired token, the one that refreshes frozen, closed or neither
       [--tabs N] [--dpop required | off] [--round R]
  pictures                           the documents' pictures, docs/*, from a run like the demo's;
                                     wants Chromium, tmux and gnome-keyring
  pictures pages                     every page in light, dark and phone width, docs/pages/*; wants Chromium and node";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(code) => code,
        Err(failure) => {
            talk::failure(&failure);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[&str]) -> Result<ExitCode, Failure> {
    match words {
        ["demo", options @ ..] => demo::command(options),
        ["test", options @ ..] => test::command(options),
        ["wasm"] => wasm::command(),
        ["size"] => size::command(false),
        ["size", "--json"] => size::command(true),
        ["bench", "cli", options @ ..] => bench::command(options),
        ["bench", "web", options @ ..] => bench::web::command(options),
        ["chaos", "cli", options @ ..] => chaos::cli(options),
        ["chaos", "web", options @ ..] => chaos::web(options),
        ["pictures"] => pictures::command(),
        ["pictures", "pages"] => pictures::pages::command(),
        [] | ["help" | "--help" | "-h"] => {
            talk::data(USAGE);
            Ok(ExitCode::SUCCESS)
        }
        other => {
            Err(Failure::new(format!("unknown command: `{}`", other.join(" "))).hint("cargo xtask help"))
        }
    }
}
