//! Attempts at an effect or a step: how the log shows them, and how long to wait before the next.
//!
//! All attempts at one effect have the same idempotency key, so that a receiver can recognise repetitions.
//!
//! Limits: [`ATTEMPTS_MAX`] attempts, up to twelve minutes apart at the end.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::expr::{Secrets, mask};
use crate::outbound::{ATTEMPTS_MAX, Effect, EffectFailure, EffectOutcome, HttpResponse, Retry, is_retryable_status};
use crate::secrets::sensitive;

/// The longest `Retry-After` that is respected; a longer one counts as this long.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// The most bytes of an answer that the log shows, except of the last answer.
const EXCERPT_CHARACTERS_MAX: usize = 1_000;

/// One attempt at a step or at an effect, as the log shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Counted from 1.
    pub number: usize,
    /// `answered`, `failed`, or `unknown` if the process stopped before the outcome reached it.
    pub status: String,
    /// Of an HTTP call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Of an HTTP call, without its secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The targets of redirects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirects: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// The beginning of the answer, unless it was the last one, which is the step's output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// How long the call took, including redirects and tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The time of the next attempt, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
}

impl Attempt {
    /// An attempt with an unknown outcome.
    pub fn lost(effect: &Effect, number: usize, started_at: Timestamp) -> Attempt {
        let (method, uri) = match effect {
            Effect::Http(request) => (Some(request.method.clone()), Some(request.shown_uri())),
            Effect::Mail(_) => (None, None),
        };
        Attempt { number, status: "unknown".to_owned(), method, uri, started_at, ..Attempt::default() }
    }

    /// The attempt with its outcome.
    pub fn with_outcome(self, outcome: &EffectOutcome, finished_at: Timestamp, duration_ms: u64) -> Attempt {
        let attempt = Attempt { finished_at: Some(finished_at), duration_ms: Some(duration_ms), ..self };
        match outcome {
            EffectOutcome::Response(answer) => Attempt {
                status: "answered".to_owned(),
                status_code: Some(answer.status_code),
                redirects: answer.redirects.clone(),
                ..attempt
            },
            EffectOutcome::Receipt(receipt) => {
                Attempt { status: "answered".to_owned(), status_code: Some(receipt.code), ..attempt }
            }
            EffectOutcome::Failure(failure) => Attempt {
                status: "failed".to_owned(),
                status_code: failure.status_code,
                error: Some(failure.message.clone()),
                ..attempt
            },
        }
    }

    /// Masks secrets in what the log shows.
    pub fn mask(&mut self, secrets: &Secrets) {
        let texts = [&mut self.uri, &mut self.answer, &mut self.error].into_iter().flatten();
        for text in texts.chain(&mut self.redirects) {
            *text = mask(text, secrets).into_owned();
        }
    }
}

/// How long to wait before performing an effect again after attempt `number`; `None` if that was the last. `made`
/// counts the attempts of this execution of the step. Without an outcome, the attempt was lost. Network errors and
/// answers with 408, 425, 429 or 5xx are retried.
pub fn wait_after(
    (number, made): (usize, usize),
    retry: Retry,
    outcome: Option<&EffectOutcome>,
    key: &str,
    now: Timestamp,
) -> Option<Duration> {
    if made >= retry.attempts || number >= ATTEMPTS_MAX {
        return None;
    }
    match outcome {
        // The process died, which says nothing about the peer.
        None => Some(Duration::ZERO),
        Some(EffectOutcome::Response(answer)) if is_retryable_status(answer.status_code) => {
            let requested = answer.headers.get("retry-after").and_then(Value::as_str);
            let requested = requested.and_then(|text| retry_after(text, now));
            Some(backoff(number, key).max(requested.unwrap_or_default()))
        }
        Some(EffectOutcome::Failure(failure)) if failure.retryable => Some(backoff(number, key)),
        Some(EffectOutcome::Response(_) | EffectOutcome::Receipt(_) | EffectOutcome::Failure(_)) => None,
    }
}

