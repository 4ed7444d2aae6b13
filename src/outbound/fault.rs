//! Classifies the HTTP library's errors, by the types of their causes rather than by their texts.

use std::error::Error;

use super::hop::refused;
use super::resolver::AddressRefused;
use super::{EffectFailure, FailureKind};

/// Turns an error into a failure. The error's own text is not used, because it contains the URL.
pub(super) fn failure(error: reqwest::Error, origin: &str, timeout_ms: u64) -> EffectFailure {
    if let Some(refusal) = causes(&error).find_map(|cause| cause.downcast_ref::<AddressRefused>()) {
        return refused(refusal.to_string());
    }
    let cause = root_cause(&error);
    let (kind, message) = if error.is_builder() {
        (FailureKind::Refused, format!("{origin} cannot be called: {cause}"))
    } else if error.is_timeout() && error.is_connect() {
        (FailureKind::Timeout, format!("connecting to {origin} timed out"))
    } else if error.is_timeout() {
        (FailureKind::Timeout, format!("no complete response from {origin} within {timeout_ms} ms"))
    } else if error.is_dns() {
        (FailureKind::Resolve, format!("the host of {origin} cannot be resolved: {cause}"))
    } else if error.is_connect() {
        (FailureKind::Connect, format!("no connection to {origin}: {cause}"))
    } else {
        (FailureKind::Interrupted, format!("the exchange with {origin} was cut short: {cause}"))
    };
    EffectFailure::new(kind, message)
}

/// The error and its causes, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

pub(super) fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}
