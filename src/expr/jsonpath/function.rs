//! The functions of filters: `length`, `count`, `value`, `match` and `search`.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::filter::Operand;
use super::query::Walk;
use crate::expr::meter::{Exceeded, Meter};

/// The largest compiled regular expression, in bytes.
const COMPILED_BYTES_MAX: usize = 256 * 1024;

/// The work of compiling a regular expression, which may come from the data.
const COMPILE_COST: usize = 2_000;

/// `match` and `search`: whether a text matches a regular expression (RFC 9485) as a whole, or contains a match.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    is_whole: bool,
    pattern: Pattern,
}

#[derive(Clone, Debug)]
enum Pattern {
    /// `None` if it is not a regular expression, which matches nothing.
    Compiled(Option<Regex>),
    Computed(Operand),
}

impl Matcher {
    pub fn new(is_whole: bool, pattern: Operand) -> Matcher {
        let pattern = match pattern {
            Operand::Literal(Value::String(text)) => Pattern::Compiled(compile(&text, is_whole)),
            Operand::Literal(_) => Pattern::Compiled(None),
            computed => Pattern::Computed(computed),
        };
        Matcher { is_whole, pattern }
    }

    pub fn matches<'a>(&self, text: &str, child: &'a Value, walk: &Walk<'a, '_>) -> Result<bool, Exceeded> {
        walk.meter.charge_bytes(text.len())?;
        match &self.pattern {
            Pattern::Compiled(regex) => Ok(regex.as_ref().is_some_and(|regex| regex.is_match(text))),
            Pattern::Computed(operand) => {
                walk.meter.charge(COMPILE_COST)?;
                let pattern = operand.evaluate(child, walk)?;
                let regex = pattern.as_deref().and_then(Value::as_str).and_then(|text| compile(text, self.is_whole));
                Ok(regex.is_some_and(|regex| regex.is_match(text)))
            }
        }
    }
}

fn compile(pattern: &str, is_whole: bool) -> Option<Regex> {
    let pattern = if is_whole { format!(r"\A(?:{pattern})\z") } else { pattern.to_owned() };
    // `.` matches neither `\n` nor `\r`.
    RegexBuilder::new(&pattern).crlf(true).size_limit(COMPILED_BYTES_MAX).build().ok()
}

/// The number of characters, items or members; other values have no length.
pub(super) fn length(value: &Value, meter: &Meter) -> Result<Option<usize>, Exceeded> {
    Ok(match value {
        Value::String(text) => {
            meter.charge_bytes(text.len())?;
            Some(text.chars().count())
        }
        Value::Array(items) => Some(items.len()),
        Value::Object(fields) => Some(fields.len()),
        _ => None,
    })
}
