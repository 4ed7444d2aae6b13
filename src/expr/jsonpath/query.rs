//! Queries: segments that each select children or descendants of what the previous segment selected.

use std::slice;

use serde_json::Value;

use super::filter::Test;
use crate::expr::meter::{Exceeded, Meter};

/// A path without its root.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    pub segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// Whether it selects from all descendants: `..`.
    pub descends: bool,
    pub selectors: Vec<Selector>,
}

#[derive(Clone, Debug)]
pub(super) enum Selector {
    Name(String),
    Wildcard,
    /// Negative indexes count from the end.
    Index(i64),
    Slice {
        from: Option<i64>,
        to: Option<i64>,
        step: i64,
    },
    Filter(Test),
}

/// The evaluation of one path.
pub(super) struct Walk<'a, 'm> {
    pub root: &'a Value,
    pub meter: &'m Meter,
}

impl Query {
    /// The names at the start of the path.
    pub fn leading_names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().map_while(|segment| match segment.selectors.as_slice() {
            [Selector::Name(name)] if !segment.descends => Some(name.as_str()),
            _ => None,
        })
    }

    /// The names and wildcards at the start, as text for jsonpath_lib, and the other segments.
    pub fn split_plain(mut self) -> (String, Query) {
        let is_plain = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let plain = self.segments.iter().map_while(|segment| match segment.selectors.as_slice() {
            _ if segment.descends => None,
            [Selector::Name(name)] if !name.is_empty() && name.chars().all(is_plain) => Some(format!("['{name}']")),
            [Selector::Wildcard] => Some(".*".to_owned()),
            _ => None,
        });
        let parts: Vec<String> = plain.collect();
        self.segments.drain(..parts.len());
        (format!("${}", parts.concat()), self)
    }

    /// Whether it selects one value at most.
    pub fn is_singular(&self) -> bool {
        self.segments.iter().all(|segment| {
            !segment.descends && matches!(segment.selectors.as_slice(), [Selector::Name(_) | Selector::Index(_)])
        })
    }
}

impl<'a> Walk<'a, '_> {
    /// The values that `query` selects in `start`, in document order.
    pub fn select(&self, query: &Query, start: &'a Value) -> Result<Vec<&'a Value>, Exceeded> {
        self.select_from(query, vec![start])
    }

    /// The values that `query` selects in each of `found`.
    pub fn select_from(&self, query: &Query, mut found: Vec<&'a Value>) -> Result<Vec<&'a Value>, Exceeded> {
        for segment in &query.segments {
            let mut next = Vec::new();
            for value in found {
                self.segment(segment, value, &mut next)?;
            }
            found = next;
        }
        Ok(found)
    }

    fn segment(&self, segment: &Segment, value: &'a Value, found: &mut Vec<&'a Value>) -> Result<(), Exceeded> {
        self.meter.charge(1)?;
        for selector in &segment.selectors {
            self.selector(selector, value, found)?;
        }
        if segment.descends {
            // Values of JSON text are at most 128 levels deep.
            children(value).try_for_each(|child| self.segment(segment, child, found))?;
        }
        Ok(())
    }

    fn selector(&self, selector: &Selector, value: &'a Value, found: &mut Vec<&'a Value>) -> Result<(), Exceeded> {
        let start = found.len();
        match selector {
            Selector::Name(name) => found.extend(value.as_object().and_then(|fields| fields.get(name))),
            Selector::Wildcard => found.extend(children(value)),
            Selector::Index(index) => {
                let item = |items: &'a Vec<Value>| items.get(usize::try_from(from_end(*index, items.len())).ok()?);
                found.extend(value.as_array().and_then(item));
            }
            Selector::Slice { from, to, step } => {
                let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
                found.extend(indexes(*from, *to, *step, items.len()).filter_map(|index| items.get(index)));
            }
            Selector::Filter(test) => {
                for child in children(value) {
                    self.meter.charge(1)?;
                    if test.holds(child, self)? {
                        found.push(child);
                    }
                }
            }
        }
        self.meter.charge(found.len() - start)
    }
}

/// The items of a list or the values of an object.
fn children(value: &Value) -> impl Iterator<Item = &Value> {
    let (items, fields) = match value {
        Value::Array(items) => (items.iter(), None),
        Value::Object(fields) => (slice::Iter::default(), Some(fields.values())),
        _ => (slice::Iter::default(), None),
    };
    items.chain(fields.into_iter().flatten())
}

fn from_end(index: i64, length: usize) -> i64 {
    if index < 0 { index + length as i64 } else { index }
}

/// The indexes of a slice, as RFC 9535 defines them in section 2.3.4.2.2.
fn indexes(from: Option<i64>, to: Option<i64>, step: i64, length: usize) -> impl Iterator<Item = usize> {
    let length_signed = length as i64;
    let (least, most) = if step < 0 { (-1, length_signed - 1) } else { (0, length_signed) };
    let bound = |index: i64| from_end(index, length).clamp(least, most);
    let (first, end) = match step {
        0 => (0, 0),
        step if step > 0 => (from.map_or(0, bound), to.map_or(length_signed, bound)),
        _ => (from.map_or(length_signed - 1, bound), to.map_or(-1, bound)),
    };
    let in_slice = move |index: &i64| if step > 0 { *index < end } else { *index > end };
    let indexes = std::iter::successors(Some(first), move |index| index.checked_add(step));
    indexes.take_while(in_slice).take_while(move |_| step != 0).filter_map(|index| usize::try_from(index).ok())
}
