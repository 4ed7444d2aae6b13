//! One-line views of transactions and refusals.

use serde_json::Value;

use crate::secrets::sensitive::excerpt;

/// The most characters of a payload in a line.
const SUMMARY_CHARACTERS_MAX: usize = 160;

/// The string, or an empty one.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// `2026-11-23T08:32:47.402Z  accepted  6b03fa2f81f1f4a52c000004  74 bytes  {"orderId":"1"}`
pub fn transaction(transaction: &Value) -> String {
    let attributes = &transaction["attributes"];
    let meta = &transaction["meta"];
    let marked = ["captured", "filtered"].into_iter().find(|status| meta[*status] == true);
    let status = if meta["problem"].is_object() { "unreadable" } else { marked.unwrap_or("accepted") };
    let bytes = meta["bytes"].as_u64().unwrap_or_default();
    let summary = match &meta["problem"]["detail"] {
        Value::String(detail) => one_line(detail),
        _ => one_line(&attributes["data"].to_string()),
    };
    format!("{}  {status}  {}  {bytes} bytes  {summary}\n", text(&attributes["createdAt"]), text(&transaction["id"]))
}

/// `2026-11-23T08:32:47.102Z  refused   malformed_json  29 bytes  the body is not valid JSON: …`
pub fn refusal(refusal: &Value) -> String {
    let attributes = &refusal["attributes"];
    let bytes = attributes["contentLength"].as_u64().map_or("? bytes".to_owned(), |bytes| format!("{bytes} bytes"));
    let detail = one_line(&text(&attributes["detail"]));
    format!("{}  refused   {}  {bytes}  {detail}\n", text(&attributes["createdAt"]), text(&attributes["reason"]))
}

/// The beginning of a refused request's body, if it was kept.
pub fn refused_body(refusal: &Value) -> Option<String> {
    let body = &refusal["attributes"]["body"];
    body["text"].as_str().or(body["base64"].as_str()).map(printable)
}

fn one_line(value: &str) -> String {
    excerpt(&printable(value).replace('\n', " "), SUMMARY_CHARACTERS_MAX).into_owned()
}

/// Replaces control characters, since untrusted senders must not control the terminal.
pub fn printable(value: &str) -> String {
    value
        .chars()
        .map(|character| if character.is_control() && character != '\n' { '\u{FFFD}' } else { character })
        .collect()
}
