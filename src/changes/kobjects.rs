//! Changes of kobjects.

use serde_json::Value;

use super::{Outcome, Refusal, Stored, invalid, write};
use crate::id::Id;
use crate::objects::kobject::Content;
use crate::objects::{KObject, Klass, Problem, missing};
use crate::store::{Session, StoreResult, Taken};

impl Stored for KObject {
    fn insert(&self, session: &mut dyn Session, org: Id) -> StoreResult<Result<(), Taken>> {
        session.insert_kobject(org, self)
    }

    fn update(&self, _: &KObject, session: &mut dyn Session, org: Id) -> StoreResult<Result<(), Taken>> {
        session.update_kobject(org, self)
    }

    fn delete(&self, session: &mut dyn Session, org: Id) -> StoreResult<()> {
        session.delete_kobject(org, &self.klass, self.id).map(drop)
    }
}

/// A new kobject, on the timeline of `customer` if there is one.
pub fn create_kobject(
    session: &mut dyn Session,
    org: Id,
    klass: &Klass,
    customer: Option<Id>,
    content: Content,
) -> Outcome<KObject> {
    if let Some(customer) = customer
        && !session.hold_customer(org, customer)?
    {
        return invalid(missing("customer", "customer", customer));
    }
    let (id, now) = (session.new_id(), session.now());
    let klass = klass.name.clone();
    let kobject = KObject { id, klass, customer, content, created_at: now, updated_at: now, rev: 1 };
    Ok(write(session, org, None, Some(&kobject))?.map(|()| kobject))
}

/// The kobject with a caller's changes; if they change nothing, nothing is written.
pub fn change_kobject(
    session: &mut dyn Session,
    org: Id,
    klass: &Klass,
    before: KObject,
    changes: Value,
) -> Outcome<KObject> {
    let content = match before.content.clone().merge(klass, changes) {
        Ok(content) => content,
        Err(problems) => return Ok(Err(Refusal::Invalid(problems))),
    };
    if content == before.content {
        return Ok(Ok(before));
    }
    let after = KObject { content, updated_at: session.now(), rev: before.rev + 1, ..before.clone() };
    Ok(write(session, org, Some(&before), Some(&after))?.map(|()| after))
}

/// Deletes the kobject, and ends its relationships.
pub fn delete_kobject(session: &mut dyn Session, org: Id, kobject: &KObject) -> StoreResult<()> {
    write(session, org, Some(kobject), None).map(drop)
}

/// Relates two kobjects to each other; nothing is written if they are already.
pub fn relate_kobjects(session: &mut dyn Session, org: Id, one: &KObject, other: &KObject) -> Outcome<()> {
    if one.id == other.id {
        return invalid(Problem::new("/kobject", "a kobject can't be related to itself"));
    }
    let now = session.now();
    session.relate_kobjects(org, one, other, now).map(|_| Ok(()))
}

/// Ends the relationship of two kobjects; whether there was one.
pub fn unrelate_kobjects(session: &mut dyn Session, org: Id, one: &KObject, other: Id) -> StoreResult<bool> {
    session.unrelate_kobjects(org, one.id, other)
}
