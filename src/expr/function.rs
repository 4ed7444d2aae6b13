//! Functions: `/#fn:parseInt,steps.1.attributes.data.total`.
//!
//! The name of an operation and its arguments, separated by commas without spaces. An argument that starts with
//! `steps.`, `variables.`, `error.` or `_env.` is a path; numbers, `true`, `false` and `null` are literals; a quoted
//! argument is a string, which may contain commas; any other argument is a string as it stands. A string as the first
//! argument must be quoted, because an unquoted one is usually a misspelled path. The last argument of a few operations
//! takes the rest of the text, including commas: `/#fn:dateFormat,steps.1.at,MMM D, YYYY`; in quotes it does not.

use std::borrow::Cow;

use serde_json::Value;

use super::call::{Argument, Call, Evaluation, find_operation};
use super::operation::{Need, Operation, ValueType};
use super::path::{Path, ROOTS};
use super::report::{EvalError, Fault, Note, Subject, brief};
use super::scope::Scope;
use crate::objects::nearest;

/// A function call.
#[derive(Clone, Debug)]
pub struct Function {
    /// The source, without `/#fn:`.
    text: String,
    call: Call,
}

impl Function {
    /// Reads `name,path,argument…`.
    pub(super) fn compile(text: &str) -> Result<Function, Fault> {
        let (name, rest) = text.split_once(',').map_or((text, None), |(name, rest)| (name, Some(rest)));
        if name.trim() != name {
            return Err(spaces(text));
        }
        let operation = find_operation("function", name, &[])?;
        let needed = operation.parameters.first().is_some_and(|first| first.need != Need::Optional);
        if needed && rest.is_none_or(str::is_empty) {
            let fault = Fault::new(format!("the function `{name}` requires an argument"));
            return Err(fault.help(format!("write a path after it: `/#fn:{name},steps.1.id`")));
        }
        let mut arguments = Vec::new();
        for (index, source) in
            rest.map(|rest| split_arguments(rest, operation)).transpose()?.into_iter().flatten().enumerate()
        {
            arguments.push(read(source, index, operation, text)?);
        }
        Ok(Function { text: text.to_owned(), call: Call::new(operation, arguments, Vec::new())? })
    }

    /// The result of the function; `None` with a note if there is none.
    pub(super) fn run<'a>(
        &'a self,
        scope: &'a Scope,
        notes: &mut Vec<Note>,
    ) -> Result<Option<Cow<'a, Value>>, EvalError> {
        let source = || format!("/#fn:{}", self.text);
        let mut evaluation = Evaluation::new(scope, notes, &source);
        let value = self.call.evaluate(None, &mut evaluation);
        value.map_err(|reason| EvalError::TooMuchWork { expression: source(), reason })
    }

    pub(super) fn add_paths(&self, paths: &mut Vec<Vec<String>>) {
        self.call.add_paths(paths);
    }

    pub(super) fn add_subjects(&self, subjects: &mut Vec<Subject>) {
        self.call.add_subjects(subjects);
    }
}

/// Splits arguments at commas, except in quotes and in an argument that takes the rest.
fn split_arguments<'t>(text: &'t str, operation: &Operation) -> Result<Vec<&'t str>, Fault> {
    let (mut arguments, mut rest) = (Vec::new(), text);
    loop {
        let takes_rest = operation.rest == Some(arguments.len());
        // A quoted text ends at its quote, so that further arguments can follow.
        let ends_argument = |end: &usize| !takes_rest || matches!(rest[*end..].chars().next(), None | Some(','));
        let is_last = arguments.len() + 1 >= operation.parameters.len();
        let end = match closing_quote(rest).filter(ends_argument) {
            _ if takes_rest && is_last => rest.len(),
            Some(end) => end,
            None if takes_rest => rest.len(),
            None => rest.find(',').unwrap_or(rest.len()),
        };
        arguments.push(&rest[..end]);
        match rest[end..].chars().next() {
            None => return Ok(arguments),
            Some(',') => rest = &rest[end + 1..],
            Some(_) => {
                let fault = Fault::new(format!("expected a comma after {}", brief(&rest[..end])));
                return Err(fault.help("to write a quote inside quotes, use the other kind: `\"it's\"`"));
            }
        }
    }
}

