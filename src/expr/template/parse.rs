//! Converts a parsed template to nodes, and validates what can be known before evaluation.

use handlebars::template::{
    BlockParam, HelperTemplate, Parameter, Subexpression, Template as Parsed, TemplateElement, TemplateMapping,
};
use serde_json::Value;

use super::frames::{Block, Frames};
use super::node::{Interpolation, Node};
use super::outline::Outline;
use crate::expr::call::{Argument, Call, find_operation};
use crate::expr::operation::{Need, Operation, Output};
use crate::expr::operations;
use crate::expr::report::{Fault, brief};

/// The block helpers that are not operations.
pub(super) const BLOCKS: [&str; 4] = ["if", "unless", "each", "with"];

/// The nodes of a whole template.
pub(super) fn nodes(parsed: Parsed, outline: &Outline<'_>) -> Result<Vec<Node>, Fault> {
    Parser { frames: Frames::default(), outline }.nodes(Some(&parsed))
}

struct Parser<'o> {
    /// The blocks around the current node.
    frames: Frames,
    outline: &'o Outline<'o>,
}

impl Parser<'_> {
    fn nodes(&mut self, parsed: Option<&Parsed>) -> Result<Vec<Node>, Fault> {
        let Some(Parsed { elements, mapping, .. }) = parsed else { return Ok(Vec::new()) };
        let mut nodes = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            match self.element(element) {
                Ok(node) => nodes.extend(node),
                Err(fault) => return Err(self.located(fault, mapping.get(index))),
            }
        }
        Ok(nodes)
    }

    /// Adds the position to a fault, if the template has several lines.
    fn located(&self, mut fault: Fault, position: Option<&TemplateMapping>) -> Fault {
        const AT: &str = " at line ";
        if let Some(place) = position.and_then(|position| self.outline.place(position.0))
            && !fault.message.contains(AT)
        {
            fault.message += &place;
        }
        fault
    }

    fn element(&mut self, element: &TemplateElement) -> Result<Option<Node>, Fault> {
        Ok(match element {
            TemplateElement::RawString(marks) => Some(Node::Text(self.outline.text(marks)))
                .filter(|node| !matches!(node, Node::Text(text) if text.is_empty())),
            TemplateElement::Comment(_) => None,
            TemplateElement::Expression(call) => Some(Node::Interpolation(Interpolation::new(self.value(call)?, true))),
            TemplateElement::HtmlExpression(call) => {
                Some(Node::Interpolation(Interpolation::new(self.value(call)?, false)))
            }
            TemplateElement::HelperBlock(block) => self.block(block)?,
            _ => return Err(Fault::new("unsupported tag")),
        })
    }

    /// The value of `{{…}}` or `(…)`: a path, or a call of an operation.
    fn value(&self, call: &HelperTemplate) -> Result<Argument, Fault> {
        let bare = call.params.is_empty() && call.hash.is_empty();
        let name = match &call.name {
            Parameter::Subexpression(inner) => return self.subexpression(inner),
            Parameter::Literal(literal) => return Ok(Argument::Literal(literal.clone())),
            name => name.as_name().unwrap_or_default(),
        };
        if bare && !self.is_call(name) {
            return self.frames.path(name);
        }
        if BLOCKS.contains(&name) {
            let fault = Fault::new(format!("`{name}` is a block helper"));
            return Err(fault.help(format!("write `{{{{#{name} …}}}}…{{{{/{name}}}}}`")));
        }
        self.call(find_operation("helper", name, &BLOCKS)?, call).map(Argument::Call)
    }

    /// Whether a name without arguments is an operation. Inside a block, it is a member of the item, unless all
    /// parameters of the operation are optional.
    fn is_call(&self, name: &str) -> bool {
        let needs_nothing =
            |operation: &Operation| operation.parameters.iter().all(|parameter| parameter.need == Need::Optional);
        operations::find(name).is_some_and(|operation| self.frames.is_empty() || needs_nothing(operation))
            || (BLOCKS.contains(&name) && self.frames.is_empty())
    }

    fn call(&self, operation: &'static Operation, call: &HelperTemplate) -> Result<Call, Fault> {
        let mut positional = Vec::with_capacity(call.params.len());
        for parameter in &call.params {
            positional.push(Some(self.argument(parameter)?));
        }
        let mut named = Vec::with_capacity(call.hash.len());
        for (name, parameter) in &call.hash {
            named.push((name.clone(), self.argument(parameter)?));
        }
        // The map has a random order; sorted, so that the first fault is always the same.
        named.sort_by(|(left, _), (right, _)| left.cmp(right));
        Call::new(operation, positional, named)
    }

    fn argument(&self, parameter: &Parameter) -> Result<Argument, Fault> {
        match parameter {
            Parameter::Literal(literal) => Ok(Argument::Literal(literal.clone())),
            Parameter::Subexpression(inner) => self.subexpression(inner),
            name => self.frames.path(name.as_name().unwrap_or_default()),
        }
    }

    fn subexpression(&self, inner: &Subexpression) -> Result<Argument, Fault> {
        match inner.as_element() {
            TemplateElement::Expression(call) => self.value(call),
            _ => Err(Fault::new("unsupported syntax in parentheses")),
        }
    }

    fn block(&mut self, block: &HelperTemplate) -> Result<Option<Node>, Fault> {
        let name = block.name.as_name().unwrap_or_default();
        let (inner, inverse) = (block.template.as_ref(), block.inverse.as_ref());
        let names = block_names(name, block.block_param.as_ref())?;
        if !BLOCKS.contains(&name) {
            let operation = find_operation("helper", name, &BLOCKS).map_err(|fault| match block.params.as_slice() {
                // In Handlebars, a block with a value repeats it or tests it, depending on the value.
                [] => fault.help(
                    "write `{{#each …}}` to repeat for each item of a list, `{{#if …}}` to test a value, or \
                     `{{#with …}}` to go into an object",
                ),
                _ => fault,
            })?;
            if operation.output != Output::Boolean {
                let fault = Fault::new(format!("`{name}` is not a block helper"));
                return Err(fault.help(format!("write `{{{{{name} …}}}}`")));
            }
            let test = Argument::Call(self.call(operation, block)?);
            let (then, otherwise) = (self.nodes(inner)?, self.nodes(inverse)?);
            return Ok(Some(Node::If { test, include_zero: false, then, otherwise }));
        }
        let include_zero = include_zero(name, block)?;
        let [argument] = block.params.as_slice() else {
            let fault = Fault::new(format!("`{name}` takes one argument"));
            return Err(fault.help(format!("write `{{{{#{name} steps.1.items}}}}`, with parentheses around a helper")));
        };
        let argument = self.argument(argument)?;
        Ok(Some(match name {
            "if" => {
                let (then, otherwise) = (self.nodes(inner)?, self.nodes(inverse)?);
                Node::If { test: argument, include_zero, then, otherwise }
            }
            "unless" => {
                let (otherwise, then) = (self.nodes(inner)?, self.nodes(inverse)?);
                Node::If { test: argument, include_zero, then, otherwise }
            }
            _ => {
                self.frames.open(Block { is_loop: name == "each", names });
                let body = self.nodes(inner);
                self.frames.close();
                let (body, empty) = (body?, self.nodes(inverse)?);
                if name == "each" {
                    Node::Each { of: argument, body, empty }
                } else {
                    Node::With { of: argument, body, empty }
                }
            }
        }))
    }
}

