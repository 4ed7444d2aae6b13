//! What a hook answers to a request that it has accepted: when, and what.
//!
//! ```json
//! { "when": "completed", "timeoutMs": 3000, "status": 201,
//!   "headers": { "x-customer": "{{steps.2.id}}" }, "body": { "customer": "/#steps.2.id" },
//!   "onError": { "status": 422, "body": "{{error.message}}" } }
//! ```
//!
//! Expressions see what workflows see: the envelope under `steps.1`, and once there is a run that is waited for, the outputs
//! of its steps, and the `error` that it failed with. `steps.1.request` is what [`super::context`] says.
//!
//! Limits: [`TIMEOUT_MS_MAX`], [`HEADERS_MAX`] headers, [`BODY_BYTES_MAX`].

use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

use super::context::compile;
use crate::expr::{EvalError, Expr, Note, Scope};
use crate::objects::{Fields, Problem, escape_pointer};

/// How long an answer can be waited for: senders give up after 10 to 30 seconds.
pub const TIMEOUT_MS_MAX: i64 = 30_000;
/// How long it is waited for if nothing is said.
const TIMEOUT_MS: i64 = 5_000;
/// The most headers of an answer.
pub const HEADERS_MAX: usize = 50;
/// The largest body of an answer.
pub const BODY_BYTES_MAX: usize = 1_048_576;
/// Headers that are the server's own affair.
const OWN_HEADERS: [&str; 8] =
    ["connection", "content-length", "date", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];
/// What can't stand in an address as it is, beside letters of other alphabets.
const NOT_IN_ADDRESSES: AsciiSet = CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`');

/// What to wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RespondWhen {
    /// Nothing: the request is stored.
    Accepted,
    /// The end of the run.
    Completed,
    /// The output of a step, or the end of the run if that comes first.
    Step(String),
}

/// How a hook answers.
#[derive(Clone, Debug)]
pub struct ResponseSettings {
    pub when: RespondWhen,
    /// Whose run is waited for, if several workflows listen; the first one's if not said.
    pub workflow: Option<String>,
    /// How long it is waited for.
    pub timeout: Duration,
    reply: ResponseTemplate,
    on_error: Option<ResponseTemplate>,
}

/// One answer, with expressions in it.
#[derive(Clone, Debug, Default)]
struct ResponseTemplate {
    status: Option<Expr>,
    headers: Vec<(String, Expr)>,
    body: Option<Expr>,
    /// Where browsers go on to, instead of status and body.
    redirect: Option<Expr>,
}

/// An answer that can be sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RenderedResponse {
    /// From 200 to 599; if none, whatever is usual.
    pub status: Option<u16>,
    pub headers: Vec<(String, String)>,
    /// A text is sent as it is, all else as JSON; if none, whatever is usual.
    pub body: Option<Value>,
    /// What expressions did not find.
    pub notes: Vec<Note>,
}

impl ResponseSettings {
    /// Reads the setting.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers into `value`.
    pub fn read(value: &Value) -> Result<ResponseSettings, Vec<Problem>> {
        let mut fields = Fields::new(value.clone());
        let when = fields.section("when", read_when).unwrap_or(RespondWhen::Accepted);
        let workflow = fields.text("workflow", 128).flatten();
        let timeout_ms = fields.whole("timeoutMs", 1..=TIMEOUT_MS_MAX);
        let on_error = fields.section("onError", |value| {
            let mut fields = Fields::new(value.clone());
            let reply = ResponseTemplate::read(&mut fields);
            fields.finish(reply)
        });
        if when == RespondWhen::Accepted {
            let waiting = [
                ("workflow", workflow.is_some()),
                ("timeoutMs", timeout_ms.is_some()),
                ("onError", on_error.is_some()),
            ];
            for (name, _) in waiting.iter().filter(|(_, is_given)| *is_given) {
                fields.problem(format!("/{name}"), "this is for answers that wait; say `\"when\": \"completed\"`");
            }
        }
        let reply = ResponseTemplate::read(&mut fields);
        let timeout = Duration::from_millis(timeout_ms.unwrap_or(TIMEOUT_MS).unsigned_abs());
        fields.finish(ResponseSettings { when, workflow, timeout, reply, on_error })
    }

    /// The answer to a request that is stored, or whose run has come to what is waited for.
    ///
    /// # Errors
    /// If an expression can't be evaluated.
    pub fn render(&self, scope: &Scope) -> Result<RenderedResponse, EvalError> {
        self.reply.render(scope)
    }

    /// The answer to a request whose run failed; none if nothing is said about that.
    ///
    /// # Errors
    /// If an expression can't be evaluated.
    pub fn render_error(&self, scope: &Scope) -> Option<Result<RenderedResponse, EvalError>> {
        self.on_error.as_ref().map(|reply| reply.render(scope))
    }
}

