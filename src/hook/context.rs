//! What the expressions in a hook's settings see of a request: its payload, and what came beside it.
//!
//! The payload stands where workflows find it, at `steps.1.attributes.data`; beside it stands `steps.1.request` with
//! `method`, `headers` (the first value of each, by name in lower case), `query` (likewise) and `peer`.

use serde_json::{Map, Value, json};

use crate::expr::{Expr, Fault, Scope};
use crate::objects::Problem;

/// What came beside a payload.
pub struct Request<'a> {
    pub method: &'a str,
    /// Names in lower case.
    pub headers: Vec<(&'a str, &'a [u8])>,
    /// As it was received.
    pub query: &'a str,
    /// The address that sent it.
    pub peer: Option<String>,
    /// What its sender calls it, if that was signed. For telling repetitions alone; expressions don't see it.
    pub signed_id: Option<Vec<u8>>,
}

impl Request<'_> {
    /// Itself as expressions see it.
    fn value(&self) -> Value {
        let headers = self.headers.iter().map(|(name, value)| (*name, String::from_utf8_lossy(value)));
        let query = url::form_urlencoded::parse(self.query.as_bytes());
        json!({ "method": self.method, "headers": firsts(headers), "query": firsts(query), "peer": self.peer })
    }

    /// Puts the request beside the payload of a scope that has an envelope already.
    pub fn add_to(&self, scope: &mut Scope) {
        let mut envelope = scope.take_step("1").unwrap_or_default();
        if envelope.is_object() {
            envelope["request"] = self.value();
        }
        scope.set_step("1", envelope);
    }

    /// A scope with the request and its payload.
    pub fn scope(&self, data: Value) -> Scope {
        let mut scope = Scope::new();
        scope.set_step("1", json!({ "attributes": { "data": data }, "request": self.value() }));
        scope
    }
}

/// Takes the payload out of a scope again.
pub fn take_payload(mut scope: Scope) -> Value {
    scope.take_step("1").map(|mut step| step["attributes"]["data"].take()).unwrap_or_default()
}

fn firsts(pairs: impl Iterator<Item = (impl Into<String>, impl Into<String>)>) -> Value {
    let mut firsts = Map::new();
    for (name, value) in pairs {
        firsts.entry(name).or_insert_with(|| Value::String(value.into()));
    }
    Value::Object(firsts)
}

/// Compiles a setting that may be an expression.
///
/// # Errors
/// Everything that is wrong with it, with pointers below `pointer`.
pub fn compile(pointer: &str, value: &Value) -> Result<Expr, Vec<Problem>> {
    Expr::compile(value).map_err(|faults| faults.into_iter().map(|fault| problem(pointer, fault)).collect())
}

/// What is wrong with an expression, as a problem below `pointer`.
pub fn problem(pointer: &str, fault: Fault) -> Problem {
    let help = fault.help.map(|help| format!("; {help}")).unwrap_or_default();
    Problem::new(format!("{pointer}{}", fault.pointer), format!("{}{help}", fault.message))
}

/// The expression's value as a text; none if there is none, or it is empty.
pub fn text(expression: &Expr, scope: &Scope) -> Option<String> {
    let value = expression.resolve(scope, "", &mut Vec::new()).ok().flatten()?;
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text,
        other => other.to_string(),
    };
    (!text.is_empty()).then_some(text)
}
