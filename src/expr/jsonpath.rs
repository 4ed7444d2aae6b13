//! JSONPath over the scope: `$.steps.1.attributes.data.items[*].sku`.
//!
//! jsonpath_lib walks names, wildcards, slices and `..`. It compiles paths that it then panics on, reads `$ .a` as
//! `$`, looks for `[0]` in the members of an object, and its `&&` takes quadratic time; so every path is checked
//! against the grammar below, and indexes and filters are done here. A path is cut into [`Stage`]s at those places.
//!
//! Allowed: `.name`, `['name']`, `["name"]`, `.*`, `[*]`, `..name`, `..*` (one `..` in a path: more of them multiply),
//! `[0]`, `[0:2]`, `[?(…)]` as in [`super::filter`]. Refused, with the reason: unions, negative indexes, steps,
//! escapes and spaces. Swapping the library touches this file only.

use std::slice;

use jsonpath_lib::Compiled;
use serde_json::Value;

use super::cursor::Cursor;
use super::filter::Filter;
use super::guarded;
use super::path::{ENVIRONMENT, INDEX, ITEM, STEPS, VARIABLES, check_root};
use super::report::{EvalError, Fault, Subject, brief};

/// The most values that a path may find.
pub(super) const RESULTS_MAX: usize = 10_000;

const SOURCE_MAX: usize = 4 * 1024;

const SEGMENTS_MAX: usize = 64;

/// A checked and compiled path.
#[derive(Clone, Debug)]
pub struct JsonPath {
    source: String,
    stages: Vec<Stage>,
    /// The step or variable it points into, if it names one.
    subject: Option<Subject>,
}

/// One part of a path. Each takes the values that the one before it found.
#[derive(Clone, Debug)]
enum Stage {
    Walk(Compiled),
    Index(usize),
    Filter(Filter),
}

impl JsonPath {
    /// Reads a path that starts with `$`.
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
            Fault::new(format!("the JSONPath `{}` is not valid at column {column}: {reason}", brief(source)))
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
                let fault = Fault::new(format!("a JSONPath does not look at `{ENVIRONMENT}`"));
                return Err(fault.help("write a reference like `/#_env.orgId`"));
            }
            _ => None,
        };
        Ok(JsonPath { source: source.to_owned(), stages: reader.stages, subject })
    }

    /// The step or variable that it points into.
    pub(super) fn subject(&self) -> Option<Subject> {
        self.subject.clone()
    }

    /// All values that it finds, in the order of the document.
    pub(super) fn select(&self, data: &Value) -> Result<Vec<Value>, EvalError> {
        let mut found = vec![data];
        for stage in &self.stages {
            found = self.advance(stage, &found)?;
        }
        if found.len() > RESULTS_MAX {
            return Err(EvalError::TooManyResults { expression: self.written(), count: found.len() });
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
                    let failed = |reason| EvalError::JsonPath { expression: self.written(), reason };
                    let walked = guarded(|| path.select(value));
                    let walked = walked.ok_or_else(|| failed("the JSONPath library gave up on it".to_owned()))?;
                    found.extend(walked.map_err(|error| failed(error.to_string()))?);
                }
            }
        }
        Ok(found)
    }

    fn written(&self) -> String {
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

/// Reads a path into stages.
struct PathReader<'a> {
    cursor: Cursor<'a>,
    stages: Vec<Stage>,
    /// What the next stage for the library will be, starting with `$`.
    walk: String,
    /// The names that the path starts with.
    leading: Vec<String>,
    descended: bool,
}

impl<'a> PathReader<'a> {
    fn new(source: &'a str) -> PathReader<'a> {
        let (walk, leading) = ("$".to_owned(), Vec::new());
        PathReader { cursor: Cursor::new(source), stages: Vec::new(), walk, leading, descended: false }
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

    /// Reads one segment; its name if it is a plain one.
    fn segment(&mut self) -> Result<Option<String>, String> {
        if self.cursor.eat("..") {
            if std::mem::replace(&mut self.descended, true) {
                return Err("only one `..` is allowed in a path".to_owned());
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
        Err("expected `.`, `[` or the end; a name with other characters than letters, digits, `_` and `-` is written \
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

    /// `0` or `0:2`, both ends of which may be left out.
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

    /// Ends the stage for the library.
    fn flush(&mut self) -> Result<(), String> {
        let walk = std::mem::replace(&mut self.walk, "$".to_owned());
        if walk != "$" {
            let compiled = guarded(|| Compiled::compile(&walk)).and_then(Result::ok);
            self.stages.push(Stage::Walk(compiled.ok_or("the JSONPath library does not understand it")?));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
