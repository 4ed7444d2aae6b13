//! The mail server: the operator names it, and steps can't name another.
//!
//! Each mail is one connection. Answers of 4xx and network errors may go away, answers of 5xx won't. A connection that breaks
//! after the mail was handed over leaves open whether it was taken; it is sent again with the same `Message-ID`, by which the
//! repetition can be recognised.
//!
//! Limits: [`TIMEOUT`] for all of it.

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
use super::{Failure, FailureKind};
use crate::secrets::sensitive;

/// How long sending a mail may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);
/// How much of what the server says is kept.
const ANSWER_CHARACTERS_MAX: usize = 500;

/// Sends mails through one server; clones share its settings.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    /// `host:port`, as messages name it.
    server: String,
    from: Option<Mailbox>,
}

/// The mail server's settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    #[error(
        "--smtp-url is not valid: expected smtp://HOST:PORT or smtps://USER:PASSWORD@HOST, with ?tls=required for STARTTLS"
    )]
    Url,
    #[error("--smtp-url can't be used: {0}")]
    Unusable(String),
    #[error("--mail-from is not valid: expected an address such as `Shop <shop@example.com>`")]
    From,
}

impl Mailer {
    /// A mailer for the server that `url` names, with the sender that mails have if they don't name one.
    ///
    /// # Errors
    /// Which setting is wrong; the URL itself, which may hold a password, is not shown.
    pub fn new(url: &str, from: Option<&str>) -> Result<Mailer, MailerError> {
        let parsed = url::Url::parse(url).map_err(|_| MailerError::Url)?;
        let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or(MailerError::Url)?;
        let known = matches!(parsed.scheme(), "smtp" | "smtps")
            && parsed
                .query_pairs()
                .all(|(name, value)| name == "tls" && matches!(&*value, "required" | "opportunistic"));
        if !known {
            return Err(MailerError::Url);
        }
        let from: Option<Mailbox> = from.map(str::parse).transpose().map_err(|_| MailerError::From)?;
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url);
        let mut builder = builder.map_err(|error| MailerError::Unusable(root_cause(&error).to_string()))?;
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
    pub(super) async fn send(&self, mail: &Mail) -> Result<Receipt, Failure> {
        let refused = |message: String| Failure::new(FailureKind::Refused, message);
        let from = match &mail.from {
            Some(from) => from.parse().map_err(|_| refused("the sender is no address".into()))?,
            None => self
                .from
                .clone()
                .ok_or_else(|| refused("there is no sender: give `from`, or start hookflow with --mail-from".into()))?,
        };
        let message_id = format!("<{}@{}>", mail.key.as_deref().unwrap_or_default(), from.email.domain());
        let message = message(mail, from, &message_id).map_err(refused)?;
        let recipients = message.envelope().to().iter().map(ToString::to_string).collect();
        match tokio::time::timeout(TIMEOUT, self.transport.send(message)).await {
            Ok(Ok(response)) => Ok(receipt(&response, message_id, recipients)),
            Ok(Err(error)) => Err(self.failure(&error)),
            Err(_) => {
                let message = format!("{} did not take the mail within {} s", self.server, TIMEOUT.as_secs());
                Err(Failure::new(FailureKind::Timeout, message))
            }
        }
    }

    fn failure(&self, error: &lettre::transport::smtp::Error) -> Failure {
        let (server, cause) = (&self.server, root_cause(error).to_string());
        let cause = sensitive::excerpt(&cause, ANSWER_CHARACTERS_MAX).into_owned();
        let status_code = error.status().map(u16::from);
        let (kind, message, retryable) = if let Some(code) = status_code {
            (FailureKind::Rejected, format!("{server} answered {code}: {cause}"), error.is_transient())
        } else if error.is_timeout() {
            (FailureKind::Timeout, format!("{server} did not answer in time"), true)
        } else if error.is_tls() {
            (FailureKind::Connect, format!("no TLS with {server}: {cause}"), true)
        } else if error.is_client() {
            (FailureKind::Refused, format!("{server} can't be given the mail: {cause}"), false)
        } else {
            (FailureKind::Interrupted, format!("the exchange with {server} failed: {cause}"), true)
        };
        Failure { kind, message, retryable, status_code }
    }
}

fn receipt(response: &Response, message_id: String, recipients: Vec<String>) -> Receipt {
    let answer = response.first_line().unwrap_or_default();
    let answer = sensitive::excerpt(answer, ANSWER_CHARACTERS_MAX).into_owned();
    Receipt { message_id, recipients, code: u16::from(response.code()), answer }
}

/// The mail in the form in which it is sent.
fn message(mail: &Mail, from: Mailbox, message_id: &str) -> Result<Message, String> {
    let mut builder = Message::builder().from(from).message_id(Some(message_id.to_owned())).subject(&mail.subject);
    builder = add(builder, &mail.to, MessageBuilder::to)?;
    builder = add(builder, &mail.cc, MessageBuilder::cc)?;
    builder = add(builder, &mail.bcc, MessageBuilder::bcc)?;
    builder = add(builder, &mail.reply_to, MessageBuilder::reply_to)?;
    for (name, value) in &mail.headers {
        let header =
            HeaderName::new_from_ascii(name.clone()).map_err(|_| format!("{name:?} is no name of a header"))?;
        builder = builder.raw_header(HeaderValue::new(header, value.clone()));
    }
    let content = match (&mail.text, &mail.html) {
        (Some(text), Some(html)) => Content::Both(MultiPart::alternative_plain_html(text.clone(), html.clone())),
        (None, Some(html)) => Content::One(SinglePart::html(html.clone())),
        (text, None) => Content::One(SinglePart::plain(text.clone().unwrap_or_default())),
    };
    let built = match (mail.attachments.as_slice(), content) {
        ([], Content::One(part)) => builder.singlepart(part),
        ([], Content::Both(parts)) => builder.multipart(parts),
        (attachments, content) => {
            let mixed = MultiPart::mixed();
            let mixed = match content {
                Content::One(part) => mixed.singlepart(part),
                Content::Both(parts) => mixed.multipart(parts),
            };
            let attached = attachments.iter().try_fold(mixed, |mixed, file| Ok(mixed.singlepart(part(file)?)));
            builder.multipart(attached.map_err(|error: String| error)?)
        }
    };
    built.map_err(|error| format!("the mail can't be made: {error}"))
}

enum Content {
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
        Err(_) => Err("one of the addresses is none".to_owned()),
    })
}

fn part(file: &Attachment) -> Result<SinglePart, String> {
    let content =
        STANDARD.decode(&file.content).map_err(|_| format!("the content of `{}` is not Base64", file.name))?;
    let content_type =
        ContentType::parse(&file.content_type).map_err(|_| format!("the content type of `{}` is none", file.name))?;
    Ok(AttachedPart::new(file.name.clone()).body(content, content_type))
}
