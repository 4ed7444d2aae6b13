//! Transactions and refusals.

use bytes::Bytes;

use super::Sql;
use super::lists::{List, Slice};
use super::statement::statement;
use super::table::columns;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::hook::HookKind;
use crate::hook::transaction::{SkipReason, Transaction};
use crate::store::StoreResult;
use crate::store::records::{Page, RefusalCount};
use crate::store::session::Intake;

columns! {
    /// Accepted requests, byte for byte.
    #[day(id)]
    transactions (org_id, id): Transaction {
        org_id: Id = org,
        id: Id = id,
        hook_id: Id = hook,
        hook_kind: HookKind = hook_kind,
        created_at: Timestamp = created_at,
        content_type: Option<String> = content_type,
        headers: Vec<(String, String)> = headers,
        query: Option<String> = query,
        peer: Option<String> = peer,
        raw: Bytes = raw,
        run_ids: Vec<Id> = runs,
        skip_reason: Option<SkipReason> = skip_reason,
    }
}

columns! {
    /// How many requests each hook refused, and why.
    refusals (org_id, hook_id, reason), insert(org: Id, hook: Id, reason: &'a str, count: i64, last_at: Timestamp) {
        org_id: Id = org,
        hook_id: Id = hook,
        reason: String = reason,
        count: i64 = count,
        last_at: Timestamp = last_at,
    }
}

impl<S: Sql> Intake for S {
    fn insert_transaction(&mut self, transaction: &Transaction) -> StoreResult<()> {
        transactions::insert("storing a transaction", transaction).append(self)?;
        self.enter(List::TransactionsOfHook(transaction.hook), transaction.org, transaction.id)
    }

    fn transaction(&mut self, org: Id, id: Id) -> StoreResult<Option<Transaction>> {
        self.settle(transactions::NAME)?;
        let read = statement!("reading a transaction", transactions::SELECT, " WHERE org_id = ? AND id = ?");
        read.bind(org).bind(id).first(self)
    }

    fn transactions(&mut self, org: Id, hook: Id, page: Page) -> StoreResult<Vec<Transaction>> {
        self.settle(transactions::NAME)?;
        const PAGE: &str = " WHERE org_id = ? AND hook_id = ? AND id > ? AND id < ? ORDER BY id DESC LIMIT ?";
        self.load_list(List::TransactionsOfHook(hook), org, page.into(), |bounds| {
            bounds.bind(statement!("reading a hook's transactions", transactions::SELECT, PAGE).bind(org).bind(hook))
        })
    }

    fn newest_transactions(&mut self, org: Id, hook: Id, above: Id, size: i64) -> StoreResult<Vec<Id>> {
        self.settle(transactions::NAME)?;
        const SQL: &str = "SELECT id FROM transactions WHERE org_id = ? AND hook_id = ? AND id > ? AND id < ? ORDER BY id DESC LIMIT ?";
        let slice = Slice { above, below: Id::MAX, size };
        self.load_list(List::TransactionsOfHook(hook), org, slice, |bounds| {
            bounds.bind(statement!("looking for new transactions of a hook", SQL).bind(org).bind(hook))
        })
    }

    fn add_refusals(&mut self, org: Id, hook: Id, reason: &str, count: i64, at: Timestamp) -> StoreResult<()> {
        const ADD: &str = " ON CONFLICT (org_id, hook_id, reason) DO UPDATE \
                   SET count = refusals.count + excluded.count, last_at = excluded.last_at";
        let add = statement!("counting refusals", refusals::INSERT, ADD);
        refusals::bind(add, org, hook, reason, count, at).execute(self)?;
        Ok(())
    }

    fn refusals(&mut self, org: Id, hook: Id) -> StoreResult<Vec<RefusalCount>> {
        const SQL: &str =
            "SELECT reason, count, last_at FROM refusals WHERE org_id = ? AND hook_id = ? ORDER BY reason";
        let rows = statement!("reading refusals", SQL).bind(org).bind(hook).load(self)?;
        Ok(rows.into_iter().map(|(reason, count, last_at)| RefusalCount { reason, count, last_at }).collect())
    }
}
