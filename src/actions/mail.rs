//! `mail.send`: sends mails through the mail server chosen by the operator.
//!
//! The action only builds the mail. The engine stores it and sends it outside the transaction, with retries if the
//! server is unreachable or asks for them, always with the same `Message-ID`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::http::{self, plain};
use super::{Action, ActionOutcome, Call, StepFailure};
use crate::objects::{Problem, unknown};
use crate::outbound::{Attachment, Effect, Mail, RECIPIENTS_MAX, Retry, addresses};
use crate::store::StoreResult;
use crate::workflow::{ActionSpec, ParamKind, output, param};

const SUBJECT_CHARACTERS_MAX: usize = 500;
const HEADERS_MAX: usize = 50;
const HEADER_CHARACTERS_MAX: usize = 2_000;
const ATTACHMENTS_MAX: usize = 20;

/// Headers that are set by other params or by mail servers.
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
        summary: "Sends a mail through the server's mail server.",
        params: &[
            param("to", ParamKind::TextOrList, "One address or several.").required(),
            param("cc", ParamKind::TextOrList, "Recipients of a copy."),
            param("bcc", ParamKind::TextOrList, "Recipients of a blind copy."),
            param("from", ParamKind::Text, "The sender; defaults to the server's `--mail-from`."),
            param("replyTo", ParamKind::TextOrList, "The addresses for replies."),
            param("subject", ParamKind::Text, "The subject."),
            param("text", ParamKind::Text, "The content as plain text."),
            param("html", ParamKind::Text, "The content as HTML; with `text`, mail clients choose."),
            param("headers", ParamKind::Headers, "Custom headers."),
            param("attachments", ParamKind::Attachments, "Files: `name`, `contentType`, and `content` in Base64."),
            http::RETRY,
        ],
        output: &[
            output("messageId", ParamKind::Text, "The mail's Message-ID."),
            output("recipients", ParamKind::List, "The addresses the mail was sent to."),
            output("code", ParamKind::Number, "The mail server's reply code."),
            output("answer", ParamKind::Text, "The mail server's reply."),
        ],
    },
    run: send,
};

fn send(call: &mut Call<'_>) -> StoreResult<ActionOutcome> {
    let mut problems = Vec::new();
    let mail = read(&mut call.params, &mut problems);
    let retry = http::retry(call.params.get("retry")).unwrap_or_else(|problem| {
        problems.push(problem);
        Retry::default()
    });
    Ok(match problems.is_empty() {
        true => ActionOutcome::Perform(Effect::Mail(Box::new(mail)), retry),
        false => ActionOutcome::Failed(StepFailure::invalid(problems)),
    })
}

/// The problems of a mail with these params.
pub fn check(mut params: Map<String, Value>) -> Vec<Problem> {
    let mut problems = Vec::new();
    read(&mut params, &mut problems);
    problems.extend(http::retry(params.get("retry")).err());
    problems
}

fn read(params: &mut Map<String, Value>, problems: &mut Vec<Problem>) -> Mail {
    let mut list = |name: &str| recipients(name, params.get(name), problems);
    let (to, cc, bcc, reply_to) = (list("to"), list("cc"), list("bcc"), list("replyTo"));
    let mut senders = list("from");
    if senders.len() > 1 {
        problems.push(Problem::new("/from", "expected a single sender"));
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

fn recipients(name: &str, param: Option<&Value>, problems: &mut Vec<Problem>) -> Vec<String> {
    let items = match param {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let mut found = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let pointer = if items.len() > 1 { format!("/{name}/{index}") } else { format!("/{name}") };
        match item.as_str().ok_or_else(|| "expected a string".to_owned()).and_then(addresses) {
            Ok(mut addresses) => found.append(&mut addresses),
            Err(message) => problems.push(Problem::new(pointer, message)),
        }
    }
    if name == "to" && found.is_empty() && problems.is_empty() {
        problems.push(Problem::new("/to", "expected at least one recipient"));
    }
    found
}

fn headers(param: Option<&Value>, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let Some(Value::Object(param)) = param else { return Vec::new() };
    if param.len() > HEADERS_MAX {
        problems.push(Problem::new("/headers", format!("more than {HEADERS_MAX} headers, which is the limit")));
    }
    let mut headers = Vec::with_capacity(param.len());
    for (name, value) in param.iter().filter(|(_, value)| !value.is_null()) {
        let lower = name.to_ascii_lowercase();
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let value = plain(value).replace(char::is_control, " ");
        let message = match () {
            () if !is_name || name.len() > 70 => "is not a valid header name",
            () if RESERVED.contains(&lower.as_str()) || lower.starts_with("content-") => {
                "is reserved; use the other params"
            }
            () if value.chars().count() > HEADER_CHARACTERS_MAX => "is too long",
            () => {
                headers.push((name.clone(), value));
                continue;
            }
        };
        problems.push(Problem::new("/headers", format!("`{name}` {message}")));
    }
    headers
}

fn attachments(param: Option<&Value>, problems: &mut Vec<Problem>) -> Vec<Attachment> {
    let Some(Value::Array(param)) = param else { return Vec::new() };
    if param.len() > ATTACHMENTS_MAX {
        problems.push(Problem::new("/attachments", format!("more than {ATTACHMENTS_MAX} files, which is the limit")));
    }
    let mut attachments = Vec::with_capacity(param.len());
    for (index, file) in param.iter().enumerate() {
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
        return Err("`name` is too long or has a character that is not allowed in file names".to_owned());
    }
    let content_type = text("contentType").unwrap_or_else(|| "application/octet-stream".to_owned());
    content_type.parse::<mime::Mime>().map_err(|_| "`contentType` must be a media type, such as `application/pdf`")?;
    // Base64 wrapped into lines is accepted, too.
    let content: String = text("content").ok_or("needs a `content`")?.split_whitespace().collect();
    STANDARD.decode(&content).map_err(|_| "`content` is not valid Base64")?;
    Ok(Attachment { name, content_type, content })
}
