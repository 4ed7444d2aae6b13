//! Variables: writing them, and what is in force of them.
//!
//! Their values are opened when the catalog is read, and kept in memory from then on. One that can't be opened is left
//! out, loudly.

use super::Saved;
use crate::base::id::Id;
use crate::events::VariableInForce;
use crate::secrets::vault::Vault;
use crate::store::{Session, Store, StoreError, StoreResult, Variable};

/// The most bytes that a value has.
pub const VALUE_BYTES_MAX: usize = 65_536;
/// The most characters that a name has.
pub const NAME_CHARACTERS_MAX: usize = 128;
/// The most variables that an org has, those of its workflows included.
pub const VARIABLES_MAX: usize = 1_000;
/// How many variables and secrets are forgotten in one transaction.
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

/// Why the server can't start with the secret key that it has.
#[derive(Debug, thiserror::Error)]
pub enum SecretKeyError {
    #[error(
        "the variables in the database ({names}) are encrypted with another secret key; put that key back (its id is \
         {wanted}, this one's is {given}), or give them up with --forget-variables"
    )]
    OtherKey { names: String, wanted: String, given: String },
    #[error("the variables could not be read")]
    Store(#[from] StoreError),
}

/// What a name may be: letters, digits, `_`, `-` and `.`.
pub fn is_variable_name(name: &str) -> bool {
    let fits = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
    (1..=NAME_CHARACTERS_MAX).contains(&name.chars().count()) && name.chars().all(fits)
}

/// Sees to it that the variables in the database can be opened, or forgets those that can't.
///
/// # Errors
/// [`SecretKeyError`]; nothing is changed then.
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
        log::warn!("forgot variables that were encrypted with another secret key: {names}");
    }
    Ok(())
}

/// Makes the variable, or gives the one of that name this value.
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

/// Sees to it that what is sealed next is sealed with the key that the org's other variables and secrets are sealed with.
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

/// A variable with its value. `None`, which is logged, if it can't be decrypted.
pub(super) fn open(vault: &Vault, variable: Variable) -> Option<VariableInForce> {
    let Variable { id, org, workflow, name, sealed, .. } = variable;
    match vault.unseal(&sealed, &context(org, id)) {
        Ok(value) => Some(VariableInForce { id, workflow, name, value }),
        Err(error) => {
            log::error!(variable = name.as_str(), err:% = error; "the variable is not in force");
            None
        }
    }
}

/// What a sealed value is bound to.
fn context(org: Id, variable: Id) -> String {
    format!("variable {org}/{variable}")
}
