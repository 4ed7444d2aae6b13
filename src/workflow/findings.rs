//! Reads the fields of a document and collects every problem on the way.
//!
//! A [`JsonNode`] is a value that knows its JSON pointer. [`Findings`] returns the fields of a node with the expected
//! type and records a finding if the type is wrong, so that reading continues and all problems are found in one pass.
//! Line and column are looked up from the pointers at the end.
//!
//! Limits: after [`FINDINGS_MAX`] problems, or 1 MiB of their text, further ones are only counted.

use std::collections::HashSet;

use serde_json::Value;

use super::diagnostic::{Diagnostic, Severity};
use super::source::Text;
use crate::objects::{self, escape_pointer, kind_of};

/// The most problems per file that are reported one by one.
pub const FINDINGS_MAX: usize = 1_000;
const FINDINGS_BYTES_MAX: usize = 1024 * 1024;
/// Longer names are shortened in messages and get no suggestions.
const NAME_MAX: usize = 128;

/// A value of a document, with its pointer.
#[derive(Clone, Debug)]
pub(super) struct JsonNode<'a> {
    pub value: &'a Value,
    pub pointer: String,
}

impl<'a> JsonNode<'a> {
    pub fn root(value: &'a Value) -> JsonNode<'a> {
        JsonNode { value, pointer: String::new() }
    }

    /// The pointer to a member or an item, whether or not it exists.
    pub fn below(&self, part: &str) -> String {
        format!("{}/{}", self.pointer, escape_pointer(part))
    }

    /// The member `key`; null counts as absent.
    pub fn get(&self, key: &str) -> Option<JsonNode<'a>> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(JsonNode { value, pointer: self.below(key) })
    }

    /// The members of an object, including null ones; empty for any other value.
    pub fn members(&self) -> impl Iterator<Item = (&'a str, JsonNode<'a>)> {
        let members = self.value.as_object().into_iter().flatten();
        members.map(|(key, value)| (key.as_str(), JsonNode { value, pointer: self.below(key) }))
    }

    /// The items of a list; empty for any other value.
    pub fn items(&self) -> impl Iterator<Item = JsonNode<'a>> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items.map(|(index, value)| JsonNode { value, pointer: format!("{}/{index}", self.pointer) })
    }
}

/// The part of a member that a finding points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Value,
    Key,
    /// A byte offset, for text that has no value of its own.
    Offset(usize),
}

/// A problem whose line and column have not been looked up yet.
#[derive(Debug)]
pub(super) struct Finding {
    severity: Severity,
    pointer: String,
    anchor: Anchor,
    message: String,
    help: Option<String>,
}

impl Finding {
    pub fn error(pointer: impl Into<String>, message: impl Into<String>) -> Finding {
        let (pointer, message) = (pointer.into(), message.into());
        Finding { severity: Severity::Error, pointer, anchor: Anchor::Value, message, help: None }
    }

    pub fn warning(pointer: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding { severity: Severity::Warning, ..Finding::error(pointer, message) }
    }

    pub fn at(self, anchor: Anchor) -> Finding {
        Finding { anchor, ..self }
    }

    pub fn help(self, help: impl Into<String>) -> Finding {
        Finding { help: Some(help.into()), ..self }
    }
}

/// The problems found in one file.
#[derive(Debug)]
pub(super) struct Findings {
    /// Whether the document is about to be saved, so that everything that is wrong with it is an error. A stored document
    /// is only read: an older version may have accepted what this one refuses.
    strict: bool,
    findings: Vec<Finding>,
    bytes: usize,
    omitted: usize,
    errors: usize,
}

impl Findings {
    pub fn new(strict: bool) -> Findings {
        Findings { strict, findings: Vec::new(), bytes: 0, omitted: 0, errors: 0 }
    }

    pub fn add(&mut self, finding: Finding) {
        self.errors += usize::from(finding.severity == Severity::Error);
        if self.full() {
            self.omitted += 1;
            return;
        }
        self.bytes += finding.pointer.len() + finding.message.len();
        self.findings.push(finding);
    }

    pub fn error(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.add(Finding::error(pointer, message));
    }

    /// Adds the findings of a document derived from this one; `origin` maps a pointer into the derived document to its
    /// source. Warnings at a pointer that already has an error are dropped.
    pub fn absorb(&mut self, other: Findings, origin: impl Fn(&str) -> String) {
        let errors = self.findings.iter().filter(|finding| finding.severity == Severity::Error);
        let errors: HashSet<String> = errors.map(|finding| finding.pointer.clone()).collect();
        for finding in other.findings {
            let pointer = origin(&finding.pointer);
            if finding.severity == Severity::Error || !errors.contains(&pointer) {
                self.add(Finding { pointer, ..finding });
            }
        }
        self.omitted += other.omitted;
        self.errors = self.errors.max(other.errors);
    }

