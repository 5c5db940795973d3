//! Makes what pages load of a wasm module: its JavaScript glue, and that and other modules without what only people
//! read. `gatepass-bindgen <input.wasm> <out-dir> [module.js ..]`
//!
//! A package of its own, so that `cargo xtask` without wasm does not wait for these crates.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use oxc_allocator::Allocator;
use oxc_codegen::{Codegen, CodegenOptions, CommentOptions};
use oxc_minifier::{Minifier, MinifierOptions};
use oxc_parser::Parser;
use oxc_span::SourceType;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [input, out, modules @ ..] = arguments.as_slice() else {
        return Err("usage: gatepass-bindgen <input.wasm> <out-dir> [module.js ..]".into());
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
    let glue = out.join(input.with_extension("js").file_name().ok_or("the input has no name")?);
    for module in modules.iter().chain([&glue]) {
        let name = module.file_name().ok_or("a module has no name")?;
        fs::write(out.join(name), minified(module)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A module without comments, with short names inside: half of what it weighs compressed.
fn minified(path: &Path) -> Result<String, Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, &text, SourceType::mjs()).parse();
    if let Some(error) = parsed.diagnostics.first() {
        return Err(format!("{}: {error}", path.display()).into());
    }
    let mut program = parsed.program;
    let scoping = Minifier::new(MinifierOptions::default()).minify(&allocator, &mut program).scoping;
    let options =
        CodegenOptions { minify: true, comments: CommentOptions::disabled(), ..CodegenOptions::default() };
    Ok(Codegen::new().with_options(options).with_scoping(scoping).build(&program).code)
}
