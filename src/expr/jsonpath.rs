//! JSONPath over the scope: `$.steps.1.attributes.data.items[*].sku`.
//!
//! jsonpath_lib evaluates names, wildcards, slices and `..`. However, it panics on some paths that it compiles, reads
//! `$ .a` as `$`, applies `[0]` to the members of an object, and takes quadratic time for `&&`. So every path is
//! checked against the grammar below, and this module evaluates indexes and filters itself, as separate [`Stage`]s of
//! the path.
//!
//! Supported: `.name`, `['name']`, `["name"]`, `.*`, `[*]`, `..name`, `..*` (at most one `..`, because several multiply
//! the work), `[0]`, `[0:2]`, and `[?(…)]` as in [`super::filter`]. Unions, negative indexes, steps, escapes and spaces
//! are rejected with a reason. Replacing the library affects only this file.

use std::slice;

use jsonpath_lib::Compiled;
use serde_json::Value;

use super::cursor::Cursor;
use super::filter::Filter;
use super::guarded;
use super::path::{ENVIRONMENT, INDEX, ITEM, STEPS, VARIABLES, check_root};
use super::report::{EvalError, Fault, Subject, brief};

/// The most values that a path may select.
pub(super) const RESULTS_MAX: usize = 10_000;

const SOURCE_MAX: usize = 4 * 1024;

const SEGMENTS_MAX: usize = 64;

/// A validated and compiled path.
#[derive(Clone, Debug)]
pub struct JsonPath {
    source: String,
    stages: Vec<Stage>,
    /// The step or variable that the path points into, if any.
    subject: Option<Subject>,
}

/// A part of a path, applied to the values that the previous part selected.
#[derive(Clone, Debug)]
enum Stage {
    Walk(Compiled),
    Index(usize),
    Filter(Filter),
}

impl JsonPath {
    /// Compiles a path that starts with `$`.
    pub(super) fn compile(source: &str) -> Result<JsonPath, Fault> {
        if source.len() > SOURCE_MAX {
            return Err(Fault::new(format!(
                "a JSONPath has at most {SOURCE_MAX} bytes; this one has {}",
                source.len()
            )));
        }
        let mut reader = PathReader::new(source);
        reader.read().map_err(|reason| {
            let column = reader.cursor.column();
            Fault::new(format!("invalid JSONPath `{}` at column {column}: {reason}", brief(source)))
        })?;
        let mut names = reader.leading.into_iter();
        let root = names.next();
        if let Some(root) = &root {
            check_root(root)?;
        }
        let subject = match root.as_deref() {
            Some(STEPS) => names.next().map(Subject::Step),
            Some(VARIABLES) => names.next().map(Subject::Variable),
            Some(ITEM | INDEX) => Some(Subject::Item),
            Some(ENVIRONMENT) => {
                let fault = Fault::new(format!("a JSONPath can't refer to `{ENVIRONMENT}`"));
                return Err(fault.help("write a reference like `/#_env.orgId`"));
            }
            _ => None,
        };
        Ok(JsonPath { source: source.to_owned(), stages: reader.stages, subject })
    }

    /// The step or variable that the path points into.
    pub(super) fn subject(&self) -> Option<Subject> {
        self.subject.clone()
    }

    /// The selected values, in document order.
    pub(super) fn select(&self, data: &Value) -> Result<Vec<Value>, EvalError> {
        let mut found = vec![data];
        for stage in &self.stages {
            found = self.advance(stage, &found)?;
        }
        if found.len() > RESULTS_MAX {
            return Err(EvalError::TooManyResults { expression: self.expression(), count: found.len() });
        }
        Ok(found.into_iter().cloned().collect())
    }

    fn advance<'a>(&self, stage: &Stage, values: &[&'a Value]) -> Result<Vec<&'a Value>, EvalError> {
        let mut found = Vec::new();
        for value in values {
            match stage {
                Stage::Index(index) => found.extend(value.as_array().and_then(|items| items.get(*index))),
                Stage::Filter(filter) => found.extend(children(value).filter(|child| filter.accepts(child))),
                Stage::Walk(path) => {
                    let failed = |reason| EvalError::JsonPath { expression: self.expression(), reason };
                    let walked = guarded(|| path.select(value));
                    let walked = walked.ok_or_else(|| failed("the JSONPath library failed".to_owned()))?;
                    found.extend(walked.map_err(|error| failed(error.to_string()))?);
                }
            }
        }
        Ok(found)
    }

    fn expression(&self) -> String {
        format!("/#{}", self.source)
    }
}

