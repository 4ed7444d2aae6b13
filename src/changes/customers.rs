//! Changes of customers.

use std::borrow::Cow;

use serde_json::Value;

use super::{ChangeKind, Editor, Outcome, Refusal, Stored, invalid, write};
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

/// A new customer.
pub fn create_customer(editor: &mut Editor<'_>, profile: Profile) -> Outcome<Customer> {
    if let Some(problem) = missing_company(editor, &profile)? {
        return invalid(problem);
    }
    let (id, now) = (editor.session.new_id(), editor.session.now());
    let customer = Customer { id, profile, created_at: now, updated_at: now, rev: 1 };
    Ok(write(editor, None, Some(&customer))?.map(|()| customer))
}

/// The customer with a caller's changes; if they change nothing, nothing is written.
pub fn change_customer(editor: &mut Editor<'_>, before: Customer, changes: Value) -> Outcome<Customer> {
    let profile = match before.profile.clone().merge(changes) {
        Ok(profile) => profile,
        Err(problems) => return Ok(Err(Refusal::Invalid(problems))),
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

/// Deletes the customer, and everything that belongs to it.
pub fn delete_customer(editor: &mut Editor<'_>, customer: &Customer) -> StoreResult<()> {
    // First the customer: once that is locked, nobody can make anything belong to it any more.
    let deleted = write(editor, Some(customer), None)?;
    debug_assert_eq!(deleted, Ok(()), "nothing unique is asked for");
    editor.session.delete_belongings(editor.org, customer.id)
}

/// Makes two customers, who turned out to be the same, one: the target keeps what it says, gets what the source has
/// more and all that belongs to the source, which is deleted.
pub fn merge_customers(editor: &mut Editor<'_>, target: &Customer, source: &Customer) -> Outcome<Customer> {
    if target.id == source.id {
        return invalid(Problem::new("/source", "a customer can't be merged with itself"));
    }
    let profile = match merge(target.profile.clone(), source.profile.clone()) {
        Ok(profile) => profile,
        Err(problems) => return Ok(Err(Refusal::Invalid(problems))),
    };
    let deleted = write(editor, Some(source), None)?;
    debug_assert_eq!(deleted, Ok(()), "nothing unique is asked for");
    let now = editor.session.now();
    editor.session.move_belongings(editor.org, source.id, target.id, now)?;
    match replace_profile(editor, target, profile)? {
        // What the two had was theirs, so only somebody who was faster can have it now. All of this is undone.
        Err(_) => Err(StoreError::Conflict { what: "the customer" }),
        merged => Ok(merged),
    }
}

fn replace_profile(editor: &mut Editor<'_>, before: &Customer, profile: Profile) -> Outcome<Customer> {
    let after = Customer { profile, updated_at: editor.session.now(), rev: before.rev + 1, ..before.clone() };
    Ok(write(editor, Some(before), Some(&after))?.map(|()| after))
}

fn missing_company(editor: &mut Editor<'_>, profile: &Profile) -> StoreResult<Option<Problem>> {
    let Some(id) = profile.company() else { return Ok(None) };
    let found = editor.session.entity(editor.org, EntityKind::Company, id)?;
    Ok(found.is_none().then(|| missing("company", "company", id)))
}
