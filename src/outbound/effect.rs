//! Effects: what a step does to the world outside, as data, and how that ends.
//!
//! The engine stores an effect before it has it performed, with the same attempts, waits and log for all kinds. What a step
//! gets to see in the end is said here, by [`Effect::output`]; when to try again is said by [`Retry`] and by the outcome.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::mail::{Mail, Receipt};
use super::{HttpAnswer, HttpRequest, smtp};

/// How often an effect is performed at most.
pub const ATTEMPTS_MAX: usize = 8;

/// Something to be done outside of any transaction.
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
pub enum Outcome {
    /// The peer answered, with whatever status.
    Answer(Box<HttpAnswer>),
    /// The mail server took the mail.
    Receipt(Receipt),
    /// There is no complete answer.
    Failure(Failure),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The class of the failure.
    pub kind: FailureKind,
    /// What happened, for people, without secrets: it names the host and the cause.
    pub message: String,
    /// Whether the same may succeed later.
    pub retryable: bool,
    /// What the mail server answered.
    pub status_code: Option<u16>,
}

/// Classes of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Never sent: the address policy forbids it, or the URL, the method or a header is not valid.
    Refused,
    /// Never sent: there is no token for it.
    Token,
    /// The host name has no address.
    Resolve,
    /// No connection, or no TLS session on it.
    Connect,
    /// The mail server does not take the mail.
    Rejected,
    /// Not done in time.
    Timeout,
    /// The answer is larger than is taken.
    TooLarge,
    /// The connection broke, or what came over it was not in the protocol.
    Interrupted,
}

/// Why the final outcome of an effect fails its step.
#[derive(Clone, Debug, PartialEq)]
pub struct Unusable {
    /// Stable, in snake_case.
    pub code: &'static str,
    pub message: String,
}

/// How often to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// All attempts, the first included.
    pub attempts: usize,
}

impl Retry {
    /// The effect is performed once, whatever comes of it.
    pub const NEVER: Retry = Retry { attempts: 1 };
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { attempts: ATTEMPTS_MAX }
    }
}

impl Failure {
    /// A failure whose kind decides whether a retry makes sense.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into(), retryable: kind.is_retryable(), status_code: None }
    }
}

impl FailureKind {
    /// Whether the cause may go away by itself; a refusal or an oversized answer will not.
    pub fn is_retryable(self) -> bool {
        !matches!(self, FailureKind::Refused | FailureKind::Token | FailureKind::Rejected | FailureKind::TooLarge)
    }
}

impl Effect {
    /// Gives it the key by which its receiver can tell a repetition from something new, unless the step set one itself.
    pub fn set_key(&mut self, key: &str) {
        match self {
            Effect::Http(request) => request.set_idempotency_key(key),
            Effect::Mail(mail) => mail.key = Some(key.to_owned()),
        }
    }

    /// What of it proves who performs it, each by itself.
    pub fn credentials(&self) -> Vec<String> {
        match self {
            Effect::Http(request) => request.credentials(),
            Effect::Mail(_) => Vec::new(),
        }
    }

    /// How long performing it may take.
    pub fn timeout_ms(&self) -> u64 {
        match self {
            Effect::Http(request) => request.timeout_ms,
            Effect::Mail(_) => u64::try_from(smtp::TIMEOUT.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// What the step outputs after the last attempt.
    pub fn output(&self, outcome: Outcome) -> Result<Value, Unusable> {
        match (self, outcome) {
            (Effect::Http(request), Outcome::Answer(answer)) => request.output(*answer),
            (Effect::Mail(_), Outcome::Receipt(receipt)) => Ok(json!({
                "messageId": receipt.message_id,
                "recipients": receipt.recipients,
                "code": receipt.code,
                "answer": receipt.answer,
            })),
            (_, Outcome::Failure(failure)) => Err(self.unusable(failure.message)),
            (_, Outcome::Answer(_) | Outcome::Receipt(_)) => {
                Err(self.unusable("the answer is that to something else".to_owned()))
            }
        }
    }

    /// A failure of the step whose effect this is.
    pub fn unusable(&self, message: String) -> Unusable {
        match self {
            Effect::Http(_) => Unusable { code: "call_failed", message },
            Effect::Mail(_) => Unusable { code: "mail_failed", message },
        }
    }
}
