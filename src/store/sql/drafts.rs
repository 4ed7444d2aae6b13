//! Documents that are to become the next versions of workflows.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};

use super::Sql;
use super::columns::{from_json, to_json};
use super::statement::statement;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::DraftRecord;
use crate::store::session::Drafts;

#[derive(QueryableByName)]
pub struct DraftRow {
    #[diesel(sql_type = Text)]
    document: String,
    #[diesel(sql_type = BigInt)]
    base_version: i64,
    #[diesel(sql_type = BigInt)]
    updated_at: Timestamp,
}

impl<S> Drafts for S
where
    S: Sql,
    DraftRow: QueryableByName<S::Backend>,
{
    fn draft(&mut self, org: Id, workflow: Id) -> StoreResult<Option<DraftRecord>> {
        const SQL: &str = "SELECT document, base_version, updated_at FROM workflow_drafts \
                   WHERE org_id = ? AND workflow_id = ?";
        let row: Option<DraftRow> = statement!("reading a draft", SQL).bind(org).bind(workflow).first(self)?;
        let Some(DraftRow { document, base_version, updated_at }) = row else { return Ok(None) };
        let document = from_json("a workflow's draft", &document)?;
        Ok(Some(DraftRecord { org, workflow, document, base_version, updated_at }))
    }

    fn put_draft(&mut self, draft: &DraftRecord) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO workflow_drafts (org_id, workflow_id, document, base_version, updated_at) \
                   VALUES (?, ?, ?, ?, ?) ON CONFLICT (org_id, workflow_id) DO UPDATE \
                   SET document = excluded.document, base_version = excluded.base_version, updated_at = excluded.updated_at";
        statement!("writing a draft", SQL)
            .bind(draft.org)
            .bind(draft.workflow)
            .bind(to_json(&draft.document))
            .bind(draft.base_version)
            .bind(draft.updated_at)
            .execute(self)?;
        Ok(())
    }

    fn delete_draft(&mut self, org: Id, workflow: Id) -> StoreResult<bool> {
        const SQL: &str = "DELETE FROM workflow_drafts WHERE org_id = ? AND workflow_id = ?";
        Ok(statement!("deleting a draft", SQL).bind(org).bind(workflow).execute(self)? > 0)
    }
}
