//! Customers.
//!
//! A customer is one JSON document; its addresses and numbers stand once more in tables of their own, which is where
//! uniqueness is kept and look-ups go.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};

use super::Sql;
use super::columns::{from_json, to_json};
use super::memory::Memory;
use super::statement::{Statement, statement};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::objects::Customer;
use crate::objects::customer::{Profile, email_key, phone_key};
use crate::store::records::Page;
use crate::store::session::{Customers, Taken};
use crate::store::{StoreError, StoreResult};

#[derive(QueryableByName)]
struct CustomerRow {
    #[diesel(sql_type = Text)]
    id: Id,
    #[diesel(sql_type = Text)]
    profile: String,
    #[diesel(sql_type = BigInt)]
    created_at: Timestamp,
    #[diesel(sql_type = BigInt)]
    updated_at: Timestamp,
    #[diesel(sql_type = BigInt)]
    rev: i64,
}

#[derive(QueryableByName)]
pub(super) struct OwnerRow {
    #[diesel(sql_type = Text)]
    pub(super) id: Id,
}

impl CustomerRow {
    fn record(self) -> StoreResult<Customer> {
        let profile: Profile = from_json("a customer", &self.profile)?;
        let (created_at, updated_at) = (self.created_at, self.updated_at);
        Ok(Customer { id: self.id, profile, created_at, updated_at, rev: self.rev })
    }
}