/// `"accepted"`, `"completed"` or `{"step": "4"}`.
fn read_when(value: &Value) -> Result<RespondWhen, Vec<Problem>> {
    let step = value.get("step").and_then(Value::as_str).filter(|step| !step.is_empty());
    match (value.as_str(), step) {
        (Some("accepted"), _) => Ok(RespondWhen::Accepted),
        (Some("completed"), _) => Ok(RespondWhen::Completed),
        (_, Some(step)) if value.as_object().is_some_and(|object| object.len() == 1) => {
            Ok(RespondWhen::Step(step.to_owned()))
        }
        _ => Err(vec![Problem::new("", "expected `accepted`, `completed` or {\"step\": \"ID\"}")]),
    }
}

impl ResponseTemplate {
    /// Takes `status`, `headers`, `body` and `redirect`.
    fn read(fields: &mut Fields) -> ResponseTemplate {
        let status = fields.section("status", read_status);
        let headers = fields.section("headers", read_headers).unwrap_or_default();
        let body = fields.section("body", |value| compile("", value));
        let redirect = fields.section("redirect", |value| match value {
            Value::String(_) => compile("", value),
            _ => Err(vec![Problem::new("", "expected an address, such as `https://shop.example.com/thanks`")]),
        });
        for (name, is_given) in [("status", status.is_some()), ("body", body.is_some())] {
            if is_given && redirect.is_some() {
                fields.problem(format!("/{name}"), "a redirect has a status of its own, and no body");
            }
        }
        ResponseTemplate { status, headers, body, redirect }
    }

    fn render(&self, scope: &Scope) -> Result<RenderedResponse, EvalError> {
        let mut notes = Vec::new();
        let mut resolve = |expression: &Expr, pointer: &str| expression.resolve(scope, pointer, &mut notes);
        let status = self.status.as_ref().map(|status| resolve(status, "/status")).transpose()?.flatten();
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            if let Some(value) = resolve(value, &format!("/headers/{name}"))?.and_then(plain) {
                headers.push((name.clone(), value));
            }
        }
        let redirect = self.redirect.as_ref().map(|address| resolve(address, "/redirect")).transpose()?.flatten();
        if let Some(address) = redirect.and_then(plain).filter(|address| !address.trim().is_empty()) {
            // Whatever a sender wrote into it, it stays one header, and one that browsers understand.
            let address = utf8_percent_encode(address.trim(), &NOT_IN_ADDRESSES).to_string();
            headers.push(("location".to_owned(), address));
            return Ok(RenderedResponse { status: Some(303), headers, body: Some(Value::from("")), notes });
        }
        let body = self.body.as_ref().map(|body| resolve(body, "/body")).transpose()?;
        // What was asked for and is missing is null, not what is usual.
        let body = body.map(Option::unwrap_or_default);
        let status = status.and_then(|status| match status {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_u64(),
        });
        let status = status.filter(|status| (200..=599).contains(status)).and_then(|status| u16::try_from(status).ok());
        if self.status.is_some() && status.is_none() {
            let message = "it gives no status from 200 to 599".to_owned();
            notes.push(Note { pointer: "/status".to_owned(), expression: String::new(), message });
        }
        Ok(RenderedResponse { status, headers, body, notes })
    }
}