/// The length of the quoted string at the start of `text`, including its quotes.
fn closing_quote(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    text[1..].find(quote).map(|length| length + 2)
}

/// Reads the argument at an index of the function `whole`.
fn read(source: &str, index: usize, operation: &Operation, whole: &str) -> Result<Option<Argument>, Fault> {
    let optional = operation.parameter(index).is_some_and(|parameter| parameter.need == Need::Optional);
    if source.is_empty() && optional {
        return Ok(None);
    }
    if closing_quote(source) == Some(source.len()) {
        return Ok(Some(Argument::Literal(Value::from(&source[1..source.len() - 1]))));
    }
    if source.trim() != source && operation.rest != Some(index) {
        return Err(spaces(whole));
    }
    if let Some(bare) = source.strip_prefix("/#") {
        let fault = Fault::new("a path inside a function does not start with `/#`");
        return Err(fault.help(format!("write `{}`", brief(bare))));
    }
    let root = source.split('.').next().unwrap_or_default();
    if ROOTS.contains(&root) && root != source {
        return Ok(Some(Argument::Path(Path::compile(source)?)));
    }
    check_rest(source, index, operation, whole)?;
    // If the value is not written back identically, such as an id with leading zeros, it is a string.
    let scalar = serde_json::from_str::<Value>(source).ok();
    let scalar = scalar.filter(|value| {
        let read_back = value.to_string();
        !value.is_array() && !value.is_object() && read_back == source
    });
    if let Some(scalar) = scalar {
        return Ok(Some(Argument::Literal(scalar)));
    }
    let is_choice = operation
        .parameter(index)
        .is_some_and(|parameter| matches!(parameter.value_type, ValueType::Choice(_) | ValueType::Named(..)));
    if index == 0 && !is_choice {
        return Ok(Some(Argument::Path(Path::compile(source)?)));
    }
    if source.contains('.')
        && !source.contains(' ')
        && let Some(meant) = nearest(root, ROOTS)
    {
        let fault = Fault::new(format!("`{}` looks like a misspelled path", brief(source)));
        return Err(fault.help(format!("did you mean `{meant}`? Put strings in quotes")));
    }
    Ok(Some(Argument::Literal(Value::from(source))))
}

/// A text that takes the rest of the function, but ends like the next argument, is a mistake: `LL,Europe/Berlin`.
fn check_rest(source: &str, index: usize, operation: &Operation, whole: &str) -> Result<(), Fault> {
    let (Some((text, last)), Some(next)) = (source.rsplit_once(','), operation.parameters.get(index + 1)) else {
        return Ok(());
    };
    let is_next = matches!(next.value_type, ValueType::Named(_, check) if last.len() > 1 && check(last).is_ok());
    if operation.rest != Some(index) || !is_next {
        return Ok(());
    }
    let name = operation.parameters[index].name;
    let before = whole.strip_suffix(source).unwrap_or_default();
    let fault = Fault::new(format!("`{}` is part of `{name}` here, which takes the rest of the function", brief(last)));
    Err(fault.help(format!("put `{name}` in quotes: `/#fn:{}'{}',{}`", brief(before), brief(text), brief(last))))
}

