//! Makes what pages load of a wasm module: the module without what only linkers read, and each entry with its modules as
//! one, without what only people read. The facade has glue of its own (`www/shared/instance.js`). `gatepass-bindgen <input.wasm> <out-dir> <entry.js>...`
//!
//! A package of its own, so that `cargo xtask` without wasm does not wait for these crates.

mod bundle;

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use oxc_allocator::Allocator;
use oxc_codegen::{Codegen, CodegenOptions, CommentOptions};
use oxc_minifier::{Minifier, MinifierOptions};
use oxc_parser::Parser;
use oxc_span::SourceType;
use walrus::{Export, Module};
use wasm_bindgen_cli_support::{Bindgen, EncodeInto};

/// What `www/shared/instance.js` calls.
const EXPORTS: [&str; 3] = ["memory", "step", "__wbindgen_malloc"];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [input, out, entries @ ..] = arguments.as_slice() else {
        return Err("usage: gatepass-bindgen <input.wasm> <out-dir> <entry.js>...".into());
    };
    let mut output = Bindgen::new()
        .input_path(input)
        .web(true)?
        .typescript(false)
        // Names and producers tell a page nothing and cost it a tenth of the bytes.
        .remove_name_section(true)
        .remove_producers_section(true)
        // Every browser with Web Locks has it.
        .encode_into(EncodeInto::Always)
        .generate_output()?;
    // Nor does what only linkers ask for.
    output.wasm_mut().customs.remove_raw("target_features");
    keep_exports(output.wasm_mut());
    output.emit(out)?;
    let glue = out.join(input.with_extension("js").file_name().ok_or("the input has no name")?);
    fs::remove_file(glue)?;
    let read = |path: &str| -> Result<String, Box<dyn Error>> {
        fs::read_to_string(path).map_err(|error| format!("{path}: {error}").into())
    };
    for entry in entries {
        let name = entry.file_name().ok_or("an entry has no name")?;
        let path = entry.to_str().ok_or("an entry's path is no text")?;
        fs::write(out.join(name), minified(&bundle::bundle(path, &read)?)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes away what only wasm-bindgen's own glue would call, and what that alone needs: references to JavaScript's
/// values, and ways to free what is wiped as a whole.
fn keep_exports(module: &mut Module) {
    let left: Vec<_> =
        module.exports.iter().filter(|export| !EXPORTS.contains(&&*export.name)).map(Export::id).collect();
    left.into_iter().for_each(|export| module.exports.delete(export));
    walrus::passes::gc::run(module);
}

/// A module without comments, with short names inside: half of what it weighs compressed.
fn minified(text: &str) -> Result<String, Box<dyn Error>> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, SourceType::mjs()).parse();
    if let Some(error) = parsed.diagnostics.first() {
        return Err(error.to_string().into());
    }
    let mut program = parsed.program;
    let minified = Minifier::new(MinifierOptions::default()).minify(&allocator, &mut program);
    let options =
        CodegenOptions { minify: true, comments: CommentOptions::disabled(), ..CodegenOptions::default() };
    let code = Codegen::new()
        .with_options(options)
        .with_scoping(minified.scoping)
        .with_private_member_mappings(minified.class_private_mappings);
    Ok(code.build(&program).code)
}
