//! The connection to the mail server, which the operator chooses; steps cannot choose another.
//!
//! Each mail uses its own connection. 4xx replies and network errors may be temporary, 5xx replies are not. If the
//! connection breaks after the mail was transmitted, it is unknown whether the server accepted it; it is sent again
//! with the same `Message-ID`, by which the duplicate can be recognized.
//!
//! Limits: [`TIMEOUT`] in all.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment as AttachedPart, Mailbox, MessageBuilder, MultiPart, SinglePart};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::fault::root_cause;
use super::mail::{Attachment, Mail, Receipt};
use super::{EffectFailure, FailureKind};
use crate::secrets::sensitive;

/// The longest time for sending a mail.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);
/// The most characters of a server reply that are kept.
const REPLY_CHARACTERS_MAX: usize = 500;

/// Sends mails through one server; clones share its settings.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    /// `host:port`, for messages.
    server: String,
    from: Option<Mailbox>,
}

/// The mail server's settings are invalid.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    #[error(
        "--smtp-url is not valid: expected smtp://HOST:PORT or smtps://USER:PASSWORD@HOST, with ?tls=required for STARTTLS"
    )]
    Url,
    #[error("--smtp-url cannot be used: {0}")]
    EffectError(String),
    #[error("--mail-from is not valid: expected an address such as `Shop <shop@example.com>`")]
    From,
}

impl Mailer {
    /// A mailer for the server at `url`, with `from` as the default sender.
    ///
    /// # Errors
    /// Which setting is invalid; the URL itself, which may hold a password, is not shown.
    pub fn new(url: &str, from: Option<&str>) -> Result<Mailer, MailerError> {
        let parsed = url::Url::parse(url).map_err(|_| MailerError::Url)?;
        let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or(MailerError::Url)?;
        let supported = matches!(parsed.scheme(), "smtp" | "smtps")
            && parsed
                .query_pairs()
                .all(|(name, value)| name == "tls" && matches!(&*value, "required" | "opportunistic"));
        if !supported {
            return Err(MailerError::Url);
        }
        let from: Option<Mailbox> = from.map(str::parse).transpose().map_err(|_| MailerError::From)?;
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url);
        let mut builder = builder.map_err(|error| MailerError::EffectError(root_cause(&error).to_string()))?;
        if let (Some(from), "" | "/") = (&from, parsed.path()) {
            builder = builder.hello_name(ClientId::Domain(from.email.domain().to_owned()));
        }
        let default_port = match (parsed.scheme(), parsed.query()) {
            ("smtps", _) => 465,
            (_, Some(_)) => 587,
            (_, None) => 25,
        };
        let server = format!("{host}:{}", parsed.port().unwrap_or(default_port));
        Ok(Mailer { transport: builder.timeout(Some(TIMEOUT)).build(), server, from })
    }

    /// Sends the mail, once.
    pub(super) async fn send(&self, mail: &Mail) -> Result<Receipt, EffectFailure> {
        let refused = |message: String| EffectFailure::new(FailureKind::Refused, message);
        let from = match &mail.from {
            Some(from) => from.parse().map_err(|_| refused("the sender is not a valid address".into()))?,
            None => self
                .from
                .clone()
                .ok_or_else(|| refused("no sender: set `from`, or start hookflow with --mail-from".into()))?,
        };
        let message_id = format!("<{}@{}>", mail.key.as_deref().unwrap_or_default(), from.email.domain());
        let message = message(mail, from, &message_id).map_err(refused)?;
        let recipients = message.envelope().to().iter().map(ToString::to_string).collect();
        match tokio::time::timeout(TIMEOUT, self.transport.send(message)).await {
            Ok(Ok(response)) => Ok(receipt(&response, message_id, recipients)),
            Ok(Err(error)) => Err(self.failure(&error)),
            Err(_) => {
                let message = format!("{} did not accept the mail within {} s", self.server, TIMEOUT.as_secs());
                Err(EffectFailure::new(FailureKind::Timeout, message))
            }
        }
    }

    fn failure(&self, error: &lettre::transport::smtp::Error) -> EffectFailure {
        let (server, cause) = (&self.server, root_cause(error).to_string());
        let cause = sensitive::excerpt(&cause, REPLY_CHARACTERS_MAX).into_owned();
        let status_code = error.status().map(u16::from);
        let (kind, message, retryable) = if let Some(code) = status_code {
            (FailureKind::Rejected, format!("{server} replied {code}: {cause}"), error.is_transient())
        } else if error.is_timeout() {
            (FailureKind::Timeout, format!("{server} did not reply in time"), true)
        } else if error.is_tls() {
            (FailureKind::Connect, format!("TLS with {server} failed: {cause}"), true)
        } else if error.is_client() {
            (FailureKind::Refused, format!("the mail cannot be sent to {server}: {cause}"), false)
        } else {
            (FailureKind::Interrupted, format!("the exchange with {server} failed: {cause}"), true)
        };
        EffectFailure { kind, message, retryable, status_code }
    }
}

