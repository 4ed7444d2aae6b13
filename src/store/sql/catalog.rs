//! Orgs, keys, hooks and workflows. What is written is logged; see [`super::catalog_changes`].

use std::collections::HashMap;

use serde_json::Value;

use super::Sql;
use super::catalog_changes::{self, log_change};
use super::statement::statement;
use super::table::columns;
use super::text::joined;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::hook::{HookKind, RawSettings};
use crate::store::StoreResult;
use crate::store::records::*;
use crate::store::session::Catalog;

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

/// Workflows with their current documents.
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
        catalog_changes::begin(self)
    }

    fn catalog_revision(&mut self) -> StoreResult<i64> {
        catalog_changes::revision(self)
    }

    fn catalog_changes(&mut self, after: i64) -> StoreResult<CatalogChanges> {
        catalog_changes::read(self, after)
    }

    fn orgs(&mut self) -> StoreResult<Vec<Org>> {
        statement!("reading the orgs", orgs::SELECT, " ORDER BY id").load(self)
    }

    fn org(&mut self, org: Id) -> StoreResult<Option<Org>> {
        statement!("reading an org", orgs::SELECT, " WHERE id = ?").bind(org).first(self)
    }

    fn insert_org(&mut self, org: &Org) -> StoreResult<()> {
        self.shorten_id(org.id);
        orgs::insert("adding an org", org).execute(self)?;
        log_change(self, org.id, EntryKind::Org, org.id)
    }

    fn keys(&mut self, org: Id) -> StoreResult<Vec<Key>> {
        statement!("reading the API keys", api_keys::SELECT, " WHERE org_id = ? ORDER BY id").bind(org).load(self)
    }

    fn key(&mut self, org: Id, id: Id) -> StoreResult<Option<Key>> {
        const BY_ID: &str = " WHERE org_id = ? AND id = ?";
        statement!("reading an API key", api_keys::SELECT, BY_ID).bind(org).bind(id).first(self)
    }

    fn insert_key(&mut self, key: &Key) -> StoreResult<()> {
        api_keys::insert("adding an API key", key).execute(self)?;
        log_change(self, key.org, EntryKind::Key, key.id)
    }

    fn delete_key(&mut self, org: Id, id: Id) -> StoreResult<bool> {
        const SQL: &str = "DELETE FROM api_keys WHERE org_id = ? AND id = ?";
        let deleted = statement!("deleting an API key", SQL).bind(org).bind(id).execute(self)? > 0;
        log_change(self, org, EntryKind::Key, id)?;
        Ok(deleted)
    }

    fn hooks(&mut self, org: Id) -> StoreResult<Vec<Hook>> {
        self.settle(hooks::NAME)?;
        statement!("reading the hooks", hooks::SELECT, " WHERE org_id = ? ORDER BY id").bind(org).load(self)
    }

    fn hook(&mut self, org: Id, id: Id) -> StoreResult<Option<Hook>> {
        self.settle(hooks::NAME)?;
        statement!("reading a hook", hooks::SELECT, " WHERE org_id = ? AND id = ?").bind(org).bind(id).first(self)
    }

    fn hook_by_name(&mut self, org: Id, kind: HookKind, name: &str) -> StoreResult<Option<Hook>> {
        self.settle(hooks::NAME)?;
        const BY_NAME: &str = " WHERE org_id = ? AND kind = ? AND name = ? AND status <> 'deleted'";
        let read = statement!("finding a hook by its name", hooks::SELECT, BY_NAME);
        read.bind(org).bind(kind.as_str()).bind(name).first(self)
    }

    fn insert_hook(&mut self, hook: &Hook) -> StoreResult<()> {
        self.shorten_id(hook.id);
        hooks::insert("adding a hook", hook).append(self)?;
        log_change(self, hook.org, EntryKind::Hook, hook.id)
    }

    fn update_hook(&mut self, hook: &Hook) -> StoreResult<()> {
        self.settle(hooks::NAME)?;
        let update = statement!("changing a hook", hooks::UPDATE, " WHERE org_id = ? AND id = ?");
        hooks::bind_changes(update, hook).bind(hook.org).bind(hook.id).execute(self)?;
        log_change(self, hook.org, EntryKind::Hook, hook.id)
    }

    fn file_digest(&mut self, org: Id, name: &str) -> StoreResult<Option<String>> {
        const SQL: &str = "SELECT digest FROM files WHERE org_id = ? AND name = ?";
        statement!("reading a file's digest", SQL).bind(org).bind(name).first(self)
    }

    fn file_digests(&mut self, org: Id) -> StoreResult<HashMap<String, String>> {
        const SQL: &str = "SELECT name, digest FROM files WHERE org_id = ?";
        let rows: Vec<(String, String)> = statement!("reading the digests of files", SQL).bind(org).load(self)?;
        Ok(rows.into_iter().collect())
    }

    fn put_file_digest(&mut self, org: Id, name: &str, digest: &str, at: Timestamp) -> StoreResult<()> {
        files::upsert("writing a file's digest", org, name, digest, at).execute(self)?;
        Ok(())
    }

    fn workflows(&mut self, org: Id) -> StoreResult<Vec<WorkflowRecord>> {
        settle_workflows(self)?;
        let read = statement!(
            "reading the workflows",
            IN_FORCE,
            " WHERE workflows.org_id = ? AND workflows.status <> 'deleted' ORDER BY workflows.id"
        );
        Ok(read.bind(org).load(self)?.into_iter().map(workflow_record).collect())
    }

    fn workflow(&mut self, org: Id, id: Id) -> StoreResult<Option<WorkflowRecord>> {
        settle_workflows(self)?;
        let read = statement!("reading a workflow", IN_FORCE, " WHERE workflows.org_id = ? AND workflows.id = ?");
        Ok(read.bind(org).bind(id).first(self)?.map(workflow_record))
    }

    fn workflow_by_name(&mut self, org: Id, name: &str) -> StoreResult<Option<WorkflowRecord>> {
        settle_workflows(self)?;
        let read = statement!(
            "finding a workflow by its name",
            IN_FORCE,
            " WHERE workflows.org_id = ? AND workflows.name = ? AND workflows.status <> 'deleted'"
        );
        Ok(read.bind(org).bind(name).first(self)?.map(workflow_record))
    }

    fn insert_workflow(&mut self, workflow: &WorkflowRecord, origin: &str) -> StoreResult<()> {
        self.shorten_id(workflow.id);
        workflows::insert("adding a workflow", workflow).append(self)?;
        workflow_versions::insert("adding a workflow's first version", workflow, origin).append(self)?;
        log_change(self, workflow.org, EntryKind::Workflow, workflow.id)
    }

    fn update_workflow(&mut self, workflow: &WorkflowRecord, origin: &str) -> StoreResult<()> {
        settle_workflows(self)?;
        let update = statement!("changing a workflow", workflows::UPDATE, " WHERE org_id = ? AND id = ?");
        workflows::bind_changes(update, workflow).bind(workflow.org).bind(workflow.id).execute(self)?;
        // A version that exists already is left as it is: versions never change.
        workflow_versions::insert_new("adding a workflow's version", workflow, origin).execute(self)?;
        log_change(self, workflow.org, EntryKind::Workflow, workflow.id)
    }

    fn newest_version(&mut self, org: Id, workflow: Id) -> StoreResult<i64> {
        self.settle(workflow_versions::NAME)?;
        const SQL: &str = "SELECT version FROM workflow_versions WHERE org_id = ? AND workflow_id = ? \
                           ORDER BY version DESC LIMIT 1";
        let newest = statement!("reading a workflow's newest version", SQL).bind(org).bind(workflow).first(self)?;
        Ok(newest.unwrap_or(0))
    }

    fn workflow_version(&mut self, org: Id, workflow: Id, version: i64) -> StoreResult<Option<WorkflowVersion>> {
        self.settle(workflow_versions::NAME)?;
        const BY_KEY: &str = " WHERE org_id = ? AND workflow_id = ? AND version = ?";
        let read = statement!("reading a workflow's version", workflow_versions::SELECT, BY_KEY);
        Ok(read.bind(org).bind(workflow).bind(version).first(self)?.map(version_record))
    }

    fn workflow_versions(&mut self, org: Id, workflow: Id, below: i64, size: i64) -> StoreResult<Vec<WorkflowVersion>> {
        self.settle(workflow_versions::NAME)?;
        const PAGE: &str = " WHERE org_id = ? AND workflow_id = ? AND version < ? ORDER BY version DESC LIMIT ?";
        let read = statement!("reading a workflow's versions", workflow_versions::SELECT, PAGE);
        let rows = read.bind(org).bind(workflow).bind(below).bind(size).load(self)?;
        Ok(rows.into_iter().map(version_record).collect())
    }
}

/// Makes workflows that were appended readable.
fn settle_workflows(sql: &mut impl Sql) -> StoreResult<()> {
    sql.settle(workflows::NAME)?;
    sql.settle(workflow_versions::NAME)
}
