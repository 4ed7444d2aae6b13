//! Customers.
//!
//! A customer is one JSON document; its addresses and phone numbers are also in tables of their own, which enforce
//! uniqueness and serve lookups.
//!
//! A new customer whose addresses are known to be free ([`Memory`]) is inserted together with others at the end of the
//! transaction. Until then only the memory knows it, so everything here that reads or changes the tables settles them.

use std::collections::HashSet;
use std::sync::Arc;

use super::Sql;
use super::lists::List;
use super::memory::Memory;
use super::statement::statement;
use super::table::columns;
use super::text::joined;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::objects::Customer;
use crate::objects::customer::{Profile, email_key, phone_key};
use crate::objects::phone::{digits_key, phone_keys};
use crate::store::records::Page;
use crate::store::session::{Customers, Taken};
use crate::store::{StoreError, StoreResult};

columns! {
    /// Customers, with their unique external id in a column.
    customers (org_id, id), insert(org: Id, customer: &'a Customer) {
        org_id: Id = org,
        id: Id = customer.id,
        #[changes] external_id: Option<String> = &customer.profile.external_id,
        #[changes] profile: Profile = &customer.profile,
        created_at: Timestamp = customer.created_at,
        #[changes] updated_at: Timestamp = customer.updated_at,
        #[changes] rev: i64 = customer.rev,
    }
}

columns! {
    /// Which customer has an address, trimmed and in lower case.
    customer_emails (org_id, email), insert(org: Id, email: &'a str, customer: Id) {
        org_id: Id = org,
        email: String = email,
        customer_id: Id = customer,
    }
}

columns! {
    /// Which customers have a number.
    customer_phones (org_id, phone, customer_id), insert(org: Id, phone: String, customer: Id) {
        org_id: Id = org,
        phone: String = phone,
        customer_id: Id = customer,
    }
}

impl From<customers::Row> for Customer {
    fn from(row: customers::Row) -> Customer {
        let customers::Row { id, profile, created_at, updated_at, rev, .. } = row;
        Customer { id, profile, created_at, updated_at, rev }
    }
}

/// Inserts the customers that were appended, so that they can be read.
fn settle(sql: &mut impl Sql) -> StoreResult<()> {
    sql.settle(customer_emails::NAME)?;
    sql.settle(customers::NAME)?;
    sql.settle(customer_phones::NAME)
}

/// What the memory knows of a new customer's addresses.
enum Addresses {
    Free,
    Taken(Taken),
    Unknown,
}

impl Addresses {
    fn of(customer: &Customer, org: Id, memory: &Memory) -> Addresses {
        for (index, email) in customer.profile.emails.iter().enumerate() {
            match memory.owner(org, &email_key(&email.email)) {
                Some(None) => {}
                Some(Some(owner)) => {
                    return Addresses::Taken(Taken { pointer: format!("/emails/{index}"), by: owner.id });
                }
                None => return Addresses::Unknown,
            }
        }
        match customer.profile.emails.is_empty() || customer.profile.external_id.is_some() {
            // Something else that is unique, or nothing that is.
            true => Addresses::Unknown,
            false => Addresses::Free,
        }
    }
}

/// Inserts a customer whose addresses are free together with others.
fn append_customer(sql: &mut impl Sql, org: Id, customer: &Customer) -> StoreResult<()> {
    let owner = Arc::new(customer.clone());
    for email in &customer.profile.emails {
        let key = email_key(&email.email);
        customer_emails::insert("entering an e-mail address", org, &key, customer.id).claim(sql)?;
        sql.memory().into_iter().for_each(|memory| memory.keep_owner(org, key.clone(), Some(owner.clone())));
    }
    customers::insert("storing a customer", org, customer).append(sql)?;
    let phones: HashSet<String> = customer.profile.phones.iter().map(|phone| phone_key(&phone.phone)).collect();
    for key in phones {
        customer_phones::insert("entering a phone number", org, key, customer.id).append(sql)?;
    }
    sql.enter(List::CustomersOfOrg, org, customer.id)
}

/// Inserts the customer's addresses; if another customer has one, removes those already inserted.
fn claim_emails(sql: &mut impl Sql, org: Id, customer: &Customer) -> StoreResult<Result<(), Taken>> {
    for (index, email) in customer.profile.emails.iter().enumerate() {
        let key = email_key(&email.email);
        let enter = customer_emails::insert_new("entering an e-mail address", org, &key, customer.id);
        if enter.execute(sql)? == 0 {
            let owner = owner_of_email(sql, org, &key)?.unwrap_or(customer.id);
            release_emails(sql, org, customer.id, &customer.profile.emails[..index])?;
            return Ok(Err(Taken { pointer: format!("/emails/{index}"), by: owner }));
        }
    }
    Ok(Ok(()))
}

