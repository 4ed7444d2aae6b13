//! Why a request to a hook is refused.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};

use crate::content::ContentError;
use crate::http::errors::{ApiError, Code, store_failure};
use crate::store::StoreError;

macro_rules! reasons {
    ($($reason:ident = $name:literal $code:ident;)+) => {
        /// All reasons.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $($reason),+ }

        impl Reason {
            /// Each reason with its name in counters and responses.
            pub const ALL: [(Reason, &'static str); [$(Reason::$reason),+].len()] = [$((Reason::$reason, $name)),+];

            /// The error code that the sender gets.
            pub fn code(self) -> Code {
                match self { $(Reason::$reason => Code::$code),+ }
            }
        }
    };
}

reasons! {
    UnknownHook = "unknown_hook" UnknownHook;
    HookDisabled = "hook_disabled" HookDisabled;
    HookDeleted = "hook_deleted" HookDeleted;
    AddressNotAllowed = "address_not_allowed" AddressNotAllowed;
    Method = "method" MethodNotAllowed;
    BodyTooLarge = "body_too_large" BodyTooLarge;
    BodyTooSlow = "body_too_slow" BodyTooSlow;
    BodyIncomplete = "body_incomplete" BodyIncomplete;
    UnsupportedMediaType = "unsupported_media_type" UnsupportedMediaType;
    Signature = "signature" NotVerified;
    RateLimited = "rate_limited" RateLimited;
    OrgRateLimited = "org_rate_limited" RateLimited;
    TooManyAtOnce = "too_many_at_once" TooManyAtOnce;
    MalformedJson = "malformed_json" MalformedJson;
    MalformedBody = "malformed_body" MalformedBody;
    NestingTooDeep = "nesting_too_deep" NestingTooDeep;
    ChallengeFailed = "challenge_failed" ChallengeFailed;
    NotHuman = "not_human" NotHuman;
    CaptchaUnavailable = "captcha_unavailable" CaptchaUnavailable;
    KeysUnavailable = "keys_unavailable" KeysUnavailable;
    Overloaded = "overloaded" Overloaded;
    StoreUnavailable = "store_unavailable" Unavailable;
}

impl Reason {
    /// The reason's name.
    pub fn as_str(self) -> &'static str {
        Self::ALL[self.index()].1
    }

    /// Whether the body arrived, and can't be read: as it is, or within the limits on its contents.
    pub(super) fn is_unreadable(self) -> bool {
        matches!(
            self,
            Reason::UnsupportedMediaType
                | Reason::MalformedJson
                | Reason::MalformedBody
                | Reason::NestingTooDeep
                | Reason::BodyTooLarge
        )
    }

    /// The names of the reasons why a body that has arrived can't be read.
    pub fn unreadable() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().filter(|(reason, _)| reason.is_unreadable()).map(|(_, name)| name)
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// Why a request is refused, and a sentence for the sender.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub reason: Reason,
    pub detail: String,
    /// When to retry, if the reason alone does not imply it.
    pub retry_after_s: Option<u64>,
    /// The methods that would be accepted, for a refused method.
    pub methods: Option<String>,
}

impl Refusal {
    pub fn new(reason: Reason, detail: impl Into<String>) -> Refusal {
        Refusal { reason, detail: detail.into(), retry_after_s: None, methods: None }
    }

    /// Adds the time after which the sender may retry.
    pub fn retry_after(self, retry_after_s: u64) -> Refusal {
        Refusal { retry_after_s: Some(retry_after_s), ..self }
    }

    /// Adds the methods that the sender may use.
    pub fn methods(self, methods: String) -> Refusal {
        Refusal { methods: Some(methods), ..self }
    }

    /// What a failed commit means to the sender. Whatever failed, the request is good and was not stored, so the sender
    /// has to try again.
    pub fn from_store(error: &StoreError) -> Refusal {
        match store_failure(error) {
            (Code::Overloaded, detail) => Refusal::new(Reason::Overloaded, detail),
            _ => Refusal::new(Reason::StoreUnavailable, "the request cannot be stored at the moment; try again"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.detail)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        ApiError::new(refusal.reason.code(), refusal.detail)
    }
}

/// Senders get refusals in the same format as API errors.
impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.reason.code().status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = ApiError::from(self.clone()).error_response();
        if let Some(methods) = self.methods.as_ref().and_then(|methods| HeaderValue::from_str(methods).ok()) {
            response.headers_mut().insert(ALLOW, methods);
        }
        if let Some(retry_after_s) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_s));
        }
        response
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
    fn every_reason_has_its_own_name() {
        for (index, (reason, name)) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), index);
            assert_eq!(reason.as_str(), name);
        }
    }
}
