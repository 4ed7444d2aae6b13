//! Orgs, keys, hooks and workflows.

use serde_json::Value;

use super::Sql;
use super::statement::statement;
use super::table::columns;
use super::text::joined;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::hook::{HookKind, RawSettings};
use crate::store::records::*;
use crate::store::session::Catalog;
use crate::store::{StoreError, StoreResult};

columns! {
    /// Tenants.
    orgs (id): Org {
        id: Id = id,
        name: String = name,
        created_at: Timestamp = created_at,
    }
}

columns! {
    /// API keys, by their SHA-256.
    api_keys (org_id, id): Key {
        org_id: Id = org,
        id: Id = id,
        name: String = name,
        role: Role = role,
        hash: String = hash,
        created_at: Timestamp = created_at,
    }
}

columns! {
    /// Addresses that outsiders post to.
    hooks (org_id, id): Hook {
        org_id: Id = org,
        id: Id = id,
        kind: HookKind = kind,
        #[changes] name: String = name,
        #[changes] title: String = title,
        #[changes] description: Option<String> = description,
        #[changes] hash: String = hash,
        #[changes] status: Status = status,
        #[changes] settings: RawSettings = settings,
        created_at: Timestamp = created_at,
        #[changes] updated_at: Timestamp = updated_at,
    }
}

columns! {
    /// The digest of each workflow file when it was last loaded.
    files (org_id, name), insert(org: Id, name: &'a str, digest: &'a str, loaded_at: Timestamp) {
        org_id: Id = org,
        name: String = name,
        #[changes] digest: String = digest,
        #[changes] loaded_at: Timestamp = loaded_at,
    }
}

columns! {
    /// Workflows, without their documents.
    workflows (org_id, id), insert(workflow: &'a WorkflowRecord) {
        org_id: Id = workflow.org,
        id: Id = workflow.id,
        #[changes] name: String = &workflow.name,
        #[changes] version: i64 = workflow.version,
        #[changes] status: Status = &workflow.status,
        #[changes] file: Option<String> = &workflow.file,
        created_at: Timestamp = workflow.created_at,
        #[changes] updated_at: Timestamp = workflow.updated_at,
    }
}

columns! {
    /// The documents of workflows, which never change.
    workflow_versions (org_id, workflow_id, version), insert(workflow: &'a WorkflowRecord, origin: &'a str) {
        org_id: Id = workflow.org,
        workflow_id: Id = workflow.id,
        version: i64 = workflow.version,
        document: Value = &workflow.document,
        origin: String = origin,
        created_at: Timestamp = workflow.updated_at,
    }
}

/// Workflows with their documents in force.
const IN_FORCE: &str = joined!(
    "SELECT ",
    workflows::COLUMNS,
    ", workflow_versions.document FROM workflows JOIN workflow_versions \
       ON workflow_versions.org_id = workflows.org_id AND workflow_versions.workflow_id = workflows.id \
       AND workflow_versions.version = workflows.version"
);

