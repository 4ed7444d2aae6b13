//! Functions: `/#fn:parseInt,steps.1.attributes.data.total`.
//!
//! The name, a path and the arguments are separated by commas, without spaces. A function takes the value at the path
//! and gives a value, or says why there is none; a missing value is missing before the function is asked. To add a
//! function, add a row to [`FUNCTIONS`].

use serde_json::{Number, Value};

use super::path::Path;
use super::{Fault, Note, brief};
use crate::objects::{kind_of, nearest};

/// One row of the table.
#[derive(Debug)]
pub(super) struct Function {
    name: &'static str,
    /// How many arguments it takes after the path, at most.
    arguments_max: usize,
    run: fn(&Value, &[String]) -> Result<Value, String>,
}

static FUNCTIONS: &[Function] = &[
    Function { name: "parseInt", arguments_max: 0, run: parse_int },
    Function { name: "parseFloat", arguments_max: 0, run: parse_float },
];

/// A function with what it is called on.
#[derive(Clone, Debug)]
pub struct Call {
    function: &'static Function,
    path: Path,
    arguments: Vec<String>,
}

impl Call {
    /// Reads `name,path,argument…`.
    pub(super) fn compile(text: &str) -> Result<Call, Fault> {
        if text.contains(", ") || text.contains(" ,") {
            let fault = Fault::new("a function's name, path and arguments are separated by commas without spaces");
            return Err(fault.help(format!("write `/#fn:{}`", brief(&text.replace(' ', "")))));
        }
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default();
        let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) else {
            return Err(unknown_function(name));
        };
        let Some(path) = parts.next() else {
            let fault = Fault::new(format!("the function `{name}` is called on nothing"));
            return Err(fault.help(format!("write a path after it: `/#fn:{name},steps.1.id`")));
        };
        let path = path.strip_prefix("/#").map_or_else(
            || Path::compile(path),
            |bare| Err(Fault::new("a path within a function has no `/#`").help(format!("write `{}`", brief(bare)))),
        )?;
        let arguments: Vec<String> = parts.map(str::to_owned).collect();
        if arguments.len() > function.arguments_max {
            let (allowed, given) = (function.arguments_max, arguments.len());
            return Err(Fault::new(format!(
                "the function `{name}` takes {allowed} arguments after the path, not {given}"
            )));
        }
        Ok(Call { function, path, arguments })
    }

    /// What it is called on.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The function's value, or `None` and a note.
    pub(super) fn run(&self, data: &Value, notes: &mut Vec<Note>) -> Option<Value> {
        let result = match self.path.find(data) {
            Some(value) => (self.function.run)(&value, &self.arguments),
            None => Err(self.path.explain(data)),
        };
        result.map_err(|message| notes.push(Note { pointer: String::new(), expression: self.text(), message })).ok()
    }

    fn text(&self) -> String {
        let mut text = format!("/#fn:{},{}", self.function.name, self.path.text());
        for argument in &self.arguments {
            text.push(',');
            text += argument;
        }
        text
    }
}

fn unknown_function(name: &str) -> Fault {
    let names = || FUNCTIONS.iter().map(|function| function.name);
    let help = match nearest(name, names()) {
        Some(suggestion) => format!("did you mean `{suggestion}`?"),
        None => format!("the functions are {}", names().collect::<Vec<_>>().join(", ")),
    };
    Fault::new(format!("unknown function `{}`", brief(name))).help(help)
}

/// The whole number that a text starts with (`"42 EUR"` gives 42, as in JavaScript), or a number without its fraction.
fn parse_int(value: &Value, _: &[String]) -> Result<Value, String> {
    let found = match value {
        Value::Number(number) if number.is_f64() => number.as_f64().and_then(|number| whole(number.trunc())),
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => {
            let text = text.trim_start();
            let digits = &text[..sign_length(text) + digits_length(&text[sign_length(text)..])];
            digits.parse::<i64>().map(Number::from).ok().or_else(|| digits.parse().ok().and_then(whole))
        }
        _ => None,
    };
    found.map(Value::Number).ok_or_else(|| no_number(value))
}

