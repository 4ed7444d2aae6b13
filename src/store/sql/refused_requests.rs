//! What is shown of requests that hooks refused.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::Sql;
use super::columns::{from_json, to_json};
use super::statement::statement;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::{Page, RefusedRequest};
use crate::store::session::RefusedRequests;

#[derive(QueryableByName)]
struct RequestRow {
    #[diesel(sql_type = Text)]
    id: Id,
    #[diesel(sql_type = BigInt)]
    created_at: Timestamp,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = Text)]
    detail: String,
    #[diesel(sql_type = Text)]
    method: String,
    #[diesel(sql_type = Text)]
    path: String,
    #[diesel(sql_type = Nullable<Text>)]
    query: Option<String>,
    #[diesel(sql_type = Text)]
    headers: String,
    #[diesel(sql_type = Nullable<Text>)]
    peer: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    content_length: Option<i64>,
    #[diesel(sql_type = Binary)]
    body: Vec<u8>,
}

impl RequestRow {
    fn record(self, org: Id, hook: Id) -> StoreResult<RefusedRequest> {
        Ok(RefusedRequest {
            id: self.id,
            org,
            hook,
            created_at: self.created_at,
            reason: self.reason,
            detail: self.detail,
            method: self.method,
            path: self.path,
            query: self.query,
            headers: from_json("a refused request's headers", &self.headers)?,
            peer: self.peer,
            content_length: self.content_length,
            body: self.body,
        })
    }
}

impl<S> RefusedRequests for S
where
    S: Sql,
    RequestRow: QueryableByName<S::Backend>,
{
    fn insert_refused(&mut self, request: &RefusedRequest) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO refused_requests (org_id, hook_id, id, created_at, reason, detail, method, path, query, \
                     headers, peer, content_length, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        statement!("keeping a refused request", SQL)
            .bind(request.org)
            .bind(request.hook)
            .bind(request.id)
            .bind(request.created_at)
            .bind(&request.reason)
            .bind(&request.detail)
            .bind(&request.method)
            .bind(&request.path)
            .bind(&request.query)
            .bind(to_json(&request.headers))
            .bind(&request.peer)
            .bind(request.content_length)
            .bind(&request.body[..])
            .execute(self)?;
        Ok(())
    }

    fn refused(
        &mut self,
        org: Id,
        (hook, above): (Id, Id),
        reason: Option<&str>,
        page: Page,
    ) -> StoreResult<Vec<RefusedRequest>> {
        const SQL: &str = "SELECT id, created_at, reason, detail, method, path, query, headers, peer, content_length, body \
                   FROM refused_requests \
                   WHERE org_id = ? AND hook_id = ? AND id > ? AND id < ? AND reason = COALESCE(?, reason) \
                   ORDER BY id DESC LIMIT ?";
        let rows: Vec<RequestRow> = statement!("reading refused requests", SQL)
            .bind(org)
            .bind(hook)
            .bind(above)
            .bind(page.below())
            .bind(reason)
            .bind(page.size)
            .load(self)?;
        rows.into_iter().map(|row| row.record(org, hook)).collect()
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
