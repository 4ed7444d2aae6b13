//! How a hook responds to an accepted request: when, and with what.
//!
//! ```json
//! { "when": "completed", "timeoutMs": 3000, "status": 201,
//!   "headers": { "x-customer": "{{steps.2.id}}" }, "body": { "customer": "/#steps.2.id" },
//!   "onError": { "status": 422, "body": "{{error.message}}" } }
//! ```
//!
//! Expressions see what workflows see: the envelope under `steps.1` and, if the hook waits for a run, the outputs of
//! its steps and the `error` that it failed with. For `steps.1.request`, see [`super::context`].
//!
//! Limits: [`TIMEOUT_MS_MAX`], [`HEADERS_MAX`] headers, [`BODY_BYTES_MAX`].

use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

use super::context::compile;
use crate::expr::{EvalError, Expr, Note, Scope};
use crate::objects::{Fields, Problem, escape_pointer};

/// The longest wait for a run: senders time out after 10 to 30 seconds.
pub const TIMEOUT_MS_MAX: i64 = 30_000;
/// The default wait for a run.
const TIMEOUT_MS_DEFAULT: i64 = 5_000;
/// The most headers in a response.
pub const HEADERS_MAX: usize = 50;
/// The largest response body.
pub const BODY_BYTES_MAX: usize = 1_048_576;
/// Headers that the server sets itself.
const SERVER_HEADERS: [&str; 8] =
    ["connection", "content-length", "date", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];