fn receipt(response: &Response, message_id: String, recipients: Vec<String>) -> Receipt {
    let answer = response.first_line().unwrap_or_default();
    let answer = sensitive::excerpt(answer, REPLY_CHARACTERS_MAX).into_owned();
    Receipt { message_id, recipients, code: u16::from(response.code()), answer }
}

/// Builds the message to send.
fn message(mail: &Mail, from: Mailbox, message_id: &str) -> Result<Message, String> {
    let mut builder = Message::builder().from(from).message_id(Some(message_id.to_owned())).subject(&mail.subject);
    builder = add(builder, &mail.to, MessageBuilder::to)?;
    builder = add(builder, &mail.cc, MessageBuilder::cc)?;
    builder = add(builder, &mail.bcc, MessageBuilder::bcc)?;
    builder = add(builder, &mail.reply_to, MessageBuilder::reply_to)?;
    for (name, value) in &mail.headers {
        let header =
            HeaderName::new_from_ascii(name.clone()).map_err(|_| format!("{name:?} is not a valid header name"))?;
        builder = builder.raw_header(HeaderValue::new(header, value.clone()));
    }
    let body = match (&mail.text, &mail.html) {
        (Some(text), Some(html)) => MailBody::Both(MultiPart::alternative_plain_html(text.clone(), html.clone())),
        (None, Some(html)) => MailBody::One(SinglePart::html(html.clone())),
        (text, None) => MailBody::One(SinglePart::plain(text.clone().unwrap_or_default())),
    };
    let built = match (mail.attachments.as_slice(), body) {
        ([], MailBody::One(part)) => builder.singlepart(part),
        ([], MailBody::Both(parts)) => builder.multipart(parts),
        (attachments, body) => {
            let mixed = MultiPart::mixed();
            let mixed = match body {
                MailBody::One(part) => mixed.singlepart(part),
                MailBody::Both(parts) => mixed.multipart(parts),
            };
            let with_files = attachments.iter().try_fold(mixed, |mixed, file| Ok(mixed.singlepart(part(file)?)));
            builder.multipart(with_files.map_err(|error: String| error)?)
        }
    };
    built.map_err(|error| format!("the mail is not valid: {error}"))
}

enum MailBody {
    One(SinglePart),
    Both(MultiPart),
}

fn add(
    builder: MessageBuilder,
    addresses: &[String],
    add: impl Fn(MessageBuilder, Mailbox) -> MessageBuilder,
) -> Result<MessageBuilder, String> {
    addresses.iter().try_fold(builder, |builder, address| match address.parse() {
        Ok(mailbox) => Ok(add(builder, mailbox)),
        Err(_) => Err("one of the addresses is not valid".to_owned()),
    })
}

fn part(file: &Attachment) -> Result<SinglePart, String> {
    let content =
        STANDARD.decode(&file.content).map_err(|_| format!("the content of `{}` is not Base64", file.name))?;
    let content_type = ContentType::parse(&file.content_type)
        .map_err(|_| format!("the content type of `{}` is not valid", file.name))?;
    Ok(AttachedPart::new(file.name.clone()).body(content, content_type))
}
