//! External HTTP calls and their answers, as data.
//!
//! These shapes are what the engine stores and what a workflow's later steps refer to, so their JSON names are part
//! of the public face. A stored request holds what it needs to be made, credentials included; what is shown of it, by
//! [`HttpRequest::shown_uri`] or by printing it for debugging, does not.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::auth::Auth;
use super::effect::Unusable;
use crate::secrets::sensitive::{self, MASK};

/// How much of a GraphQL error a message shows.
const ERROR_CHARACTERS_MAX: usize = 500;
/// How many redirects a call may follow at most.
pub const REDIRECTS_MAX: u8 = 5;

/// An external HTTP call as data: what the engine hands out and what is stored until it has been made.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRequest {
    /// `GET`, `POST`, …; lower case is accepted.
    pub method: String,
    /// An absolute `http` or `https` URL.
    pub uri: String,
    /// Names and values in the order they are sent; a name may occur more than once.
    pub headers: Vec<(String, String)>,
    /// Sent as it is, without a content type of its own.
    pub body: Option<String>,
    /// Time for everything from the look-up of the name to the last byte of the answer; at most 60,000 is given.
    pub timeout_ms: u64,
    /// The credentials, which are kept apart from the rest and only put in when the call is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// How many redirects are followed; the next one is an answer like any other.
    #[serde(default)]
    pub redirects: u8,
    /// What the workflow sees of the answer.
    #[serde(default)]
    pub reading: Reading,
}

/// What a workflow sees of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reading {
    /// The body as JSON, if the answer says that it is, and as text otherwise.
    #[default]
    Json,
    /// The body as text, always.
    Text,
    /// The data and the errors of a GraphQL response; errors without data fail the step, unless they are allowed.
    #[serde(rename_all = "camelCase")]
    GraphQl { allow_errors: bool },
}

/// What the peer answered.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpAnswer {
    /// The status; of a redirect too, if it is not followed.
    pub status_code: u16,
    /// Values by lower-case name; repeated ones are joined with `, `, and those that carry credentials are masked.
    pub headers: Map<String, Value>,
    /// The JSON value if the content type says JSON and it is, otherwise the text.
    pub body: Value,
    /// The URLs that redirects led to, as they are shown.
    pub redirects: Vec<String>,
}

impl HttpRequest {
    /// The URL as logs and entries show it.
    pub fn shown_uri(&self) -> String {
        sensitive::redact_url(&self.uri)
    }

    /// What of it proves who makes it, each by itself.
    pub(super) fn credentials(&self) -> Vec<String> {
        let mut credentials: Vec<String> = self.auth.iter().map(|auth| auth.secret().reveal().to_owned()).collect();
        for (_, value) in self.headers.iter().filter(|(name, _)| sensitive::is_header(name)) {
            // `Bearer x` is the header, `x` the token.
            credentials.extend(value.split_once(' ').map(|(_, token)| token.to_owned()));
            credentials.push(value.clone());
        }
        if let Ok(url) = url::Url::parse(&self.uri) {
            credentials.extend(url.password().map(str::to_owned));
            let pairs = url.query_pairs().filter(|(name, _)| sensitive::is_parameter(name));
            credentials.extend(pairs.map(|(_, value)| value.into_owned()));
        }
        let is_form =
            self.headers.iter().any(|(name, value)| name == "content-type" && value.contains("form-urlencoded"));
        if let (true, Some(body)) = (is_form, &self.body) {
            let pairs = url::form_urlencoded::parse(body.as_bytes()).filter(|(name, _)| sensitive::is_parameter(name));
            credentials.extend(pairs.map(|(_, value)| value.into_owned()));
        }
        credentials
    }

    pub(super) fn set_idempotency_key(&mut self, key: &str) {
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("idempotency-key")) {
            self.headers.push(("idempotency-key".to_owned(), key.to_owned()));
        }
    }

    pub(super) fn output(&self, answer: HttpAnswer) -> Result<Value, Unusable> {
        let response = json!({ "statusCode": answer.status_code, "headers": answer.headers });
        match self.reading {
            Reading::Json | Reading::Text => Ok(json!({ "response": response, "body": answer.body })),
            Reading::GraphQl { allow_errors } => graphql(response, answer, allow_errors),
        }
    }
}

