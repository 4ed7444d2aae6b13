//! Handlebars templates: `"Order {{{steps.1.attributes.data.orderId}}}"`.
//!
//! `{{x}}` escapes for HTML, `{{{x}}}` does not. Lists and objects are rendered as JSON, null and missing values as
//! nothing. A template is compiled in steps: [`scan`] splits it into texts and tags and [`tag`] reads the tags, both with
//! messages for people; [`spaces`] removes white space; [`outline`] checks the blocks and writes the structure for
//! handlebars, which parses it; [`parse`] validates the result and converts it to [`node::Node`]s, and [`render`] writes
//! them. hookflow renders templates itself for three reasons: paths have the same meaning everywhere, including keys with
//! dots and lengths; missing values can be noted; and all work is counted, so that every template ends. The tests compare
//! the output with that of Handlebars.
//!
//! Partials and decorators are rejected, because they allow unlimited recursion. The parser of handlebars is recursive,
//! and a stack overflow would abort the process, so nesting is limited before it parses the template. Rendering of
//! nested blocks is recursive, at most [`BLOCKS_MAX`] levels deep.
//!
//! A template for a param that contains JSON is rendered as JSON; see [`json_text`].

mod frames;
mod json_text;
mod node;
mod outline;
mod parse;
mod render;
mod scan;
mod sink;
mod spaces;
mod tag;
#[cfg(test)]
mod tests;

use serde_json::Value;

use super::call::Evaluation;
use super::report::{EvalError, Fault, Note, Subject};
use super::scope::Scope;
use super::{guarded, meter};
use json_text::JsonText;
use node::Node;
use outline::Outline;
use scan::{Piece, TagKind};
use sink::Sink;
use tag::Token;

/// The longest output of a template, in bytes.
pub(super) const OUTPUT_MAX: usize = 64 * 1024;

/// The most blocks and `else` branches of a template, which also limits their nesting.
const BLOCKS_MAX: usize = 64;

/// The most opening parentheses of a template.
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
    /// Parses and validates a template.
    pub(super) fn compile(source: &str) -> Result<Template, Fault> {
        let mut pieces = scan::scan(source)?;
        check_nesting(&pieces)?;
        spaces::control(&mut pieces);
        let (outline, text) = Outline::new(source, pieces)?;
        let parsed = guarded(|| handlebars::Template::compile(&text)).ok_or_else(|| outline.unparsed(0))?;
        let parsed = parsed.map_err(|error| outline.unparsed(error.pos().map_or(0, |(line, _)| line)))?;
        let nodes = parse::nodes(parsed, &outline)?;
        let mut subjects = Vec::new();
        nodes.iter().for_each(|node| node.add_subjects(&mut subjects));
        subjects.sort();
        subjects.dedup();
        Ok(Template { source: source.to_owned(), nodes, subjects })
    }

    /// The steps and variables that the template refers to.
    pub(super) fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// Adds the names of the paths from the root that the template reads.
    pub(super) fn add_paths(&self, paths: &mut Vec<Vec<String>>) {
        self.nodes.iter().for_each(|node| node.add_paths(paths));
    }

    /// Whether it escapes a value for HTML; in a template for JSON, only values inside of quotes are.
    pub(super) fn escapes(&self, as_json: bool) -> bool {
        escapes(&self.nodes, &mut as_json.then(JsonText::default))
    }

    /// Renders the template. Missing values are noted.
    pub(super) fn render(&self, scope: &Scope, notes: &mut Vec<Note>) -> Result<String, EvalError> {
        self.render_into(Sink::text(), scope, notes)
    }

    /// Renders and parses a template in the form of JSON; `None` for a text template.
    pub(super) fn render_json(&self, scope: &Scope, notes: &mut Vec<Note>) -> Option<Result<Value, EvalError>> {
        if !self.is_json() {
            return None;
        }
        let text = self.render_into(Sink::json(), scope, notes);
        Some(text.and_then(|text| parse_json(&text, &self.source)))
    }

    /// Whether the template has the form of JSON: it begins like a list or an object, or consists of a value as JSON.
    pub(super) fn is_json(&self) -> bool {
        let is_not_blank = |node: &&Node| !matches!(node, Node::Text(text) if text.trim().is_empty());
        let mut nodes = self.nodes.iter().filter(is_not_blank);
        match (nodes.next(), nodes.next()) {
            (Some(Node::Text(text)), _) => begins_as_json(text),
            (Some(Node::Interpolation(interpolation)), None) => interpolation.is_json(),
            _ => false,
        }
    }

    fn render_into(&self, mut sink: Sink, scope: &Scope, notes: &mut Vec<Note>) -> Result<String, EvalError> {
        let source = || self.source.clone();
        let mut evaluation = Evaluation::new(scope, notes, &source);
        let rendered = render::nodes(&self.nodes, None, &mut evaluation, &mut sink);
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

/// Whether a text begins like a JSON list or object.
pub(super) fn begins_as_json(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('[') || (text.starts_with('{') && !text.starts_with("{{"))
}

/// Parses the JSON text that `expression` produced.
pub(super) fn parse_json(text: &str, expression: &str) -> Result<Value, EvalError> {
    serde_json::from_str(text).map_err(|error| {
        let reason = json_text::explain(text, &error);
        EvalError::NotJson { expression: expression.to_owned(), reason }
    })
}

fn escapes(nodes: &[Node], json: &mut Option<JsonText>) -> bool {
    nodes.iter().any(|node| match node {
        Node::Text(text) => {
            json.iter_mut().for_each(|json| json.follow(text));
            false
        }
        Node::Interpolation(interpolation) => {
            let is_text = json.as_ref().is_none_or(JsonText::in_string);
            is_text && interpolation.escaped && interpolation.value.may_be_markup()
        }
        block => block.parts().1.into_iter().any(|nodes| escapes(nodes, json)),
    })
}

/// Limits nesting before the recursive parser runs.
fn check_nesting(pieces: &[Piece]) -> Result<(), Fault> {
    let (mut blocks, mut parentheses) = (0, 0);
    for piece in pieces {
        let Piece::Tag(tag) = piece else { continue };
        blocks += usize::from(matches!(tag.kind, TagKind::Open | TagKind::OpenInverse | TagKind::Else));
        parentheses += tag.tokens.iter().filter(|token| **token == Token::Open).count();
    }
    if parentheses > PARENTHESES_MAX {
        return Err(Fault::new(format!("a template has at most {PARENTHESES_MAX} opening parentheses")));
    }
    if blocks > BLOCKS_MAX {
        return Err(Fault::new(format!("a template has at most {BLOCKS_MAX} blocks and else branches, not {blocks}")));
    }
    Ok(())
}
