//! Brings exports of Kustomer over: a definition, a record of the API, or an app file becomes a file of hookflow's.
//!
//! An export is taken apart by [`shape`] into hooks, klasses and workflows, wherever it keeps them. [`translate`] writes
//! the file: workflows as they are, with the ids of hooks, workflows and variables replaced where this is known to be
//! right; what has no place in a file but may matter to somebody goes into the file's `meta`. The file is then checked
//! like any other, and what is wrong with it is shown at its place in the export. Nothing is guessed: which hook takes
//! the place of one of another system is for the caller to say.
//!
//! Limits: those of files, see [`super::source`].

mod shape;
mod translate;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::findings::{Finding, Findings, Node};
use super::source::Text;
use super::{Diagnostic, File, Known, Source, read_files};
use crate::hook::HookKind;
use shape::Export;
use translate::Translation;

/// What the caller says about names that mean something in the other system only.
#[derive(Clone, Debug, Default)]
pub struct Mappings {
    /// Ids of hooks (or names of events), and the hooks here that take their place.
    pub hooks: BTreeMap<String, LocalHook>,
    /// Ids of workflows, and the workflows here that take their place.
    pub workflows: BTreeMap<String, String>,
    /// Ids of variables, and their names here.
    pub variables: BTreeMap<String, String>,
}

/// A hook as a mapping names it: `orders`, or `form/orders` where the other one was of another kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalHook {
    /// That of the foreign hook if the caller says nothing.
    pub kind: Option<HookKind>,
    pub name: String,
}

/// What came of an import.
#[derive(Debug)]
pub struct Imported {
    /// The file's content; `None` if there is nothing to take over.
    pub document: Option<Value>,
    /// What is wrong, at its place in the export.
    pub diagnostics: Vec<Diagnostic>,
    /// By id or name, the workflows that use it and where it is used first.
    pub variables: BTreeMap<String, VariableUse>,
}

/// Where a variable is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VariableUse {
    pub workflows: BTreeSet<String>,
    /// Pointer into the export.
    pub pointer: String,
}

/// Translates an export. `beside` are the files that it will stand beside, which may declare what it needs.
pub fn import(export: &Source<'_>, mappings: &Mappings, beside: &[Source<'_>], known: &Known<'_>) -> Imported {
    let mut findings = Findings::new(true);
    let mut text = Text::new(export.text);
    let foreign = text.parse(&mut findings);
    let export_parts = foreign.as_ref().and_then(|foreign| Export::read(&Node::root(foreign), &mut findings));
    let translation = export_parts.map(|parts| Translation::of(&parts, mappings, &mut findings));
    let (mut document, mut variables) = (None, BTreeMap::new());
    if let Some(Translation { document: translated, origins, variables: used }) = translation {
        let wrong = check_beside(&translated, export.file, beside, known);
        findings.absorb(wrong, |pointer| origins.of(pointer));
        (document, variables) = (Some(translated), used);
    }
    Imported { document, diagnostics: findings.into_diagnostics(export.file, Some(&text)), variables }
}

/// What is wrong with a document as one of several files.
fn check_beside(document: &Value, name: &str, beside: &[Source<'_>], known: &Known<'_>) -> Findings {
    let mut files: Vec<File<'_>> = beside.iter().map(File::open).collect();
    let (text, findings) = (Text::new(""), Findings::new(true));
    files.push(File { name, text, document: Some(document.clone()), findings });
    read_files(&mut files, known);
    files.pop().map_or_else(|| Findings::new(true), |file| file.findings)
}
