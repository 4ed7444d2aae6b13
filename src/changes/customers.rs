//! Changes of customers.

use std::borrow::Cow;

use serde_json::Value;

use super::{ChangeError, ChangeKind, ChangeResult, Editor, Stored, invalid, write};
use crate::base::id::Id;
use crate::objects::customer::{Profile, merge};
use crate::objects::diff::ObjectState;
use crate::objects::{Customer, EntityKind, Problem, missing};
use crate::store::{Session, StoreError, StoreResult, Taken};

impl Stored for Customer {
    fn insert(&self, session: &mut dyn Session, org: Id) -> StoreResult<Result<(), Taken>> {
        session.insert_customer(org, self)
    }

    fn update(&self, before: &Customer, session: &mut dyn Session, org: Id) -> StoreResult<Result<(), Taken>> {
        session.update_customer(org, before, self)
    }

    fn delete(&self, session: &mut dyn Session, org: Id) -> StoreResult<()> {
        session.delete_customer(org, self)
    }

    fn event(&self, kind: ChangeKind) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match kind {
            ChangeKind::Create => "customer.create",
            ChangeKind::Update => "customer.update",
            ChangeKind::Delete => "customer.delete",
        }))
    }

    fn state(&self) -> ObjectState {
        self.state()
    }

    fn flattened(self) -> Value {
        self.flattened()
    }
}

/// Creates a customer.
pub fn create_customer(editor: &mut Editor<'_>, profile: Profile) -> ChangeResult<Customer> {
    if let Some(problem) = missing_company(editor, &profile)? {
        return invalid(problem);
    }
    let (id, now) = (editor.session.new_id(), editor.session.now());
    let customer = Customer { id, profile, created_at: now, updated_at: now, rev: 1 };
    Ok(write(editor, None, Some(&customer))?.map(|()| customer))
}

/// Applies a document of changes to a customer; writes nothing if they have no effect.
pub fn change_customer(editor: &mut Editor<'_>, before: Customer, changes: Value) -> ChangeResult<Customer> {
    let profile = match before.profile.clone().merge(changes) {
        Ok(profile) => profile,
        Err(problems) => return Ok(Err(ChangeError::Invalid(problems))),
    };
    if profile == before.profile {
        return Ok(Ok(before));
    }
    if profile.company() != before.profile.company()
        && let Some(problem) = missing_company(editor, &profile)?
    {
        return invalid(problem);
    }
    replace_profile(editor, &before, profile)
}

/// Deletes the customer and everything that belongs to it.
pub fn delete_customer(editor: &mut Editor<'_>, customer: &Customer) -> StoreResult<()> {
    // Customer first: once it is locked, nothing new can be attached to it.
    let deleted = write(editor, Some(customer), None)?;
    debug_assert_eq!(deleted, Ok(()), "deleting needs no unique value");
    editor.session.delete_belongings(editor.org, customer.id)
}

/// Merges two customers: the target keeps its values, takes over what the source adds and everything that belongs to
/// the source, and the source is deleted.
pub fn merge_customers(editor: &mut Editor<'_>, target: &Customer, source: &Customer) -> ChangeResult<Customer> {
    if target.id == source.id {
        return invalid(Problem::new("/source", "a customer cannot be merged with itself"));
    }
    let profile = match merge(target.profile.clone(), source.profile.clone()) {
        Ok(profile) => profile,
        Err(problems) => return Ok(Err(ChangeError::Invalid(problems))),
    };
    let deleted = write(editor, Some(source), None)?;
    debug_assert_eq!(deleted, Ok(()), "deleting needs no unique value");
    let now = editor.session.now();
    editor.session.move_belongings(editor.org, source.id, target.id, now)?;
    match replace_profile(editor, target, profile)? {
        // All unique values came from these two, so only a concurrent change can have taken one. Everything is rolled
        // back.
        Err(_) => Err(StoreError::Conflict { what: "the customer" }),
        merged => Ok(merged),
    }
}

fn replace_profile(editor: &mut Editor<'_>, before: &Customer, profile: Profile) -> ChangeResult<Customer> {
    let after = Customer { profile, updated_at: editor.session.now(), rev: before.rev + 1, ..before.clone() };
    Ok(write(editor, Some(before), Some(&after))?.map(|()| after))
}

fn missing_company(editor: &mut Editor<'_>, profile: &Profile) -> StoreResult<Option<Problem>> {
    let Some(id) = profile.company() else { return Ok(None) };
    let found = editor.session.entity(editor.org, EntityKind::Company, id)?;
    Ok(found.is_none().then(|| missing("company", "company", id)))
}
