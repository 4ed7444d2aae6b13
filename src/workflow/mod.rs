//! Workflow documents: what they mean, and everything that is wrong with them, found before anything runs.
//!
//! A text becomes a workflow in three strides. [`source`] parses it and remembers where each value stands; [`read`]
//! turns the document into an outline, typed but still with places; the checkers judge the outline against the actions,
//! klasses and hooks that there are. An outline without errors becomes a [`Workflow`], which can be run.
//!
//! Every problem is found in one go, as a [`Diagnostic`] with file, line, column, JSON pointer and, where a name is
//! nearly right, a suggestion. Everything here is pure.
//!
//! Limits: files of 1 MiB, workflows of 1,000 steps with 50 transitions each; see [`source`] and [`read`].

mod bundle;
mod check_event;
mod check_graph;
mod check_step;
mod check_variables;
mod concurrency;
pub mod credentials;
mod diagnostic;
pub mod diff;
mod findings;
pub mod import;
mod input_schema;
mod model;
pub mod pattern;
mod read;
mod schedule;
mod scope;
mod source;
mod spec;
#[cfg(test)]
mod tests;

pub use bundle::{Bundle, HookDraft, WorkflowDraft};
pub use concurrency::{Concurrency, LIMIT_MAX};
pub use diagnostic::{Diagnostic, Severity};
pub use findings::FINDINGS_MAX;
pub use input_schema::InputSchema;
pub use model::{ErrorAction, ErrorCase, Step, Transition, Trigger, Workflow};
pub use read::{ERROR_CASES_MAX, ID_MAX, STEPS_MAX, TRANSITIONS_MAX};
pub use schedule::{CatchUp, Due, MISSED_MAX, Schedule};
pub use source::TEXT_MAX;
pub use spec::{ActionSpec, OutputSpec, ParamKind, ParamSpec, output, param};

use crate::hook::HookKind;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use bundle::Sections;
use findings::Findings;
use scope::Scope;
use source::Text;

/// A file to check.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The name that diagnostics give.
    pub file: &'a str,
    pub text: &'a str,
}

/// What is known beside the files: the actions, and the klasses and hooks that exist already.
pub struct Known<'a> {
    /// Finds an action by its name without the prefix `kustomer.`.
    pub action: &'a dyn Fn(&str) -> Option<&'static ActionSpec>,
    /// For suggestions.
    pub action_names: Vec<&'static str>,
    /// Names and properties.
    pub klasses: Vec<(String, Map<String, Value>)>,
    /// Kinds, names and ids.
    pub hooks: Vec<(HookKind, String, String)>,
    /// Ids and names of the variables that there are; `None` if that is not known, and then none is unknown.
    pub variables: Option<Vec<(String, String)>>,
}

/// What came of checking some files.
#[derive(Debug)]
pub struct Checked {
    /// One for each source, in their order; `None` if it had errors.
    pub bundles: Vec<Option<Bundle>>,
    /// By file, in the order of their sources, then by position.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks files together: hooks, klasses and names of workflows that one declares are seen by the others.
pub fn check(sources: &[Source<'_>], known: &Known<'_>) -> Checked {
    let mut files: Vec<File<'_>> = sources.iter().map(File::open).collect();
    let bundles = read_files(&mut files, known);
    let bundles = files.iter().zip(bundles).map(|(file, bundle)| Some(bundle).filter(|_| !file.findings.has_errors()));
    let bundles = bundles.collect();
    Checked { bundles, diagnostics: files.into_iter().flat_map(File::diagnostics).collect() }
}

/// Reads and checks files together; a bundle for each, whatever is wrong with it.
fn read_files(files: &mut [File<'_>], known: &Known<'_>) -> Vec<Bundle> {
    let mut scope = Scope::new(known);
    let mut sections = Vec::with_capacity(files.len());
    for File { name, document, findings, .. } in files {
        let section = document.as_ref().map(|document| Sections::of(name, document, findings)).unwrap_or_default();
        let bundle = section.declare(&mut scope, findings);
        sections.push((section, bundle, findings));
    }
    for (section, bundle, findings) in &mut sections {
        bundle.workflows = section.read_workflows(&mut scope, findings);
    }
    sections.into_iter().map(|(_, bundle, _)| bundle).collect()
}

/// Checks one workflow document on its own, such as an HTTP caller sends.
pub fn check_workflow(source: &Source<'_>, known: &Known<'_>) -> (Option<WorkflowDraft>, Vec<Diagnostic>) {
    let mut file = File::open(source);
    let mut draft = None;
    if let Some(document) = &file.document {
        let workflows =
            Sections::single(source.file, document).read_workflows(&mut Scope::new(known), &mut file.findings);
        draft = workflows.into_iter().next().filter(|_| !file.findings.has_errors());
    }
    (draft, file.diagnostics())
}

/// SHA-256, in hex, of the document's canonical text: tells whether a file says something new, whatever its layout.
pub fn digest(document: &Value) -> String {
    hex::encode(Sha256::digest(document.to_string()))
}

/// A file that is being checked.
struct File<'a> {
    name: &'a str,
    text: Text<'a>,
    /// `None` if the text is not JSON.
    document: Option<Value>,
    findings: Findings,
}

impl<'a> File<'a> {
    fn open(source: &Source<'a>) -> File<'a> {
        let mut findings = Findings::new(true);
        let mut text = Text::new(source.text);
        let document = text.parse(&mut findings);
        File { name: source.file, text, document, findings }
    }

    fn diagnostics(self) -> Vec<Diagnostic> {
        self.findings.into_diagnostics(self.name, Some(&self.text))
    }
}
