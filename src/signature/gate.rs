//! What a request has to pass to get into a hook.

use super::algorithm::Key;
use super::received::{Received, Verified};
use super::scheme::Scheme;
use super::verify::Rejection;
use crate::time::Timestamp;

/// The rule of a hook.
#[derive(Debug)]
pub enum Gate {
    /// Nothing has to be signed.
    Open,
    /// Requests have to be signed with one of the keys; without a key, none passes.
    Signed { scheme: Box<Scheme>, keys: Vec<Key> },
    /// Requests have to be signed in a way that this process does not know.
    Shut,
}

impl Gate {
    /// The request as one whose body may be read.
    ///
    /// # Errors
    /// Which rule failed.
    pub fn admit(&self, received: Received<'_>, now: Timestamp) -> Result<Verified, Rejection> {
        match self {
            Gate::Open => Ok(Verified::new(received)),
            Gate::Signed { scheme, keys } => scheme.verify(keys, received, now),
            Gate::Shut => Err(Rejection::UnknownScheme),
        }
    }
}
