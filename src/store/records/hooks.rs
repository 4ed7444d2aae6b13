//! Hooks, their secrets, and what is counted and kept of the requests they receive.

use super::Status;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::hook::{HookKind, RawSettings};

/// An address that outsiders post to.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    pub id: Id,
    pub org: Id,
    pub kind: HookKind,
    pub name: String,
    pub title: String,
    pub description: Option<String>,
    /// The 64 hex characters that make the address unguessable.
    pub hash: String,
    pub status: Status,
    /// The hook's settings, as [`crate::hook::Settings::read`] takes them.
    pub settings: RawSettings,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Hook {
    /// The names of the event that a transaction on this hook raises: by the hook's name, and by its id.
    pub fn event_names(&self) -> [String; 2] {
        [format!("hooks.{}.{}.receive", self.kind, self.name), format!("hooks.{}.{}.receive", self.kind, self.id)]
    }
}

/// A secret that the senders of a hook sign with.
#[derive(Clone, Debug, PartialEq)]
pub struct HookSecret {
    pub id: Id,
    pub org: Id,
    pub hook: Id,
    /// The value as [`crate::secrets::vault::Vault`] has sealed it.
    pub sealed: String,
    pub created_at: Timestamp,
}

/// A key by which a hook recognizes a request that it has received before.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenKey {
    pub org: Id,
    pub hook: Id,
    /// SHA-256 of the key, in hex.
    pub key_digest: String,
    /// The transaction of the request, if the request is the first with this key.
    pub transaction: Id,
    pub at: Timestamp,
    /// From then on, a request with the same key counts as new.
    pub expires_at: Timestamp,
}

/// How often a request came again, and when it last did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicates {
    pub count: i64,
    pub last_at: Timestamp,
}

/// How many requests a hook refused for one reason.
#[derive(Clone, Debug, PartialEq)]
pub struct RefusalCount {
    pub reason: String,
    pub count: i64,
    pub last_at: Timestamp,
}

/// Details of a request that a hook refused.
#[derive(Clone, Debug, PartialEq)]
pub struct RefusedRequest {
    pub id: Id,
    pub org: Id,
    pub hook: Id,
    pub created_at: Timestamp,
    /// The code of the reason, and the message that the sender got.
    pub reason: String,
    pub detail: String,
    pub method: String,
    /// Without the secret of the hook's address.
    pub path: String,
    /// Secrets masked, as in the headers.
    pub query: Option<String>,
    /// By name, in lower case.
    pub headers: Vec<(String, String)>,
    /// The address that sent it.
    pub peer: Option<String>,
    /// The value of the request's `Content-Length` header.
    pub content_length: Option<i64>,
    /// The first bytes of the body.
    pub body: Vec<u8>,
    /// Whether nothing of the body is missing or masked.
    pub whole: bool,
    /// The transaction that it became when an admin accepted it.
    pub transaction: Option<Id>,
}