fn release_emails(sql: &mut impl Sql, org: Id, customer: Id, emails: &[crate::objects::Email]) -> StoreResult<()> {
    const SQL: &str = "DELETE FROM customer_emails WHERE org_id = ? AND email = ? AND customer_id = ?";
    for email in emails {
        let release = statement!("releasing an e-mail address", SQL).bind(org).bind(email_key(&email.email));
        release.bind(customer).execute(sql)?;
    }
    Ok(())
}

fn enter_phones(sql: &mut impl Sql, org: Id, customer: &Customer) -> StoreResult<()> {
    for phone in &customer.profile.phones {
        let key = phone_key(&phone.phone);
        customer_phones::insert_new("entering a phone number", org, key, customer.id).execute(sql)?;
    }
    Ok(())
}

fn release_phones(sql: &mut impl Sql, org: Id, customer: &Customer) -> StoreResult<()> {
    const SQL: &str = "DELETE FROM customer_phones WHERE org_id = ? AND phone = ? AND customer_id = ?";
    for phone in &customer.profile.phones {
        let (key, earlier) = (phone_key(&phone.phone), digits_key(&phone.phone));
        for key in [Some(&key), Some(&earlier).filter(|earlier| **earlier != key)].into_iter().flatten() {
            let release = statement!("releasing a phone number", SQL).bind(org).bind(key.as_str());
            release.bind(customer.id).execute(sql)?;
        }
    }
    Ok(())
}

fn owner_of_email(sql: &mut impl Sql, org: Id, key: &str) -> StoreResult<Option<Id>> {
    const SQL: &str = "SELECT customer_id FROM customer_emails WHERE org_id = ? AND email = ?";
    statement!("finding a customer by e-mail", SQL).bind(org).bind(key).first(sql)
}

/// The customer that a new one is in conflict with: the one that has its external id. If there is none, another
/// transaction has changed the customer.
fn in_the_way(sql: &mut impl Sql, org: Id, customer: &Customer) -> StoreResult<Taken> {
    const SQL: &str = "SELECT id FROM customers WHERE org_id = ? AND external_id = ? AND id <> ?";
    let find = statement!("reading a customer", SQL).bind(org).bind(&customer.profile.external_id);
    let owner: Option<Id> = find.bind(customer.id).first(sql)?;
    let by = owner.ok_or(StoreError::Conflict { what: "the customer" })?;
    Ok(Taken { pointer: "/externalId".into(), by })
}

impl<S: Sql> Customers for S {
    fn customer(&mut self, org: Id, id: Id) -> StoreResult<Option<Customer>> {
        settle(self)?;
        let read = statement!("reading a customer", customers::SELECT, " WHERE org_id = ? AND id = ?");
        Ok(read.bind(org).bind(id).first::<customers::Row>(self)?.map(Customer::from))
    }

    fn hold_customer(&mut self, org: Id, id: Id) -> StoreResult<bool> {
        if self.memory().is_some_and(|memory| memory.holds_customer(org, id)) {
            return Ok(true);
        }
        if !S::HAS_OTHER_WRITERS {
            return Ok(self.customer(org, id)?.is_some());
        }
        const SQL: &str = "SELECT id FROM customers WHERE org_id = ? AND id = ? FOR KEY SHARE";
        let held: Option<Id> = statement!("holding a customer", SQL).bind(org).bind(id).first(self)?;
        if let (Some(id), Some(memory)) = (held, self.memory()) {
            memory.hold_customer(org, id);
        }
        Ok(held.is_some())
    }

    fn customer_by_email(&mut self, org: Id, email_key: &str) -> StoreResult<Option<Customer>> {
        if let Some(owner) = self.memory().and_then(|memory| memory.owner(org, email_key)) {
            return Ok(owner.map(|customer| Customer::clone(customer)));
        }
        settle(self)?;
        const BY_EMAIL: &str = joined!(
            "SELECT ",
            customers::COLUMNS,
            " FROM customer_emails e JOIN customers ON customers.org_id = e.org_id AND customers.id = e.customer_id \
             WHERE e.org_id = ? AND e.email = ?"
        );
        let find = statement!("finding a customer by e-mail", BY_EMAIL).bind(org).bind(email_key);
        let found = find.first::<customers::Row>(self)?.map(Customer::from);
        if !S::HAS_OTHER_WRITERS
            && let (Some(customer), Some(memory)) = (&found, self.memory())
        {
            memory.hold_customer(org, customer.id);
        }
        Ok(found)
    }

    fn customer_by_external_id(&mut self, org: Id, external_id: &str) -> StoreResult<Option<Customer>> {
        const BY_EXTERNAL_ID: &str = " WHERE org_id = ? AND external_id = ?";
        settle(self)?;
        let find = statement!("finding a customer by external id", customers::SELECT, BY_EXTERNAL_ID);
        Ok(find.bind(org).bind(external_id).first::<customers::Row>(self)?.map(Customer::from))
    }

