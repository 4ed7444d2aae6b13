//! Changes of objects: the single path for every creation, change, deletion and merge.
//!
//! A function here reads what it needs, checks everything, and only then writes, in the transaction of its [`Editor`].
//! All of them end in [`write`], which gets the object before and after the change and raises the corresponding event,
//! such as `customer.update` or `kobject.order.create`. The payload is the object as a step outputs it; updates add
//! `changes` ([`crate::objects::diff`]). If no workflow listens, nothing is compared or copied.
//!
//! Side effects on other objects raise no events: deletions that follow from a deleted customer or conversation, and
//! objects handed over by a merge. Neither do users and relationships between kobjects.

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
use crate::events::{Cause, Event, InForce, dispatch};
use crate::objects::Problem;
use crate::objects::diff::{ObjectState, changes};
use crate::store::{Session, StoreResult, Taken};

/// The context of changes: their transaction, and the events they raise.
pub struct Editor<'a> {
    pub session: &'a mut dyn Session,
    pub org: Id,
    /// Knows which workflows listen.
    pub in_force: &'a InForce,
    pub cause: Cause,
    /// Those that workflows listen for, in order. The maker of the editor dispatches them.
    pub events: &'a mut Vec<Event>,
}

/// The result of changes from outside.
pub struct Edited<T> {
    pub outcome: T,
    /// Whether the changes started runs.
    pub starts_runs: bool,
}

/// Changes objects because of something from outside, and starts the runs of the workflows that listen for the changes.
///
/// # Errors
/// Those of the store, and of `work`.
pub fn edit<T>(
    session: &mut dyn Session,
    org: Id,
    in_force: &InForce,
    work: impl FnOnce(&mut Editor<'_>) -> StoreResult<T>,
) -> StoreResult<Edited<T>> {
    let mut events = Vec::new();
    let outcome = work(&mut Editor { session, org, in_force, cause: Cause::Outside, events: &mut events })?;
    let mut starts_runs = false;
    for event in events {
        starts_runs |= !dispatch(session, in_force, event)?.runs.is_empty();
    }
    Ok(Edited { outcome, starts_runs })
}

/// Why nothing was written.
#[derive(Clone, Debug, PartialEq)]
pub enum ChangeError {
    /// The requested change is invalid.
    Invalid(Vec<Problem>),
    /// A unique value belongs to another object.
    Taken(Taken),
}

/// The result of a change.
pub type ChangeResult<T> = StoreResult<Result<T, ChangeError>>;

/// The kind of change to an object.
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

/// An object with a table row of its own.
trait Stored: Clone {
    fn insert(&self, session: &mut dyn Session, org: Id) -> StoreResult<Result<(), Taken>>;
    fn update(&self, before: &Self, session: &mut dyn Session, org: Id) -> StoreResult<Result<(), Taken>>;
    fn delete(&self, session: &mut dyn Session, org: Id) -> StoreResult<()>;

    /// The event that the change raises, if any.
    fn event(&self, kind: ChangeKind) -> Option<Cow<'static, str>>;
    /// The object's content, for comparison.
    fn state(&self) -> ObjectState;
    /// The object as a step's output.
    fn flattened(self) -> Value;
}

/// Inserts, updates or deletes an object, and raises the event.
fn write<T: Stored>(
    editor: &mut Editor<'_>,
    before: Option<&T>,
    after: Option<&T>,
) -> StoreResult<Result<(), ChangeError>> {
    let (session, org) = (&mut *editor.session, editor.org);
    let (written, kind, object) = match (before, after) {
        (None, Some(after)) => (after.insert(session, org)?, ChangeKind::Create, after),
        (Some(before), Some(after)) => (after.update(before, session, org)?, ChangeKind::Update, after),
        (Some(before), None) => (Ok(before.delete(session, org)?), ChangeKind::Delete, before),
        (None, None) => return Ok(Ok(())),
    };
    if let Err(taken) = written {
        return Ok(Err(ChangeError::Taken(taken)));
    }
    if let Some(event) = object.event(kind)
        && editor.in_force.is_heard(org, &event)
    {
        let mut payload = object.clone().flattened();
        if let (Some(before), Some(after)) = (before, after) {
            payload["changes"] = changes(&before.state(), &after.state());
        }
        let event = Event::new(org, event, payload, editor.cause, editor.session.now());
        editor.events.push(event);
    }
    Ok(Ok(()))
}

fn invalid<T>(problem: Problem) -> ChangeResult<T> {
    Ok(Err(ChangeError::Invalid(vec![problem])))
}
