//! Makes one module of an entry and what it imports: one file compresses better than twelve, and loads in one turn.
//!
//! The modules stand in one scope then, each after what it imports. So the names at their top must differ, and none
//! may hide a name of the browser's from another module: what would change its meaning is refused, never renamed.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write;

use oxc_allocator::Allocator;
use oxc_ast::ast::Statement;
use oxc_parser::Parser;
use oxc_semantic::SemanticBuilder;
use oxc_span::{GetSpan, SourceType, Span};
use oxc_syntax::module_record::{
    ExportExportName, ExportImportName, ExportLocalName, ImportImportName, ModuleRecord,
};

/// Reads a module by its path; those of one bundle may lie in several folders.
pub(crate) type Read<'a> = &'a dyn Fn(&str) -> Result<String, Box<dyn Error>>;

/// The entry with everything that it imports, and its exports.
pub(crate) fn bundle(entry: &str, read: Read<'_>) -> Result<String, Box<dyn Error>> {
    let mut bundle = Bundle { read, text: String::new(), modules: BTreeMap::new(), open: Vec::new() };
    bundle.add(entry)?;
    bundle.judge()?;
    let mut text = bundle.text;
    let exports = bundle.modules[entry].exports.iter().map(|(name, local)| format!("{local} as {name}"));
    writeln!(text, "export {{ {} }};", exports.collect::<Vec<_>>().join(", "))?;
    Ok(text)
}

struct Bundle<'a> {
    read: Read<'a>,
    text: String,
    modules: BTreeMap<String, Module>,
    /// Those whose imports are being added.
    open: Vec<String>,
}

/// What others have to know of a module.
#[derive(Default)]
struct Module {
    /// What it exports, and what that is called inside.
    exports: BTreeMap<String, String>,
    /// What it declares at its top.
    names: BTreeSet<String>,
    /// What it uses and does not declare: the browser's.
    foreign: BTreeSet<String>,
}

impl Bundle<'_> {
    fn add(&mut self, name: &str) -> Result<(), Box<dyn Error>> {
        if self.modules.contains_key(name) {
            return Ok(());
        }
        if self.open.iter().any(|open| open == name) {
            return Err(format!("{name} imports itself, by way of {}", self.open.join(", ")).into());
        }
        self.open.push(name.to_owned());
        let source = (self.read)(name)?;
        let allocator = Allocator::default();
        let parsed = Parser::new(&allocator, &source, SourceType::mjs()).parse();
        if let Some(error) = parsed.diagnostics.first() {
            return Err(format!("{name}: {error}").into());
        }
        let record = &parsed.module_record;
        if !record.star_export_entries.is_empty() {
            return Err(format!("{name} exports names that it does not say").into());
        }

        let mut spans = Vec::new();
        for statement in &parsed.program.body {
            match statement {
                Statement::ImportDeclaration(import) => self.add(&beside(name, &import.source.value)?)?,
                Statement::ExportFromDeclaration(export) => self.add(&beside(name, &export.source.value)?)?,
                Statement::ExportNamedDeclaration(_) => {}
                Statement::ExportDeclaration(export) => spans.push(export.declaration.span()),
                Statement::ExportDefaultDeclaration(_) => {
                    return Err(format!("{name} has a default that has no name").into());
                }
                other => spans.push(other.span()),
            }
        }
        let scoping = SemanticBuilder::new().build(&parsed.program).semantic.into_scoping();
        let mut module = Module {
            exports: self.exports(name, record)?,
            names: scoping.get_bindings(scoping.root_scope_id()).keys().map(ToString::to_string).collect(),
            foreign: scoping.root_unresolved_references().keys().map(ToString::to_string).collect(),
        };
        let mut aliases = Vec::new();
        for import in &record.import_entries {
            let from = beside(name, &import.module_request.name)?;
            let wanted = match &import.import_name {
                ImportImportName::Name(wanted) => wanted.name.as_str(),
                ImportImportName::Default(_) => "default",
                ImportImportName::NamespaceObject => {
                    return Err(format!("{name} imports all of {from} as an object").into());
                }
            };
            let there = self.exported(name, &from, wanted)?;
            let here = import.local_name.name.as_str();
            if here == there {
                module.names.remove(here);
            } else {
                aliases.push(format!("const {here} = {there};\n"));
            }
        }
        self.text.extend(aliases);
        for Span { start, end, .. } in spans {
            self.text.push_str(&source[start as usize..end as usize]);
            self.text.push('\n');
        }
        self.open.pop();
        self.modules.insert(name.to_owned(), module);
        Ok(())
    }

    /// What a module exports, and what that is called; another module's names too, if it hands them on.
    fn exports(
        &self,
        name: &str,
        record: &ModuleRecord<'_>,
    ) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
        let mut exports = BTreeMap::new();
        for entry in record.local_export_entries.iter().chain(&record.indirect_export_entries) {
            let exported = match &entry.export_name {
                ExportExportName::Name(exported) => exported.name.as_str(),
                ExportExportName::Default(_) | ExportExportName::Null => "default",
            };
            let local = match (&entry.local_name, &entry.module_request, &entry.import_name) {
                (_, Some(from), ExportImportName::Name(wanted)) => {
                    self.exported(name, &beside(name, &from.name)?, &wanted.name)?
                }
                (ExportLocalName::Name(local), None, _) => local.name.as_str(),
                _ => return Err(format!("{name}: `{exported}` has no name inside").into()),
            };
            exports.insert(exported.to_owned(), local.to_owned());
        }
        Ok(exports)
    }

    /// What an export of a module that was added is called.
    fn exported(&self, name: &str, from: &str, wanted: &str) -> Result<&str, Box<dyn Error>> {
        let there = self.modules[from].exports.get(wanted);
        there.map(String::as_str).ok_or_else(|| format!("{name}: {from} exports no `{wanted}`").into())
    }

    /// One scope means for every name what its own module meant by it.
    fn judge(&self) -> Result<(), Box<dyn Error>> {
        for (one, module) in &self.modules {
            for (other, theirs) in self.modules.iter().filter(|(other, _)| *other != one) {
                let taken = theirs.names.iter().chain(&theirs.foreign);
                if let Some(name) = taken.into_iter().find(|name| module.names.contains(*name)) {
                    return Err(format!("{one} and {other} mean different things by `{name}`").into());
                }
            }
        }
        Ok(())
    }
}

