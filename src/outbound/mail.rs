//! Mails as data: what a step hands out and what is stored until it has been sent.

use std::fmt;

use lettre::message::Mailboxes;
use serde::{Deserialize, Serialize};

/// How many addresses a mail may go to, all kinds together.
pub const RECIPIENTS_MAX: usize = 100;

/// A mail.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mail {
    /// The sender; the one that the server was started with if there is none.
    pub from: Option<String>,
    pub to: Vec<String>,
    pub cc: Vec<String>,
    pub bcc: Vec<String>,
    pub reply_to: Vec<String>,
    pub subject: String,
    pub text: Option<String>,
    pub html: Option<String>,
    /// Names and values of headers of the step's own.
    pub headers: Vec<(String, String)>,
    pub attachments: Vec<Attachment>,
    /// The part of the Message-ID before the `@`, the same for all attempts.
    pub key: Option<String>,
}

/// A file that goes with a mail.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    pub name: String,
    pub content_type: String,
    /// In Base64.
    pub content: String,
}

/// What the mail server said when it took a mail.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    pub message_id: String,
    /// The addresses that the mail goes to.
    pub recipients: Vec<String>,
    pub code: u16,
    /// Its first line.
    pub answer: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recipients = self.to.len() + self.cc.len() + self.bcc.len();
        formatter.debug_struct("Mail").field("recipients", &recipients).field("key", &self.key).finish_non_exhaustive()
    }
}

/// The addresses in a text, separated by commas, each as it stands in a header.
///
/// # Errors
/// What is wrong, without the text.
pub fn addresses(text: &str) -> Result<Vec<String>, String> {
    let mailboxes: Mailboxes = text.parse().map_err(|_| {
        "expected an address such as `ann@example.com` or `Ann <ann@example.com>`, or several with commas".to_owned()
    })?;
    Ok(mailboxes.into_iter().map(|mailbox| mailbox.to_string()).collect())
}
