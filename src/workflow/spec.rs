//! The specification of an action: its name, its params, and its output.
//!
//! The table of actions lives with the actions; this is only the type of an entry. A param's kind checks literals at
//! load time and casts resolved values at run time, so both apply the same rules.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::{credentials, pattern};
use crate::objects::kind_of;
use crate::secrets::sensitive;

/// One action.
#[derive(Clone, Copy, Debug)]
pub struct ActionSpec {
    /// Without the prefix `kustomer.`.
    pub name: &'static str,
    pub summary: &'static str,
    pub params: &'static [ParamSpec],
    /// The fields that later steps can refer to. A field without a value may be absent.
    pub output: &'static [OutputSpec],
}

impl ActionSpec {
    /// The spec of the param `name`.
    pub fn param(&self, name: &str) -> Option<&'static ParamSpec> {
        self.params.iter().find(|param| param.name == name)
    }

    /// The params with their secrets masked, for the step log.
    pub fn masked<'p>(&self, params: &'p Map<String, Value>) -> Cow<'p, Map<String, Value>> {
        let mut masked = Cow::Borrowed(params);
        for param in self.params.iter().filter(|param| param.kind.may_be_secret()) {
            if params.contains_key(param.name)
                && let Some(value) = masked.to_mut().get_mut(param.name)
            {
                param.kind.hide_secrets(value);
            }
        }
        masked
    }
}

/// One param of an action.
#[derive(Clone, Copy, Debug)]
pub struct ParamSpec {
    pub name: &'static str,
    pub kind: ParamKind,
    pub required: bool,
    pub summary: &'static str,
}

/// An optional param.
pub const fn param(name: &'static str, kind: ParamKind, summary: &'static str) -> ParamSpec {
    ParamSpec { name, kind, required: false, summary }
}

impl ParamSpec {
    pub const fn required(self) -> ParamSpec {
        ParamSpec { required: true, ..self }
    }
}

/// One field of an action's output.
#[derive(Clone, Copy, Debug)]
pub struct OutputSpec {
    pub name: &'static str,
    /// Its kind, if it has a value.
    pub kind: ParamKind,
    /// All members of an object, if they are known.
    pub fields: &'static [&'static str],
    pub summary: &'static str,
}

/// A field of an output.
pub const fn output(name: &'static str, kind: ParamKind, summary: &'static str) -> OutputSpec {
    OutputSpec { name, kind, fields: &[], summary }
}

impl OutputSpec {
    /// An object with exactly these members.
    pub const fn with_fields(self, fields: &'static [&'static str]) -> OutputSpec {
        OutputSpec { fields, ..self }
    }
}

/// The type of a param or of an output field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    Any,
    /// Any value; a template that is written as JSON yields the JSON value instead of text.
    Json,
    Text,
    Number,
    Boolean,
    Object,
    List,
    TextOrList,
    Email,
    /// A string: a URL, which may contain credentials.
    Url,
    /// An object: headers, some of which may be credentials.
    Headers,
    /// An object: the fields of a query or a form, which may be credentials.
    Fields,
    /// An object: the credentials of a call.
    Auth,
    /// A string: a regular expression.
    Regex,
    /// A list: files, whose contents are not logged.
    Attachments,
    /// Any value, evaluated for each item of the param `list`; the action gets the list of results.
    Item,
    /// A condition, evaluated for each item of the param `list`; the action gets a list of booleans.
    ItemCondition,
}