fn workflow_record((row, document): (workflows::Row, Value)) -> WorkflowRecord {
    WorkflowRecord {
        id: row.id,
        org: row.org_id,
        name: row.name,
        version: row.version,
        status: row.status,
        document,
        file: row.file,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

fn version_record(row: workflow_versions::Row) -> WorkflowVersion {
    WorkflowVersion {
        workflow: row.workflow_id,
        version: row.version,
        document: row.document,
        origin: row.origin,
        created_at: row.created_at,
    }
}

impl<S: Sql> Catalog for S {
    fn change_catalog(&mut self) -> StoreResult<()> {
        let changed = statement!("changing the catalog", "UPDATE catalog SET revision = revision + 1").execute(self)?;
        self.catalog_changed();
        match changed {
            1 => Ok(()),
            _ => Err(StoreError::Corrupt { what: "the catalog", detail: "its row is missing".into() }),
        }
    }

    fn catalog_revision(&mut self) -> StoreResult<i64> {
        let revision = statement!("reading the catalog's revision", "SELECT revision FROM catalog").first(self)?;
        Ok(revision.unwrap_or(0))
    }

    fn orgs(&mut self) -> StoreResult<Vec<Org>> {
        statement!("reading the orgs", orgs::SELECT, " ORDER BY id").load(self)
    }

    fn insert_org(&mut self, org: &Org) -> StoreResult<()> {
        orgs::insert("adding an org", org).execute(self)?;
        Ok(())
    }

    fn keys(&mut self, org: Id) -> StoreResult<Vec<Key>> {
        statement!("reading the API keys", api_keys::SELECT, " WHERE org_id = ? ORDER BY id").bind(org).load(self)
    }

    fn insert_key(&mut self, key: &Key) -> StoreResult<()> {
        api_keys::insert("adding an API key", key).execute(self)?;
        Ok(())
    }

    fn delete_key(&mut self, org: Id, id: Id) -> StoreResult<bool> {
        const SQL: &str = "DELETE FROM api_keys WHERE org_id = ? AND id = ?";
        Ok(statement!("deleting an API key", SQL).bind(org).bind(id).execute(self)? > 0)
    }

    fn hooks(&mut self, org: Id) -> StoreResult<Vec<Hook>> {
        statement!("reading the hooks", hooks::SELECT, " WHERE org_id = ? ORDER BY id").bind(org).load(self)
    }

    fn insert_hook(&mut self, hook: &Hook) -> StoreResult<()> {
        hooks::insert("adding a hook", hook).execute(self)?;
        Ok(())
    }

    fn update_hook(&mut self, hook: &Hook) -> StoreResult<()> {
        let update = statement!("changing a hook", hooks::UPDATE, " WHERE org_id = ? AND id = ?");
        hooks::bind_changes(update, hook).bind(hook.org).bind(hook.id).execute(self)?;
        Ok(())
    }

    fn file_digest(&mut self, org: Id, name: &str) -> StoreResult<Option<String>> {
        const SQL: &str = "SELECT digest FROM files WHERE org_id = ? AND name = ?";
        statement!("reading a file's digest", SQL).bind(org).bind(name).first(self)
    }

    fn put_file_digest(&mut self, org: Id, name: &str, digest: &str, at: Timestamp) -> StoreResult<()> {
        files::upsert("writing a file's digest", org, name, digest, at).execute(self)?;
        Ok(())
    }

    fn workflows(&mut self, org: Id) -> StoreResult<Vec<WorkflowRecord>> {
        let read = statement!(
            "reading the workflows",
            IN_FORCE,
            " WHERE workflows.org_id = ? AND workflows.status <> 'deleted' ORDER BY workflows.id"
        );
        Ok(read.bind(org).load(self)?.into_iter().map(workflow_record).collect())
    }

    fn workflow(&mut self, org: Id, id: Id) -> StoreResult<Option<WorkflowRecord>> {
        let read = statement!("reading a workflow", IN_FORCE, " WHERE workflows.org_id = ? AND workflows.id = ?");
        Ok(read.bind(org).bind(id).first(self)?.map(workflow_record))
    }

    fn insert_workflow(&mut self, workflow: &WorkflowRecord, origin: &str) -> StoreResult<()> {
        workflows::insert("adding a workflow", workflow).execute(self)?;
        insert_version(self, workflow, origin)
    }

    fn update_workflow(&mut self, workflow: &WorkflowRecord, origin: &str) -> StoreResult<()> {
        let update = statement!("changing a workflow", workflows::UPDATE, " WHERE org_id = ? AND id = ?");
        workflows::bind_changes(update, workflow).bind(workflow.org).bind(workflow.id).execute(self)?;
        insert_version(self, workflow, origin)
    }

    fn workflow_version(&mut self, org: Id, workflow: Id, version: i64) -> StoreResult<Option<WorkflowVersion>> {
        const BY_KEY: &str = " WHERE org_id = ? AND workflow_id = ? AND version = ?";
        let read = statement!("reading a workflow's version", workflow_versions::SELECT, BY_KEY);
        Ok(read.bind(org).bind(workflow).bind(version).first(self)?.map(version_record))
    }

    fn workflow_versions(&mut self, org: Id, workflow: Id, below: i64, size: i64) -> StoreResult<Vec<WorkflowVersion>> {
        const PAGE: &str = " WHERE org_id = ? AND workflow_id = ? AND version < ? ORDER BY version DESC LIMIT ?";
        let read = statement!("reading a workflow's versions", workflow_versions::SELECT, PAGE);
        let rows = read.bind(org).bind(workflow).bind(below).bind(size).load(self)?;
        Ok(rows.into_iter().map(version_record).collect())
    }
}

/// A version that exists already is left as it is: versions never change.
fn insert_version(sql: &mut impl Sql, workflow: &WorkflowRecord, origin: &str) -> StoreResult<()> {
    workflow_versions::insert_new("adding a workflow's version", workflow, origin).execute(sql)?;
    Ok(())
}
