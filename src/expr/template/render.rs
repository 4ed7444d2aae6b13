//! Renders the nodes of a template.

use std::borrow::Cow;

use serde_json::Value;

use super::Stop;
use super::node::{Interpolation, Node};
use super::sink::Sink;
use crate::expr::call::{Argument, Evaluation};
use crate::expr::local::{Frame, Iteration};
use crate::expr::operations::truthy;

/// Renders nodes in a frame, or at the root.
pub(super) fn nodes<'f, 'w: 'f>(
    nodes: &'f [Node],
    frame: Option<&'f Frame<'f>>,
    evaluation: &mut Evaluation<'w, '_>,
    sink: &mut Sink,
) -> Result<(), Stop> {
    for node in nodes {
        evaluation.meter.charge(1)?;
        match node {
            Node::Text(text) => sink.write(text)?,
            Node::Interpolation(interpolation) => show(interpolation, frame, evaluation, sink)?,
            Node::If { test, include_zero, then, otherwise } => {
                let value = test.evaluate(frame, evaluation, true)?;
                let is_true = value.is_some_and(|value| truthy(&value, *include_zero));
                self::nodes(if is_true { then } else { otherwise }, frame, evaluation, sink)?;
            }
            Node::Each { of, body, empty } => each(of, body, empty, frame, evaluation, sink)?,
            Node::With { of, body, empty } => match of.evaluate(frame, evaluation, true)? {
                // As in Handlebars, `with` accepts 0.
                Some(value) if truthy(&value, true) => {
                    let inner = Frame { value: &value, iteration: None, outer: frame };
                    self::nodes(body, Some(&inner), evaluation, sink)?;
                }
                _ => self::nodes(empty, frame, evaluation, sink)?,
            },
        }
    }
    Ok(())
}

fn show<'f, 'w: 'f>(
    interpolation: &'f Interpolation,
    frame: Option<&'f Frame<'f>>,
    evaluation: &mut Evaluation<'w, '_>,
    sink: &mut Sink,
) -> Result<(), Stop> {
    match interpolation.value.evaluate(frame, evaluation, false)? {
        Some(value) => sink.write_value(&value, interpolation),
        None => sink.write_missing(),
    }
}

fn each<'f, 'w: 'f>(
    of: &'f Argument,
    body: &'f [Node],
    empty: &'f [Node],
    frame: Option<&'f Frame<'f>>,
    evaluation: &mut Evaluation<'w, '_>,
    sink: &mut Sink,
) -> Result<(), Stop> {
    let value = of.evaluate(frame, evaluation, true)?.unwrap_or(Cow::Owned(Value::Null));
    let mut render_item = |index: usize, key: Option<&str>, item: &Value, count: usize| {
        evaluation.meter.charge(1)?;
        let iteration = Iteration { index, key, last: index + 1 == count };
        nodes(body, Some(&Frame { value: item, iteration: Some(iteration), outer: frame }), evaluation, sink)
    };
    match &*value {
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().try_for_each(|(index, item)| render_item(index, None, item, items.len()))
        }
        Value::Object(fields) if !fields.is_empty() => {
            let fields_with_index = fields.iter().enumerate();
            fields_with_index
                .into_iter()
                .try_for_each(|(index, (key, item))| render_item(index, Some(key), item, fields.len()))
        }
        _ => nodes(empty, frame, evaluation, sink),
    }
}
