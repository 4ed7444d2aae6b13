//! Details of the latest requests that hooks refused.

use super::Sql;
use super::statement::statement;
use super::table::columns;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::{Page, RefusedRequest};
use crate::store::session::RefusedRequests;

columns! {
    /// The newest requests that each hook refused.
    refused_requests (org_id, hook_id, id): RefusedRequest {
        org_id: Id = org,
        hook_id: Id = hook,
        id: Id = id,
        created_at: Timestamp = created_at,
        reason: String = reason,
        detail: String = detail,
        method: String = method,
        path: String = path,
        query: Option<String> = query,
        headers: Vec<(String, String)> = headers,
        peer: Option<String> = peer,
        content_length: Option<i64> = content_length,
        body: Vec<u8> = body,
        whole: bool = whole,
        transaction_id: Option<Id> = transaction,
    }
}

impl<S: Sql> RefusedRequests for S {
    fn insert_refused(&mut self, request: &RefusedRequest) -> StoreResult<()> {
        refused_requests::insert("keeping a refused request", request).execute(self)?;
        Ok(())
    }

    fn refused(
        &mut self,
        org: Id,
        (hook, above): (Id, Id),
        reason: Option<&str>,
        page: Page,
    ) -> StoreResult<Vec<RefusedRequest>> {
        const PAGE: &str = " WHERE org_id = ? AND hook_id = ? AND id > ? AND id < ? AND reason = COALESCE(?, reason) \
                   ORDER BY id DESC LIMIT ?";
        let read = statement!("reading refused requests", refused_requests::SELECT, PAGE);
        read.bind(org).bind(hook).bind(above).bind(page.below()).bind(reason).bind(page.size).load(self)
    }

    fn refused_request(&mut self, org: Id, hook: Id, id: Id) -> StoreResult<Option<RefusedRequest>> {
        const ONE: &str = " WHERE org_id = ? AND hook_id = ? AND id = ?";
        let read = statement!("reading a refused request", refused_requests::SELECT, ONE);
        read.bind(org).bind(hook).bind(id).first(self)
    }

    fn mark_accepted(&mut self, org: Id, hook: Id, id: Id, transaction: Id) -> StoreResult<bool> {
        const SQL: &str = "UPDATE refused_requests SET transaction_id = ? \
                   WHERE org_id = ? AND hook_id = ? AND id = ? AND transaction_id IS NULL";
        let mark = statement!("accepting a refused request", SQL);
        Ok(mark.bind(transaction).bind(org).bind(hook).bind(id).execute(self)? > 0)
    }

    fn delete_refused_but(&mut self, newest: i64, org: Id, hook: Id) -> StoreResult<()> {
        const SQL: &str = "DELETE FROM refused_requests WHERE org_id = ? AND hook_id = ? AND id <= \
                   (SELECT id FROM refused_requests WHERE org_id = ? AND hook_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)";
        statement!("deleting old refused requests", SQL)
            .bind(org)
            .bind(hook)
            .bind(org)
            .bind(hook)
            .bind(newest)
            .execute(self)?;
        Ok(())
    }
}
