//! Workflow documents: what they mean, and every problem in them, found before anything runs.
//!
//! Text becomes a workflow in three stages. [`source`] parses it and records the position of each value; [`read`] turns
//! the document into an outline, which is typed but still has positions; the checkers validate the outline against the
//! existing actions, klasses and hooks. An outline without errors becomes a [`Workflow`], which can be run.
//!
//! All problems are reported in one pass, each as a [`Diagnostic`] with file, line, column, JSON pointer and, for a
//! near miss in a name, a suggestion. Everything here is pure.
//!
//! Limits: files of 1 MiB, workflows of 1,000 steps with 50 transitions each; see [`source`] and [`read`].

mod bundle;
mod check_calls;
mod check_event;
mod check_expressions;
mod check_graph;
mod check_hook;
mod check_step;
mod check_variables;
mod concurrency;
pub mod credentials;
mod diagnostic;
pub mod diff;
mod findings;
pub mod import;
mod input_schema;
mod known;
mod model;
pub mod pattern;
mod read;
mod schedule;
mod scope;
mod shapes;
mod source;
mod spec;
#[cfg(test)]
mod tests;

pub use bundle::{Bundle, HookDraft, WorkflowDraft};
pub use concurrency::{Concurrency, LIMIT_MAX};
pub use diagnostic::{Diagnostic, Severity};
pub use findings::FINDINGS_MAX;
pub use input_schema::InputSchema;
pub use known::{Known, KnownNames};
pub use model::{ErrorAction, ErrorCase, Step, Transition, Trigger, Workflow};
pub use read::{ERROR_CASES_MAX, ID_MAX, STEPS_MAX, TRANSITIONS_MAX};
pub use schedule::{CatchUp, Due, MISSED_MAX, Schedule};
pub use source::TEXT_MAX;
pub use spec::{ActionSpec, OutputSpec, ParamKind, ParamSpec, output, param};

use serde_json::Value;
use sha2::{Digest, Sha256};

use bundle::Sections;
use findings::Findings;
use scope::NameScope;
use source::Text;

/// A file to check.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Name used in diagnostics.
    pub file: &'a str,
    pub text: &'a str,
}

/// The result of checking files.
#[derive(Debug)]
pub struct Checked {
    /// One per source, in the same order; `None` if the source has errors.
    pub bundles: Vec<Option<Bundle>>,
    /// By file, in the order of the sources, then by position.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks files together: each sees the hooks, klasses and workflow names that the others declare.
pub fn check(sources: &[Source<'_>], known: &Known<'_>) -> Checked {
    let mut files: Vec<File<'_>> = sources.iter().map(File::open).collect();
    let bundles = read_files(&mut files, known);
    let bundles = files.iter().zip(bundles).map(|(file, bundle)| Some(bundle).filter(|_| !file.findings.has_errors()));
    let bundles = bundles.collect();
    Checked { bundles, diagnostics: files.into_iter().flat_map(File::diagnostics).collect() }
}

/// Reads and checks files together; returns a bundle for each, even one with errors.
fn read_files(files: &mut [File<'_>], known: &Known<'_>) -> Vec<Bundle> {
    let mut scope = NameScope::new(known);
    let mut sections = Vec::with_capacity(files.len());
    for File { name, document, findings, .. } in files {
        let section = document.as_ref().map(|document| Sections::of(name, document, findings)).unwrap_or_default();
        let bundle = section.declare(&mut scope, findings);
        sections.push((section, bundle, findings));
    }
    for (section, bundle, findings) in &mut sections {
        bundle.workflows = section.read_workflows(&mut scope, findings);
    }
    for (section, _, findings) in &mut sections {
        section.check_hooks(&scope, findings);
    }
    sections.into_iter().map(|(_, bundle, _)| bundle).collect()
}

/// Checks a single workflow document, such as one sent over HTTP.
pub fn check_workflow(source: &Source<'_>, known: &Known<'_>) -> (Option<WorkflowDraft>, Vec<Diagnostic>) {
    let mut file = File::open(source);
    let mut draft = None;
    if let Some(document) = &file.document {
        let workflows =
            Sections::single(source.file, document).read_workflows(&mut NameScope::new(known), &mut file.findings);
        draft = workflows.into_iter().next().filter(|_| !file.findings.has_errors());
    }
    (draft, file.diagnostics())
}

/// SHA-256 of the document's canonical text, in hex; independent of layout, so it shows whether the content changed.
pub fn digest(document: &Value) -> String {
    hex::encode(Sha256::digest(document.to_string()))
}

/// A file being checked.
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
        let text = Text::new(source.text);
        let document = text.parse(&mut findings);
        File { name: source.file, text, document, findings }
    }

    fn diagnostics(self) -> Vec<Diagnostic> {
        self.findings.into_diagnostics(self.name, Some(&self.text))
    }
}
