//! Runs one wasm test file in a browser: `gatepass-test-runner test-runner <file.wasm> [filter..]`.
//!
//! It is wasm-bindgen-test-runner under another name, at the version that the lock file says.

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use wasm_bindgen_cli::wasm_bindgen_test_runner;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    // The first word stands where that program expects its own name.
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    if arguments.first().is_none_or(|word| word != "test-runner") {
        return Err("usage: gatepass-test-runner test-runner <file.wasm> [filter..]".into());
    }
    wasm_bindgen_test_runner::run_cli_with_args(arguments)?;
    Ok(ExitCode::SUCCESS)
}