/// Masks the credentials of the effect in its outcome, because some peers send them back.
pub fn masked(outcome: EffectOutcome, effect: &Effect) -> EffectOutcome {
    let mut secrets = Secrets::default();
    effect.credentials().iter().for_each(|credential| secrets.add("auth", credential));
    if secrets.is_empty() {
        return outcome;
    }
    match outcome {
        EffectOutcome::Response(mut answer) => {
            answer.headers.values_mut().for_each(|value| secrets.mask_value(value));
            secrets.mask_value(&mut answer.body);
            let redirects = answer.redirects.iter().map(|url| mask(url, &secrets).into_owned()).collect();
            EffectOutcome::Response(Box::new(HttpResponse { redirects, ..*answer }))
        }
        EffectOutcome::Failure(failure) => {
            EffectOutcome::Failure(EffectFailure { message: mask(&failure.message, &secrets).into_owned(), ..failure })
        }
        EffectOutcome::Receipt(receipt) => EffectOutcome::Receipt(receipt),
    }
}

/// The beginning of an answer that is not the step's output, for the log.
pub fn excerpt(outcome: &EffectOutcome) -> Option<String> {
    let EffectOutcome::Response(answer) = outcome else { return None };
    let text = match &answer.body {
        Value::String(text) => text.clone(),
        body => body.to_string(),
    };
    (!text.is_empty()).then(|| sensitive::excerpt(&text, EXCERPT_CHARACTERS_MAX).into_owned())
}

/// The idempotency key of a call, unique to its run, step and iteration.
pub fn idempotency_key(run: Id, step: &str, iteration: u32) -> String {
    let digest = Sha256::digest(format!("{run}/{iteration}/{step}"));
    hex::encode(&digest[..16])
}

/// How long to wait after attempt `number`: a random time up to 1 s, 3 s, 9 s, …, so that calls that failed together
/// are not repeated together. The key determines the time, which keeps the engine pure.
pub fn backoff(number: usize, key: &str) -> Duration {
    let exponent = u32::try_from(number.saturating_sub(1)).unwrap_or(u32::MAX).min(10);
    let longest_ms = 1_000 * 3_u64.pow(exponent);
    let digest = Sha256::digest(format!("{key}/{number}"));
    let fraction = u64::from(u16::from_be_bytes([digest[0], digest[1]]));
    Duration::from_millis(longest_ms * fraction / u64::from(u16::MAX))
}

/// Parses `Retry-After`: seconds, or a date.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let requested = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let since_1970 = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
            (Timestamp(0) + since_1970).since(now)
        }
    };
    Some(requested.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_are_spread_and_repeatable() {
        for number in 1..ATTEMPTS_MAX {
            let longest_ms = 1_000 * 3_u64.pow(number as u32 - 1);
            let waits: Vec<u64> = (0..200).map(|key| backoff(number, &key.to_string()).as_millis() as u64).collect();
            assert!(waits.iter().all(|wait| *wait <= longest_ms));
            for quarter in 0..4 {
                let range = longest_ms * quarter / 4..=longest_ms * (quarter + 1) / 4;
                let share = waits.iter().filter(|wait| range.contains(wait)).count();
                assert!((25..75).contains(&share), "attempt {number}, quarter {quarter}: {share} of 200");
            }
        }
        assert_eq!(backoff(3, "key"), backoff(3, "key"));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Timestamp::parse("2026-11-23T12:00:00Z").unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("999999", Some(3_600)),
            ("Mon, 23 Nov 2026 12:01:30 GMT", Some(90)),
            ("Monday, 23-Nov-26 12:01:30 GMT", Some(90)),
            ("Mon, 23 Nov 2026 11:00:00 GMT", Some(0)),
            ("Fri, 01 Jan 2027 00:00:00 GMT", Some(3_600)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
        }
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
}
