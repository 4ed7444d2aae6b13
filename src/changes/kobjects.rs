//! Changes of kobjects.

use std::borrow::Cow;

use serde_json::Value;

use super::{ChangeError, ChangeKind, ChangeResult, Editor, Stored, invalid, write};
use crate::base::id::Id;
use crate::objects::diff::ObjectState;
use crate::objects::kobject::KObjectContent;
use crate::objects::{KObject, Klass, Problem, missing};
use crate::store::{Session, StoreError, StoreResult, Taken};

impl Stored for KObject {
    fn insert(&self, session: &mut dyn Session, org: Id) -> StoreResult<Result<(), Taken>> {
        session.insert_kobject(org, self)
    }

    fn update(&self, _: &KObject, session: &mut dyn Session, org: Id) -> StoreResult<Result<(), Taken>> {
        session.update_kobject(org, self)
    }

    fn delete(&self, session: &mut dyn Session, org: Id) -> StoreResult<()> {
        match session.delete_kobject(org, &self.klass, self.id)? {
            true => Ok(()),
            // A concurrent delete came first and has raised the event.
            false => Err(StoreError::Conflict { what: "the kobject" }),
        }
    }

    fn event(&self, kind: ChangeKind) -> Option<Cow<'static, str>> {
        Some(format!("kobject.{}.{}", self.klass, kind.as_str()).into())
    }

    fn state(&self) -> ObjectState {
        self.state()
    }

    fn flattened(self) -> Value {
        self.flattened()
    }
}

/// Creates a kobject, on the timeline of `customer` if given.
pub fn create_kobject(
    editor: &mut Editor<'_>,
    klass: &Klass,
    customer: Option<Id>,
    content: KObjectContent,
) -> ChangeResult<KObject> {
    if let Some(customer) = customer
        && !editor.session.hold_customer(editor.org, customer)?
    {
        return invalid(missing("customer", "customer", customer));
    }
    let (id, now) = (editor.session.new_id(), editor.session.now());
    let klass = klass.name.clone();
    let kobject = KObject { id, klass, customer, content, created_at: now, updated_at: now, rev: 1 };
    Ok(write(editor, None, Some(&kobject))?.map(|()| kobject))
}

/// Applies a document of changes to a kobject; writes nothing if they have no effect.
pub fn change_kobject(
    editor: &mut Editor<'_>,
    klass: &Klass,
    before: KObject,
    changes: Value,
) -> ChangeResult<KObject> {
    let content = match before.content.clone().merge(klass, changes) {
        Ok(content) => content,
        Err(problems) => return Ok(Err(ChangeError::Invalid(problems))),
    };
    if content == before.content {
        return Ok(Ok(before));
    }
    let after = KObject { content, updated_at: editor.session.now(), rev: before.rev + 1, ..before.clone() };
    Ok(write(editor, Some(&before), Some(&after))?.map(|()| after))
}

/// Deletes the kobject and its relationships.
pub fn delete_kobject(editor: &mut Editor<'_>, kobject: &KObject) -> StoreResult<()> {
    write(editor, Some(kobject), None).map(drop)
}

/// Relates two kobjects; writes nothing if they are related already.
pub fn relate_kobjects(editor: &mut Editor<'_>, one: &KObject, other: &KObject) -> ChangeResult<()> {
    if one.id == other.id {
        return invalid(Problem::new("/kobject", "a kobject cannot be related to itself"));
    }
    let now = editor.session.now();
    editor.session.relate_kobjects(editor.org, one, other, now).map(|_| Ok(()))
}

/// Removes the relationship of two kobjects; returns whether there was one.
pub fn unrelate_kobjects(editor: &mut Editor<'_>, one: &KObject, other: Id) -> StoreResult<bool> {
    editor.session.unrelate_kobjects(editor.org, one.id, other)
}
