//! The addresses of customers, for a whole batch at a time.
//!
//! Units name the addresses that they are going to look up, and one statement looks up those of a batch. Customers that
//! are found are locked, so that no other transaction deletes them, and whose each address is goes into the
//! transaction's memory. What a unit does not name, it looks up itself.
//!
//! Addresses that were free are claimed at the end ([`crate::store::sql::Sql::claim`]). If another transaction was
//! faster, this module finds the units that lost one.

use std::collections::HashSet;
use std::sync::Arc;

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Array, Nullable, Text, Untyped};

use super::bulk::Bulk;
use super::connection::Connection;
use crate::base::id::Id;
use crate::objects::Customer;
use crate::store::Unit;
use crate::store::sql::customers::customers;
use crate::store::sql::memory::Memory;
use crate::store::sql::row::Read;
use crate::store::sql::text::{joined, parts};

/// A statement about lists of texts, between its question marks.
struct AboutLists<'a> {
    parts: &'static [&'static str],
    lists: Vec<&'a [Option<String>]>,
}

/// Looks up whose the addresses are that the units name.
///
/// # Errors
/// Those of the statement; then the transaction has to be rolled back.
pub(super) fn look_up(connection: &mut Connection, units: &[Box<dyn Unit>], memory: &mut Memory) -> QueryResult<()> {
    // Row by row, by their keys: a join would be planned to read tables in full that are empty at first.
    const SQL: &str = joined!(
        "SELECT a.email, found.* FROM UNNEST(?, ?) AS a (org_id, email) \
         CROSS JOIN LATERAL (SELECT e.customer_id FROM customer_emails e \
           WHERE e.org_id = a.org_id AND e.email = a.email LIMIT 1) AS owners \
         CROSS JOIN LATERAL (SELECT ",
        customers::COLUMNS,
        " FROM customers WHERE customers.org_id = a.org_id AND customers.id = owners.customer_id \
           LIMIT 1 FOR KEY SHARE) AS found"
    );
    let named = units.iter().flat_map(|unit| unit.emails());
    // PostgreSQL has no texts with this character.
    let named: HashSet<&(Id, String)> = named.filter(|(_, email)| !email.contains('\0')).collect();
    if named.is_empty() {
        return Ok(());
    }
    let orgs: Vec<_> = named.iter().map(|(org, _)| Some(org.to_string())).collect();
    let emails: Vec<_> = named.iter().map(|(_, email)| Some(email.clone())).collect();
    let found: Vec<Read<(String, customers::Row)>> =
        connection.load(AboutLists { parts: parts!(SQL), lists: vec![orgs.as_slice(), emails.as_slice()] })?;
    named.into_iter().for_each(|(org, email)| memory.keep_owner(*org, email.clone(), None));
    for Read((email, row)) in found {
        let (org, customer) = (row.org_id, Customer::from(row));
        memory.hold_customer(org, customer.id);
        memory.keep_owner(org, email, Some(Arc::new(customer)));
    }
    Ok(())
}

/// The units that have claimed addresses that other customers have.
pub(super) fn losers(connection: &mut Connection, claims: &Bulk) -> QueryResult<Vec<usize>> {
    const SQL: &str = "SELECT a.place FROM UNNEST(?, ?, ?) WITH ORDINALITY AS a (org_id, email, customer_id, place) \
         JOIN customer_emails e ON e.org_id = a.org_id AND e.email = a.email WHERE e.customer_id <> a.customer_id";
    let lists = [0, 1, 2].map(|column| claims.texts(column)).to_vec();
    let places: Vec<Read<i64>> = connection.load(AboutLists { parts: parts!(SQL), lists })?;
    // Places are counted from 1.
    let losers = places.into_iter().filter_map(|Read(place)| claims.claimants().get(usize::try_from(place - 1).ok()?));
    Ok(losers.copied().collect())
}

impl QueryFragment<Pg> for AboutLists<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let (first, others) = self.parts.split_first().unwrap_or((&"", &[]));
        out.push_sql(first);
        for (list, part) in self.lists.iter().zip(others) {
            out.push_bind_param::<Array<Nullable<Text>>, _>(list)?;
            out.push_sql(part);
        }
        Ok(())
    }
}

impl QueryId for AboutLists<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for AboutLists<'_> {
    type SqlType = Untyped;
}
