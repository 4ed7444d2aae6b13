//! Imports exports from Kustomer: turns a definition, an API record or an app file into a hookflow file.
//!
//! [`shape`] splits an export into hooks, klasses and workflows, wherever it keeps them. [`translate`] writes the file:
//! workflows stay as they are, except that ids of hooks, workflows and variables are replaced where that is known to be
//! right; parts that a file cannot hold but that may matter go into the file's `meta`. The file is then checked like
//! any other, and problems are reported at their position in the export. Nothing is guessed: the caller says which
//! local hook replaces a foreign one.
//!
//! Limits: those of files, see [`super::source`].

mod shape;
mod translate;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::findings::{Finding, Findings, JsonNode};
use super::source::Text;
use super::{Diagnostic, File, Known, Source, read_files};
use crate::hook::HookKind;
use shape::Export;
use translate::Translation;

/// Local replacements for names that only the exporting system knows.
#[derive(Clone, Debug, Default)]
pub struct Mappings {
    /// Ids of hooks (or names of events), and their local replacements.
    pub hooks: BTreeMap<String, LocalHook>,
    /// Ids of workflows, and the names of their local replacements.
    pub workflows: BTreeMap<String, String>,
    /// Ids of variables, and their local names.
    pub variables: BTreeMap<String, String>,
}

/// A hook as written in a mapping: `orders`, or `form/orders` if its kind differs from the foreign hook's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalHook {
    /// The kind of the foreign hook if omitted.
    pub kind: Option<HookKind>,
    pub name: String,
}

/// The result of an import.
#[derive(Debug)]
pub struct Imported {
    /// The file's content; `None` if there is nothing to import.
    pub document: Option<Value>,
    /// Problems, at their positions in the export.
    pub diagnostics: Vec<Diagnostic>,
    /// By id or name: the workflows that use the variable, and its first use.
    pub variables: BTreeMap<String, VariableUse>,
}

/// Where a variable is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VariableUse {
    pub workflows: BTreeSet<String>,
    /// Pointer into the export.
    pub pointer: String,
}

/// Translates an export. `siblings` are the other files of the folder, which may declare what it needs.
pub fn import(export: &Source<'_>, mappings: &Mappings, siblings: &[Source<'_>], known: &Known<'_>) -> Imported {
    let mut findings = Findings::new(true);
    let text = Text::new(export.text);
    let foreign = text.parse(&mut findings);
    let parts = foreign.as_ref().and_then(|foreign| Export::read(&JsonNode::root(foreign), &mut findings));
    let translation = parts.map(|parts| Translation::of(&parts, mappings, &mut findings));
    let (mut document, mut variables) = (None, BTreeMap::new());
    if let Some(Translation { document: translated, origins, variables: used }) = translation {
        let check_findings = check_with(&translated, export.file, siblings, known);
        findings.absorb(check_findings, |pointer| origins.of(pointer));
        (document, variables) = (Some(translated), used);
    }
    Imported { document, diagnostics: findings.into_diagnostics(export.file, Some(&text)), variables }
}

/// Checks a document together with its sibling files.
fn check_with(document: &Value, name: &str, siblings: &[Source<'_>], known: &Known<'_>) -> Findings {
    let mut files: Vec<File<'_>> = siblings.iter().map(File::open).collect();
    let (text, findings) = (Text::new(""), Findings::new(true));
    files.push(File { name, text, document: Some(document.clone()), findings });
    read_files(&mut files, known);
    files.pop().map_or_else(|| Findings::new(true), |file| file.findings)
}
