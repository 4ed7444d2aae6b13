//! Mails: one form of payload, however a mail arrives.
//!
//! | source | modules |
//! |---|---|
//! | a raw mail, over HTTP or SMTP | [`mime`], [`headers`] |
//! | an inbound webhook of Mailgun, SendGrid or Postmark | [`providers`] |
//!
//! All sources are parsed to a [`Mail`], which [`into_data`](Mail::into_data) maps to the payload, as documented in
//! `docs/mail.md`. [`json_ld`] reads JSON-LD in the HTML. The bytes of attachments stay in the body; the part number
//! locates them.
//!
//! Limits: those of the modules, and [`ADDRESSES_MAX`]. A mail that exceeds one is rejected.

mod address;
mod date;
mod headers;
mod json_ld;
mod mime;
mod parameters;
mod providers;
mod transfer;
mod words;

#[cfg(test)]
mod lenient_tests;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{ContentError, File};
use crate::base::time::Timestamp;
use headers::Headers;
use providers::Provided;

/// The most senders and recipients of a mail.
const ADDRESSES_MAX: usize = 2_000;

/// The supported formats, for error messages.
pub(super) const FORMATS: &str = "an e-mail hook accepts raw mails as `message/rfc822`, and inbound webhooks of Mailgun (a \
                                forwarding route), SendGrid (Inbound Parse), Postmark, Amazon SES (by SNS), SparkPost, \
                                Mandrill and Brevo";

/// The format of a mail.
pub(super) enum MailFormat {
    Raw,
    Posted(PostedFormat),
}

/// The format of a provider's webhook.
pub(super) enum PostedFormat {
    Fields,
    /// With the boundary of the parts, if the content type names it.
    Parts(Option<String>),
    Json,
}

/// The SMTP envelope of a mail, which may differ from its headers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope {
    /// `None` for an empty sender, as in delivery failure reports.
    pub from: Option<String>,
    pub to: Vec<String>,
    /// The name of the SMTP client.
    pub helo: Option<String>,
}

/// Parses a body to the payload. `envelope` is the one of a raw mail, if known.
pub(super) fn read(format: &MailFormat, envelope: Option<&Envelope>, body: &Bytes) -> Result<Value, ContentError> {
    let mut mail = match format {
        MailFormat::Raw => mime::read(body)?,
        MailFormat::Posted(posted) => Provided::of(posted, body)?.mail()?,
    };
    mail.envelope = mail.envelope.or_else(|| envelope.cloned());
    mail.into_data()
}

/// The attachment in a part; `None` if the part is not an attachment.
pub(super) fn file(format: &MailFormat, body: &Bytes, part: usize) -> Result<Option<File>, ContentError> {
    match format {
        MailFormat::Raw => mime::file(body, part),
        MailFormat::Posted(posted) => Provided::of(posted, body)?.file(part),
    }
}

/// A parsed mail.
#[derive(Default)]
struct Mail {
    provider: Option<&'static str>,
    envelope: Option<Envelope>,
    headers: Headers,
    from: Vec<Address>,
    to: Vec<Address>,
    cc: Vec<Address>,
    bcc: Vec<Address>,
    reply_to: Vec<Address>,
    subject: Option<String>,
    date: Option<Timestamp>,
    text: Option<String>,
    /// The text without quotes, if the provider sends it.
    text_without_quote: Option<String>,
    html: Option<String>,
    attachments: Vec<Attachment>,
    /// The provider's other fields, by name.
    provider_fields: Map<String, Value>,
    /// What was dropped or changed, and why.
    notes: Vec<String>,
}

struct Address {
    name: Option<String>,
    address: Option<String>,
}

struct Attachment {
    /// The part number.
    part: usize,
    name: Option<String>,
    content_type: Option<String>,
    size_bytes: usize,
    sha256: String,
    content_id: Option<String>,
    /// Whether the HTML shows the attachment.
    is_inline: bool,
}

impl Mail {
    /// A mail with only header fields.
    fn of(headers: Headers) -> Mail {
        Mail {
            from: headers.addresses("from"),
            to: headers.addresses("to"),
            cc: headers.addresses("cc"),
            bcc: headers.addresses("bcc"),
            reply_to: headers.addresses("reply-to"),
            subject: headers.text("subject"),
            date: headers.moment("date"),
            headers,
            ..Mail::default()
        }
    }

    /// The payload.
    fn into_data(mut self) -> Result<Value, ContentError> {
        let lists = [&self.from, &self.to, &self.cc, &self.bcc, &self.reply_to];
        if lists.into_iter().map(Vec::len).sum::<usize>() > ADDRESSES_MAX {
            return Err(ContentError::TooLarge(format!("the mail names more than {ADDRESSES_MAX} addresses")));
        }
        let html = self.html.map(with_plain_breaks);
        let json_ld = html.as_ref().map(|html| json_ld::read(html, &mut self.notes)).unwrap_or_default();
        let addresses = |list: Vec<Address>| list.into_iter().map(Address::into_json).collect::<Vec<Value>>();
        Ok(json!({
            "provider": self.provider,
            "envelope": self.envelope.map(|Envelope { from, to, helo }| json!({ "from": from, "to": to, "helo": helo })),
            "from": self.from.into_iter().next().map(Address::into_json),
            "to": addresses(self.to),
            "cc": addresses(self.cc),
            "bcc": addresses(self.bcc),
            "replyTo": addresses(self.reply_to),
            "subject": self.subject,
            "date": self.date,
            "messageId": self.headers.ids("message-id").into_iter().next(),
            "inReplyTo": self.headers.ids("in-reply-to").into_iter().next(),
            "references": self.headers.ids("references"),
            "headers": self.headers.to_json(),
            "text": self.text.map(with_plain_breaks),
            "textWithoutQuote": self.text_without_quote.map(with_plain_breaks),
            "html": html,
            "attachments": self.attachments.into_iter().map(Attachment::into_json).collect::<Vec<Value>>(),
            "jsonLd": json_ld,
            "providerFields": self.provider_fields,
            "notes": self.notes,
        }))
    }
}

impl Address {
    fn into_json(self) -> Value {
        json!({ "name": self.name, "address": self.address })
    }
}

impl Attachment {
    fn into_json(self) -> Value {
        json!({
            "part": self.part,
            "name": self.name,
            "contentType": self.content_type,
            "sizeBytes": self.size_bytes,
            "sha256": self.sha256,
            "contentId": self.content_id,
            "inline": self.is_inline,
        })
    }
}

/// The same text with `\n` at the ends of its lines: one way for all providers.
fn with_plain_breaks(text: String) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n") } else { text }
}
