//! Filters: `[?@.price >= 10 && !match(@.sku, 'test-.*')]`.
//!
//! Comparisons convert nothing: `1` and `"1"` differ, and values that have no order are neither less nor greater. A
//! missing value equals only another missing one.

use std::borrow::Cow;

use serde_json::Value;

use super::function::{Matcher, length};
use super::query::{Query, Walk};
use crate::expr::compare::compare_numbers;
use crate::expr::meter::Exceeded;

/// A condition for a child.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Or(Vec<Test>),
    And(Vec<Test>),
    Not(Box<Test>),
    /// Whether a path selects anything.
    Exists(Path),
    Compare(Operand, Comparison, Operand),
    /// `match` or `search`.
    Match(Operand, Matcher),
}

/// A path in a filter: from the child, `@`, or from the root, `$`.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub is_relative: bool,
    pub query: Query,
}

/// A value in a comparison, or an argument of a function.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Literal(Value),
    /// A path that selects one value at most.
    Path(Path),
    /// The length of a text, a list or an object.
    Length(Box<Operand>),
    /// How many values a path selects.
    Count(Path),
    /// The value that a path selects, if it is only one.
    Value(Path),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// Longer symbols come before their prefixes.
    pub const SYMBOLS: [(&str, Comparison); 6] = [
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];

    fn holds(self, left: Option<&Value>, right: Option<&Value>) -> bool {
        let order = match (left, right) {
            (Some(Value::Number(left)), Some(Value::Number(right))) => Some(compare_numbers(left, right)),
            (Some(Value::String(left)), Some(Value::String(right))) => Some(left.cmp(right)),
            _ => None,
        };
        let is_equal = || match (left, right) {
            (Some(left), Some(right)) => equal(left, right),
            (left, right) => left.is_none() && right.is_none(),
        };
        match self {
            Comparison::Equal => is_equal(),
            Comparison::NotEqual => !is_equal(),
            Comparison::Less => order.is_some_and(|order| order.is_lt()),
            Comparison::Greater => order.is_some_and(|order| order.is_gt()),
            Comparison::LessOrEqual => order.map_or_else(is_equal, |order| order.is_le()),
            Comparison::GreaterOrEqual => order.map_or_else(is_equal, |order| order.is_ge()),
        }
    }
}

impl Test {
    pub fn holds<'a>(&self, child: &'a Value, walk: &Walk<'a, '_>) -> Result<bool, Exceeded> {
        Ok(match self {
            Test::Or(tests) => {
                for test in tests {
                    if test.holds(child, walk)? {
                        return Ok(true);
                    }
                }
                false
            }
            Test::And(tests) => {
                for test in tests {
                    if !test.holds(child, walk)? {
                        return Ok(false);
                    }
                }
                true
            }
            Test::Not(test) => !test.holds(child, walk)?,
            Test::Exists(path) => !path.select(child, walk)?.is_empty(),
            Test::Compare(left, comparison, right) => {
                let (left, right) = (left.evaluate(child, walk)?, right.evaluate(child, walk)?);
                if let (Some(left), Some(_)) = (&left, &right) {
                    walk.meter.charge_value(left)?;
                }
                comparison.holds(left.as_deref(), right.as_deref())
            }
            Test::Match(text, matcher) => match text.evaluate(child, walk)?.as_deref() {
                Some(Value::String(text)) => matcher.matches(text, child, walk)?,
                _ => false,
            },
        })
    }
}

impl Path {
    pub fn select<'a>(&self, child: &'a Value, walk: &Walk<'a, '_>) -> Result<Vec<&'a Value>, Exceeded> {
        walk.select(&self.query, if self.is_relative { child } else { walk.root })
    }
}

impl Operand {
    /// The value; `None` if there is none.
    pub fn evaluate<'a, 's: 'v, 'v>(
        &'s self,
        child: &'a Value,
        walk: &Walk<'a, '_>,
    ) -> Result<Option<Cow<'v, Value>>, Exceeded>
    where
        'a: 'v,
    {
        Ok(match self {
            Operand::Literal(value) => Some(Cow::Borrowed(value)),
            Operand::Path(path) => path.select(child, walk)?.first().copied().map(Cow::Borrowed),
            Operand::Length(of) => match of.evaluate(child, walk)? {
                Some(value) => length(&value, walk.meter)?.map(|length| Cow::Owned(Value::from(length))),
                None => None,
            },
            Operand::Count(path) => Some(Cow::Owned(Value::from(path.select(child, walk)?.len()))),
            Operand::Value(path) => match path.select(child, walk)?.as_slice() {
                [value] => Some(Cow::Borrowed(*value)),
                _ => None,
            },
        })
    }
}

/// Whether two values are the same; numbers by value, whether written as 1 or 1.0.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right).is_eq(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let is_in_right =
                |(name, value): (&String, &Value)| right.get(name).is_some_and(|other| equal(value, other));
            left.len() == right.len() && left.iter().all(is_in_right)
        }
        _ => left == right,
    }
}
