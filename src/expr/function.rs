//! Functions: `/#fn:parseInt,steps.1.attributes.data.total`.
//!
//! The name of an operation and its arguments, with commas between them and no spaces around them. An argument that starts
//! with `steps.`, `variables.`, `error.` or `_env.` is a path; a number, `true`, `false` and `null` are what they say; what is
//! in quotes is a text, in which commas are allowed; any other argument is a text as it stands. The first argument is what
//! the operation is about, so a text there has to be in quotes: it is a misspelt path far more often. The last argument of a
//! few operations takes all the rest, commas included: `/#fn:dateFormat,steps.1.at,MMM D, YYYY`.

use std::borrow::Cow;

use serde_json::Value;

use super::call::{Argument, Call, Work, find_operation};
use super::operation::{Kind, Need, Operation};
use super::path::{Path, ROOTS};
use super::report::{EvalError, Fault, Note, Subject, brief};
use super::scope::Scope;
use crate::objects::nearest;

/// A function call.
#[derive(Clone, Debug)]
pub struct Function {
    /// As it was written, without `/#fn:`.
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
            let fault = Fault::new(format!("the function `{name}` is called on nothing"));
            return Err(fault.help(format!("write a path after it: `/#fn:{name},steps.1.id`")));
        }
        let mut arguments = Vec::new();
        for (place, written) in rest.map(|rest| cut(rest, operation)).transpose()?.into_iter().flatten().enumerate() {
            arguments.push(read(written, place, operation, text)?);
        }
        Ok(Function { text: text.to_owned(), call: Call::new(operation, arguments, Vec::new())? })
    }

    /// The function's value, or `None` and a note.
    pub(super) fn run<'a>(
        &'a self,
        scope: &'a Scope,
        notes: &mut Vec<Note>,
    ) -> Result<Option<Cow<'a, Value>>, EvalError> {
        let written = || format!("/#fn:{}", self.text);
        let mut work = Work::new(scope, notes, &written);
        let value = self.call.evaluate(None, &mut work);
        value.map_err(|reason| EvalError::TooMuchWork { expression: written(), reason })
    }

    pub(super) fn add_subjects(&self, subjects: &mut Vec<Subject>) {
        self.call.add_subjects(subjects);
    }
}

/// Cuts arguments at commas, except in quotes and where the operation takes the rest.
fn cut<'t>(text: &'t str, operation: &Operation) -> Result<Vec<&'t str>, Fault> {
    let (mut arguments, mut rest) = (Vec::new(), text);
    loop {
        let quoted = closing_quote(rest);
        let end = match quoted {
            _ if operation.rest == Some(arguments.len()) => rest.len(),
            Some(end) => end,
            None => rest.find(',').unwrap_or(rest.len()),
        };
        arguments.push(&rest[..end]);
        match rest[end..].chars().next() {
            None => return Ok(arguments),
            Some(',') => rest = &rest[end + 1..],
            Some(_) => {
                let fault = Fault::new(format!("expected a comma after {}", brief(&rest[..end])));
                return Err(fault.help("a quote within quotes is of the other kind: `\"it's\"`"));
            }
        }
    }
}

/// Where the quoted text ends that `text` starts with, its quotes included.
fn closing_quote(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    text[1..].find(quote).map(|length| length + 2)
}

