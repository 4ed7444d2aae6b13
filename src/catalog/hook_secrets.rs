//! The secrets with which senders sign requests to a hook.
//!
//! A hook can have several at once, so that a sender can change to a new one while the old one is still valid. They are
//! sealed like variables, and opened when the catalog is read. A secret that can't be opened, or does not fit the
//! hook's scheme, is logged and ignored. A hook that verifies requests and has no usable secret refuses everything.

use super::variables::{PutError, claim_key};
use crate::base::id::Id;
use crate::hook::{Settings, Verification};
use crate::secrets::vault::Vault;
use crate::signature::{Gate, Key, KeyError, Scheme};
use crate::store::{Hook, HookSecret, Session, Status, StoreResult};

/// The most secrets of a hook.
pub const SECRETS_MAX: usize = 8;

/// Why a secret can't be added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    #[error("the hook no longer exists")]
    Missing,
    #[error(
        "the hook's requests are not verified by a secret; give it a `verification` that is, such as `basic` or `stripe`"
    )]
    NotVerified,
    #[error("the hook has {SECRETS_MAX} secrets, which is the limit; delete one that is no longer used")]
    TooMany,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Vault(#[from] PutError),
}

/// Adds a secret to a hook.
pub fn add_secret(
    session: &mut dyn Session,
    vault: &Vault,
    (org, hook): (Id, Id),
    value: &str,
) -> StoreResult<Result<HookSecret, AddError>> {
    let hook = session.hook(org, hook)?.filter(|hook| hook.status != Status::Deleted);
    let Some(hook) = hook else { return Ok(Err(AddError::Missing)) };
    let settings = Settings::read(hook.kind, &hook.settings).ok();
    let Some(scheme) = settings.as_ref().and_then(|settings| settings.verification.scheme()) else {
        return Ok(Err(AddError::NotVerified));
    };
    if let Err(error) = scheme.key(value) {
        return Ok(Err(error.into()));
    }
    if session.secrets_of_hook(org, hook.id)?.len() >= SECRETS_MAX {
        return Ok(Err(AddError::TooMany));
    }
    if let Err(error) = claim_key(session, vault, org)? {
        return Ok(Err(error.into()));
    }
    let id = session.new_id();
    let sealed = vault.seal(value, &context(org, id));
    let secret = HookSecret { id, org, hook: hook.id, sealed, created_at: session.now() };
    session.insert_hook_secret(&secret)?;
    Ok(Ok(secret))
}

/// What requests to a hook with these secrets must pass.
pub(super) fn gate(vault: &Vault, hook: &Hook, verification: &Verification, secrets: &[HookSecret]) -> Gate {
    match verification {
        Verification::Open => Gate::Open,
        Verification::Key => Gate::Key,
        Verification::Signed(scheme) => {
            let keys: Vec<Key> = secrets.iter().filter_map(|secret| open(vault, hook, scheme, secret)).collect();
            Gate::Signed { scheme: scheme.clone(), keys }
        }
    }
}

fn open(vault: &Vault, hook: &Hook, scheme: &Scheme, secret: &HookSecret) -> Option<Key> {
    let (hook, id) = (hook.name.as_str(), secret.id);
    let opened = vault.unseal(&secret.sealed, &context(secret.org, id));
    let opened =
        opened.inspect_err(|error| log::error!(hook, secret:% = id, err:% = error; "the secret can't be opened"));
    let key = scheme.key(&opened.ok()?);
    key.inspect_err(|error| log::error!(hook, secret:% = id, err:% = error; "the secret can't be used")).ok()
}

/// The context that a sealed secret is bound to.
fn context(org: Id, secret: Id) -> String {
    format!("hook secret {org}/{secret}")
}
