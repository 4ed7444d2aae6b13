//! A step that waits: for its external call, or to be executed again.
//!
//! Before a call is made, what is going to be called and the number of the attempt are committed with the run; after it
//! the outcome is. A process that dies in between leaves an attempt whose outcome is unknown, which is logged as such
//! and repeated. All attempts carry the same `Idempotency-Key`, so that a receiver can tell a repetition from a second
//! call.
//!
//! Limits: [`ATTEMPTS_MAX`] attempts, about a quarter of an hour apart at the end.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::expr::Note;
use crate::id::Id;
use crate::outbound::{HttpOutcome, HttpRequest};
use crate::time::Timestamp;

/// How often a call is made at most.
pub const ATTEMPTS_MAX: usize = 8;
/// The longest `Retry-After` that is respected; a longer one is taken as this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// A step that waits for its external call, or to be executed again; stored with the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    pub step: String,
    pub action: String,
    pub input: Box<RawValue>,
    pub notes: Vec<Note>,
    pub started_at: Timestamp,
    /// The call; none if the step is to be executed again.
    #[serde(default)]
    pub request: Option<HttpRequest>,
    /// What the step completes with when its time has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// The run that it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<Id>,
    /// The attempts made, the one under way not included.
    pub attempts: Vec<Attempt>,
    /// Whether an attempt is under way, and since when.
    pub in_flight: bool,
    pub attempt_started_at: Timestamp,
}

/// One attempt at a step that was tried again, or at an external call, as the log shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Counted from 1.
    pub number: usize,
    /// `answered`, `failed`, or `unknown` if the process stopped before it heard of the outcome.
    pub status: String,
    /// Of a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Of a call; without the query, which may hold secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// When the next attempt is made, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
}

/// What to do with the outcome of an attempt.
pub enum Verdict {
    /// The call is done, and this is the step's output.
    Output(Value),
    /// The call is to be made again after this time.
    Retry(Duration),
    /// The call can't be made; this says why.
    Failed(String),
}

impl Pending {
    /// The attempt under way, with how it ended.
    pub fn attempt(&self, status: &str, outcome: Option<&HttpOutcome>, finished_at: Option<Timestamp>) -> Attempt {
        let (status_code, error) = match outcome {
            Some(HttpOutcome::Answer(answer)) => (Some(answer.status_code), None),
            Some(HttpOutcome::Failure(failure)) => (None, Some(failure.message.clone())),
            None => (None, None),
        };
        Attempt {
            number: self.attempts.len() + 1,
            status: status.to_owned(),
            method: self.request.as_ref().map(|request| request.method.clone()),
            uri: self.request.as_ref().map(|request| without_query(&request.uri)),
            status_code,
            error,
            started_at: self.attempt_started_at,
            finished_at,
            retry_at: None,
        }
    }
}

/// The key that all attempts at one call carry: the same for the same run, step and iteration, and for nothing else.
pub fn idempotency_key(run: Id, step: &str, iteration: u32) -> String {
    let digest = Sha256::digest(format!("{run}/{iteration}/{step}"));
    hex::encode(&digest[..16])
}

/// Judges the outcome of attempt `number`. Network errors, 408, 429 and 5xx are tried again as long as there are
/// attempts left; after that an answer of whatever status is the output, for the workflow to branch on.
pub fn judge(outcome: HttpOutcome, number: usize, key: &str) -> Verdict {
    let tries_left = number < ATTEMPTS_MAX;
    match outcome {
        HttpOutcome::Answer(answer) => {
            let asks_for_retry = matches!(answer.status_code, 408 | 429 | 500..=599);
            if asks_for_retry && tries_left {
                let requested = answer.headers.get("retry-after").and_then(Value::as_str).and_then(retry_after);
                return Verdict::Retry(backoff(number, key).max(requested.unwrap_or_default()));
            }
            let response = json!({ "statusCode": answer.status_code, "headers": answer.headers });
            Verdict::Output(json!({ "response": response, "body": answer.body }))
        }
        HttpOutcome::Failure(failure) if failure.retryable && tries_left => Verdict::Retry(backoff(number, key)),
        HttpOutcome::Failure(failure) => Verdict::Failed(failure.message),
    }
}

/// How long to wait after attempt `number`: 1 s, 3 s, 9 s, … with up to half of it taken off at random, so that calls
/// that failed together do not come back together. The randomness is drawn from the key: the same inputs give the same
/// time, which keeps the engine pure.
pub fn backoff(number: usize, key: &str) -> Duration {
    let exponent = u32::try_from(number.saturating_sub(1)).unwrap_or(u32::MAX).min(10);
    let full_ms = 1_000 * 3_u64.pow(exponent);
    let digest = Sha256::digest(format!("{key}/{number}"));
    let fraction = u64::from(u16::from_be_bytes([digest[0], digest[1]]));
    Duration::from_millis(full_ms - full_ms / 2 * fraction / u64::from(u16::MAX))
}

fn retry_after(text: &str) -> Option<Duration> {
    let seconds: u64 = text.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

fn without_query(uri: &str) -> String {
    let end = uri.find(['?', '#']).unwrap_or(uri.len());
    let shown = &uri[..end];
    match (shown.find("://"), shown.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://{}", &shown[..scheme], &shown[at + 1..]),
        _ => shown.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_are_spread_and_repeatable() {
        for number in 1..ATTEMPTS_MAX {
            let full_ms = 1_000 * 3_u64.pow(number as u32 - 1);
            let waits: Vec<u64> = (0..50).map(|key| backoff(number, &key.to_string()).as_millis() as u64).collect();
            assert!(waits.iter().all(|wait| (full_ms / 2..=full_ms).contains(wait)));
            assert!(waits.iter().collect::<std::collections::HashSet<_>>().len() > 25);
        }
        assert_eq!(backoff(3, "key"), backoff(3, "key"));
    }

    #[test]
    fn keys_tell_runs_steps_and_iterations_apart() {
        let (one, other) = (Id::generate(), Id::generate());
        let keys = [
            idempotency_key(one, "2", 0),
            idempotency_key(other, "2", 0),
            idempotency_key(one, "3", 0),
            idempotency_key(one, "2", 1),
        ];
        assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), 4);
        assert_eq!(idempotency_key(one, "2", 0), keys[0]);
    }

    #[test]
    fn a_logged_uri_holds_no_secrets() {
        assert_eq!(without_query("https://u:p@example.com/a?token=x#y"), "https://example.com/a");
        assert_eq!(without_query("https://example.com/a"), "https://example.com/a");
    }
}
