//! Transactions and refusals.

use bytes::Bytes;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::columns::{from_json, to_json};
use super::statement::statement;
use super::{Sql, Table};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::hook::HookKind;
use crate::hook::transaction::{SkipReason, Transaction};
use crate::store::records::{Page, RefusalCount};
use crate::store::session::Intake;
use crate::store::{StoreError, StoreResult};

#[derive(QueryableByName)]
struct TransactionRow {
    #[diesel(sql_type = Text)]
    id: Id,
    #[diesel(sql_type = Text)]
    hook_id: Id,
    #[diesel(sql_type = Text)]
    hook_kind: String,
    #[diesel(sql_type = BigInt)]
    created_at: Timestamp,
    #[diesel(sql_type = Nullable<Text>)]
    content_type: Option<String>,
    #[diesel(sql_type = Text)]
    headers: String,
    #[diesel(sql_type = Nullable<Text>)]
    query: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    peer: Option<String>,
    #[diesel(sql_type = Binary)]
    raw: Vec<u8>,
    #[diesel(sql_type = Text)]
    run_ids: String,
    #[diesel(sql_type = BigInt)]
    quiet: i64,
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Text)]
    id: Id,
}

#[derive(QueryableByName)]
struct RefusalRow {
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = BigInt)]
    last_at: Timestamp,
}

impl TransactionRow {
    fn record(self, org: Id) -> StoreResult<Transaction> {
        let kind = self.hook_kind.parse::<HookKind>();
        let kind = kind.map_err(|error| StoreError::Corrupt { what: "a hook's kind", detail: error.to_string() })?;
        Ok(Transaction {
            id: self.id,
            org,
            hook: self.hook_id,
            hook_kind: kind,
            created_at: self.created_at,
            content_type: self.content_type,
            headers: from_json("a transaction's headers", &self.headers)?,
            query: self.query,
            peer: self.peer,
            raw: Bytes::from(self.raw),
            runs: from_json("a transaction's runs", &self.run_ids)?,
            skip_reason: match self.quiet {
                1 => Some(SkipReason::Captured),
                2 => Some(SkipReason::Filtered),
                _ => None,
            },
        })
    }
}

impl<S> Intake for S
where
    S: Sql,
    TransactionRow: QueryableByName<S::Backend>,
    IdRow: QueryableByName<S::Backend>,
    RefusalRow: QueryableByName<S::Backend>,
{
    fn insert_transaction(&mut self, transaction: &Transaction) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO transactions (org_id, id, hook_id, hook_kind, created_at, content_type, headers, query, \
                     peer, raw, run_ids, quiet) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        statement!("storing a transaction", SQL)
            .bind(transaction.org)
            .bind(transaction.id)
            .bind(transaction.hook)
            .bind(transaction.hook_kind.to_string())
            .bind(transaction.created_at)
            .bind(&transaction.content_type)
            .bind(to_json(&transaction.headers))
            .bind(&transaction.query)
            .bind(&transaction.peer)
            .bind(&transaction.raw[..])
            .bind(to_json(&transaction.runs))
            .bind(match transaction.skip_reason {
                None => 0i64,
                Some(SkipReason::Captured) => 1,
                Some(SkipReason::Filtered) => 2,
            })
            .append(self, Table::Transactions)
    }

    fn transaction(&mut self, org: Id, id: Id) -> StoreResult<Option<Transaction>> {
        self.settle(Table::Transactions)?;
        const SQL: &str = "SELECT id, hook_id, hook_kind, created_at, content_type, headers, query, peer, raw, run_ids, quiet \
                   FROM transactions WHERE org_id = ? AND id = ?";
        let row: Option<TransactionRow> = statement!("reading a transaction", SQL).bind(org).bind(id).first(self)?;
        row.map(|row| row.record(org)).transpose()
    }

    fn transactions(&mut self, org: Id, hook: Id, page: Page) -> StoreResult<Vec<Transaction>> {
        self.settle(Table::Transactions)?;
        const SQL: &str = "SELECT id, hook_id, hook_kind, created_at, content_type, headers, query, peer, raw, run_ids, quiet \
                   FROM transactions WHERE org_id = ? AND hook_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
        let rows: Vec<TransactionRow> = statement!("reading a hook's transactions", SQL)
            .bind(org)
            .bind(hook)
            .bind(page.below())
            .bind(page.size)
            .load(self)?;
        rows.into_iter().map(|row| row.record(org)).collect()
    }

    fn newest_transactions(&mut self, org: Id, hook: Id, above: Id, size: i64) -> StoreResult<Vec<Id>> {
        self.settle(Table::Transactions)?;
        const SQL: &str =
            "SELECT id FROM transactions WHERE org_id = ? AND hook_id = ? AND id > ? ORDER BY id DESC LIMIT ?";
        let rows: Vec<IdRow> = statement!("looking for new transactions of a hook", SQL)
            .bind(org)
            .bind(hook)
            .bind(above)
            .bind(size)
            .load(self)?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    fn add_refusals(&mut self, org: Id, hook: Id, reason: &str, count: i64, at: Timestamp) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO refusals (org_id, hook_id, reason, count, last_at) VALUES (?, ?, ?, ?, ?) \
                   ON CONFLICT (org_id, hook_id, reason) DO UPDATE \
                   SET count = refusals.count + excluded.count, last_at = excluded.last_at";
        statement!("counting refusals", SQL).bind(org).bind(hook).bind(reason).bind(count).bind(at).execute(self)?;
        Ok(())
    }

    fn refusals(&mut self, org: Id, hook: Id) -> StoreResult<Vec<RefusalCount>> {
        const SQL: &str =
            "SELECT reason, count, last_at FROM refusals WHERE org_id = ? AND hook_id = ? ORDER BY reason";
        let rows: Vec<RefusalRow> = statement!("reading refusals", SQL).bind(org).bind(hook).load(self)?;
        let record = |row: RefusalRow| RefusalCount { reason: row.reason, count: row.count, last_at: row.last_at };
        Ok(rows.into_iter().map(record).collect())
    }
}
