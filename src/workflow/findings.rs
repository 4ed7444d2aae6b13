//! Taking a document apart while noting everything that is wrong with it.
//!
//! A [`Node`] is a value that knows its JSON pointer. [`Findings`] hands out the fields of a node as the type that they
//! should have and notes it when they have another, so that reading goes on and finds all problems at once. Positions
//! in the text are looked up at the end, from the pointers.
//!
//! Limits: after [`FINDINGS_MAX`] problems, or a MiB of their text, the rest is only counted.

use std::collections::HashSet;

use serde_json::Value;

use super::diagnostic::{Diagnostic, Severity};
use super::source::Text;
use crate::objects::{self, escape_pointer, kind_of};

/// The most problems of one file that are reported one by one.
pub const FINDINGS_MAX: usize = 1_000;
const FINDINGS_BYTES_MAX: usize = 1024 * 1024;
/// A longer name is shortened in messages and not compared with others.
const NAME_MAX: usize = 128;

/// A value of a document, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub value: &'a Value,
    pub pointer: String,
}

impl<'a> Node<'a> {
    pub fn root(value: &'a Value) -> Node<'a> {
        Node { value, pointer: String::new() }
    }

    /// The pointer to a member or an item, whether there is one or not.
    pub fn below(&self, part: &str) -> String {
        format!("{}/{}", self.pointer, escape_pointer(part))
    }

    /// The member `key`; null counts as absent.
    pub fn get(&self, key: &str) -> Option<Node<'a>> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Node { value, pointer: self.below(key) })
    }

    /// The members of an object, null ones too; none of anything else.
    pub fn members(&self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        let members = self.value.as_object().into_iter().flatten();
        members.map(|(key, value)| (key.as_str(), Node { value, pointer: self.below(key) }))
    }

    /// The items of a list; none of anything else.
    pub fn items(&self) -> impl Iterator<Item = Node<'a>> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items.map(|(index, value)| Node { value, pointer: format!("{}/{index}", self.pointer) })
    }
}

/// What of a member a finding points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Value,
    Key,
    /// A byte of the text, for what has no value of its own.
    Offset(usize),
}

/// A problem whose line and column are not looked up yet.
#[derive(Debug)]
pub(super) struct Finding {
    severity: Severity,
    pointer: String,
    place: Place,
    message: String,
    help: Option<String>,
}

impl Finding {
    pub fn error(pointer: impl Into<String>, message: impl Into<String>) -> Finding {
        let (pointer, message) = (pointer.into(), message.into());
        Finding { severity: Severity::Error, pointer, place: Place::Value, message, help: None }
    }

    pub fn warning(pointer: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding { severity: Severity::Warning, ..Finding::error(pointer, message) }
    }

    pub fn at(self, place: Place) -> Finding {
        Finding { place, ..self }
    }

    pub fn help(self, help: impl Into<String>) -> Finding {
        Finding { help: Some(help.into()), ..self }
    }
}

/// Collects what is wrong with one file.
#[derive(Debug)]
pub(super) struct Findings {
    /// Whether keys that nobody knows are a problem; not in stored documents, which an older version let through.
    strict: bool,
    findings: Vec<Finding>,
    bytes: usize,
    left_out: usize,
    errors: usize,
}

impl Findings {
    pub fn new(strict: bool) -> Findings {
        Findings { strict, findings: Vec::new(), bytes: 0, left_out: 0, errors: 0 }
    }

    pub fn add(&mut self, finding: Finding) {
        self.errors += usize::from(finding.severity == Severity::Error);
        if self.full() {
            self.left_out += 1;
            return;
        }
        self.bytes += finding.pointer.len() + finding.message.len();
        self.findings.push(finding);
    }

    pub fn error(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.add(Finding::error(pointer, message));
    }

    /// Adds what was found in a document that was made from this one; `origin` tells where a pointer into that one came
    /// from. A warning where there is an error already has nothing to add.
    pub fn absorb(&mut self, other: Findings, origin: impl Fn(&str) -> String) {
        let wrong = self.findings.iter().filter(|finding| finding.severity == Severity::Error);
        let wrong: HashSet<String> = wrong.map(|finding| finding.pointer.clone()).collect();
        for finding in other.findings {
            let pointer = origin(&finding.pointer);
            if finding.severity == Severity::Error || !wrong.contains(&pointer) {
                self.add(Finding { pointer, ..finding });
            }
        }
        self.left_out += other.left_out;
        self.errors = self.errors.max(other.errors);
    }

