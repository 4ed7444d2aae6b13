//! Changes of objects: what every creation, change, deletion and merge goes through, whoever asks for it.
//!
//! A function here reads what it needs, checks everything, and only then writes, in the caller's transaction. All of
//! them end in [`write`], which has the object as it was and as it is to be.

mod customers;
mod entities;
mod kobjects;

pub use customers::{change_customer, create_customer, delete_customer, merge_customers};
pub use entities::{change_entity, create_entity, delete_entity};
pub use kobjects::{change_kobject, create_kobject, delete_kobject, relate_kobjects, unrelate_kobjects};

use crate::id::Id;
use crate::objects::Problem;
use crate::store::{Session, StoreResult, Taken};

/// Why nothing was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// What is wrong with what was asked for.
    Invalid(Vec<Problem>),
    /// Something unique belongs to another object.
    Taken(Taken),
}

/// What came of asking for a change.
pub type Outcome<T> = StoreResult<Result<T, Refusal>>;

/// An object that is stored by itself, and how.
trait Stored {
    fn insert(&self, session: &mut dyn Session, org: Id) -> StoreResult<Result<(), Taken>>;
    fn update(&self, before: &Self, session: &mut dyn Session, org: Id) -> StoreResult<Result<(), Taken>>;
    fn delete(&self, session: &mut dyn Session, org: Id) -> StoreResult<()>;
}

/// Writes an object that was not there before, is there no more, or is another one now.
fn write<T: Stored>(
    session: &mut dyn Session,
    org: Id,
    before: Option<&T>,
    after: Option<&T>,
) -> StoreResult<Result<(), Refusal>> {
    let written = match (before, after) {
        (None, Some(after)) => after.insert(session, org)?,
        (Some(before), Some(after)) => after.update(before, session, org)?,
        (Some(before), None) => Ok(before.delete(session, org)?),
        (None, None) => Ok(()),
    };
    Ok(written.map_err(Refusal::Taken))
}

fn invalid<T>(problem: Problem) -> Outcome<T> {
    Ok(Err(Refusal::Invalid(vec![problem])))
}
