//! Handlebars templates: `"Order {{{steps.1.attributes.data.orderId}}}"`.
//!
//! `{{x}}` escapes for HTML, `{{{x}}}` does not. Lists and objects show as JSON, null and what is missing as nothing.
//! handlebars parses a template and takes care of white space; [`parse`] checks what it made and turns it into
//! [`node::Node`]s, and [`render`] writes them. Rendering is done here and not by handlebars for three reasons: paths lead to
//! the same everywhere, keys with dots and lengths included; what is missing can be told; and all work is counted, so
//! that every template ends. In the tests, handlebars is asked whether it would have written the same.
//!
//! Partials and decorators are refused: with them, templates could recurse without end. The parser recurses with what
//! nests, and an overflow of the stack would end the process, so that is counted before it sees the template. Nested
//! blocks are rendered recursively, at most [`BLOCKS_MAX`] deep.
//!
//! A template for a param that holds JSON is rendered as JSON: see [`json_text`].

mod json_text;
mod node;
mod parse;
mod places;
mod render;
mod sink;
#[cfg(test)]
mod tests;

use serde_json::Value;

use super::call::Work;
use super::report::{EvalError, Fault, Note, Subject};
use super::scope::Scope;
use super::{guarded, meter};
use node::Node;
use sink::Sink;

/// The longest text that a template may give, in bytes.
pub(super) const OUTPUT_MAX: usize = 64 * 1024;

/// How many blocks and `else` branches a template may have, and so how deep they may nest.
const BLOCKS_MAX: usize = 64;

/// How many parentheses may open in a template; those of its raw text count too, so this is generous.
const PARENTHESES_MAX: usize = 200;

/// A compiled template.
#[derive(Clone, Debug)]
pub struct Template {
    source: String,
    nodes: Vec<Node>,
    subjects: Vec<Subject>,
}

/// Why rendering stopped.
enum Stop {
    OutputTooLarge,
    TooMuchWork(meter::Exceeded),
    NotJson(String),
}

impl From<meter::Exceeded> for Stop {
    fn from(exceeded: meter::Exceeded) -> Stop {
        Stop::TooMuchWork(exceeded)
    }
}

impl Template {
    /// Parses and checks a template.
    pub(super) fn compile(source: &str) -> Result<Template, Fault> {
        check_nesting(source)?;
        let parsed = guarded(|| handlebars::Template::compile(source));
        let parsed = parsed.ok_or_else(|| Fault::new("the template is not valid"))?.map_err(|error| {
            let place = error.pos().map_or(String::new(), |(line, column)| format!(" at line {line}, column {column}"));
            let fault = Fault::new(format!("the template is not valid{place}: {}", error.reason()));
            // Handlebars has `@` at the start of a path only.
            if source.contains(".@") {
                fault.help("a key that begins with `@` is put in brackets: `custom.[@app]`")
            } else {
                fault
            }
        })?;
        let nodes = parse::nodes(parsed)?;
        let mut subjects = Vec::new();
        nodes.iter().for_each(|node| node.add_subjects(&mut subjects));
        subjects.sort();
        subjects.dedup();
        Ok(Template { source: source.to_owned(), nodes, subjects })
    }

    /// The steps and variables that it refers to.
    pub(super) fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// The text it gives. What is missing is noted.
    pub(super) fn render(&self, scope: &Scope, notes: &mut Vec<Note>) -> Result<String, EvalError> {
        self.render_into(Sink::text(), scope, notes)
    }

    /// The JSON that it gives; `None` if it is not written as JSON, but as a text.
    pub(super) fn render_json(&self, scope: &Scope, notes: &mut Vec<Note>) -> Option<Result<Value, EvalError>> {
        if !self.gives_json() {
            return None;
        }
        let text = self.render_into(Sink::json(), scope, notes);
        Some(text.and_then(|text| parse_json(&text, &self.source)))
    }

    /// Whether it is written as JSON: it begins like a list or an object, or is nothing but a value as JSON.
    pub(super) fn gives_json(&self) -> bool {
        let blank = |node: &&Node| !matches!(node, Node::Text(text) if text.trim().is_empty());
        let mut nodes = self.nodes.iter().filter(blank);
        match (nodes.next(), nodes.next()) {
            (Some(Node::Text(text)), _) => begins_as_json(text),
            (Some(Node::Show(shown)), None) => shown.is_json(),
            _ => false,
        }
    }

    fn render_into(&self, mut sink: Sink, scope: &Scope, notes: &mut Vec<Note>) -> Result<String, EvalError> {
        let written = || self.source.clone();
        let mut work = Work::new(scope, notes, &written);
        let rendered = render::nodes(&self.nodes, None, &mut work, &mut sink);
        let expression = match rendered {
            Ok(()) => return Ok(sink.finish()),
            Err(_) => self.source.clone(),
        };
        Err(match rendered {
            Err(Stop::TooMuchWork(reason)) => EvalError::TooMuchWork { expression, reason },
            Err(Stop::NotJson(reason)) => EvalError::NotJson { expression, reason },
            _ => EvalError::OutputTooLarge { expression },
        })
    }
}

/// Whether a text begins like a list or an object.
pub(super) fn begins_as_json(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('[') || (text.starts_with('{') && !text.starts_with("{{"))
}

/// The value of the JSON text that `expression` gave.
pub(super) fn parse_json(text: &str, expression: &str) -> Result<Value, EvalError> {
    serde_json::from_str(text).map_err(|error| {
        let reason = json_text::explain(text, &error);
        EvalError::NotJson { expression: expression.to_owned(), reason }
    })
}

/// Counts what nests, before a parser that recurses sees it. Tags may start with spaces and `~`.
fn check_nesting(source: &str) -> Result<(), Fault> {
    let mut blocks = 0;
    for tag in source.split("{{").skip(1) {
        let head =
            tag.trim_start_matches(|character: char| character.is_whitespace() || matches!(character, '~' | '{'));
        blocks += usize::from(head.starts_with(['#', '^']) || head.starts_with("else"));
    }
    if source.matches('(').count() > PARENTHESES_MAX {
        return Err(Fault::new(format!("a template has at most {PARENTHESES_MAX} opening parentheses")));
    }
    if blocks > BLOCKS_MAX {
        return Err(Fault::new(format!("a template has at most {BLOCKS_MAX} blocks and else branches, not {blocks}")));
    }
    Ok(())
}
