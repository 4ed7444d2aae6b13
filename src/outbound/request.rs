//! External calls and how they end, as data.
//!
//! These shapes are what the engine stores and what a workflow's later steps refer to, so their JSON names are part
//! of the public face. Messages of failures are shown in the log of a run: they name the host and the cause, never a
//! query string, credentials or a header's value.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An external HTTP call as data: what the engine hands out and what is stored until it has been made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HttpOutcome {
    /// The peer answered, with whatever status.
    Answer(HttpAnswer),
    /// There is no complete answer.
    Failure(HttpFailure),
}

/// What the peer answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpAnswer {
    /// The status, redirects included: they are not followed.
    pub status_code: u16,
    /// Values by lower-case name; repeated ones are joined with `, `.
    pub headers: Map<String, Value>,
    /// The JSON value if the content type says JSON and it is, otherwise the text.
    pub body: Value,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpFailure {
    /// The class of the failure.
    pub kind: FailureKind,
    /// What happened, for people, without secrets.
    pub message: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

/// Classes of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// Never sent: the address policy forbids it, or the URL, the method or a header is not valid.
    Refused,
    /// The host name has no address.
    Resolve,
    /// No connection, or no TLS session on it.
    Connect,
    /// Not done in time.
    Timeout,
    /// The answer is larger than is taken.
    TooLarge,
    /// The connection broke, or what came over it was not HTTP.
    Interrupted,
}

impl HttpFailure {
    /// A failure whose kind decides whether a retry makes sense.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> HttpFailure {
        HttpFailure { kind, message: message.into(), retryable: kind.is_retryable() }
    }
}

impl FailureKind {
    /// Whether the cause may go away by itself; a refusal or an oversized answer will not.
    pub fn is_retryable(self) -> bool {
        !matches!(self, FailureKind::Refused | FailureKind::TooLarge)
    }
}

/// The body as the workflow sees it. Bytes that are not UTF-8 are replaced, so binary answers do not survive.
pub(super) fn body_value(content_type: Option<&str>, body: &[u8]) -> Value {
    if content_type.is_some_and(is_json)
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
        assert_eq!(body_value(Some("application/json; charset=utf-8"), b"{\"a\":1}"), json!({ "a": 1 }));
        assert_eq!(body_value(Some("application/problem+json"), b"[]"), json!([]));
        assert_eq!(body_value(Some("application/json"), b"{oops"), json!("{oops"));
        assert_eq!(body_value(Some("application/json"), b""), json!(""));
        assert_eq!(body_value(Some("text/plain"), b"1"), json!("1"));
        assert_eq!(body_value(Some("nonsense"), b"1"), json!("1"));
        assert_eq!(body_value(None, b"\xFFa"), json!("\u{FFFD}a"));
    }

    #[test]
    fn stored_shapes_have_stable_names() {
        let request = HttpRequest {
            method: "GET".into(),
            uri: "https://example.com".into(),
            headers: vec![("A".into(), "b".into())],
            body: None,
            timeout_ms: 5,
        };
        let text = json!({
            "method": "GET", "uri": "https://example.com", "headers": [["A", "b"]], "body": null, "timeoutMs": 5
        });
        assert_eq!(serde_json::to_value(&request).unwrap(), text);
        assert_eq!(serde_json::from_value::<HttpRequest>(text).unwrap(), request);

        let failure = HttpOutcome::Failure(HttpFailure::new(FailureKind::TooLarge, "much"));
        let text = json!({"failure": {"kind": "too-large", "message": "much", "retryable": false}});
        assert_eq!(serde_json::to_value(&failure).unwrap(), text);
        let answer = HttpAnswer { status_code: 200, headers: Map::new(), body: Value::Null };
        let text = json!({"answer": {"statusCode": 200, "headers": {}, "body": null}});
        assert_eq!(serde_json::to_value(HttpOutcome::Answer(answer)).unwrap(), text);
    }
}
