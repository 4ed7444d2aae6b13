//! Any bytes are a mail, or get an error that says something, whichever way they come; each attachment that is told of is there.
//! The input is the way, a byte, and the mail.
#![no_main]

use bytes::Bytes;
use hookflow::hook::HookKind;
use hookflow::base::json::PAYLOAD_LEVELS_MAX;
use hookflow::content::Notes;
use hookflow::hook::transaction::{HELO, MAIL_FROM, RCPT_TO, content};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const FORM: &str = "application/x-www-form-urlencoded";

fuzz_target!(|input: &[u8]| {
    let Some((way, mail)) = input.split_first() else { return };
    let text = String::from_utf8_lossy(mail);
    let (head, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    let (content_type, body) = match way % 6 {
        0 => ("message/rfc822", mail.to_vec()),
        1 => (FORM, form(&[("recipient", "a@b"), ("body-plain", ""), ("body-mime", &text)])),
        2 => (FORM, form(&[("sender", head), ("message-headers", head), ("body-html", rest), ("body-plain", rest)])),
        3 => (FORM, form(&[("headers", head), ("envelope", "{}"), ("html", rest), ("charsets", "{}")])),
        4 => (FORM, form(&[("headers", ""), ("envelope", head), ("email", &text)])),
        _ => ("application/json", postmark(head, rest).to_string().into_bytes()),
    };
    // What a client says of the envelope is as wild as the mail.
    let header = |name: &str| [MAIL_FROM, RCPT_TO, HELO].contains(&name).then_some(head);
    let content = content(HookKind::Email, Some(content_type), None, header).expect("this is how mails come");
    let body = Bytes::from(body);
    let read = content.read(&body, &mut Notes::default());
    assert_eq!(read, content.read(&body, &mut Notes::default()));
    match read {
        Ok(payload) => {
            assert!(levels(&payload) <= PAYLOAD_LEVELS_MAX, "it nests deeper than it may");
            for attachment in payload["attachments"].as_array().expect("a list") {
                let part = attachment["part"].as_u64().expect("a number");
                let file = content.file(&body, part as usize).expect("the mail can be read").expect("it is there");
                assert_eq!(attachment["sizeBytes"], file.bytes.len());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
}

fn postmark(head: &str, rest: &str) -> Value {
    let headers: Vec<Value> = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| json!({ "Name": name, "Value": value }))
        .collect();
    json!({
        "FromFull": { "Email": head }, "MessageID": "", "Subject": head, "Date": head, "Headers": headers, "HtmlBody": rest,
        "TextBody": rest, "Attachments": [{ "Name": head, "ContentType": head, "Content": rest }],
    })
}

fn levels(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}
