//! Writing a template's nodes.

use std::borrow::Cow;

use serde_json::Value;

use super::Stop;
use super::node::{Node, Shown};
use super::sink::Sink;
use crate::expr::call::{Argument, Work};
use crate::expr::operations::truthy;
use crate::expr::place::{Frame, Turn};

/// Writes nodes in the value of a frame, or at the top.
pub(super) fn nodes<'f, 'w: 'f>(
    nodes: &'f [Node],
    frame: Option<&'f Frame<'f>>,
    work: &mut Work<'w, '_>,
    sink: &mut Sink,
) -> Result<(), Stop> {
    for node in nodes {
        work.meter.charge(1)?;
        match node {
            Node::Text(text) => sink.write(text)?,
            Node::Show(shown) => show(shown, frame, work, sink)?,
            Node::If { test, include_zero, holds, fails } => {
                let value = test.evaluate(frame, work, true)?;
                let holding = value.is_some_and(|value| truthy(&value, *include_zero));
                self::nodes(if holding { holds } else { fails }, frame, work, sink)?;
            }
            Node::Each { of, body, empty } => each(of, body, empty, frame, work, sink)?,
            Node::With { of, body, empty } => match of.evaluate(frame, work, true)? {
                // As in Handlebars, 0 will do for `with`.
                Some(value) if truthy(&value, true) => {
                    let inner = Frame { value: &value, turn: None, outer: frame };
                    self::nodes(body, Some(&inner), work, sink)?;
                }
                _ => self::nodes(empty, frame, work, sink)?,
            },
        }
    }
    Ok(())
}

fn show<'f, 'w: 'f>(
    shown: &'f Shown,
    frame: Option<&'f Frame<'f>>,
    work: &mut Work<'w, '_>,
    sink: &mut Sink,
) -> Result<(), Stop> {
    match shown.value.evaluate(frame, work, false)? {
        Some(value) => sink.show(&value, shown),
        None => sink.show_nothing(),
    }
}

fn each<'f, 'w: 'f>(
    of: &'f Argument,
    body: &'f [Node],
    empty: &'f [Node],
    frame: Option<&'f Frame<'f>>,
    work: &mut Work<'w, '_>,
    sink: &mut Sink,
) -> Result<(), Stop> {
    let value = of.evaluate(frame, work, true)?.unwrap_or(Cow::Owned(Value::Null));
    let mut turn = |index: usize, key: Option<&str>, item: &Value, count: usize| {
        work.meter.charge(1)?;
        let turn = Turn { index, key, last: index + 1 == count };
        nodes(body, Some(&Frame { value: item, turn: Some(turn), outer: frame }), work, sink)
    };
    match &*value {
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().try_for_each(|(index, item)| turn(index, None, item, items.len()))
        }
        Value::Object(fields) if !fields.is_empty() => {
            let fields_with_index = fields.iter().enumerate();
            fields_with_index
                .into_iter()
                .try_for_each(|(index, (key, item))| turn(index, Some(key), item, fields.len()))
        }
        _ => nodes(empty, frame, work, sink),
    }
}