    fn customer_by_phone(&mut self, org: Id, phone: &str) -> StoreResult<Option<Customer>> {
        const BY_PHONE: &str = joined!(
            "SELECT ",
            customers::COLUMNS,
            " FROM customer_phones p JOIN customers ON customers.org_id = p.org_id AND customers.id = p.customer_id \
             WHERE p.org_id = ? AND p.phone = ? ORDER BY p.customer_id LIMIT 100"
        );
        settle(self)?;
        let wanted = phone_key(phone);
        for key in phone_keys(phone) {
            let find = statement!("finding a customer by phone", BY_PHONE).bind(org).bind(key);
            let found = find.load::<customers::Row>(self)?.into_iter().map(Customer::from);
            // The key of an earlier version may be that of several numbers.
            let has_phone =
                |customer: &Customer| customer.profile.phones.iter().any(|phone| phone_key(&phone.phone) == wanted);
            if let Some(customer) = found.into_iter().find(has_phone) {
                return Ok(Some(customer));
            }
        }
        Ok(None)
    }

    fn customers(&mut self, org: Id, page: Page) -> StoreResult<Vec<Customer>> {
        const PAGE: &str = " WHERE org_id = ? AND id > ? AND id < ? ORDER BY id DESC LIMIT ?";
        settle(self)?;
        let rows: Vec<customers::Row> = self.load_list(List::CustomersOfOrg, org, page.into(), |bounds| {
            bounds.bind(statement!("reading the customers", customers::SELECT, PAGE).bind(org))
        })?;
        Ok(rows.into_iter().map(Customer::from).collect())
    }

    fn insert_customer(&mut self, org: Id, customer: &Customer) -> StoreResult<Result<(), Taken>> {
        match self.memory().map(|memory| Addresses::of(customer, org, memory)) {
            Some(Addresses::Taken(taken)) => return Ok(Err(taken)),
            Some(Addresses::Free) => {
                append_customer(self, org, customer)?;
                self.memory().into_iter().for_each(|memory| memory.hold_customer(org, customer.id));
                return Ok(Ok(()));
            }
            Some(Addresses::Unknown) | None => settle(self)?,
        }
        if let Err(taken) = claim_emails(self, org, customer)? {
            return Ok(Err(taken));
        }
        if customers::insert_new("storing a customer", org, customer).execute(self)? == 0 {
            release_emails(self, org, customer.id, &customer.profile.emails)?;
            return Ok(Err(in_the_way(self, org, customer)?));
        }
        enter_phones(self, org, customer)?;
        self.enter(List::CustomersOfOrg, org, customer.id)?;
        if let Some(memory) = self.memory() {
            memory.hold_customer(org, customer.id);
            memory.own_addresses(org, customer);
        }
        Ok(Ok(()))
    }

    fn update_customer(&mut self, org: Id, before: &Customer, after: &Customer) -> StoreResult<Result<(), Taken>> {
        settle(self)?;
        self.memory().into_iter().for_each(|memory| memory.forget_owners(org));
        release_emails(self, org, before.id, &before.profile.emails)?;
        if let Err(taken) = claim_emails(self, org, after)? {
            let restored = claim_emails(self, org, before)?;
            debug_assert_eq!(restored, Ok(()), "addresses just released are free");
            return Ok(Err(taken));
        }
        const UNLESS_TAKEN: &str = " WHERE org_id = ? AND id = ? AND rev = ? AND NOT EXISTS \
                     (SELECT 1 FROM customers other WHERE other.org_id = ? AND other.external_id = ? AND other.id <> ?)";
        let update = statement!("changing a customer", customers::UPDATE, UNLESS_TAKEN);
        let update = customers::bind_changes(update, org, after).bind(org).bind(after.id).bind(before.rev);
        let changed = update.bind(org).bind(&after.profile.external_id).bind(after.id).execute(self)?;
        if changed == 0 {
            release_emails(self, org, after.id, &after.profile.emails)?;
            let restored = claim_emails(self, org, before)?;
            debug_assert_eq!(restored, Ok(()), "addresses just released are free");
            return Ok(Err(in_the_way(self, org, after)?));
        }
        release_phones(self, org, before)?;
        enter_phones(self, org, after)?;
        Ok(Ok(()))
    }

    fn delete_customer(&mut self, org: Id, customer: &Customer) -> StoreResult<()> {
        settle(self)?;
        const SQL: &str = "DELETE FROM customers WHERE org_id = ? AND id = ? AND rev = ?";
        let delete = statement!("deleting a customer", SQL).bind(org).bind(customer.id).bind(customer.rev);
        if delete.execute(self)? == 0 {
            return Err(StoreError::Conflict { what: "the customer" });
        }
        if let Some(memory) = self.memory() {
            memory.release_customer(org, customer.id);
            memory.forget_owners(org);
        }
        release_emails(self, org, customer.id, &customer.profile.emails)?;
        release_phones(self, org, customer)
    }
}
