//! Any bytes are a body, whatever its headers say, or get an error that says something; what is read has its limits, and is
//! read again as the same. The input is the kind of hook, the content type and the content encoding, a line each, and the body.
#![no_main]

use bytes::Bytes;
use hookflow::hook::HookKind;
use hookflow::base::json::PAYLOAD_LEVELS_MAX;
use hookflow::content::Notes;
use hookflow::hook::transaction::content;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const INFLATED_BYTES_MAX: usize = 200_000;

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(4, |byte| *byte == b'\n');
    let mut line = || std::str::from_utf8(lines.next().unwrap_or_default()).ok();
    let (kind, content_type, encoding) = (line(), line(), line());
    let body = lines.next().unwrap_or_default();
    let kind = if kind == Some("email") { HookKind::Email } else { HookKind::Form };
    let header = |name: &str| encoding.filter(|encoding| name == "content-encoding" && !encoding.is_empty());
    let content = match content(kind, content_type.filter(|content_type| !content_type.is_empty()), header) {
        Ok(content) => content,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let inflated = match content.inflate(body, INFLATED_BYTES_MAX, &mut Notes::default()) {
        Ok(inflated) => inflated.unwrap_or_else(|| Bytes::copy_from_slice(body)),
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(inflated.len() <= INFLATED_BYTES_MAX.max(body.len()));
    let read = content.read(&inflated, &mut Notes::default());
    assert_eq!(read, content.read(&inflated, &mut Notes::default()));
    let files: Vec<_> = (1..=3).map(|part| content.file(&inflated, part)).collect();
    match read {
        Ok(payload) => {
            assert!(levels(&payload) <= PAYLOAD_LEVELS_MAX, "it nests deeper than it may");
            assert!(files.iter().all(Result::is_ok), "it can be read, but not its files");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn levels(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}