/// The path of a module that another imports by a relative one.
fn beside(name: &str, import: &str) -> Result<String, Box<dyn Error>> {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    if !import.starts_with("./") && !import.starts_with("../") {
        return Err(format!("{name} imports `{import}`, which is no file").into());
    }
    for part in import.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop().ok_or_else(|| format!("{name} imports `{import}` from above everything"))?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(modules: &[(&str, &str)]) -> Result<String, String> {
        let read = |name: &str| {
            let found = modules.iter().find(|(known, _)| *known == name);
            found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| format!("no {name}").into())
        };
        bundle(modules[0].0, &read).map_err(|error| error.to_string())
    }

    #[test]
    fn puts_each_module_once_after_what_it_imports() {
        let bundle = of(&[
            (
                "y/main.js",
                "import { a, b } from \"../x/a.js\";\nimport begin from \"../b.js\";\nexport const main = () => begin(a, b);\nexport { b };",
            ),
            ("x/a.js", "import { b } from \"./../b.js\";\nexport const a = b + 1;\nexport { b };"),
            ("b.js", "export const b = 1;\nfunction run() {}\nexport { run as default, b as c };"),
        ]);
        assert_eq!(
            bundle.unwrap(),
            "const b = 1;\nfunction run() {}\nconst a = b + 1;\nconst begin = run;\n\
             const main = () => begin(a, b);\nexport { b as b, main as main };\n"
        );
    }

    #[test]
    fn refuses_what_would_change_its_meaning() {
        for (main, other, error) in [
            ("import { a } from \"./x.js\"; const b = 1;", "export const a = 1; let b;", "`b`"),
            // `open` is the browser's in one module and not in the other.
            ("import { a } from \"./x.js\"; open(a);", "export const a = 1; const open = 2;", "`open`"),
            ("import { a } from \"./x.js\";", "export const b = 1;", "exports no `a`"),
            ("import * as x from \"./x.js\";", "export const b = 1;", "as an object"),
            ("import { a } from \"./x.js\";", "import \"./main.js\"; export const a = 1;", "imports itself"),
            ("import { a } from \"./x.js\";", "export default 1;", "no name"),
            ("import { a } from \"./x.js\";", "export * from \"./main.js\";", "does not say"),
            ("import { a } from \"x\";", "", "no file"),
            ("import { a } from \"../x.js\";", "", "above everything"),
            ("import { a } from \"./y/x.js\";", "", "no y/x.js"),
        ] {
            let said = of(&[("main.js", main), ("x.js", other)]).unwrap_err();
            assert!(said.contains(error), "{main} {other}: {said}");
        }
        // A name inside a function is nobody else's business.
        assert!(
            of(&[
                ("main.js", "import { a } from \"./x.js\"; const b = a;"),
                ("x.js", "export const a = (b) => b;")
            ])
            .is_ok()
        );
    }
}
