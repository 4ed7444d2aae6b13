//! `mail.send`: mails, through the mail server that the operator named.
//!
//! The action only says what to send. The engine stores that and has it sent outside the transaction, again and again if the
//! server is away or asks for it, always with the same `Message-ID`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::http::{self, plain};
use super::{Action, Call, Failure, Outcome};
use crate::objects::{Problem, unknown};
use crate::outbound::{Attachment, Effect, Mail, RECIPIENTS_MAX, Retry, addresses};
use crate::store::StoreResult;
use crate::workflow::{ActionSpec, ParamKind, output, param};

const SUBJECT_CHARACTERS_MAX: usize = 500;
const HEADERS_MAX: usize = 50;
const HEADER_CHARACTERS_MAX: usize = 2_000;
const ATTACHMENTS_MAX: usize = 20;

/// Headers that the mail has anyway, or that mail servers put in.
const RESERVED: [&str; 12] = [
    "from",
    "to",
    "cc",
    "bcc",
    "sender",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "return-path",
    "received",
    "mime-version",
];

pub const SEND: Action = Action {
    spec: ActionSpec {
        name: "mail.send",
        summary: "Sends a mail through the mail server that the operator named.",
        params: &[
            param("to", ParamKind::TextOrList, "One address or several.").required(),
            param("cc", ParamKind::TextOrList, "Who gets a copy."),
            param("bcc", ParamKind::TextOrList, "Who gets a copy without being named."),
            param("from", ParamKind::Text, "The sender; the server's own if not given."),
            param("replyTo", ParamKind::TextOrList, "Where answers go."),
            param("subject", ParamKind::Text, "The subject."),
            param("text", ParamKind::Text, "The content as text."),
            param("html", ParamKind::Text, "The content as HTML; with `text`, readers choose."),
            param("headers", ParamKind::Headers, "Headers of your own."),
            param("attachments", ParamKind::Attachments, "Files: `name`, `contentType`, and `content` in Base64."),
            http::RETRY,
        ],
        output: &[
            output("messageId", ParamKind::Text, "The mail's Message-ID."),
            output("recipients", ParamKind::List, "The addresses that it goes to."),
            output("code", ParamKind::Number, "What the mail server answered, as a number."),
            output("answer", ParamKind::Text, "What the mail server answered."),
        ],
    },
    run: send,
};

fn send(call: &mut Call<'_>) -> StoreResult<Outcome> {
    let mut problems = Vec::new();
    let mail = read(&mut call.params, &mut problems);
    let retry = http::retry(call.params.get("retry")).unwrap_or_else(|problem| {
        problems.push(problem);
        Retry::default()
    });
    Ok(match problems.is_empty() {
        true => Outcome::Perform(Effect::Mail(Box::new(mail)), retry),
        false => Outcome::Failed(Failure::invalid(problems)),
    })
}

fn read(params: &mut Map<String, Value>, problems: &mut Vec<Problem>) -> Mail {
    let mut list = |name: &str| recipients(name, params.get(name), problems);
    let (to, cc, bcc, reply_to) = (list("to"), list("cc"), list("bcc"), list("replyTo"));
    let mut senders = list("from");
    if senders.len() > 1 {
        problems.push(Problem::new("/from", "a mail has one sender"));
    }
    if to.len() + cc.len() + bcc.len() > RECIPIENTS_MAX {
        problems.push(Problem::new("/to", format!("more than {RECIPIENTS_MAX} recipients, which is the limit")));
    }
    let text = |name: &str| params.get(name).and_then(Value::as_str).map(str::to_owned);
    // A line break would end the header.
    let subject = text("subject").unwrap_or_default().replace(char::is_control, " ");
    if subject.chars().count() > SUBJECT_CHARACTERS_MAX {
        problems.push(Problem::new("/subject", format!("longer than {SUBJECT_CHARACTERS_MAX} characters")));
    }
    let (text, html) = (text("text"), text("html"));
    if text.is_none() && html.is_none() {
        problems.push(Problem::new("/text", "a mail needs `text`, or `html`, or both"));
    }
    let headers = headers(params.get("headers"), problems);
    let attachments = attachments(params.get("attachments"), problems);
    Mail { from: senders.pop(), to, cc, bcc, reply_to, subject, text, html, headers, attachments, key: None }
}

fn recipients(name: &str, given: Option<&Value>, problems: &mut Vec<Problem>) -> Vec<String> {
    let items = match given {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let mut found = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let pointer = if items.len() > 1 { format!("/{name}/{index}") } else { format!("/{name}") };
        match item.as_str().ok_or_else(|| "expected a text".to_owned()).and_then(addresses) {
            Ok(mut addresses) => found.append(&mut addresses),
            Err(message) => problems.push(Problem::new(pointer, message)),
        }
    }
    if name == "to" && found.is_empty() && problems.is_empty() {
        problems.push(Problem::new("/to", "nobody to send it to"));
    }
    found
}

fn headers(given: Option<&Value>, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let Some(Value::Object(given)) = given else { return Vec::new() };
    if given.len() > HEADERS_MAX {
        problems.push(Problem::new("/headers", format!("more than {HEADERS_MAX} headers, which is the limit")));
    }
    let mut headers = Vec::with_capacity(given.len());
    for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        let lower = name.to_ascii_lowercase();
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let value = plain(value).replace(char::is_control, " ");
        let wrong = match () {
            () if !is_name || name.len() > 70 => "is not a name of a header",
            () if RESERVED.contains(&lower.as_str()) || lower.starts_with("content-") => "is set by other params",
            () if value.chars().count() > HEADER_CHARACTERS_MAX => "is too long",
            () => {
                headers.push((name.clone(), value));
                continue;
            }
        };
        problems.push(Problem::new("/headers", format!("`{name}` {wrong}")));
    }
    headers
}

fn attachments(given: Option<&Value>, problems: &mut Vec<Problem>) -> Vec<Attachment> {
    let Some(Value::Array(given)) = given else { return Vec::new() };
    if given.len() > ATTACHMENTS_MAX {
        problems.push(Problem::new("/attachments", format!("more than {ATTACHMENTS_MAX} files, which is the limit")));
    }
    let mut attachments = Vec::with_capacity(given.len());
    for (index, file) in given.iter().enumerate() {
        match attachment(file) {
            Ok(attachment) => attachments.push(attachment),
            Err(message) => problems.push(Problem::new(format!("/attachments/{index}"), message)),
        }
    }
    attachments
}

fn attachment(file: &Value) -> Result<Attachment, String> {
    const FIELDS: [&str; 3] = ["name", "contentType", "content"];
    let fields = file.as_object().ok_or("expected an object with `name`, `contentType` and `content`")?;
    if let Some(other) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(unknown("field", other, FIELDS));
    }
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let name = text("name").filter(|name| !name.is_empty()).ok_or("needs a `name`")?;
    if name.chars().count() > 200
        || name.contains(|character: char| character.is_control() || "/\\".contains(character))
    {
        return Err("`name` is too long, or holds a character that names of files can't have".to_owned());
    }
    let content_type = text("contentType").unwrap_or_else(|| "application/octet-stream".to_owned());
    content_type.parse::<mime::Mime>().map_err(|_| "`contentType` is not one, such as `application/pdf`")?;
    // Base64 that was wrapped into lines is Base64, too.
    let content: String = text("content").ok_or("needs a `content`")?.split_whitespace().collect();
    STANDARD.decode(&content).map_err(|_| "`content` is not Base64")?;
    Ok(Attachment { name, content_type, content })
}
