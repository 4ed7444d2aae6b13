//! Drafts: documents that will become the next versions of workflows.

use serde_json::Value;

use super::Sql;
use super::statement::statement;
use super::table::columns;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::DraftRecord;
use crate::store::session::Drafts;

columns! {
    /// The draft of each workflow that has one.
    workflow_drafts (org_id, workflow_id): DraftRecord {
        org_id: Id = org,
        workflow_id: Id = workflow,
        #[changes] document: Value = document,
        #[changes] base_version: i64 = base_version,
        #[changes] updated_at: Timestamp = updated_at,
    }
}

impl<S: Sql> Drafts for S {
    fn draft(&mut self, org: Id, workflow: Id) -> StoreResult<Option<DraftRecord>> {
        let read = statement!("reading a draft", workflow_drafts::SELECT, " WHERE org_id = ? AND workflow_id = ?");
        read.bind(org).bind(workflow).first(self)
    }

    fn put_draft(&mut self, draft: &DraftRecord) -> StoreResult<()> {
        workflow_drafts::upsert("writing a draft", draft).execute(self)?;
        Ok(())
    }

    fn delete_draft(&mut self, org: Id, workflow: Id) -> StoreResult<bool> {
        const SQL: &str = "DELETE FROM workflow_drafts WHERE org_id = ? AND workflow_id = ?";
        Ok(statement!("deleting a draft", SQL).bind(org).bind(workflow).execute(self)? > 0)
    }
}