/// The number that a text starts with (`"12.50 EUR"` gives 12.5, as in JavaScript).
fn parse_float(value: &Value, _: &[String]) -> Result<Value, String> {
    let found = match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => {
            let text = text.trim_start();
            text[..float_length(text)].parse().ok().and_then(Number::from_f64)
        }
        _ => None,
    };
    found.map(Value::Number).ok_or_else(|| no_number(value))
}

/// A number without fraction as an integer, if it is in the range of one.
fn whole(number: f64) -> Option<Number> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if number.abs() <= EXACT_MAX { Some(Number::from(number as i64)) } else { Number::from_f64(number) }
}

fn no_number(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{}` does not start with a number", brief(text)),
        other => format!("{} is not a number", kind_of(other)),
    }
}

fn sign_length(text: &str) -> usize {
    usize::from(text.starts_with(['+', '-']))
}

fn digits_length(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// How many bytes at the start of `text` are a decimal number: sign, digits, fraction, exponent.
fn float_length(text: &str) -> usize {
    let mut end = sign_length(text);
    let whole = digits_length(&text[end..]);
    end += whole;
    let fraction = text[end..].strip_prefix('.').map_or(0, digits_length);
    if whole + fraction == 0 {
        return 0;
    }
    if fraction > 0 {
        end += 1 + fraction;
    }
    if let Some(exponent) = text[end..].strip_prefix(['e', 'E']) {
        let sign = sign_length(exponent);
        let digits = digits_length(&exponent[sign..]);
        if digits > 0 {
            end += 1 + sign + digits;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(name: &str, value: Value) -> Result<Value, String> {
        let call = Call::compile(&format!("{name},steps.1")).unwrap();
        let mut notes = Vec::new();
        let result = call.run(&json!({ "steps": { "1": value } }), &mut notes);
        result.ok_or_else(|| notes.remove(0).message)
    }

    #[test]
    fn numbers_are_read_from_the_start_of_a_text() {
        for (name, value, expected) in [
            ("parseInt", json!("42"), json!(42)),
            ("parseInt", json!(" -42.9 EUR"), json!(-42)),
            ("parseInt", json!(3.99), json!(3)),
            ("parseInt", json!("+7"), json!(7)),
            ("parseInt", json!(u64::MAX), json!(u64::MAX)),
            ("parseFloat", json!("12.50 EUR"), json!(12.5)),
            ("parseFloat", json!(".5"), json!(0.5)),
            ("parseFloat", json!("1e3x"), json!(1000.0)),
            ("parseFloat", json!("1ex"), json!(1.0)),
            ("parseFloat", json!(7), json!(7)),
        ] {
            assert_eq!(run(name, value.clone()), Ok(expected), "{name} {value}");
        }
        assert_eq!(run("parseInt", json!("x1")), Err("`x1` does not start with a number".into()));
        assert_eq!(run("parseFloat", json!("-.e1")), Err("`-.e1` does not start with a number".into()));
        assert_eq!(run("parseInt", json!([1])), Err("a list is not a number".into()));
    }

    #[test]
    fn a_missing_value_is_noted_with_the_expression() {
        let mut notes = Vec::new();
        assert_eq!(Call::compile("parseInt,steps.2.x").unwrap().run(&json!({ "steps": {} }), &mut notes), None);
        assert_eq!(notes[0].expression, "/#fn:parseInt,steps.2.x");
        assert_eq!(notes[0].message, "nothing at `steps.2.x`: `steps.2` has not run");
    }

    #[test]
    fn faults_say_what_would_be_right() {
        let help = |text: &str| Call::compile(text).unwrap_err().help.unwrap_or_default();
        assert_eq!(help("parseint,steps.1"), "did you mean `parseInt`?");
        assert_eq!(help("x,steps.1"), "the functions are parseInt, parseFloat");
        assert_eq!(help("parseInt, steps.1"), "write `/#fn:parseInt,steps.1`");
        assert_eq!(help("parseInt"), "write a path after it: `/#fn:parseInt,steps.1.id`");
        assert_eq!(help("parseInt,/#steps.1"), "write `steps.1`");
        assert!(Call::compile("parseInt,steps.1,10").unwrap_err().message.contains("0 arguments"));
    }
}