fn spaces(text: &str) -> Fault {
    let fault = Fault::new("a function's name, path and arguments are separated by commas without spaces");
    fault.help(format!("write `/#fn:{}`, or put strings in quotes", brief(&text.replace(' ', ""))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        let mut scope = Scope::new();
        scope.set_step(
            "1",
            json!({ "n": 6, "text": "a, b", "at": "2017-12-22T05:23:02Z", "list": ["x", 2], "null": null }),
        );
        scope
    }

    fn run(text: &str) -> Result<Value, String> {
        let (function, scope, mut notes) = (Function::compile(text).unwrap(), scope(), Vec::new());
        let value = function.run(&scope, &mut notes).unwrap().map(Cow::into_owned);
        value.ok_or_else(|| notes.remove(0).message)
    }

    #[test]
    fn arguments_are_paths_scalars_or_strings() {
        for (text, expected) in [
            ("parseInt,steps.1.n", json!(6)),
            ("parseInt,'7 EUR'", json!(7)),
            ("math,steps.1.n,*,2", json!(12)),
            ("math,steps.1.n,*,steps.1.n", json!(36)),
            ("math,steps.1.n,'-',1.5", json!(4.5)),
            ("eq,steps.1.n,6", json!(true)),
            ("eq,steps.1.null,null", json!(true)),
            ("concat,steps.1.n,0123,\",\",true,'it\"s'", json!("60123,trueit\"s")),
            ("dateFormat,steps.1.at,MMM D, YYYY", json!("Dec 22, 2017")),
            ("dateFormat,steps.1.at,", json!("2017-12-22T05:23:02.000Z")),
            ("split,steps.1.text,, ", json!(["a", "b"])),
            ("join,steps.1.list,', '", json!("x, 2")),
            ("ifExists,steps.1.x,none, really", json!("none, really")),
            ("ifExists,steps.1.x,steps.1.n", json!(6)),
            ("ifExists,steps.1.x,", json!("")),
            ("ifExists,steps.1.null,null", json!(null)),
            ("date,days,-1", json!("1970-01-02T00:00:00.000Z")),
            ("date", json!("1970-01-01T00:00:00.000Z")),
            ("inBusinessHours", json!(false)),
            ("inBusinessHours,", json!(false)),
        ] {
            assert_eq!(run(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn missing_values_are_noted() {
        let (function, scope, mut notes) = (Function::compile("parseInt,steps.2.x").unwrap(), scope(), Vec::new());
        assert_eq!(function.run(&scope, &mut notes).unwrap(), None);
        assert_eq!(notes[0].expression, "/#fn:parseInt,steps.2.x");
        assert_eq!(notes[0].message, "no value at `steps.2.x`: `steps.2` has not run");
        assert_eq!(run("ifExists,steps.1.x,steps.1.y"), Err("neither the value nor the fallback exists".into()));
        assert_eq!(run("toUpper,steps.1.list"), Err("`toUpper` expects a string, not a list".into()));
    }

    #[test]
    fn faults_suggest_a_fix() {
        for (text, help) in [
            ("parseint,steps.1", "did you mean `parseInt`?"),
            ("parseInt, steps.1", "write `/#fn:parseInt,steps.1`, or put strings in quotes"),
            ("parseInt", "write a path after it: `/#fn:parseInt,steps.1.id`"),
            ("parseInt,/#steps.1", "write `steps.1`"),
            ("parseInt,stps.1", "did you mean `steps`?"),
            ("eq,steps.1.a,stps.1.b", "did you mean `steps`? Put strings in quotes"),
            ("parseInt,steps.1,10", "usage: `parseInt value`"),
            ("math,steps.1.n,plus,1", "usage: `math left operator right decimals?`"),
            ("date,dayz", "did you mean `day`?"),
            ("inBusinessHours,steps.1.at,emea", "usage: `inBusinessHours date?`"),
            ("hash,sha255,steps.1", "usage: `hash algorithm text encoding?`"),
            ("eq,'a'b,1", "to write a quote inside quotes, use the other kind: `\"it's\"`"),
            ("math,steps.1", "usage: `math left operator right decimals?`"),
        ] {
            let fault = Function::compile(text).unwrap_err();
            assert_eq!(fault.help.as_deref(), Some(help), "{text}: {}", fault.message);
        }
        assert!(Function::compile("x,steps.1").unwrap_err().help.unwrap().starts_with("the functions are toLower,"));
    }
}