    /// Whether they are about a stored document, which must keep working.
    pub fn are_of_stored(&self) -> bool {
        !self.strict
    }

    /// Whether further findings are only counted.
    pub fn full(&self) -> bool {
        self.findings.len() >= FINDINGS_MAX || self.bytes >= FINDINGS_BYTES_MAX
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// The candidate that `name` is probably a typo of; skipped once findings are only counted.
    pub fn nearest<'c>(&self, name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
        if self.full() || name.len() > NAME_MAX {
            return None;
        }
        objects::nearest(name, candidates.into_iter().filter(|candidate| candidate.len() <= NAME_MAX))
    }

    /// `unknown step "x"; did you mean …?`
    pub fn unknown<'c>(&self, what: &str, name: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
        if name.len() > NAME_MAX {
            return format!("unknown {what} `{}…`", name.chars().take(40).collect::<String>());
        }
        objects::unknown(what, name, self.nearest(name, candidates))
    }

    /// Whether `node` is an object.
    pub fn object(&mut self, node: &JsonNode<'_>) -> bool {
        self.expect(node, "an object", Value::is_object)
    }

    /// Reports keys of `node` that are neither `known` nor `tolerated`; only known ones are suggested. `meta` may hold
    /// anything, but must be an object.
    pub fn keys(&mut self, node: &JsonNode<'_>, known: &[&str], tolerated: &[&str]) {
        if !self.strict {
            return;
        }
        if let Some(meta) = node.get("meta") {
            self.object(&meta);
        }
        for (key, member) in node.members() {
            if !known.contains(&key) && !tolerated.contains(&key) {
                let message = self.unknown("key", key, known.iter().copied());
                self.add(Finding::error(member.pointer, message).at(Anchor::Key));
            }
        }
    }

    /// The required member `key`.
    pub fn required<'a>(&mut self, node: &JsonNode<'a>, key: &str) -> Option<JsonNode<'a>> {
        let member = node.get(key);
        if member.is_none() {
            self.error(&node.pointer, format!("missing `{key}`"));
        }
        member
    }

    /// The required string at `key`, with its node.
    pub fn required_text<'a>(&mut self, node: &JsonNode<'a>, key: &str) -> Option<(&'a str, JsonNode<'a>)> {
        let member = self.required(node, key)?;
        self.as_text(&member).map(|text| (text, member))
    }

    /// The string at `key`, if present.
    pub fn text<'a>(&mut self, node: &JsonNode<'a>, key: &str) -> Option<&'a str> {
        self.as_text(&node.get(key)?)
    }

    /// The boolean at `key`, if present.
    pub fn boolean(&mut self, node: &JsonNode<'_>, key: &str) -> Option<bool> {
        let member = node.get(key)?;
        self.expect(&member, "true or false", Value::is_boolean);
        member.value.as_bool()
    }

    /// The items of the list at `key`; empty if absent.
    pub fn list<'a>(&mut self, node: &JsonNode<'a>, key: &str) -> Vec<JsonNode<'a>> {
        let Some(member) = node.get(key) else { return Vec::new() };
        self.expect(&member, "a list", Value::is_array);
        member.items().collect()
    }

    /// The string that `node` must be.
    pub fn as_text<'a>(&mut self, node: &JsonNode<'a>) -> Option<&'a str> {
        self.expect(node, "a string", Value::is_string);
        node.value.as_str()
    }

    fn expect(&mut self, node: &JsonNode<'_>, expected: &str, is_expected: fn(&Value) -> bool) -> bool {
        let matches = is_expected(node.value);
        if !matches {
            self.error(&node.pointer, format!("expected {expected}, not {}", kind_of(node.value)));
        }
        matches
    }

    /// All findings as diagnostics, in the order of the text.
    pub fn into_diagnostics(self, file: &str, text: Option<&Text<'_>>) -> Vec<Diagnostic> {
        let locate = |finding: Finding| {
            let (line, column) = text.map_or((0, 0), |text| text.locate(&finding.pointer, finding.anchor));
            let Finding { severity, pointer, message, help, .. } = finding;
            Diagnostic { severity, file: file.to_owned(), line, column, pointer, message, help }
        };
        let mut diagnostics: Vec<Diagnostic> = self.findings.into_iter().map(locate).collect();
        diagnostics.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
        if self.omitted > 0 {
            let severity = if self.errors > 0 { Severity::Error } else { Severity::Warning };
            let message = format!("{} more problems are not shown", self.omitted);
            diagnostics.push(locate(Finding { severity, ..Finding::error("", message) }));
        }
        diagnostics
    }
}
