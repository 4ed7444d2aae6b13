//! What expressions see of a request.
//!
//! The payload is at `steps.1.attributes.data`. `steps.1.request` contains `method`, `path`, `headers` (the first value of
//! each, by lower-case name), `query` (likewise) and `peer`. A hook's settings see headers and query as they were sent,
//! workflows with secrets masked.

use serde_json::{Map, Value, json};

use crate::expr::{Expr, Fault, Scope};
use crate::objects::Problem;

/// The metadata of a request.
pub struct Request<'a> {
    pub method: &'a str,
    /// Without the secret in the hook's address.
    pub path: String,
    /// By lower-case name.
    pub headers: Vec<(&'a str, &'a [u8])>,
    /// As received.
    pub query: &'a str,
    /// The IP address of the sender.
    pub peer: Option<String>,
    /// The sender's id of the request, if signed. Used for deduplication; expressions don't see it.
    pub signed_id: Option<Vec<u8>>,
}

impl Request<'_> {
    /// The request as expressions see it.
    pub(super) fn value(&self) -> Value {
        let headers = self.headers.iter().map(|(name, value)| (*name, String::from_utf8_lossy(value)));
        let query = url::form_urlencoded::parse(self.query.as_bytes());
        json!({
            "method": self.method,
            "path": self.path,
            "headers": first_values(headers),
            "query": first_values(query),
            "peer": self.peer,
        })
    }

    /// Adds the request to a scope that already contains an envelope.
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

/// Takes the payload back out of a scope.
pub fn take_payload(mut scope: Scope) -> Value {
    scope.take_step("1").map(|mut step| step["attributes"]["data"].take()).unwrap_or_default()
}

/// An object with the first value of each name.
fn first_values(pairs: impl Iterator<Item = (impl Into<String>, impl Into<String>)>) -> Value {
    let mut values = Map::new();
    for (name, value) in pairs {
        values.entry(name).or_insert_with(|| Value::String(value.into()));
    }
    Value::Object(values)
}

/// Compiles a setting that may be an expression.
///
/// # Errors
/// All problems, with pointers below `pointer`.
pub fn compile(pointer: &str, value: &Value) -> Result<Expr, Vec<Problem>> {
    Expr::compile(value).map_err(|faults| faults.into_iter().map(|fault| problem(pointer, fault)).collect())
}

/// Converts a fault of an expression to a problem below `pointer`.
pub fn problem(pointer: &str, fault: Fault) -> Problem {
    let help = fault.help.map(|help| format!("; {help}")).unwrap_or_default();
    Problem::new(format!("{pointer}{}", fault.pointer), format!("{}{help}", fault.message))
}

/// The value of an expression as text; `None` if it is missing, null or empty.
pub fn text(expression: &Expr, scope: &Scope) -> Option<String> {
    let value = expression.resolve(scope, "", &mut Vec::new()).ok().flatten()?;
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text,
        other => other.to_string(),
    };
    (!text.is_empty()).then_some(text)
}