/// ASCII characters that a URL can't contain unescaped.
const NOT_IN_URLS: AsciiSet = CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`');

/// When to respond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RespondWhen {
    /// As soon as the request is stored.
    Accepted,
    /// When the run has ended.
    Completed,
    /// When the step has an output or the run has ended, whichever comes first.
    Step(String),
}

/// The setting `answer`.
#[derive(Clone, Debug)]
pub struct ResponseSettings {
    pub when: RespondWhen,
    /// The workflow whose run to wait for, if several listen; the first one if absent.
    pub workflow: Option<String>,
    /// The longest wait.
    pub timeout: Duration,
    response: ResponseTemplate,
    on_error: Option<ResponseTemplate>,
}

/// A response with expressions.
#[derive(Clone, Debug, Default)]
struct ResponseTemplate {
    status: Option<Expr>,
    headers: Vec<(String, Expr)>,
    body: Option<Expr>,
    /// A URL to redirect browsers to, instead of status and body.
    redirect: Option<Expr>,
}

/// A response with all expressions evaluated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RenderedResponse {
    /// From 200 to 599; the door's default if absent.
    pub status: Option<u16>,
    pub headers: Vec<(String, String)>,
    /// A string is sent as text, everything else as JSON; the door's default if absent.
    pub body: Option<Value>,
    /// References without a value.
    pub notes: Vec<Note>,
}

impl ResponseSettings {
    /// Reads the setting.
    ///
    /// # Errors
    /// All problems, with pointers into `value`.
    pub fn read(value: &Value) -> Result<ResponseSettings, Vec<Problem>> {
        let mut fields = Fields::new(value.clone());
        let when = fields.section("when", read_when).unwrap_or(RespondWhen::Accepted);
        let workflow = fields.text("workflow", 128).flatten();
        let timeout_ms = fields.integer("timeoutMs", 1..=TIMEOUT_MS_MAX);
        let on_error = fields.section("onError", |value| {
            let mut fields = Fields::new(value.clone());
            let response = ResponseTemplate::read(&mut fields);
            fields.finish(response)
        });
        if when == RespondWhen::Accepted {
            let waiting = [
                ("workflow", workflow.is_some()),
                ("timeoutMs", timeout_ms.is_some()),
                ("onError", on_error.is_some()),
            ];
            for (name, _) in waiting.iter().filter(|(_, is_present)| *is_present) {
                fields.problem(format!("/{name}"), "only allowed if the hook waits; add `\"when\": \"completed\"`");
            }
        }
        let response = ResponseTemplate::read(&mut fields);
        let timeout = Duration::from_millis(timeout_ms.unwrap_or(TIMEOUT_MS_DEFAULT).unsigned_abs());
        fields.finish(ResponseSettings { when, workflow, timeout, response, on_error })
    }

    /// The response once the request is stored, or the awaited step or run has finished.
    ///
    /// # Errors
    /// If an expression can't be evaluated.
    pub fn render(&self, scope: &Scope) -> Result<RenderedResponse, EvalError> {
        self.response.render(scope)
    }

    /// The response if the run failed; `None` if `onError` is absent.
    ///
    /// # Errors
    /// If an expression can't be evaluated.
    pub fn render_error(&self, scope: &Scope) -> Option<Result<RenderedResponse, EvalError>> {
        self.on_error.as_ref().map(|response| response.render(scope))
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
            _ => Err(vec![Problem::new("", "expected a URL, such as `https://shop.example.com/thanks`")]),
        });
        for (name, is_present) in [("status", status.is_some()), ("body", body.is_some())] {
            if is_present && redirect.is_some() {
                fields.problem(
                    format!("/{name}"),
                    "not allowed with `redirect`, which responds with status 303 and no body",
                );
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
        let redirect = self.redirect.as_ref().map(|url| resolve(url, "/redirect")).transpose()?.flatten();
        if let Some(url) = redirect.and_then(plain).filter(|url| !url.trim().is_empty()) {
            // Escaped, because a sender's data must not break out of the header.
            let url = utf8_percent_encode(url.trim(), &NOT_IN_URLS).to_string();
            headers.push(("location".to_owned(), url));
            return Ok(RenderedResponse { status: Some(303), headers, body: Some(Value::from("")), notes });
        }
        let body = self.body.as_ref().map(|body| resolve(body, "/body")).transpose()?;
        // A body whose reference has no value is null, not the default body.
        let body = body.map(Option::unwrap_or_default);
        let status = status.and_then(|status| match status {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_u64(),
        });
        let status = status.filter(|status| (200..=599).contains(status)).and_then(|status| u16::try_from(status).ok());
        if self.status.is_some() && status.is_none() {
            let message = "the result is not a status from 200 to 599; the default status is sent".to_owned();
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
            Err(vec![Problem::new("", "expected a status from 200 to 599, or an expression for one")])
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
        match (is_name, SERVER_HEADERS.contains(&lower.as_str()), compile(&pointer, value)) {
            (false, _, _) => {
                problems.push(Problem::new(pointer, "invalid header name: use letters, digits, `-` and `_`"))
            }
            (_, true, _) => problems.push(Problem::new(pointer, "reserved: the server sets this header")),
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
    fn all_problems_are_reported() {
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
    fn responses_are_rendered_from_the_scope() {
        let mut scope = Scope::new();
        scope.set_step("1", json!({ "id": "t1", "attributes": { "data": { "name": "Ann <3", "code": "201" } } }));
        let render = |value: Value| ResponseSettings::read(&value).expect("valid").render(&scope).expect("it renders");
        let data = "/#steps.1.attributes.data";
        let response = render(json!({
            "status": format!("{data}.code"),
            "headers": { "X-Name": "{{{steps.1.attributes.data.name}}}", "x-none": "/#steps.1.none" },
            "body": { "name": format!("{data}.name") },
        }));
        assert_eq!((response.status, response.body), (Some(201), Some(json!({ "name": "Ann <3" }))));
        assert_eq!(response.headers, [("x-name".to_owned(), "Ann <3".to_owned())]);
        assert_eq!(response.notes.len(), 1);
        let redirect = render(json!({ "redirect": "https://example.com/?t={{steps.1.id}}" }));
        assert_eq!((redirect.status, redirect.headers[0].1.as_str()), (Some(303), "https://example.com/?t=t1"));
        let unusual =
            render(json!({ "redirect": "https://example.com/{{{steps.1.attributes.data.name}}}/\r\nx-a: ü%20" }));
        assert_eq!(unusual.headers[0].1, "https://example.com/Ann%20%3C3/%0D%0Ax-a:%20%C3%BC%20");
        for address in ["/#steps.1.none", " {{steps.1.none}}"] {
            let missing = render(json!({ "redirect": address, "headers": { "x-a": "b" } }));
            assert_eq!((missing.status, missing.body, missing.headers.len(), missing.notes.len()), (None, None, 1, 1));
        }
        let unusual = render(json!({ "status": format!("{data}.name") }));
        assert_eq!((unusual.status, unusual.notes.len()), (None, 1));
        assert_eq!(render(json!({})), RenderedResponse::default());
    }
}
