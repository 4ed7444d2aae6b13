//! JSONPath over the scope: `$.steps.1.attributes.data.items[*].sku`.
//!
//! This is RFC 9535 with one extension: an unquoted name may begin with a digit and contain `-`, as ids of steps do.
//! [`parse`] turns the text into a [`query::Query`]. jsonpath_lib walks along the names and wildcards at its start,
//! which is most of a usual path; [`query`] does what the library reads differently from the standard, panics on or
//! takes quadratic time for: descendants, indexes, slices, unions and, with [`filter`], filters. Each value that it looks
//! at is charged to a [`Meter`], because senders control the size of the data, and `..` and filters multiply.

mod cursor;
mod filter;
mod function;
mod parse;
mod query;

use jsonpath_lib::Compiled;
use serde_json::Value;

use super::guarded;
use super::meter::{Exceeded, Meter};
use super::path::{ENVIRONMENT, INDEX, ITEM, STEPS, VARIABLES, check_root};
use super::report::{EvalError, Fault, Subject, brief};
use super::scope::Scope;
use query::{Query, Walk};

/// The most values that a path may select.
pub(super) const RESULTS_MAX: usize = 10_000;

/// The most values that a path may look at.
pub(super) const VISITS_MAX: usize = 1_000_000;

const SOURCE_MAX: usize = 4 * 1024;

/// A compiled path.
#[derive(Clone, Debug)]
pub struct JsonPath {
    source: String,
    /// The names and wildcards at the start.
    start: Compiled,
    /// The segments after them.
    rest: Query,
    /// The names before the first other selector.
    leading: Vec<String>,
    /// The step or variable that the path points into, if any.
    subject: Option<Subject>,
}

impl JsonPath {
    /// Compiles a path that starts with `$`.
    pub(super) fn compile(source: &str) -> Result<JsonPath, Fault> {
        if source.len() > SOURCE_MAX {
            let length = source.len();
            return Err(Fault::new(format!("a JSONPath has at most {SOURCE_MAX} bytes; this one has {length}")));
        }
        let query = parse::query(source).map_err(|(column, reason)| {
            Fault::new(format!("invalid JSONPath `{}` at column {column}: {reason}", brief(source)))
        })?;
        let subject = subject(&query)?;
        let leading = query.leading_names().map(str::to_owned).collect();
        let (start, rest) = query.split_plain();
        let start = guarded(|| Compiled::compile(&start)).and_then(Result::ok);
        let start = start.ok_or_else(|| Fault::new(format!("invalid JSONPath `{}`", brief(source))))?;
        Ok(JsonPath { source: source.to_owned(), start, rest, leading, subject })
    }

    /// The step or variable that the path points into.
    pub(super) fn subject(&self) -> Option<Subject> {
        self.subject.clone()
    }

    /// The names before the first other selector.
    pub(super) fn leading_names(&self) -> &[String] {
        &self.leading
    }

    /// The selected values, in document order.
    pub(super) fn select(&self, scope: &Scope) -> Result<Vec<Value>, EvalError> {
        let meter = Meter::with_limit(VISITS_MAX, scope.clock(), scope.work());
        let walk = Walk { root: scope.data(), meter: &meter };
        let start = guarded(|| self.start.select(scope.data())).and_then(Result::ok).unwrap_or_default();
        let found = walk.select_from(&self.rest, start).map_err(|reason| self.stopped(reason))?;
        if found.len() > RESULTS_MAX {
            return Err(EvalError::TooManyResults { expression: self.expression(), count: found.len() });
        }
        Ok(found.into_iter().cloned().collect())
    }

    fn stopped(&self, reason: Exceeded) -> EvalError {
        let expression = self.expression();
        match reason {
            Exceeded::Work => EvalError::TooManyVisits { expression },
            reason => EvalError::TooMuchWork { expression, reason },
        }
    }

    fn expression(&self) -> String {
        format!("/#{}", self.source)
    }
}

/// The step or variable that a path points into, if any.
fn subject(query: &Query) -> Result<Option<Subject>, Fault> {
    let mut names = query.leading_names();
    let Some(root) = names.next() else { return Ok(None) };
    check_root(root)?;
    Ok(match root {
        STEPS => names.next().map(|name| Subject::Step(name.to_owned())),
        VARIABLES => names.next().map(|name| Subject::Variable(name.to_owned())),
        ITEM | INDEX => Some(Subject::Item),
        ENVIRONMENT => {
            let fault = Fault::new(format!("a JSONPath can't refer to `{ENVIRONMENT}`"));
            return Err(fault.help("write a reference like `/#_env.orgId`"));
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests;
