//! Orgs and their API keys.

use serde::Serialize;

use super::words::words;
use crate::base::id::Id;
use crate::base::time::Timestamp;

/// A tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Org {
    pub id: Id,
    pub name: String,
    pub created_at: Timestamp,
}

/// What the holder of an API key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub enum Role {
    /// Everything.
    #[serde(rename = "org.admin")]
    Admin,
    /// Read everything.
    #[serde(rename = "org.read")]
    Read,
    /// Post to hooks that require a key.
    #[serde(rename = "org.hooks")]
    Hooks,
}

/// An API key; the key itself is not stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub id: Id,
    pub org: Id,
    pub name: String,
    pub role: Role,
    /// SHA-256 of the key, in hex.
    pub hash: String,
    pub created_at: Timestamp,
}

words!(Role, "org.admin" = Role::Admin, "org.read" = Role::Read, "org.hooks" = Role::Hooks);
