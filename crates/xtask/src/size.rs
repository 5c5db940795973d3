//! `cargo xtask size`: what a page has to load, against the budget.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::stage::Stage;
use crate::table::Table;
use crate::workspace::Workspace;
use crate::{talk, wasm};

pub(crate) fn command(as_json: bool) -> Result<ExitCode, Failure> {
    let workspace = Workspace::find()?;
    let stage = wasm::make(&workspace)?;
    let sizes = Sizes::measure(&stage, Manifest::read(&workspace)?.budget_gzip)?;
    if as_json {
        talk::data(&format!("{:#}", sizes.json()));
    } else {
        talk::data(&sizes.table());
    }
    sizes.within_budget()?;
    Ok(ExitCode::SUCCESS)
}

/// Everything that a page loads, and each part of it.
#[derive(Debug)]
pub(crate) struct Sizes {
    parts: Vec<(String, Weight)>,
    budget_gzip: usize,
}

/// Bytes as they are and as servers send them.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    raw: usize,
    gzip: usize,
    brotli: usize,
}

impl Sizes {
    /// Weighs the staged modules. Each file is compressed by itself, as it travels.
    pub(crate) fn measure(stage: &Stage, budget_gzip: usize) -> Result<Self, Failure> {
        let folder = stage.folder.join("assets").join(&stage.digest);
        let unreadable = |error| Failure::io(folder.display(), &error);
        let mut parts = Vec::new();
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            // The same once more.
            if path.extension().is_some_and(|extension| extension == "gz") {
                continue;
            }
            parts.push((label(&path), Weight::of(&fs::read(&path).map_err(unreadable)?)));
        }
        parts.sort_by(|one, other| other.1.raw.cmp(&one.1.raw).then_with(|| one.0.cmp(&other.0)));
        Ok(Self { parts, budget_gzip })
    }

    fn total(&self) -> Weight {
        self.parts.iter().fold(Weight::default(), |sum, (_, part)| Weight {
            raw: sum.raw + part.raw,
            gzip: sum.gzip + part.gzip,
            brotli: sum.brotli + part.brotli,
        })
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new(["part", "raw", "gzip", "brotli"]);
        for (name, part) in self.parts.iter().chain([&("total".to_owned(), self.total())]) {
            table.row([name.clone(), part.raw.to_string(), part.gzip.to_string(), part.brotli.to_string()]);
        }
        table.row(["budget".to_owned(), String::new(), self.budget_gzip.to_string(), String::new()]);
        table.to_string()
    }

    /// For programs: `raw`, `gzip` and `brotli` of all, then the same of each part.
    fn json(&self) -> Value {
        let mut all = self.total().json();
        let parts: Map<String, Value> =
            self.parts.iter().map(|(name, part)| (name.clone(), part.json())).collect();
        all["parts"] = Value::Object(parts);
        all["budget_gzip"] = json!(self.budget_gzip);
        all
    }

    pub(crate) fn within_budget(&self) -> Result<(), Failure> {
        let gzip = self.total().gzip;
        if gzip <= self.budget_gzip {
            return Ok(());
        }
        let over = gzip - self.budget_gzip;
        Err(Failure::new(format!("{gzip} bytes gzip are {over} over the budget of {}", self.budget_gzip))
            .hint("look for formatting, serde_json or a crate with `std` that came in; the budget is in wasm-pack.toml"))
    }
}

impl Weight {
    fn of(bytes: &[u8]) -> Self {
        Self { raw: bytes.len(), gzip: gzip(bytes), brotli: brotli(bytes) }
    }

    fn json(self) -> Value {
        json!({ "raw": self.raw, "gzip": self.gzip, "brotli": self.brotli })
    }
}

fn label(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn gzip(bytes: &[u8]) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes every byte").len()
}

fn brotli(bytes: &[u8]) -> usize {
    let mut out = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    brotli::BrotliCompress(&mut &bytes[..], &mut out, &parameters).expect("memory takes every byte");
    out.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compresses_and_adds_up() {
        let one = Weight::of(&[b'a'; 1000]);
        assert!(one.raw == 1000 && (1..100).contains(&one.gzip) && (1..100).contains(&one.brotli));
        let sizes = Sizes {
            parts: vec![("a.js".to_owned(), one), ("b.js".to_owned(), one)],
            budget_gzip: one.gzip * 2,
        };
        let json = sizes.json();
        assert_eq!((json["raw"].as_u64(), json["parts"]["b.js"]["raw"].as_u64()), (Some(2000), Some(1000)));
        assert!(sizes.within_budget().is_ok());
        let tight = Sizes { budget_gzip: one.gzip * 2 - 1, ..sizes };
        assert!(tight.within_budget().unwrap_err().message().contains("1 over the budget"));
    }
}
