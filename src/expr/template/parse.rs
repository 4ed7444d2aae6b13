//! From what handlebars parsed to nodes, with everything checked that can be known before there are values.

use handlebars::template::{
    BlockParam, HelperTemplate, Parameter, Subexpression, Template as Parsed, TemplateElement, TemplateMapping,
};
use serde_json::Value;

use super::node::{Node, Shown};
use super::places::{Frames, Opened};
use crate::expr::call::{Argument, Call, find_operation};
use crate::expr::operation::{Need, Operation, Shown as ShownAs};
use crate::expr::operations;
use crate::expr::report::{Fault, brief};

/// The helpers that are no operations: they open blocks.
pub(super) const BLOCKS: [&str; 5] = ["if", "unless", "each", "with", "raw"];

/// The nodes of a whole template.
pub(super) fn nodes(parsed: Parsed) -> Result<Vec<Node>, Fault> {
    let many_lines = parsed.mapping.last().is_some_and(|place| place.0 > 1);
    Parser { frames: Frames::default(), many_lines }.nodes(Some(&parsed))
}

struct Parser {
    /// The blocks around what is being read.
    frames: Frames,
    many_lines: bool,
}

impl Parser {
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

    /// Says in which line it is, where there are several.
    fn located(&self, mut fault: Fault, place: Option<&TemplateMapping>) -> Fault {
        const AT: &str = " at line ";
        if let Some(place) = place
            && self.many_lines
            && !fault.message.contains(AT)
        {
            fault.message += &format!("{AT}{}, column {} of the template", place.0, place.1);
        }
        fault
    }

    fn element(&mut self, element: &TemplateElement) -> Result<Option<Node>, Fault> {
        Ok(match element {
            TemplateElement::RawString(text) => Some(Node::Text(text.clone())),
            TemplateElement::Comment(_) => None,
            TemplateElement::Expression(call) => Some(Node::Show(Shown::new(self.value(call)?, true))),
            TemplateElement::HtmlExpression(call) => Some(Node::Show(Shown::new(self.value(call)?, false))),
            TemplateElement::HelperBlock(block) => self.block(block)?,
            TemplateElement::DecoratorExpression(tag) | TemplateElement::DecoratorBlock(tag) => {
                let name = tag.name.as_name().unwrap_or("*");
                return Err(Fault::new(format!("decorators are not allowed: `{}`", brief(name))));
            }
            TemplateElement::PartialExpression(tag) | TemplateElement::PartialBlock(tag) => {
                let name = tag.name.as_name().unwrap_or(">");
                return Err(Fault::new(format!("partials are not allowed: `{}`", brief(name))));
            }
            _ => return Err(Fault::new("the template has a tag of an unknown kind")),
        })
    }

    /// What `{{…}}` or `(…)` stands for: a path, or a call of an operation.
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
            let fault = Fault::new(format!("`{name}` opens a block"));
            return Err(fault.help(format!("write `{{{{#{name} …}}}}…{{{{/{name}}}}}`")));
        }
        self.call(find_operation("helper", name, &BLOCKS)?, call).map(Argument::Call)
    }

    /// Whether a name without arguments is that of an operation. In a block it is a member of the item unless the
    /// operation can do without arguments.
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
        // They come in an order of chance; which of two mistakes is told should not depend on that.
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
            _ => Err(Fault::new("the template has a tag of an unknown kind in parentheses")),
        }
    }

    fn block(&mut self, block: &HelperTemplate) -> Result<Option<Node>, Fault> {
        let name = block.name.as_name().unwrap_or_default();
        let (inner, inverse) = (block.template.as_ref(), block.inverse.as_ref());
        let names = block_names(name, block.block_param.as_ref())?;
        if name == "raw" {
            return Ok(self.nodes(inner)?.into_iter().next());
        }
        if !BLOCKS.contains(&name) {
            let operation = find_operation("helper", name, &BLOCKS)?;
            if operation.shown != ShownAs::Test {
                let fault = Fault::new(format!("`{name}` opens no block"));
                return Err(fault.help(format!("write `{{{{{name} …}}}}`")));
            }
            let test = Argument::Call(self.call(operation, block)?);
            let (holds, fails) = (self.nodes(inner)?, self.nodes(inverse)?);
            return Ok(Some(Node::If { test, include_zero: false, holds, fails }));
        }
        let include_zero = include_zero(name, block)?;
        let [argument] = block.params.as_slice() else {
            let fault = Fault::new(format!("`{name}` takes one argument"));
            return Err(fault.help(format!("write `{{{{#{name} steps.1.items}}}}`, with parentheses around a helper")));
        };
        let argument = self.argument(argument)?;
        Ok(Some(match name {
            "if" => {
                let (holds, fails) = (self.nodes(inner)?, self.nodes(inverse)?);
                Node::If { test: argument, include_zero, holds, fails }
            }
            "unless" => {
                let (fails, holds) = (self.nodes(inner)?, self.nodes(inverse)?);
                Node::If { test: argument, include_zero, holds, fails }
            }
            _ => {
                self.frames.open(Opened { looped: name == "each", names });
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

/// What a block calls its value and its key: `{{#each items as |item key|}}`.
fn block_names(name: &str, names: Option<&BlockParam>) -> Result<[Option<String>; 2], Fault> {
    let named = |parameter: &Parameter| parameter.as_name().map(str::to_owned);
    let names = match names {
        None => [None, None],
        Some(BlockParam::Single(value)) => [named(value), None],
        Some(BlockParam::Pair((value, key))) => [named(value), named(key)],
        Some(_) => return Err(Fault::new("the template has names of an unknown kind after `as`")),
    };
    let most = match name {
        "each" => 2,
        "with" => 1,
        _ => 0,
    };
    if names.iter().flatten().count() > most {
        return Err(Fault::new(format!("`{}` gives {most} names after `as`", brief(name))));
    }
    Ok(names)
}

/// Reads `includeZero=true` of `if` and `unless`; no block takes anything else by name.
fn include_zero(name: &str, block: &HelperTemplate) -> Result<bool, Fault> {
    const INCLUDE_ZERO: &str = "includeZero";
    let tests = matches!(name, "if" | "unless");
    if let Some(unknown) = block.hash.keys().filter(|key| !tests || *key != INCLUDE_ZERO).min() {
        let fault = Fault::new(format!("`{name}` takes no `{}`", brief(unknown)));
        return Err(if tests { fault.help(format!("it takes `{INCLUDE_ZERO}=true`")) } else { fault });
    }
    match block.hash.get(INCLUDE_ZERO) {
        None => Ok(false),
        Some(Parameter::Literal(Value::Bool(value))) => Ok(*value),
        Some(_) => Err(Fault::new(format!("`{INCLUDE_ZERO}` is `true` or `false`"))),
    }
}