/// Reads the argument at a place of the function `whole`.
fn read(written: &str, place: usize, operation: &Operation, whole: &str) -> Result<Option<Argument>, Fault> {
    let optional = operation.parameter(place).is_some_and(|parameter| parameter.need == Need::Optional);
    if written.is_empty() && optional {
        return Ok(None);
    }
    if closing_quote(written) == Some(written.len()) {
        return Ok(Some(Argument::Literal(Value::from(&written[1..written.len() - 1]))));
    }
    if written.trim() != written && operation.rest != Some(place) {
        return Err(spaces(whole));
    }
    if let Some(bare) = written.strip_prefix("/#") {
        let fault = Fault::new("a path within a function has no `/#`");
        return Err(fault.help(format!("write `{}`", brief(bare))));
    }
    let root = written.split('.').next().unwrap_or_default();
    if ROOTS.contains(&root) && root != written {
        return Ok(Some(Argument::Path(Path::compile(written)?)));
    }
    // What does not read back as it was written, such as an id of digits, is no number.
    let scalar = serde_json::from_str::<Value>(written).ok();
    let scalar = scalar.filter(|value| {
        let read_back = value.to_string();
        !value.is_array() && !value.is_object() && read_back == written
    });
    if let Some(scalar) = scalar {
        return Ok(Some(Argument::Literal(scalar)));
    }
    let chosen =
        operation.parameter(place).is_some_and(|parameter| matches!(parameter.kind, Kind::Choice(_) | Kind::Named(..)));
    if place == 0 && !chosen {
        return Ok(Some(Argument::Path(Path::compile(written)?)));
    }
    if written.contains('.')
        && !written.contains(' ')
        && let Some(meant) = nearest(root, ROOTS)
    {
        let fault = Fault::new(format!("`{}` looks like a misspelt path", brief(written)));
        return Err(fault.help(format!("did you mean `{meant}`? A text is put in quotes")));
    }
    Ok(Some(Argument::Literal(Value::from(written))))
}

fn spaces(text: &str) -> Fault {
    let fault = Fault::new("a function's name, path and arguments are separated by commas without spaces");
    fault.help(format!("write `/#fn:{}`, or put a text in quotes", brief(&text.replace(' ', ""))))
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
    fn arguments_are_paths_scalars_or_texts() {
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
    fn a_missing_value_is_noted_with_the_expression() {
        let (function, scope, mut notes) = (Function::compile("parseInt,steps.2.x").unwrap(), scope(), Vec::new());
        assert_eq!(function.run(&scope, &mut notes).unwrap(), None);
        assert_eq!(notes[0].expression, "/#fn:parseInt,steps.2.x");
        assert_eq!(notes[0].message, "nothing at `steps.2.x`: `steps.2` has not run");
        assert_eq!(
            run("ifExists,steps.1.x,steps.1.y"),
            Err("there is neither a value nor another one in its place".into())
        );
        assert_eq!(run("toUpper,steps.1.list"), Err("`toUpper` takes a text here, not a list".into()));
    }

    #[test]
    fn faults_say_what_would_be_right() {
        for (text, help) in [
            ("parseint,steps.1", "did you mean `parseInt`?"),
            ("parseInt, steps.1", "write `/#fn:parseInt,steps.1`, or put a text in quotes"),
            ("parseInt", "write a path after it: `/#fn:parseInt,steps.1.id`"),
            ("parseInt,/#steps.1", "write `steps.1`"),
            ("parseInt,stps.1", "did you mean `steps`?"),
            ("eq,steps.1.a,stps.1.b", "did you mean `steps`? A text is put in quotes"),
            ("parseInt,steps.1,10", "it is called like `parseInt value`"),
            ("math,steps.1.n,plus,1", "it is called like `math left operator right decimals?`"),
            ("date,dayz", "did you mean `day`?"),
            ("inBusinessHours,steps.1.at,emea", "it is called like `inBusinessHours date?`"),
            ("hash,sha255,steps.1", "it is called like `hash algorithm text encoding?`"),
            ("eq,'a'b,1", "a quote within quotes is of the other kind: `\"it's\"`"),
            ("math,steps.1", "it is called like `math left operator right decimals?`"),
        ] {
            let fault = Function::compile(text).unwrap_err();
            assert_eq!(fault.help.as_deref(), Some(help), "{text}: {}", fault.message);
        }
        assert!(Function::compile("x,steps.1").unwrap_err().help.unwrap().starts_with("the functions are toLower,"));
    }
}
