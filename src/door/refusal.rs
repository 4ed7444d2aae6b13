//! Why a request to a hook is refused, and how often that happened.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::content::ContentError;
use crate::id::Id;
use crate::observe::metrics;
use crate::store::{Store, StoreError, StoreResult};

/// Every reason there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    UnknownHook,
    HookDisabled,
    HookDeleted,
    Method,
    BodyTooLarge,
    BodyTooSlow,
    BodyIncomplete,
    UnsupportedMediaType,
    Signature,
    MalformedJson,
    MalformedBody,
    NestingTooDeep,
    Overloaded,
    StoreUnavailable,
}

impl Reason {
    /// Each reason with the word that counts and answers use for it.
    pub const ALL: [(Reason, &'static str); 14] = [
        (Reason::UnknownHook, "unknown_hook"),
        (Reason::HookDisabled, "hook_disabled"),
        (Reason::HookDeleted, "hook_deleted"),
        (Reason::Method, "method"),
        (Reason::BodyTooLarge, "body_too_large"),
        (Reason::BodyTooSlow, "body_too_slow"),
        (Reason::BodyIncomplete, "body_incomplete"),
        (Reason::UnsupportedMediaType, "unsupported_media_type"),
        (Reason::Signature, "signature"),
        (Reason::MalformedJson, "malformed_json"),
        (Reason::MalformedBody, "malformed_body"),
        (Reason::NestingTooDeep, "nesting_too_deep"),
        (Reason::Overloaded, "overloaded"),
        (Reason::StoreUnavailable, "store_unavailable"),
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        Self::ALL[self.index()].1
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// A refused request: the reason, and a sentence for the sender.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub reason: Reason,
    pub detail: String,
}

impl Refusal {
    pub fn new(reason: Reason, detail: impl Into<String>) -> Refusal {
        Refusal { reason, detail: detail.into() }
    }

    /// What a failed commit means to the sender.
    pub fn from_store(error: &StoreError) -> Refusal {
        match error {
            StoreError::Busy => Refusal::new(Reason::Overloaded, "too many requests are waiting; try again"),
            _ => Refusal::new(Reason::StoreUnavailable, "the request can't be stored at the moment; try again"),
        }
    }
}

impl From<ContentError> for Refusal {
    fn from(error: ContentError) -> Refusal {
        let reason = match error {
            ContentError::Unsupported(_) => Reason::UnsupportedMediaType,
            ContentError::MalformedJson(_) => Reason::MalformedJson,
            ContentError::Malformed(_) => Reason::MalformedBody,
            ContentError::TooDeep(_) => Reason::NestingTooDeep,
            ContentError::TooLarge(_) => Reason::BodyTooLarge,
        };
        Refusal::new(reason, error.to_string())
    }
}

/// Counts that wait to be written, by hook and reason. They are added to the database about once a second, so a killed
/// process loses the last second of counts and nothing else.
#[derive(Clone, Default)]
pub struct RefusalCounts(Arc<Mutex<Counts>>);

/// By org, hook and reason.
type Counts = HashMap<(Id, Id, Reason), i64>;

impl RefusalCounts {
    /// Counts a refusal; `hook` is its org and id, if there was a hook.
    pub fn count(&self, hook: Option<(Id, Id)>, reason: Reason) {
        metrics::request_refused(reason.index());
        if let Some((org, hook)) = hook {
            let mut counts = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            *counts.entry((org, hook, reason)).or_default() += 1;
        }
    }

    /// Writes what was counted since the last time.
    ///
    /// # Errors
    /// Those of the store; the counts are kept for the next time.
    pub async fn write(&self, store: &Store) -> StoreResult<()> {
        let counted = std::mem::take(&mut *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        if counted.is_empty() {
            return Ok(());
        }
        let batch: Vec<_> = counted.iter().map(|(key, count)| (*key, *count)).collect();
        let written = store.write(move |session| {
            let now = session.now();
            batch.iter().try_for_each(|((org, hook, reason), count)| {
                session.add_refusals(*org, *hook, reason.word(), *count, now)
            })
        });
        let written = written.await;
        if written.is_err() {
            let mut counts = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            counted.into_iter().for_each(|(key, count)| *counts.entry(key).or_default() += count);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_word() {
        for (index, (reason, word)) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), index);
            assert_eq!(reason.word(), word);
        }
    }
}
