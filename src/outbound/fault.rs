//! What the HTTP library's errors mean, told apart by the types of their causes, not by their texts.

use std::error::Error;

use super::hop::refused;
use super::resolver::AddressRefused;
use super::{Failure, FailureKind};

/// Says what an error means. Its own text is not used, because it contains the URL.
pub(super) fn failure(error: reqwest::Error, origin: &str, timeout_ms: u64) -> Failure {
    if let Some(refusal) = causes(&error).find_map(|cause| cause.downcast_ref::<AddressRefused>()) {
        return refused(refusal.to_string());
    }
    let cause = root_cause(&error);
    let (kind, message) = if error.is_builder() {
        (FailureKind::Refused, format!("{origin} cannot be called: {cause}"))
    } else if error.is_timeout() && error.is_connect() {
        (FailureKind::Timeout, format!("no connection to {origin} in time"))
    } else if error.is_timeout() {
        (FailureKind::Timeout, format!("no complete answer of {origin} within {timeout_ms} ms"))
    } else if error.is_dns() {
        (FailureKind::Resolve, format!("the host of {origin} cannot be resolved: {cause}"))
    } else if error.is_connect() {
        (FailureKind::Connect, format!("no connection to {origin}: {cause}"))
    } else {
        (FailureKind::Interrupted, format!("the exchange with {origin} was cut short: {cause}"))
    };
    Failure::new(kind, message)
}

/// The error and what caused it, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

pub(super) fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}
