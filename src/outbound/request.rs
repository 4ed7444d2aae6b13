//! External HTTP calls and their responses, as data.
//!
//! The engine stores these types and later steps of a workflow refer to them, so their JSON names are part of the
//! public interface. A stored request includes its credentials; [`HttpRequest::shown_uri`] and the debug output mask
//! them.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::auth::Auth;
use super::effect::EffectError;
use crate::base::json_text::with_long_integers_as_text;
use crate::secrets::sensitive::{self, MASK};

/// The most characters of a GraphQL error in a message.
const ERROR_CHARACTERS_MAX: usize = 500;
/// The most redirects of a call.
pub const REDIRECTS_MAX: u8 = 5;

/// An external HTTP call as data, stored until it has been made.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRequest {
    /// `GET`, `POST`, …; lower case is accepted.
    pub method: String,
    /// An absolute `http` or `https` URL.
    pub uri: String,
    /// Names and values in sending order; a name may repeat.
    pub headers: Vec<(String, String)>,
    /// Sent verbatim; the content type is one of the headers.
    pub body: Option<String>,
    /// Timeout from the name lookup to the last byte of the response; capped at 60,000.
    pub timeout_ms: u64,
    /// The credentials, kept apart from the rest and added only when the request is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// How many redirects to follow; a further one is returned like any other response.
    #[serde(default)]
    pub redirects: u8,
    /// What the workflow sees of the response.
    #[serde(default)]
    pub reading: ResponseFormat,
}

/// What a workflow sees of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResponseFormat {
    /// The body as JSON if the response declares it as JSON, otherwise as text.
    #[default]
    Json,
    /// The body as text, always.
    Text,
    /// The data and errors of a GraphQL response; errors without data fail the step unless allowed.
    #[serde(rename_all = "camelCase")]
    GraphQl { allow_errors: bool },
}

/// The peer's response.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpResponse {
    /// The status; that of a redirect, too, if it is not followed.
    pub status_code: u16,
    /// Values by lower-case name; repeated ones are joined with `, `, and credentials are masked.
    pub headers: Map<String, Value>,
    /// A JSON value if the content type is JSON and the body valid, otherwise a string.
    pub body: Value,
    /// The URLs of followed redirects, masked.
    pub redirects: Vec<String>,
}

impl HttpRequest {
    /// The URL for logs and step entries, with secrets masked.
    pub fn shown_uri(&self) -> String {
        sensitive::redact_url(&self.uri)
    }

    /// The credentials in the request, one by one.
    pub(super) fn credentials(&self) -> Vec<String> {
        let mut credentials: Vec<String> = self.auth.iter().map(|auth| auth.secret().reveal().to_owned()).collect();
        for (_, value) in self.headers.iter().filter(|(name, _)| sensitive::is_header(name)) {
            // `Bearer x` is the header value, `x` the token.
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

    pub(super) fn output(&self, response: HttpResponse) -> Result<Value, EffectError> {
        let head = json!({ "statusCode": response.status_code, "headers": response.headers });
        match self.reading {
            ResponseFormat::Json | ResponseFormat::Text => Ok(json!({ "response": head, "body": response.body })),
            ResponseFormat::GraphQl { allow_errors } => graphql(head, response, allow_errors),
        }
    }
}

/// GraphQL specification, section 7.1: a response is an object with `data`, `errors`, or both.
fn graphql(head: Value, response: HttpResponse, allow_errors: bool) -> Result<Value, EffectError> {
    let failed = |message: String| EffectError { code: "graphql_failed", message };
    let mut body = match response.body {
        Value::Object(body) if body.contains_key("data") || body.contains_key("errors") => body,
        _ => {
            return Err(failed(format!(
                "the response, with status {}, is not a GraphQL response",
                response.status_code
            )));
        }
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
    Ok(json!({ "response": head, "data": data, "errors": errors }))
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = |(name, value): &(String, String)| match sensitive::is_header(name) {
            true => format!("{name}: {MASK}"),
            false => format!("{name}: {value}"),
        };
        formatter
            .debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("uri", &self.shown_uri())
            .field("headers", &self.headers.iter().map(masked).collect::<Vec<_>>())
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}

/// The body as the workflow sees it. Invalid UTF-8 is replaced, so binary responses are damaged.
pub(super) fn body_value(reading: ResponseFormat, content_type: Option<&str>, body: &[u8]) -> Value {
    if reading != ResponseFormat::Text
        && content_type.is_some_and(is_json)
        // Integers beyond 64 bits keep their digits, as in payloads.
        && let Ok(value) = serde_json::from_slice(&with_long_integers_as_text(body).0)
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
    fn a_body_is_json_only_if_declared_and_valid() {
        for (content_type, body, value) in [
            (Some("application/json; charset=utf-8"), b"{\"a\":1}".as_slice(), json!({ "a": 1 })),
            (Some("application/problem+json"), b"[]", json!([])),
            (Some("application/json"), b"{oops", json!("{oops")),
            (Some("application/json"), b"", json!("")),
            (Some("text/plain"), b"1", json!("1")),
            (Some("nonsense"), b"1", json!("1")),
            (None, b"\xFFa", json!("\u{FFFD}a")),
        ] {
            assert_eq!(body_value(ResponseFormat::Json, content_type, body), value);
        }
        assert_eq!(body_value(ResponseFormat::Text, Some("application/json"), b"[1]"), json!("[1]"));
    }

    #[test]
    fn credentials_are_stored_but_not_printed() {
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