/// The names that a block defines for its value and its key: `{{#each items as |item key|}}`.
fn block_names(name: &str, names: Option<&BlockParam>) -> Result<[Option<String>; 2], Fault> {
    let named = |parameter: &Parameter| parameter.as_name().map(str::to_owned);
    let names = match names {
        None => [None, None],
        Some(BlockParam::Single(value)) => [named(value), None],
        Some(BlockParam::Pair((value, key))) => [named(value), named(key)],
        Some(_) => return Err(Fault::new("unsupported names after `as`")),
    };
    let most = match name {
        "each" => 2,
        "with" => 1,
        _ => 0,
    };
    if names.iter().flatten().count() > most {
        return Err(Fault::new(format!("`{}` allows at most {most} names after `as`", brief(name))));
    }
    Ok(names)
}

/// Reads `includeZero=true` of `if` and `unless`, the only named argument of a block.
fn include_zero(name: &str, block: &HelperTemplate) -> Result<bool, Fault> {
    const INCLUDE_ZERO: &str = "includeZero";
    let tests = matches!(name, "if" | "unless");
    if let Some(unknown) = block.hash.keys().filter(|key| !tests || *key != INCLUDE_ZERO).min() {
        let fault = Fault::new(format!("`{name}` has no parameter `{}`", brief(unknown)));
        return Err(if tests { fault.help(format!("use `{INCLUDE_ZERO}=true`")) } else { fault });
    }
    match block.hash.get(INCLUDE_ZERO) {
        None => Ok(false),
        Some(Parameter::Literal(Value::Bool(value))) => Ok(*value),
        Some(_) => Err(Fault::new(format!("`{INCLUDE_ZERO}` must be `true` or `false`"))),
    }
}