impl ParamKind {
    /// Casts `value` to this kind if nothing is lost: `"42"` to 42, 42 to `"42"`, `"true"` to true. Null is returned
    /// unchanged, since it clears an attribute; each action decides whether a param may be null.
    ///
    /// # Errors
    /// The expected and the actual type.
    pub fn cast(self, value: Value) -> Result<Value, String> {
        let cast = match (self, value) {
            (_, Value::Null) => Ok(Value::Null),
            (ParamKind::Any | ParamKind::Json | ParamKind::Item | ParamKind::ItemCondition, value) => Ok(value),
            (ParamKind::Text | ParamKind::Url, value) => text(value),
            (ParamKind::Regex, Value::String(text)) => return pattern::compile(&text).map(|_| Value::String(text)),
            (ParamKind::Headers | ParamKind::Fields, value @ Value::Object(_)) => Ok(value),
            (ParamKind::Auth, Value::Object(fields)) => return credentials::cast(fields),
            (ParamKind::Number, value) => number(value),
            (ParamKind::Boolean, value) => boolean(value),
            (ParamKind::Object, value @ Value::Object(_)) => Ok(value),
            (ParamKind::List | ParamKind::Attachments | ParamKind::TextOrList, value @ Value::Array(_)) => Ok(value),
            (ParamKind::TextOrList, value) => text(value),
            (ParamKind::Email, value) => email(value),
            (_, value) => Err(value),
        };
        cast.map_err(|value| format!("expected {}, not {}", self.describe(), summarize(&value)))
    }

    /// Whether it is evaluated for each item of the param `list`.
    pub fn is_for_each_item(self) -> bool {
        matches!(self, ParamKind::Item | ParamKind::ItemCondition)
    }

    fn may_be_secret(self) -> bool {
        use ParamKind::{Attachments, Auth, Fields, Headers, Url};
        matches!(self, Url | Headers | Fields | Auth | Attachments)
    }

    fn hide_secrets(self, value: &mut Value) {
        match (self, value) {
            (ParamKind::Url, Value::String(text)) => *text = sensitive::redact_url(text),
            (ParamKind::Headers, Value::Object(headers)) => sensitive::redact_members(headers, sensitive::is_header),
            (ParamKind::Fields, Value::Object(fields)) => sensitive::redact_members(fields, sensitive::is_parameter),
            (ParamKind::Auth, Value::Object(auth)) => credentials::mask(auth),
            (ParamKind::Attachments, Value::Array(files)) => {
                for content in files.iter_mut().filter_map(|file| file.get_mut("content")) {
                    let characters = content.as_str().map_or(0, str::len);
                    *content = Value::String(format!("({} bytes)", characters / 4 * 3));
                }
            }
            _ => {}
        }
    }

    /// The kind in one word, for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            ParamKind::Any | ParamKind::Json => "any",
            ParamKind::Text | ParamKind::Url | ParamKind::Regex => "text",
            ParamKind::Number => "number",
            ParamKind::Boolean => "boolean",
            ParamKind::Object | ParamKind::Headers | ParamKind::Fields | ParamKind::Auth => "object",
            ParamKind::List | ParamKind::Attachments => "list",
            ParamKind::TextOrList => "text-or-list",
            ParamKind::Item => "item",
            ParamKind::ItemCondition => "condition",
            ParamKind::Email => "email",
        }
    }

    /// Whether a template that is written as JSON yields the JSON value; for other kinds it yields text.
    pub fn reads_json(self) -> bool {
        matches!(self, ParamKind::Json | ParamKind::Object | ParamKind::List)
    }

    /// The kind with its article: `a number`.
    pub fn describe(self) -> &'static str {
        match self {
            ParamKind::Any | ParamKind::Json => "any value",
            ParamKind::Text | ParamKind::Url | ParamKind::Regex => "a string",
            ParamKind::Number => "a number",
            ParamKind::Boolean => "true or false",
            ParamKind::Object | ParamKind::Headers | ParamKind::Fields | ParamKind::Auth => "an object",
            ParamKind::List | ParamKind::Attachments => "a list",
            ParamKind::TextOrList => "a string or a list",
            ParamKind::Item => "any value, evaluated for each item",
            ParamKind::ItemCondition => "a condition, evaluated for each item",
            ParamKind::Email => "an email address",
        }
    }
}

fn text(value: Value) -> Result<Value, Value> {
    match value {
        Value::String(_) => Ok(value),
        Value::Number(number) => Ok(Value::String(number.to_string())),
        Value::Bool(boolean) => Ok(Value::String(boolean.to_string())),
        other => Err(other),
    }
}

