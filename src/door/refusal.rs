//! Why a request to a hook is refused.

use crate::content::ContentError;
use crate::store::StoreError;

/// Every reason there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    UnknownHook,
    HookDisabled,
    HookDeleted,
    AddressNotAllowed,
    Method,
    BodyTooLarge,
    BodyTooSlow,
    BodyIncomplete,
    UnsupportedMediaType,
    Signature,
    RateLimited,
    OrgRateLimited,
    TooManyAtOnce,
    MalformedJson,
    MalformedBody,
    NestingTooDeep,
    ChallengeFailed,
    NotHuman,
    CaptchaUnavailable,
    Overloaded,
    StoreUnavailable,
}

impl Reason {
    /// Each reason with the word that counts and answers use for it.
    pub const ALL: [(Reason, &'static str); 21] = [
        (Reason::UnknownHook, "unknown_hook"),
        (Reason::HookDisabled, "hook_disabled"),
        (Reason::HookDeleted, "hook_deleted"),
        (Reason::AddressNotAllowed, "address_not_allowed"),
        (Reason::Method, "method"),
        (Reason::BodyTooLarge, "body_too_large"),
        (Reason::BodyTooSlow, "body_too_slow"),
        (Reason::BodyIncomplete, "body_incomplete"),
        (Reason::UnsupportedMediaType, "unsupported_media_type"),
        (Reason::Signature, "signature"),
        (Reason::RateLimited, "rate_limited"),
        (Reason::OrgRateLimited, "org_rate_limited"),
        (Reason::TooManyAtOnce, "too_many_at_once"),
        (Reason::MalformedJson, "malformed_json"),
        (Reason::MalformedBody, "malformed_body"),
        (Reason::NestingTooDeep, "nesting_too_deep"),
        (Reason::ChallengeFailed, "challenge_failed"),
        (Reason::NotHuman, "not_human"),
        (Reason::CaptchaUnavailable, "captcha_unavailable"),
        (Reason::Overloaded, "overloaded"),
        (Reason::StoreUnavailable, "store_unavailable"),
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        Self::ALL[self.index()].1
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// A refused request: the reason, and a sentence for the sender.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub reason: Reason,
    pub detail: String,
    /// When to come again, if the reason alone does not tell.
    pub retry_after_s: Option<u64>,
    /// The methods that would be answered, if it is about the method.
    pub methods: Option<String>,
}

impl Refusal {
    pub fn new(reason: Reason, detail: impl Into<String>) -> Refusal {
        Refusal { reason, detail: detail.into(), retry_after_s: None, methods: None }
    }

    /// The same, for a sender that may come again after so many seconds.
    pub fn retry_after(self, retry_after_s: u64) -> Refusal {
        Refusal { retry_after_s: Some(retry_after_s), ..self }
    }

    /// The same, for a sender that may use these methods.
    pub fn methods(self, methods: String) -> Refusal {
        Refusal { methods: Some(methods), ..self }
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
