//! Changes of objects: what every creation, change, deletion and merge goes through, whoever asks for it.
//!
//! A function here reads what it needs, checks everything, and only then writes, in the transaction of its [`Editor`].
//! All of them end in [`write`], which has the object as it was and as it is to be, and raises the event that tells of
//! it: `customer.update`, `kobject.order.create`. The payload is the object as a step outputs it; an update's has the
//! `changes` too ([`crate::objects::diff`]). Nothing is compared or copied for an event that nobody listens for.
//!
//! What changes together with an object raises nothing of its own: what a deleted customer or conversation takes along,
//! and what a merged customer hands over. Neither do users, and relationships between kobjects.

mod customers;
mod entities;
mod klasses;
mod kobjects;

pub use customers::{change_customer, create_customer, delete_customer, merge_customers};
pub use entities::{change_entity, create_entity, delete_entity};
pub use klasses::{Created, create_klass};
pub use kobjects::{change_kobject, create_kobject, delete_kobject, relate_kobjects, unrelate_kobjects};

use std::borrow::Cow;

use serde_json::Value;

use crate::base::id::Id;
use crate::events::InForce;
use crate::objects::Problem;
use crate::objects::diff::{ObjectState, changes};
use crate::store::{Session, StoreResult, Taken};

/// Who changes objects: the transaction that it is done in, and the events that the changes raise.
pub struct Editor<'a> {
    pub session: &'a mut dyn Session,
    pub org: Id,
    /// Knows who listens.
    pub in_force: &'a InForce,
    /// Those that somebody listens for, with their payloads, in order. Whoever made the editor starts the runs.
    pub events: &'a mut Vec<(String, Value)>,
}

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

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChangeKind {
    Create,
    Update,
    Delete,
}

impl ChangeKind {
    fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Create => "create",
            ChangeKind::Update => "update",
            ChangeKind::Delete => "delete",
        }
    }
}

/// An object that is stored by itself, and how.
trait Stored: Clone {
    fn insert(&self, session: &mut dyn Session, org: Id) -> StoreResult<Result<(), Taken>>;
    fn update(&self, before: &Self, session: &mut dyn Session, org: Id) -> StoreResult<Result<(), Taken>>;
    fn delete(&self, session: &mut dyn Session, org: Id) -> StoreResult<()>;

    /// The event that tells of it, if there is one.
    fn event(&self, kind: ChangeKind) -> Option<Cow<'static, str>>;
    /// What it says, for a comparison.
    fn state(&self) -> ObjectState;
    /// The object as a step's output.
    fn flattened(self) -> Value;
}

/// Writes an object that was not there before, is there no more, or is another one now, and raises its event.
fn write<T: Stored>(
    editor: &mut Editor<'_>,
    before: Option<&T>,
    after: Option<&T>,
) -> StoreResult<Result<(), Refusal>> {
    let (session, org) = (&mut *editor.session, editor.org);
    let (written, kind, object) = match (before, after) {
        (None, Some(after)) => (after.insert(session, org)?, ChangeKind::Create, after),
        (Some(before), Some(after)) => (after.update(before, session, org)?, ChangeKind::Update, after),
        (Some(before), None) => (Ok(before.delete(session, org)?), ChangeKind::Delete, before),
        (None, None) => return Ok(Ok(())),
    };
    if let Err(taken) = written {
        return Ok(Err(Refusal::Taken(taken)));
    }
    if let Some(event) = object.event(kind)
        && editor.in_force.is_heard(org, &event)
    {
        let mut payload = object.clone().flattened();
        if let (Some(before), Some(after)) = (before, after) {
            payload["changes"] = changes(&before.state(), &after.state());
        }
        editor.events.push((event.into_owned(), payload));
    }
    Ok(Ok(()))
}

fn invalid<T>(problem: Problem) -> Outcome<T> {
    Ok(Err(Refusal::Invalid(vec![problem])))
}