    /// Whether further findings would only be counted.
    pub fn full(&self) -> bool {
        self.findings.len() >= FINDINGS_MAX || self.bytes >= FINDINGS_BYTES_MAX
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// The candidate that `name` is probably a slip of; not searched for where nobody would read it.
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
    pub fn object(&mut self, node: &Node<'_>) -> bool {
        self.expect(node, "an object", Value::is_object)
    }

    /// Notes keys of `node` that are neither `known` nor `tolerated`; only known ones are suggested. What `meta` holds
    /// is free, but it holds it in an object.
    pub fn keys(&mut self, node: &Node<'_>, known: &[&str], tolerated: &[&str]) {
        if !self.strict {
            return;
        }
        if let Some(meta) = node.get("meta") {
            self.object(&meta);
        }
        for (key, member) in node.members() {
            if !known.contains(&key) && !tolerated.contains(&key) {
                let message = self.unknown("key", key, known.iter().copied());
                self.add(Finding::error(member.pointer, message).at(Place::Key));
            }
        }
    }

    /// The member `key`, which has to be there.
    pub fn required<'a>(&mut self, node: &Node<'a>, key: &str) -> Option<Node<'a>> {
        let member = node.get(key);
        if member.is_none() {
            self.error(&node.pointer, format!("missing `{key}`"));
        }
        member
    }

    /// The text at `key`, which has to be there; with its node.
    pub fn required_text<'a>(&mut self, node: &Node<'a>, key: &str) -> Option<(&'a str, Node<'a>)> {
        let member = self.required(node, key)?;
        self.as_text(&member).map(|text| (text, member))
    }

    /// The text at `key`, if there is one.
    pub fn text<'a>(&mut self, node: &Node<'a>, key: &str) -> Option<&'a str> {
        self.as_text(&node.get(key)?)
    }

    /// True or false at `key`, if there is one.
    pub fn boolean(&mut self, node: &Node<'_>, key: &str) -> Option<bool> {
        let member = node.get(key)?;
        self.expect(&member, "true or false", Value::is_boolean);
        member.value.as_bool()
    }

    /// The items of the list at `key`; none if it is absent.
    pub fn list<'a>(&mut self, node: &Node<'a>, key: &str) -> Vec<Node<'a>> {
        let Some(member) = node.get(key) else { return Vec::new() };
        self.expect(&member, "a list", Value::is_array);
        member.items().collect()
    }

    /// The text that `node` has to be.
    pub fn as_text<'a>(&mut self, node: &Node<'a>) -> Option<&'a str> {
        self.expect(node, "a string", Value::is_string);
        node.value.as_str()
    }

    fn expect(&mut self, node: &Node<'_>, wanted: &str, is_wanted: fn(&Value) -> bool) -> bool {
        let wrong = !is_wanted(node.value);
        if wrong {
            self.error(&node.pointer, format!("expected {wanted}, not {}", kind_of(node.value)));
        }
        !wrong
    }

    /// Everything that was found, in the order of the text.
    pub fn into_diagnostics(self, file: &str, text: Option<&Text<'_>>) -> Vec<Diagnostic> {
        let locate = |finding: Finding| {
            let (line, column) = text.map_or((0, 0), |text| text.locate(&finding.pointer, finding.place));
            let Finding { severity, pointer, message, help, .. } = finding;
            Diagnostic { severity, file: file.to_owned(), line, column, pointer, message, help }
        };
        let mut diagnostics: Vec<Diagnostic> = self.findings.into_iter().map(locate).collect();
        diagnostics.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
        if self.left_out > 0 {
            let severity = if self.errors > 0 { Severity::Error } else { Severity::Warning };
            let message = format!("{} more problems are not shown", self.left_out);
            diagnostics.push(locate(Finding { severity, ..Finding::error("", message) }));
        }
        diagnostics
    }
}