fn one_customer<S, Site>(sql: &mut S, statement: Statement<'_, Site>) -> StoreResult<Option<Customer>>
where
    S: Sql,
    Site: 'static,
    CustomerRow: QueryableByName<S::Backend>,
{
    let row: Option<CustomerRow> = statement.first(sql)?;
    row.map(CustomerRow::record).transpose()
}

/// Enters the customer's addresses; on the first that somebody else has, takes back those entered.
fn claim_emails<S>(sql: &mut S, org: Id, customer: &Customer) -> StoreResult<Result<(), Taken>>
where
    S: Sql,
    OwnerRow: QueryableByName<S::Backend>,
{
    const SQL: &str =
        "INSERT INTO customer_emails (org_id, email, customer_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    for (index, email) in customer.profile.emails.iter().enumerate() {
        let key = email_key(&email.email);
        let entered =
            statement!("entering an e-mail address", SQL).bind(org).bind(&key).bind(customer.id).execute(sql)?;
        if entered == 0 {
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
    const SQL: &str =
        "INSERT INTO customer_phones (org_id, phone, customer_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    for phone in &customer.profile.phones {
        let enter = statement!("entering a phone number", SQL).bind(org).bind(phone_key(&phone.phone));
        enter.bind(customer.id).execute(sql)?;
    }
    Ok(())
}

fn release_phones(sql: &mut impl Sql, org: Id, customer: &Customer) -> StoreResult<()> {
    const SQL: &str = "DELETE FROM customer_phones WHERE org_id = ? AND phone = ? AND customer_id = ?";
    for phone in &customer.profile.phones {
        let release = statement!("releasing a phone number", SQL).bind(org).bind(phone_key(&phone.phone));
        release.bind(customer.id).execute(sql)?;
    }
    Ok(())
}

fn owner_of_email<S>(sql: &mut S, org: Id, key: &str) -> StoreResult<Option<Id>>
where
    S: Sql,
    OwnerRow: QueryableByName<S::Backend>,
{
    const SQL: &str = "SELECT customer_id AS id FROM customer_emails WHERE org_id = ? AND email = ?";
    let owner: Option<OwnerRow> = statement!("finding a customer by e-mail", SQL).bind(org).bind(key).first(sql)?;
    Ok(owner.map(|row| row.id))
}

/// Who stood in the way of a customer whose addresses are its own: the one that has its external id, or else somebody
/// who wrote it in the meantime.
fn in_the_way<S>(sql: &mut S, org: Id, customer: &Customer) -> StoreResult<Taken>
where
    S: Sql,
    OwnerRow: QueryableByName<S::Backend>,
{
    const SQL: &str = "SELECT id FROM customers WHERE org_id = ? AND external_id = ? AND id <> ?";
    let find = statement!("reading a customer", SQL).bind(org).bind(&customer.profile.external_id);
    let owner: Option<OwnerRow> = find.bind(customer.id).first(sql)?;
    let owner = owner.ok_or(StoreError::Conflict { what: "the customer" })?;
    Ok(Taken { pointer: "/externalId".into(), by: owner.id })
}

impl<S> Customers for S
where
    S: Sql,
    CustomerRow: QueryableByName<S::Backend>,
    OwnerRow: QueryableByName<S::Backend>,
{
    fn customer(&mut self, org: Id, id: Id) -> StoreResult<Option<Customer>> {
        const SQL: &str = "SELECT id, profile, created_at, updated_at, rev FROM customers WHERE org_id = ? AND id = ?";
        one_customer(self, statement!("reading a customer", SQL).bind(org).bind(id))
    }

    fn hold_customer(&mut self, org: Id, id: Id) -> StoreResult<bool> {
        if self.memory().is_some_and(|memory| memory.has_customer(org, id)) {
            return Ok(true);
        }
        if !S::HAS_OTHER_WRITERS {
            return Ok(self.customer(org, id)?.is_some());
        }
        const SQL: &str = "SELECT id FROM customers WHERE org_id = ? AND id = ? FOR KEY SHARE";
        let row: Option<OwnerRow> = statement!("holding a customer", SQL).bind(org).bind(id).first(self)?;
        Ok(row.is_some())
    }

    fn customer_by_email(&mut self, org: Id, email_key: &str) -> StoreResult<Option<Customer>> {
        const SQL: &str = "SELECT c.id, c.profile, c.created_at, c.updated_at, c.rev FROM customer_emails e \
                   JOIN customers c ON c.org_id = e.org_id AND c.id = e.customer_id WHERE e.org_id = ? AND e.email = ?";
        let found = one_customer(self, statement!("finding a customer by e-mail", SQL).bind(org).bind(email_key))?;
        if let (Some(customer), Some(memory)) = (&found, self.memory()) {
            memory.keep_customer(org, customer.id);
        }
        Ok(found)
    }

    fn customer_by_external_id(&mut self, org: Id, external_id: &str) -> StoreResult<Option<Customer>> {
        const SQL: &str =
            "SELECT id, profile, created_at, updated_at, rev FROM customers WHERE org_id = ? AND external_id = ?";
        one_customer(self, statement!("finding a customer by external id", SQL).bind(org).bind(external_id))
    }

    fn customer_by_phone(&mut self, org: Id, phone_key: &str) -> StoreResult<Option<Customer>> {
        const SQL: &str = "SELECT c.id, c.profile, c.created_at, c.updated_at, c.rev FROM customer_phones p \
                   JOIN customers c ON c.org_id = p.org_id AND c.id = p.customer_id \
                   WHERE p.org_id = ? AND p.phone = ? ORDER BY p.customer_id LIMIT 1";
        one_customer(self, statement!("finding a customer by phone", SQL).bind(org).bind(phone_key))
    }

    fn customers(&mut self, org: Id, page: Page) -> StoreResult<Vec<Customer>> {
        const SQL: &str = "SELECT id, profile, created_at, updated_at, rev FROM customers \
                   WHERE org_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
        let rows: Vec<CustomerRow> =
            statement!("reading the customers", SQL).bind(org).bind(page.below()).bind(page.size).load(self)?;
        rows.into_iter().map(CustomerRow::record).collect()
    }

    fn insert_customer(&mut self, org: Id, customer: &Customer) -> StoreResult<Result<(), Taken>> {
        const SQL: &str = "INSERT INTO customers (org_id, id, external_id, profile, created_at, updated_at, rev) \
                   VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        if let Err(taken) = claim_emails(self, org, customer)? {
            return Ok(Err(taken));
        }
        let external_id = customer.profile.external_id.as_deref();
        let inserted = statement!("storing a customer", SQL)
            .bind(org)
            .bind(customer.id)
            .bind(external_id)
            .bind(to_json(&customer.profile))
            .bind(customer.created_at)
            .bind(customer.updated_at)
            .bind(customer.rev)
            .execute(self)?;
        if inserted == 0 {
            release_emails(self, org, customer.id, &customer.profile.emails)?;
            return Ok(Err(in_the_way(self, org, customer)?));
        }
        enter_phones(self, org, customer)?;
        self.memory().into_iter().for_each(|memory| memory.keep_customer(org, customer.id));
        Ok(Ok(()))
    }

    fn update_customer(&mut self, org: Id, before: &Customer, after: &Customer) -> StoreResult<Result<(), Taken>> {
        release_emails(self, org, before.id, &before.profile.emails)?;
        if let Err(taken) = claim_emails(self, org, after)? {
            let restored = claim_emails(self, org, before)?;
            debug_assert_eq!(restored, Ok(()), "addresses just released are free");
            return Ok(Err(taken));
        }
        let external_id = after.profile.external_id.as_deref();
        const SQL: &str = "UPDATE customers SET external_id = ?, profile = ?, updated_at = ?, rev = ? \
                   WHERE org_id = ? AND id = ? AND rev = ? AND NOT EXISTS \
                     (SELECT 1 FROM customers other WHERE other.org_id = ? AND other.external_id = ? AND other.id <> ?)";
        let changed = statement!("changing a customer", SQL)
            .bind(external_id)
            .bind(to_json(&after.profile))
            .bind(after.updated_at)
            .bind(after.rev)
            .bind(org)
            .bind(after.id)
            .bind(before.rev)
            .bind(org)
            .bind(external_id)
            .bind(after.id)
            .execute(self)?;
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
        const SQL: &str = "DELETE FROM customers WHERE org_id = ? AND id = ? AND rev = ?";
        let delete = statement!("deleting a customer", SQL).bind(org).bind(customer.id).bind(customer.rev);
        if delete.execute(self)? == 0 {
            return Err(StoreError::Conflict { what: "the customer" });
        }
        self.memory().into_iter().for_each(Memory::forget_customer);
        release_emails(self, org, customer.id, &customer.profile.emails)?;
        release_phones(self, org, customer)
    }
}
