//! API keys, and the first org and key.
//!
//! A key is `hf_` and 64 random hex characters. Only its SHA-256 is stored, so it is shown only when it is created.

use super::{Catalog, digest};
use crate::base::id::{Id, random_bytes};
use crate::config::ADMIN_KEY_VARIABLE;
use crate::store::{Key, Org, Role, Session, StoreError, StoreResult};

/// The org that the first start creates.
pub const DEFAULT_ORG: &str = "default";
/// The fewest characters of a key that an operator chooses.
pub const KEY_CHARACTERS_MIN: usize = 16;
/// Why a key can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(
        "HOOKFLOW_ADMIN_KEY has fewer than {KEY_CHARACTERS_MIN} characters, which can be guessed; choose a longer one"
    )]
    TooShort,
    #[error("HOOKFLOW_ADMIN_KEY holds characters that can't be sent in a header; use visible ASCII without spaces")]
    NotSendable,
    #[error("the first org and key could not be stored")]
    Store(#[from] StoreError),
}

/// The admin key that the operator chose, if any.
///
/// # Errors
/// If the key is too short, or has characters that can't be sent.
pub fn from_environment() -> Result<Option<String>, KeyError> {
    // A secret from a file often ends in a line break, which no caller sends.
    let given = std::env::var(ADMIN_KEY_VARIABLE).ok().map(|secret| secret.trim().to_owned());
    let given = given.filter(|secret| !secret.is_empty());
    match &given {
        Some(secret) if !secret.bytes().all(|byte| byte.is_ascii_graphic()) => Err(KeyError::NotSendable),
        Some(secret) if secret.chars().count() < KEY_CHARACTERS_MIN => Err(KeyError::TooShort),
        _ => Ok(given),
    }
}

/// A new key, as callers send it.
pub fn new_secret() -> String {
    format!("hf_{}", hex::encode(random_bytes::<32>()))
}

/// The record of a key.
pub fn new_key(session: &mut dyn Session, org: Id, name: &str, role: Role, secret: &str) -> Key {
    let hash = hex::encode(digest(secret));
    Key { id: session.new_id(), org, name: name.to_owned(), role, hash, created_at: session.now() }
}

/// Creates the default org if there is none, and ensures that there is an admin key: the given one, or a new one, which
/// is returned to be shown.
///
/// # Errors
/// [`KeyError`]; then nothing is created.
pub async fn set_up(catalog: &Catalog, given: Option<String>) -> Result<(Org, Option<String>), KeyError> {
    let generated = new_secret();
    let secret = generated.clone();
    let (org, made) = catalog.change(move |session| set_up_in(session, given.as_deref(), &secret)).await?;
    Ok((org, made.then_some(generated)))
}

fn set_up_in(session: &mut dyn Session, given: Option<&str>, generated: &str) -> StoreResult<(Org, bool)> {
    let present = session.orgs()?.into_iter().next();
    let org = match present {
        Some(org) => org,
        None => {
            let org = Org { id: session.new_id(), name: DEFAULT_ORG.into(), created_at: session.now() };
            session.insert_org(&org)?;
            org
        }
    };
    let keys = session.keys(org.id)?;
    if let Some(secret) = given {
        put_environment_key(session, org.id, &keys, secret)?;
        return Ok((org, false));
    }
    if keys.iter().any(|key| key.role == Role::Admin) {
        return Ok((org, false));
    }
    let key = new_key(session, org.id, "first admin key", Role::Admin, generated);
    session.insert_key(&key)?;
    Ok((org, true))
}

/// The key from the environment replaces its predecessor.
fn put_environment_key(session: &mut dyn Session, org: Id, keys: &[Key], secret: &str) -> StoreResult<()> {
    let hash = hex::encode(digest(secret));
    if keys.iter().any(|key| key.hash == hash && key.role == Role::Admin) {
        return Ok(());
    }
    for former in keys.iter().filter(|key| key.name == ADMIN_KEY_VARIABLE || key.hash == hash) {
        session.delete_key(org, former.id)?;
    }
    let key = new_key(session, org, ADMIN_KEY_VARIABLE, Role::Admin, secret);
    session.insert_key(&key)
}
