//! Mails as data: created by a step and stored until sent.

use std::fmt;

use lettre::message::Mailboxes;
use serde::{Deserialize, Serialize};

/// The most recipients of a mail, over all kinds.
pub const RECIPIENTS_MAX: usize = 100;

/// A mail.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mail {
    /// The sender; defaults to the server's `--mail-from`.
    pub from: Option<String>,
    pub to: Vec<String>,
    pub cc: Vec<String>,
    pub bcc: Vec<String>,
    pub reply_to: Vec<String>,
    pub subject: String,
    pub text: Option<String>,
    pub html: Option<String>,
    /// Names and values of custom headers.
    pub headers: Vec<(String, String)>,
    pub attachments: Vec<Attachment>,
    /// The part of the Message-ID before the `@`, the same for all attempts.
    pub key: Option<String>,
}

/// An attached file.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    pub name: String,
    pub content_type: String,
    /// In Base64.
    pub content: String,
}

/// The mail server's reply on accepting a mail.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    pub message_id: String,
    /// The addresses that the mail goes to.
    pub recipients: Vec<String>,
    pub code: u16,
    /// The first line of the reply.
    pub answer: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recipients = self.to.len() + self.cc.len() + self.bcc.len();
        formatter.debug_struct("Mail").field("recipients", &recipients).field("key", &self.key).finish_non_exhaustive()
    }
}

/// The comma-separated addresses in a text, each as it appears in a header.
///
/// # Errors
/// What is wrong, without the text itself.
pub fn addresses(text: &str) -> Result<Vec<String>, String> {
    let mailboxes: Mailboxes = text.parse().map_err(|_| {
        "expected an address such as `ann@example.com` or `Ann <ann@example.com>`, or several separated by commas"
            .to_owned()
    })?;
    Ok(mailboxes.into_iter().map(|mailbox| mailbox.to_string()).collect())
}
