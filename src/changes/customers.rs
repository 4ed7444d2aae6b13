//! Changes of customers.

use serde_json::Value;

use super::{Outcome, Refusal, Stored, invalid, write};
use crate::id::Id;
use crate::objects::customer::{Profile, merge};
use crate::objects::{Customer, Kind, Problem, missing};
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
}

/// A new customer.
pub fn create_customer(session: &mut dyn Session, org: Id, profile: Profile) -> Outcome<Customer> {
    if let Some(problem) = missing_company(session, org, &profile)? {
        return invalid(problem);
    }
    let (id, now) = (session.new_id(), session.now());
    let customer = Customer { id, profile, created_at: now, updated_at: now, rev: 1 };
    Ok(write(session, org, None, Some(&customer))?.map(|()| customer))
}

/// The customer with a caller's changes; if they change nothing, nothing is written.
pub fn change_customer(session: &mut dyn Session, org: Id, before: Customer, changes: Value) -> Outcome<Customer> {
    let profile = match before.profile.clone().merge(changes) {
        Ok(profile) => profile,
        Err(problems) => return Ok(Err(Refusal::Invalid(problems))),
    };
    if profile == before.profile {
        return Ok(Ok(before));
    }
    if profile.company() != before.profile.company()
        && let Some(problem) = missing_company(session, org, &profile)?
    {
        return invalid(problem);
    }
    replace_profile(session, org, &before, profile)
}

/// Deletes the customer, and everything that belongs to it.
pub fn delete_customer(session: &mut dyn Session, org: Id, customer: &Customer) -> StoreResult<()> {
    // First the customer: once that is locked, nobody can make anything belong to it any more.
    let deleted = write(session, org, Some(customer), None)?;
    debug_assert_eq!(deleted, Ok(()), "nothing unique is asked for");
    session.delete_belongings(org, customer.id)
}

/// Makes two customers, who turned out to be the same, one: the target keeps what it says, gets what the source has
/// more and all that belongs to the source, which is deleted.
pub fn merge_customers(session: &mut dyn Session, org: Id, target: &Customer, source: &Customer) -> Outcome<Customer> {
    if target.id == source.id {
        return invalid(Problem::new("/source", "a customer can't be merged with itself"));
    }
    let profile = match merge(target.profile.clone(), source.profile.clone()) {
        Ok(profile) => profile,
        Err(problems) => return Ok(Err(Refusal::Invalid(problems))),
    };
    let deleted = write(session, org, Some(source), None)?;
    debug_assert_eq!(deleted, Ok(()), "nothing unique is asked for");
    let now = session.now();
    session.move_belongings(org, source.id, target.id, now)?;
    match replace_profile(session, org, target, profile)? {
        // What the two had was theirs, so only somebody who was faster can have it now. All of this is undone.
        Err(_) => Err(StoreError::Conflict { what: "the customer" }),
        merged => Ok(merged),
    }
}

fn replace_profile(session: &mut dyn Session, org: Id, before: &Customer, profile: Profile) -> Outcome<Customer> {
    let after = Customer { profile, updated_at: session.now(), rev: before.rev + 1, ..before.clone() };
    Ok(write(session, org, Some(before), Some(&after))?.map(|()| after))
}

fn missing_company(session: &mut dyn Session, org: Id, profile: &Profile) -> StoreResult<Option<Problem>> {
    let Some(id) = profile.company() else { return Ok(None) };
    let found = session.entity(org, Kind::Company, id)?;
    Ok(found.is_none().then(|| missing("company", "company", id)))
}
