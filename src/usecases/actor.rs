//! The caller of a use case, and what its key allows.
//!
//! Only an [`Actor`] with the role makes a [`Reader`] or an [`Admin`], so a use case that takes one can't be called
//! without such a key.

use crate::base::id::Id;
use crate::catalog::Snapshot;
use crate::store::Role;

/// A caller that presented an API key of an org.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    org: Id,
    role: Role,
}

/// An actor that can read everything in its org.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader(Actor);

/// An actor that can read and change everything in its org.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admin(Actor);

/// Why a key does not allow a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    #[error("unknown API key")]
    UnknownKey,
    #[error("a key with the role {role} does not allow this")]
    Forbidden { role: Role },
}

/// The actor that an API key belongs to.
///
/// # Errors
/// [`AuthError::UnknownKey`].
pub fn authorise(snapshot: &Snapshot, key: &str) -> Result<Actor, AuthError> {
    let key = snapshot.key(key).ok_or(AuthError::UnknownKey)?;
    Ok(Actor { org: key.org, role: key.role })
}

impl Actor {
    /// # Errors
    /// [`AuthError::Forbidden`] unless its role is `org.admin` or `org.read`.
    pub fn reader(self) -> Result<Reader, AuthError> {
        match self.role {
            Role::Admin | Role::Read => Ok(Reader(self)),
            Role::Hooks => Err(AuthError::Forbidden { role: self.role }),
        }
    }

    /// # Errors
    /// [`AuthError::Forbidden`] unless its role is `org.admin`.
    pub fn admin(self) -> Result<Admin, AuthError> {
        match self.role {
            Role::Admin => Ok(Admin(self)),
            Role::Read | Role::Hooks => Err(AuthError::Forbidden { role: self.role }),
        }
    }
}

impl Reader {
    /// The actor's org.
    pub fn org(&self) -> Id {
        self.0.org
    }
}

impl Admin {
    /// The actor's org.
    pub fn org(&self) -> Id {
        self.0.org
    }

    /// The same actor, for use cases that only read.
    pub fn reader(&self) -> Reader {
        Reader(self.0)
    }
}