fn children(value: &Value) -> impl Iterator<Item = &Value> {
    let (items, fields) = match value {
        Value::Array(items) => (items.iter(), None),
        Value::Object(fields) => (slice::Iter::default(), Some(fields.values())),
        _ => (slice::Iter::default(), None),
    };
    items.chain(fields.into_iter().flatten())
}

/// Parses a path into stages.
struct PathReader<'a> {
    cursor: Cursor<'a>,
    stages: Vec<Stage>,
    /// The next stage for the library, starting with `$`.
    walk: String,
    /// The names at the start of the path.
    leading: Vec<String>,
    /// Whether the path contains `..`.
    has_descent: bool,
}

impl<'a> PathReader<'a> {
    fn new(source: &'a str) -> PathReader<'a> {
        let (walk, leading) = ("$".to_owned(), Vec::new());
        PathReader { cursor: Cursor::new(source), stages: Vec::new(), walk, leading, has_descent: false }
    }

    fn read(&mut self) -> Result<(), String> {
        if !self.cursor.eat("$") {
            return Err("a path starts with `$`".to_owned());
        }
        let mut plain = true;
        for _ in 0..SEGMENTS_MAX {
            if self.cursor.is_done() {
                return self.flush();
            }
            match self.segment()? {
                Some(name) if plain => self.leading.push(name),
                _ => plain = false,
            }
        }
        if !self.cursor.is_done() {
            return Err(format!("a path has at most {SEGMENTS_MAX} segments"));
        }
        self.flush()
    }

    /// Reads one segment; returns its name if it is a plain one.
    fn segment(&mut self) -> Result<Option<String>, String> {
        if self.cursor.eat("..") {
            if std::mem::replace(&mut self.has_descent, true) {
                return Err("a path can contain only one `..`".to_owned());
            }
            self.walk.push_str("..");
            self.dotted_name()?;
            return Ok(None);
        }
        if self.cursor.eat(".") {
            self.walk.push('.');
            return self.dotted_name();
        }
        if self.cursor.eat("[") {
            return self.bracketed();
        }
        Err("expected `.`, `[` or the end; write names with characters other than letters, digits, `_` and `-` as \
             `['name']`"
            .to_owned())
    }

    fn dotted_name(&mut self) -> Result<Option<String>, String> {
        if self.cursor.eat("*") {
            self.walk.push('*');
            return Ok(None);
        }
        let name = self.cursor.name();
        if name.is_empty() {
            return Err("expected a name or `*`; spaces are not allowed here".to_owned());
        }
        self.walk.push_str(name);
        Ok(Some(name.to_owned()))
    }

    fn bracketed(&mut self) -> Result<Option<String>, String> {
        if self.cursor.eat("?") {
            let filter = Filter::read(&mut self.cursor)?;
            self.flush()?;
            self.stages.push(Stage::Filter(filter));
        } else if self.cursor.eat("*") {
            self.walk.push_str("[*]");
        } else if let Some(name) = self.cursor.quoted()? {
            let quote = if name.contains('\'') { '"' } else { '\'' };
            self.walk.push_str(&format!("[{quote}{name}{quote}]"));
            self.cursor.close_bracket()?;
            return Ok(Some(name.to_owned()));
        } else {
            self.numbers()?;
        }
        self.cursor.close_bracket()?;
        Ok(None)
    }

    /// Reads `0` or `0:2`; both ends of a slice are optional.
    fn numbers(&mut self) -> Result<(), String> {
        let from = self.cursor.index()?;
        if self.cursor.eat(":") {
            let to = self.cursor.index()?;
            let show = |index: Option<usize>| index.map_or(String::new(), |index| index.to_string());
            self.walk.push_str(&format!("[{}:{}]", show(from), show(to)));
            return Ok(());
        }
        let Some(index) = from else {
            return Err("expected an index, a slice, a quoted name, `*` or `?(…)`; spaces are not allowed".to_owned());
        };
        self.flush()?;
        self.stages.push(Stage::Index(index));
        Ok(())
    }

    /// Completes the current stage for the library.
    fn flush(&mut self) -> Result<(), String> {
        let walk = std::mem::replace(&mut self.walk, "$".to_owned());
        if walk != "$" {
            let compiled = guarded(|| Compiled::compile(&walk)).and_then(Result::ok);
            self.stages.push(Stage::Walk(compiled.ok_or("the JSONPath library rejects it")?));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