fn plain(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

fn read_status(value: &Value) -> Result<Expr, Vec<Problem>> {
    let status = compile("", value)?;
    let is_status = |status: &Value| status.as_u64().is_some_and(|status| (200..=599).contains(&status));
    match status.as_literal() {
        Some(literal) if !is_status(literal) => {
            Err(vec![Problem::new("", "expected a status from 200 to 599, or an expression that gives one")])
        }
        _ => Ok(status),
    }
}

fn read_headers(value: &Value) -> Result<Vec<(String, Expr)>, Vec<Problem>> {
    let Some(object) = value.as_object() else { return Err(vec![Problem::new("", "expected an object")]) };
    if object.len() > HEADERS_MAX {
        return Err(vec![Problem::new("", format!("more than {HEADERS_MAX} headers"))]);
    }
    let mut headers = Vec::with_capacity(object.len());
    let mut problems = Vec::new();
    for (name, value) in object {
        let pointer = format!("/{}", escape_pointer(name));
        let lower = name.to_ascii_lowercase();
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        match (is_name, OWN_HEADERS.contains(&lower.as_str()), compile(&pointer, value)) {
            (false, _, _) => problems.push(Problem::new(pointer, "this is no name of a header")),
            (_, true, _) => problems.push(Problem::new(pointer, "the server sets this header itself")),
            (_, _, Ok(value)) => headers.push((lower, value)),
            (_, _, Err(faults)) => problems.extend(faults),
        }
    }
    if problems.is_empty() { Ok(headers) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(value: Value) -> Vec<String> {
        let problems = ResponseSettings::read(&value).err().unwrap_or_default();
        problems.into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn everything_that_is_wrong_with_an_answer_is_told() {
        assert_eq!(pointers(json!({ "when": "later", "status": 99, "boddy": 1 })), ["/when", "/status", "/boddy"]);
        assert_eq!(pointers(json!({ "timeoutMs": 100 })), ["/timeoutMs"]);
        assert_eq!(pointers(json!({ "when": "completed", "timeoutMs": 31_000 })), ["/timeoutMs"]);
        let headers = json!({ "Content-Length": "3", "x y": "1", "x-a": "{{", "x-b": "fine" });
        assert_eq!(
            pointers(json!({ "headers": headers })),
            ["/headers/Content-Length", "/headers/x y", "/headers/x-a"]
        );
        let redirect = json!({ "redirect": "https://example.com", "status": 200, "body": "" });
        assert_eq!(pointers(redirect), ["/status", "/body"]);
        assert_eq!(pointers(json!({ "when": { "step": "4" }, "onError": { "status": "x" } })), ["/onError/status"]);
    }

    #[test]
    fn an_answer_is_made_of_what_expressions_see() {
        let mut scope = Scope::new();
        scope.set_step("1", json!({ "id": "t1", "attributes": { "data": { "name": "Ann <3", "code": "201" } } }));
        let read = |value: Value| {
            ResponseSettings::read(&value).expect("nothing is wrong").render(&scope).expect("it renders")
        };
        let data = "/#steps.1.attributes.data";
        let answer = read(json!({
            "status": format!("{data}.code"),
            "headers": { "X-Name": "{{{steps.1.attributes.data.name}}}", "x-none": "/#steps.1.none" },
            "body": { "name": format!("{data}.name") },
        }));
        assert_eq!((answer.status, answer.body), (Some(201), Some(json!({ "name": "Ann <3" }))));
        assert_eq!(answer.headers, [("x-name".to_owned(), "Ann <3".to_owned())]);
        assert_eq!(answer.notes.len(), 1);
        let redirect = read(json!({ "redirect": "https://example.com/?t={{steps.1.id}}" }));
        assert_eq!((redirect.status, redirect.headers[0].1.as_str()), (Some(303), "https://example.com/?t=t1"));
        let odd = read(json!({ "redirect": "https://example.com/{{{steps.1.attributes.data.name}}}/\r\nx-a: ü%20" }));
        assert_eq!(odd.headers[0].1, "https://example.com/Ann%20%3C3/%0D%0Ax-a:%20%C3%BC%20");
        for address in ["/#steps.1.none", " {{steps.1.none}}"] {
            let nowhere = read(json!({ "redirect": address, "headers": { "x-a": "b" } }));
            assert_eq!((nowhere.status, nowhere.body, nowhere.headers.len(), nowhere.notes.len()), (None, None, 1, 1));
        }
        let odd = read(json!({ "status": format!("{data}.name") }));
        assert_eq!((odd.status, odd.notes.len()), (None, 1));
        assert_eq!(read(json!({})), RenderedResponse::default());
    }
}