/// Section 7.1 of the GraphQL specification: a response is an object with `data`, or `errors`, or both.
fn graphql(response: Value, answer: HttpAnswer, allow_errors: bool) -> Result<Value, Unusable> {
    let failed = |message: String| Unusable { code: "graphql_failed", message };
    let mut body = match answer.body {
        Value::Object(body) if body.contains_key("data") || body.contains_key("errors") => body,
        _ => return Err(failed(format!("the answer, with status {}, is no GraphQL response", answer.status_code))),
    };
    let data = body.shift_remove("data").unwrap_or_default();
    let errors = match body.shift_remove("errors") {
        Some(Value::Array(errors)) => errors,
        _ => Vec::new(),
    };
    if data.is_null() && !errors.is_empty() && !allow_errors {
        let message = errors[0].get("message").and_then(Value::as_str).unwrap_or("an error without a message");
        let message = sensitive::excerpt(message, ERROR_CHARACTERS_MAX);
        let others = if errors.len() > 1 { format!(" (and {} more)", errors.len() - 1) } else { String::new() };
        return Err(failed(format!("{message}{others}")));
    }
    Ok(json!({ "response": response, "data": data, "errors": errors }))
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value): &(String, String)| match sensitive::is_header(name) {
            true => format!("{name}: {MASK}"),
            false => format!("{name}: {value}"),
        };
        formatter
            .debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("uri", &self.shown_uri())
            .field("headers", &self.headers.iter().map(shown).collect::<Vec<_>>())
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}

/// The body as the workflow sees it. Bytes that are not UTF-8 are replaced, so binary answers do not survive.
pub(super) fn body_value(reading: Reading, content_type: Option<&str>, body: &[u8]) -> Value {
    if reading != Reading::Text
        && content_type.is_some_and(is_json)
        && let Ok(value) = serde_json::from_slice(body)
    {
        return value;
    }
    Value::String(String::from_utf8_lossy(body).into_owned())
}

fn is_json(content_type: &str) -> bool {
    content_type
        .parse::<mime::Mime>()
        .is_ok_and(|mime| mime.subtype() == mime::JSON || mime.suffix() == Some(mime::JSON))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bodies_are_json_only_if_they_say_so_and_are() {
        for (content_type, body, value) in [
            (Some("application/json; charset=utf-8"), b"{\"a\":1}".as_slice(), json!({ "a": 1 })),
            (Some("application/problem+json"), b"[]", json!([])),
            (Some("application/json"), b"{oops", json!("{oops")),
            (Some("application/json"), b"", json!("")),
            (Some("text/plain"), b"1", json!("1")),
            (Some("nonsense"), b"1", json!("1")),
            (None, b"\xFFa", json!("\u{FFFD}a")),
        ] {
            assert_eq!(body_value(Reading::Json, content_type, body), value);
        }
        assert_eq!(body_value(Reading::Text, Some("application/json"), b"[1]"), json!("[1]"));
    }

    #[test]
    fn a_stored_request_keeps_its_credentials_and_a_printed_one_does_not() {
        let text = json!({
            "method": "GET", "uri": "https://u:hush@example.com/?token=hush&page=1",
            "headers": [["Cookie", "hush"], ["A", "b"]], "body": "hush", "timeoutMs": 5,
            "auth": { "type": "basic", "username": "me", "password": "hush" }, "redirects": 2, "reading": "text",
        });
        let request: HttpRequest = serde_json::from_value(text.clone()).unwrap();
        assert_eq!(serde_json::to_value(&request).unwrap(), text);
        let printed = format!("{request:?}");
        assert!(!printed.contains("hush") && printed.contains("A: b"), "{printed}");
    }
}
