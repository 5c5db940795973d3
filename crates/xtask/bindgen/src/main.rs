//! Makes the JavaScript glue of a wasm module: `gatepass-bindgen <input.wasm> <out-dir>`.
//!
//! A package of its own, so that `cargo xtask` without wasm does not wait for these crates.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [input, out] = arguments.as_slice() else {
        return Err("usage: gatepass-bindgen <input.wasm> <out-dir>".into());
    };
    Bindgen::new()
        .input_path(input)
        .web(true)?
        .typescript(true)
        // Names and producers tell a page nothing and cost it a tenth of the bytes.
        .remove_name_section(true)
        .remove_producers_section(true)
        // The facade says where the wasm is; without a default, no bundler guesses.
        .omit_default_module_path(true)
        .generate(out)?;
    Ok(ExitCode::SUCCESS)
}
