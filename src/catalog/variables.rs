//! Variables of an org and its workflows.
//!
//! Their values are opened when the catalog is read, and kept in memory. A variable that can't be opened is logged and
//! ignored.

use super::Saved;
use crate::base::id::Id;
use crate::events::VariableInForce;
use crate::secrets::vault::Vault;
use crate::store::{Session, Store, StoreError, StoreResult, Variable};

/// The most bytes of a value.
pub const VALUE_BYTES_MAX: usize = 65_536;
/// The most characters of a name.
pub const NAME_CHARACTERS_MAX: usize = 128;
/// The most variables of an org, including those of its workflows.
pub const VARIABLES_MAX: usize = 1_000;
/// The most variables and secrets deleted in one transaction.
const FORGET_MAX: usize = 256;

/// Why a variable can't be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    #[error(
        "the variables of the org are encrypted with another secret key than the one that this process has; give all \
         processes the same key"
    )]
    OtherKey,
    #[error("the org has {VARIABLES_MAX} variables, which is the limit")]
    TooMany,
}

/// Why the server can't start with its secret key.
#[derive(Debug, thiserror::Error)]
pub enum SecretKeyError {
    #[error(
        "the variables in the database ({names}) are encrypted with another secret key; put that key back (its id is \
         {wanted}, this one's is {given}), or give them up with --forget-variables"
    )]
    OtherKey { names: String, wanted: String, given: String },
    #[error("can't read the variables")]
    Store(#[from] StoreError),
}

/// Whether a name is valid: letters, digits, `_`, `-` and `.`.
pub fn is_variable_name(name: &str) -> bool {
    let fits = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
    (1..=NAME_CHARACTERS_MAX).contains(&name.chars().count()) && name.chars().all(fits)
}

/// Checks that the variables in the database can be opened, or deletes those that can't.
///
/// # Errors
/// [`SecretKeyError`]; then nothing is changed.
pub async fn check_key(store: &Store, vault: &Vault, forget: bool) -> Result<(), SecretKeyError> {
    let given = vault.key_id().to_owned();
    let key = given.clone();
    let others = store.read(move |session| {
        let mut others = Vec::new();
        for org in session.orgs()? {
            let wanted = session.secret_key_id(org.id)?.filter(|wanted| *wanted != key);
            if let Some(wanted) = wanted {
                others.push((wanted, session.variables(org.id)?, session.hook_secrets(org.id)?));
            }
        }
        Ok(others)
    });
    let unreadable =
        others.await?.into_iter().filter(|(_, variables, secrets)| !(variables.is_empty() && secrets.is_empty()));
    for (wanted, variables, secrets) in unreadable {
        let names = variables.iter().map(|variable| format!("`{}`", variable.name));
        let names: Vec<String> =
            names.chain(secrets.iter().map(|secret| format!("a secret of the hook {}", secret.hook))).collect();
        let names = names.join(", ");
        if !forget {
            return Err(SecretKeyError::OtherKey { names, wanted, given });
        }
        let variables = variables.iter().map(|each| (each.org, each.id, false));
        let all: Vec<(Id, Id, bool)> = variables.chain(secrets.iter().map(|each| (each.org, each.id, true))).collect();
        for chunk in all.chunks(FORGET_MAX) {
            let chunk = chunk.to_vec();
            let written = store.write(move |session| {
                session.change_catalog()?;
                chunk.iter().try_for_each(|(org, id, is_secret)| match is_secret {
                    true => session.delete_hook_secret(*org, *id).map(|_| ()),
                    false => session.delete_variable(*org, *id).map(|_| ()),
                })
            });
            written.await?;
        }
        log::warn!("deleted variables that were encrypted with another secret key: {names}");
    }
    Ok(())
}

/// Creates a variable, or replaces the value of the one with its name.
pub fn put_variable(
    session: &mut dyn Session,
    vault: &Vault,
    (org, workflow): (Id, Option<Id>),
    name: &str,
    value: &str,
) -> StoreResult<Result<(Variable, Saved), PutError>> {
    if let Err(error) = claim_key(session, vault, org)? {
        return Ok(Err(error));
    }
    let now = session.now();
    let (id, created_at, saved) = match session.variable_by_name(org, workflow, name)? {
        Some(variable) => (variable.id, variable.created_at, Saved::Changed),
        None if session.count_variables(org)? >= VARIABLES_MAX as i64 => return Ok(Err(PutError::TooMany)),
        None => (session.new_id(), now, Saved::Created),
    };
    let sealed = vault.seal(value, &context(org, id));
    let variable = Variable { id, org, workflow, name: name.to_owned(), sealed, created_at, updated_at: now };
    session.put_variable(&variable)?;
    Ok(Ok((variable, saved)))
}

/// Ensures that a new value is sealed with the same key as the org's other variables and secrets.
pub(super) fn claim_key(session: &mut dyn Session, vault: &Vault, org: Id) -> StoreResult<Result<(), PutError>> {
    match session.secret_key_id(org)? {
        Some(key_id) if key_id == vault.key_id() => {}
        Some(_) if !session.variables(org)?.is_empty() || !session.hook_secrets(org)?.is_empty() => {
            return Ok(Err(PutError::OtherKey));
        }
        _ => session.put_secret_key_id(org, vault.key_id())?,
    }
    Ok(Ok(()))
}

/// Opens a variable. If it can't be decrypted, logs that and returns `None`.
pub(super) fn open(vault: &Vault, variable: Variable) -> Option<VariableInForce> {
    let Variable { id, org, workflow, name, sealed, .. } = variable;
    match vault.unseal(&sealed, &context(org, id)) {
        Ok(value) => Some(VariableInForce { id, workflow, name, value }),
        Err(error) => {
            log::error!(variable = name.as_str(), err:% = error; "the variable is not in effect");
            None
        }
    }
}

/// The context that a sealed value is bound to.
fn context(org: Id, variable: Id) -> String {
    format!("variable {org}/{variable}")
}
