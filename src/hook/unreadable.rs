//! The setting `unreadable`: what becomes of a request whose body can't be read.
//!
//! Such a request is authentic and within all limits of size and rate, but its body is not what its content type says,
//! or exceeds a limit on its contents. A vendor rarely corrects what it sends and may never repeat it, so by default a
//! hook keeps the request, byte for byte, with the reason: an admin can mend it and run it. An open form hook refuses
//! it by default, because its sender sees the error at once, and because there is no sender to trust.

use serde_json::Value;

use super::{HookKind, Verification};
use crate::objects::Problem;

/// What becomes of a request whose body can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is stored and answered like any other, and starts no workflow.
    Keep,
    /// It is refused.
    Refuse,
}

impl Unreadable {
    /// The words for them, in files and over HTTP.
    pub const NAMES: [(&'static str, Unreadable); 2] = [("keep", Unreadable::Keep), ("refuse", Unreadable::Refuse)];

    /// Reads `"keep"` or `"refuse"`.
    ///
    /// # Errors
    /// That it is neither.
    pub fn read(value: &Value) -> Result<Unreadable, Vec<Problem>> {
        let found = Self::NAMES.into_iter().find(|(name, _)| value == name);
        found.map(|(_, unreadable)| unreadable).ok_or_else(|| vec![Problem::new("", "expected `keep` or `refuse`")])
    }

    /// The default for a hook.
    pub fn default_for(kind: HookKind, verification: &Verification, captures: bool) -> Unreadable {
        match verification {
            Verification::Open if kind == HookKind::Form && !captures => Unreadable::Refuse,
            _ => Unreadable::Keep,
        }
    }
}
