//! What is known about transactions beside their requests, and the runs that were started for them later.

use serde_json::Value;

use super::Sql;
use super::intake::transactions;
use super::statement::statement;
use super::table::columns;
use crate::base::id::Id;
use crate::hook::transaction::{Transaction, TransactionDetails};
use crate::store::StoreResult;
use crate::store::records::Page;
use crate::store::session::KeptRequests;

columns! {
    /// Why bodies can't be read, how filters judged requests, and what was refused first.
    transaction_details (org_id, hook_id, transaction_id): TransactionDetails {
        org_id: Id = org,
        hook_id: Id = hook,
        transaction_id: Id = transaction,
        problem: Option<String> = problem,
        detail: Option<String> = detail,
        judgement: Option<Value> = judgement,
        refusal: Option<String> = refusal,
    }
}

columns! {
    /// The runs that were started for transactions after their arrival.
    later_runs (org_id, hook_id, transaction_id, run_id), insert(org: Id, hook: Id, transaction: Id, run: Id) {
        org_id: Id = org,
        hook_id: Id = hook,
        transaction_id: Id = transaction,
        run_id: Id = run,
    }
}

impl<S: Sql> KeptRequests for S {
    fn insert_details(&mut self, details: &TransactionDetails) -> StoreResult<()> {
        transaction_details::insert("storing details of a transaction", details).execute(self)?;
        Ok(())
    }

    fn details(&mut self, org: Id, hook: Id, (lowest, highest): (Id, Id)) -> StoreResult<Vec<TransactionDetails>> {
        const RANGE: &str = " WHERE org_id = ? AND hook_id = ? AND transaction_id >= ? AND transaction_id <= ?";
        let read = statement!("reading details of transactions", transaction_details::SELECT, RANGE);
        read.bind(org).bind(hook).bind(lowest).bind(highest).load(self)
    }

    fn unreadable(&mut self, org: Id, hook: Id, problem: Option<&str>, page: Page) -> StoreResult<Vec<Transaction>> {
        self.settle(transactions::NAME)?;
        const PAGE: &str = " WHERE org_id = ? AND id IN (SELECT transaction_id FROM transaction_details \
             WHERE org_id = ? AND hook_id = ? AND problem = COALESCE(?, problem) AND transaction_id < ? \
             ORDER BY transaction_id DESC LIMIT ?) ORDER BY id DESC";
        let read = statement!("reading transactions with a problem", transactions::SELECT, PAGE);
        read.bind(org).bind(org).bind(hook).bind(problem).bind(page.below()).bind(page.size).load(self)
    }

    fn unrun(&mut self, org: Id, hook: Id, problem: &str, (above, size): (Id, i64)) -> StoreResult<Vec<Id>> {
        const SQL: &str = "SELECT transaction_id FROM transaction_details \
             WHERE org_id = ? AND hook_id = ? AND problem = ? AND transaction_id > ? AND transaction_id NOT IN \
             (SELECT transaction_id FROM later_runs WHERE org_id = ? AND hook_id = ? AND transaction_id > ?) \
             ORDER BY transaction_id LIMIT ?";
        let read = statement!("looking for transactions that were not run", SQL).bind(org).bind(hook).bind(problem);
        read.bind(above).bind(org).bind(hook).bind(above).bind(size).load(self)
    }

    fn insert_later_run(&mut self, org: Id, hook: Id, transaction: Id, run: Id) -> StoreResult<()> {
        later_runs::insert("storing a later run", org, hook, transaction, run).execute(self)?;
        Ok(())
    }

    fn later_runs(&mut self, org: Id, hook: Id, (lowest, highest): (Id, Id)) -> StoreResult<Vec<(Id, Id)>> {
        const SQL: &str = "SELECT transaction_id, run_id FROM later_runs \
             WHERE org_id = ? AND hook_id = ? AND transaction_id >= ? AND transaction_id <= ? \
             ORDER BY transaction_id, run_id";
        let read = statement!("reading later runs", SQL).bind(org).bind(hook);
        read.bind(lowest).bind(highest).load(self)
    }
}
