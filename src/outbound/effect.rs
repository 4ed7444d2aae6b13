//! Effects: what a step does to the outside, as data, and how it ends.
//!
//! The engine stores an effect before performing it, with the same attempts, delays and log for all kinds.
//! [`Effect::output`] turns the final outcome into the step's output; [`Retry`] and the outcome decide when to retry.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::mail::{Mail, Receipt};
use super::{HttpRequest, HttpResponse, smtp};

/// The most attempts at an effect.
pub const ATTEMPTS_MAX: usize = 8;

/// Something to do outside of any transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// An HTTP call.
    Http(Box<HttpRequest>),
    /// A mail.
    Mail(Box<Mail>),
}

/// How an attempt at an effect ended.
#[derive(Clone, Debug, PartialEq)]
pub enum EffectOutcome {
    /// The peer responded, with any status.
    Response(Box<HttpResponse>),
    /// The mail server accepted the mail.
    Receipt(Receipt),
    /// There is no complete response.
    Failure(EffectFailure),
}

/// Why there is no response.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectFailure {
    pub kind: FailureKind,
    /// What happened, for people, without secrets; names the host and the cause.
    pub message: String,
    /// Whether the same effect may succeed later.
    pub retryable: bool,
    /// The mail server's reply code.
    pub status_code: Option<u16>,
}

/// Classes of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Never sent: the address policy forbids it, or the URL, the method or a header is invalid.
    Refused,
    /// Never sent: no token was issued for it.
    Token,
    /// The host name has no address.
    Resolve,
    /// No connection, or no TLS session.
    Connect,
    /// The mail server rejected the mail.
    Rejected,
    /// Not completed in time.
    Timeout,
    /// The response exceeds the size limit.
    TooLarge,
    /// The connection broke, or the peer violated the protocol.
    Interrupted,
}

/// Why the final outcome of an effect fails its step.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectError {
    /// Stable, in snake_case.
    pub code: &'static str,
    pub message: String,
}

/// How often to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// All attempts, including the first.
    pub attempts: usize,
}

impl Retry {
    /// Perform the effect once, whatever the outcome.
    pub const NEVER: Retry = Retry { attempts: 1 };
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { attempts: ATTEMPTS_MAX }
    }
}

impl EffectFailure {
    /// A failure whose kind decides whether a retry makes sense.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> EffectFailure {
        EffectFailure { kind, message: message.into(), retryable: kind.is_retryable(), status_code: None }
    }
}

impl FailureKind {
    /// Whether the cause may go away; a refusal or an oversized response will not.
    pub fn is_retryable(self) -> bool {
        !matches!(self, FailureKind::Refused | FailureKind::Token | FailureKind::Rejected | FailureKind::TooLarge)
    }
}

impl Effect {
    /// Sets the key by which the receiver recognizes a repetition, unless the step has set one itself.
    pub fn set_key(&mut self, key: &str) {
        match self {
            Effect::Http(request) => request.set_idempotency_key(key),
            Effect::Mail(mail) => mail.key = Some(key.to_owned()),
        }
    }

    /// The credentials in the effect, one by one.
    pub fn credentials(&self) -> Vec<String> {
        match self {
            Effect::Http(request) => request.credentials(),
            Effect::Mail(_) => Vec::new(),
        }
    }

    /// The timeout of one attempt.
    pub fn timeout_ms(&self) -> u64 {
        match self {
            Effect::Http(request) => request.timeout_ms,
            Effect::Mail(_) => u64::try_from(smtp::TIMEOUT.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// What the step outputs after the last attempt.
    pub fn output(&self, outcome: EffectOutcome) -> Result<Value, EffectError> {
        match (self, outcome) {
            (Effect::Http(request), EffectOutcome::Response(response)) => request.output(*response),
            (Effect::Mail(_), EffectOutcome::Receipt(receipt)) => Ok(json!({
                "messageId": receipt.message_id,
                "recipients": receipt.recipients,
                "code": receipt.code,
                "answer": receipt.answer,
            })),
            (_, EffectOutcome::Failure(failure)) => Err(self.error(failure.message)),
            (_, EffectOutcome::Response(_) | EffectOutcome::Receipt(_)) => {
                Err(self.error("the response is of the wrong kind".to_owned()))
            }
        }
    }

    /// An error that fails the step of this effect.
    pub fn error(&self, message: String) -> EffectError {
        match self {
            Effect::Http(_) => EffectError { code: "call_failed", message },
            Effect::Mail(_) => EffectError { code: "mail_failed", message },
        }
    }
}