fn number(value: Value) -> Result<Value, Value> {
    match &value {
        Value::Number(_) => Ok(value),
        Value::String(text) => serde_json::from_str::<Number>(text.trim()).map(Value::Number).map_err(|_| value),
        _ => Err(value),
    }
}

fn boolean(value: Value) -> Result<Value, Value> {
    match value.as_str() {
        Some("true") => Ok(Value::Bool(true)),
        Some("false") => Ok(Value::Bool(false)),
        _ if value.is_boolean() => Ok(value),
        _ => Err(value),
    }
}

/// Accepts any plausible address; only a delivered message proves that it exists.
fn email(value: Value) -> Result<Value, Value> {
    let Some(address) = value.as_str().map(str::trim) else { return Err(value) };
    let plausible = address.len() <= 254
        && !address.contains(|character: char| character.is_whitespace() || character.is_control())
        && address.rsplit_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    if plausible { Ok(Value::String(address.to_owned())) } else { Err(value) }
}

/// A value for a message: a short string in quotes, otherwise its type.
fn summarize(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().count() <= 40 => format!("{text:?}"),
        Value::Number(number) => number.to_string(),
        other => kind_of(other).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn casts_where_nothing_is_lost() {
        for (kind, value, cast) in [
            (ParamKind::Text, json!(42), json!("42")),
            (ParamKind::Text, json!(true), json!("true")),
            (ParamKind::Number, json!(" 4.5 "), json!(4.5)),
            (ParamKind::Boolean, json!("false"), json!(false)),
            (ParamKind::TextOrList, json!(["a"]), json!(["a"])),
            (ParamKind::TextOrList, json!(7), json!("7")),
            (ParamKind::Email, json!(" a@example.com "), json!("a@example.com")),
            (ParamKind::Any, json!({ "a": 1 }), json!({ "a": 1 })),
            (ParamKind::Object, json!(null), json!(null)),
        ] {
            assert_eq!(kind.cast(value.clone()), Ok(cast), "{kind:?} of {value}");
        }
    }

    #[test]
    fn secrets_are_masked_in_logged_params() {
        let param = |name, kind| ParamSpec { name, kind, required: false, summary: "" };
        let params: &'static [ParamSpec] = Box::leak(Box::new([
            param("uri", ParamKind::Url),
            param("headers", ParamKind::Headers),
            param("qs", ParamKind::Fields),
            param("auth", ParamKind::Auth),
            param("data", ParamKind::Any),
        ]));
        let spec = ActionSpec { name: "call", summary: "", params, output: &[] };
        let input = json!({
            "uri": "https://u:hush@example.com/?token=hush", "headers": { "Cookie": "hush", "A": "b" },
            "qs": { "api_key": "hush", "page": 2 }, "auth": { "type": "bearer", "token": "hush" }, "data": "said",
        });
        let masked = json!({
            "uri": "https://example.com/?token=•••", "headers": { "Cookie": "•••", "A": "b" },
            "qs": { "api_key": "•••", "page": 2 }, "auth": { "type": "bearer", "token": "•••" }, "data": "said",
        });
        assert_eq!(spec.masked(input.as_object().unwrap()).as_ref(), masked.as_object().unwrap());
    }

    #[test]
    fn cast_errors_name_the_expected_and_the_actual_type() {
        for (kind, value, message) in [
            (ParamKind::Number, json!("abc"), r#"expected a number, not "abc""#),
            (ParamKind::Text, json!([]), "expected a string, not a list"),
            (ParamKind::Boolean, json!(1), "expected true or false, not 1"),
            (ParamKind::Object, json!("{}"), r#"expected an object, not "{}""#),
            (ParamKind::Auth, json!({ "type": "bearer" }), "credentials of type `bearer` need `token`"),
            (ParamKind::Email, json!("ada"), r#"expected an email address, not "ada""#),
        ] {
            assert_eq!(kind.cast(value), Err(message.to_owned()));
        }
    }
}
