//! Filters of a JSONPath: `[?(@.price >= 10 && @.tags[0] == 'new')]`.
//!
//! A filter is a list of tests joined by `&&` and `||`. `&&` binds tighter, and there are no parentheses. A test is a
//! path after `@`, either alone (the child has a value there) or compared with a number, a quoted string, `true`,
//! `false` or `null`. Types must match: nothing is converted, and unordered values are neither less nor greater. Spaces
//! are allowed between the parts.

use serde_json::Value;

use super::compare::compare_numbers;
use super::cursor::Cursor;

/// A disjunction of conjunctions of tests.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    alternatives: Vec<Vec<Test>>,
}

#[derive(Clone, Debug)]
struct Test {
    path: Vec<Key>,
    comparison: Option<(Comparison, Value)>,
}

#[derive(Clone, Debug)]
enum Key {
    Name(String),
    Index(usize),
}

#[derive(Clone, Copy, Debug)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Longer symbols come before their prefixes.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl Filter {
    /// Reads `(…)`, after the question mark.
    pub(super) fn read(cursor: &mut Cursor) -> Result<Filter, String> {
        if !cursor.eat("(") {
            return Err("a filter is written `[?(@.name == 'x')]`".to_owned());
        }
        let mut alternatives = vec![Vec::new()];
        loop {
            let test = Test::read(cursor)?;
            alternatives.last_mut().expect("there is always a current alternative").push(test);
            skip_spaces(cursor);
            if cursor.eat("||") {
                alternatives.push(Vec::new());
            } else if !cursor.eat("&&") {
                break;
            }
        }
        if cursor.eat(")") { Ok(Filter { alternatives }) } else { Err("expected `)`, `&&` or `||`".to_owned()) }
    }

    pub(super) fn accepts(&self, child: &Value) -> bool {
        self.alternatives.iter().any(|tests| tests.iter().all(|test| test.accepts(child)))
    }
}

impl Test {
    fn read(cursor: &mut Cursor) -> Result<Test, String> {
        skip_spaces(cursor);
        if !cursor.eat("@") {
            return Err("a test in a filter starts with `@`, as in `@.name == 'x'`".to_owned());
        }
        let path = read_path(cursor)?;
        skip_spaces(cursor);
        let Some((_, comparison)) = COMPARISONS.iter().find(|(symbol, _)| cursor.eat(symbol)) else {
            return Ok(Test { path, comparison: None });
        };
        skip_spaces(cursor);
        Ok(Test { path, comparison: Some((*comparison, read_literal(cursor)?)) })
    }

    fn accepts(&self, child: &Value) -> bool {
        let found = self.path.iter().try_fold(child, |value, key| match key {
            Key::Name(name) => value.as_object()?.get(name),
            Key::Index(index) => value.as_array()?.get(*index),
        });
        match &self.comparison {
            None => found.is_some(),
            Some((comparison, literal)) => comparison.holds(found, literal),
        }
    }
}

impl Comparison {
    fn holds(self, found: Option<&Value>, literal: &Value) -> bool {
        let order = match (found, literal) {
            (Some(Value::Number(found)), Value::Number(literal)) => Some(compare_numbers(found, literal)),
            (Some(Value::String(found)), Value::String(literal)) => Some(found.cmp(literal)),
            _ => None,
        };
        let equal = order.map_or(found == Some(literal), |order| order.is_eq());
        match self {
            Comparison::Equal => equal,
            Comparison::NotEqual => !equal,
            Comparison::Less => order.is_some_and(|order| order.is_lt()),
            Comparison::LessOrEqual => order.is_some_and(|order| order.is_le()),
            Comparison::Greater => order.is_some_and(|order| order.is_gt()),
            Comparison::GreaterOrEqual => order.is_some_and(|order| order.is_ge()),
        }
    }
}

fn read_path(cursor: &mut Cursor) -> Result<Vec<Key>, String> {
    let mut path = Vec::new();
    loop {
        if cursor.eat(".") {
            let name = cursor.name();
            if name.is_empty() {
                return Err("expected a name; wildcards and `..` are not allowed in a filter".to_owned());
            }
            path.push(Key::Name(name.to_owned()));
        } else if cursor.eat("[") {
            let key = match cursor.quoted()? {
                Some(name) => Key::Name(name.to_owned()),
                None => Key::Index(cursor.index()?.ok_or("expected an index or a quoted name")?),
            };
            path.push(key);
            cursor.close_bracket()?;
        } else {
            return Ok(path);
        }
    }
}

fn read_literal(cursor: &mut Cursor) -> Result<Value, String> {
    if let Some(text) = cursor.quoted()? {
        return Ok(Value::String(text.to_owned()));
    }
    let word = cursor.take_while(|character| character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.'));
    let literal = serde_json::from_str(word).ok();
    literal.ok_or_else(|| "expected a number, a quoted string, `true`, `false` or `null`".to_owned())
}

fn skip_spaces(cursor: &mut Cursor) {
    cursor.take_while(|character| character == ' ');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn accepts(filter: &str, child: Value) -> bool {
        Filter::read(&mut Cursor::new(filter)).unwrap().accepts(&child)
    }

    #[test]
    fn compares_without_conversions() {
        for (filter, child, expected) in [
            ("(@.a)", json!({ "a": null }), true),
            ("(@.a)", json!({ "b": 1 }), false),
            ("(@ == 1)", json!(1.0), true),
            ("(@ == 1)", json!("1"), false),
            ("(@ != 1)", json!("1"), true),
            ("(@.a != 1)", json!({}), true),
            ("(@ < 'b')", json!("a"), true),
            ("(@ <= 1e1)", json!(10), true),
            ("(@ > -1.5)", json!(null), false),
            ("(@ == null)", json!(null), true),
            ("(@['x y'][1] == true)", json!({ "x y": [0, true] }), true),
            ("(@.a==1||@.b==1&&@.c==1)", json!({ "a": 1 }), true),
            ("(@.a==1&&@.b==1||@.c==1)", json!({ "b": 1, "c": 1 }), true),
            ("(@.b==1&&@.c==1)", json!({ "b": 1 }), false),
        ] {
            assert_eq!(accepts(filter, child.clone()), expected, "{filter} {child}");
        }
    }

    #[test]
    fn rejects_unsupported_syntax() {
        for filter in
            ["", "()", "(a == 1)", "(@.*)", "(@..a)", "(@ == x)", "(@ == )", "(@ = 1)", "((@))", "(@ == 1 &&)"]
        {
            assert!(Filter::read(&mut Cursor::new(filter)).is_err(), "{filter}");
        }
    }
}
