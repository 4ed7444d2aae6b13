//! Orgs, keys, hooks and workflows.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::Sql;
use super::columns::{from_json, from_word, to_json};
use super::statement::statement;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::hook::HookKind;
use crate::store::records::*;
use crate::store::session::Catalog;
use crate::store::{StoreError, StoreResult};

#[derive(QueryableByName)]
struct OrgRow {
    #[diesel(sql_type = Text)]
    id: Id,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    created_at: Timestamp,
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Text)]
    id: Id,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Text)]
    hash: String,
    #[diesel(sql_type = BigInt)]
    created_at: Timestamp,
}

#[derive(QueryableByName)]
struct HookRow {
    #[diesel(sql_type = Text)]
    id: Id,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    title: String,
    #[diesel(sql_type = Nullable<Text>)]
    description: Option<String>,
    #[diesel(sql_type = Text)]
    hash: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Text)]
    settings: String,
    #[diesel(sql_type = BigInt)]
    created_at: Timestamp,
    #[diesel(sql_type = BigInt)]
    updated_at: Timestamp,
}

#[derive(QueryableByName)]
struct DigestRow {
    #[diesel(sql_type = Text)]
    digest: String,
}

#[derive(QueryableByName)]
struct WorkflowRow {
    #[diesel(sql_type = Text)]
    id: Id,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Text)]
    document: String,
    #[diesel(sql_type = Nullable<Text>)]
    file: Option<String>,
    #[diesel(sql_type = BigInt)]
    created_at: Timestamp,
    #[diesel(sql_type = BigInt)]
    updated_at: Timestamp,
}

#[derive(QueryableByName)]
struct VersionRow {
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    document: String,
    #[diesel(sql_type = Text)]
    origin: String,
    #[diesel(sql_type = BigInt)]
    created_at: Timestamp,
}

#[derive(QueryableByName)]
struct RevisionRow {
    #[diesel(sql_type = BigInt)]
    revision: i64,
}

impl KeyRow {
    fn record(self, org: Id) -> StoreResult<Key> {
        let role: Role = from_word("a key's role", &self.role)?;
        Ok(Key { id: self.id, org, name: self.name, role, hash: self.hash, created_at: self.created_at })
    }
}

impl HookRow {
    fn record(self, org: Id) -> StoreResult<Hook> {
        let kind = self.kind.parse::<HookKind>();
        let kind = kind.map_err(|error| StoreError::Corrupt { what: "a hook's kind", detail: error.to_string() })?;
        Ok(Hook {
            id: self.id,
            org,
            kind,
            name: self.name,
            title: self.title,
            description: self.description,
            hash: self.hash,
            status: from_word("a hook's status", &self.status)?,
            settings: from_json("a hook's settings", &self.settings)?,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

impl WorkflowRow {
    fn record(self, org: Id) -> StoreResult<WorkflowRecord> {
        Ok(WorkflowRecord {
            id: self.id,
            org,
            name: self.name,
            version: self.version,
            status: from_word("a workflow's status", &self.status)?,
            document: from_json("a workflow", &self.document)?,
            file: self.file,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

impl VersionRow {
    fn record(self, workflow: Id) -> StoreResult<WorkflowVersion> {
        let document = from_json("a workflow's version", &self.document)?;
        Ok(WorkflowVersion {
            workflow,
            version: self.version,
            document,
            origin: self.origin,
            created_at: self.created_at,
        })
    }
}

impl<S> Catalog for S
where
    S: Sql,
    OrgRow: QueryableByName<S::Backend>,
    KeyRow: QueryableByName<S::Backend>,
    HookRow: QueryableByName<S::Backend>,
    DigestRow: QueryableByName<S::Backend>,
    WorkflowRow: QueryableByName<S::Backend>,
    VersionRow: QueryableByName<S::Backend>,
    RevisionRow: QueryableByName<S::Backend>,
{
    fn change_catalog(&mut self) -> StoreResult<()> {
        let changed = statement!("changing the catalog", "UPDATE catalog SET revision = revision + 1").execute(self)?;
        self.catalog_changed();
        match changed {
            1 => Ok(()),
            _ => Err(StoreError::Corrupt { what: "the catalog", detail: "its row is missing".into() }),
        }
    }

    fn catalog_revision(&mut self) -> StoreResult<i64> {
        let row: Option<RevisionRow> =
            statement!("reading the catalog's revision", "SELECT revision FROM catalog").first(self)?;
        Ok(row.map_or(0, |row| row.revision))
    }

    fn orgs(&mut self) -> StoreResult<Vec<Org>> {
        let rows: Vec<OrgRow> =
            statement!("reading the orgs", "SELECT id, name, created_at FROM orgs ORDER BY id").load(self)?;
        Ok(rows.into_iter().map(|row| Org { id: row.id, name: row.name, created_at: row.created_at }).collect())
    }

    fn insert_org(&mut self, org: &Org) -> StoreResult<()> {
        statement!("adding an org", "INSERT INTO orgs (id, name, created_at) VALUES (?, ?, ?)")
            .bind(org.id)
            .bind(&org.name)
            .bind(org.created_at)
            .execute(self)?;
        Ok(())
    }

    fn keys(&mut self, org: Id) -> StoreResult<Vec<Key>> {
        const SQL: &str = "SELECT id, name, role, hash, created_at FROM api_keys WHERE org_id = ? ORDER BY id";
        let rows: Vec<KeyRow> = statement!("reading the API keys", SQL).bind(org).load(self)?;
        rows.into_iter().map(|row| row.record(org)).collect()
    }

    fn insert_key(&mut self, key: &Key) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO api_keys (org_id, id, name, role, hash, created_at) VALUES (?, ?, ?, ?, ?, ?)";
        statement!("adding an API key", SQL)
            .bind(key.org)
            .bind(key.id)
            .bind(&key.name)
            .bind(key.role.to_string())
            .bind(&key.hash)
            .bind(key.created_at)
            .execute(self)?;
        Ok(())
    }

    fn delete_key(&mut self, org: Id, id: Id) -> StoreResult<bool> {
        const SQL: &str = "DELETE FROM api_keys WHERE org_id = ? AND id = ?";
        Ok(statement!("deleting an API key", SQL).bind(org).bind(id).execute(self)? > 0)
    }

    fn hooks(&mut self, org: Id) -> StoreResult<Vec<Hook>> {
        const SQL: &str = "SELECT id, kind, name, title, description, hash, status, settings, created_at, updated_at \
                   FROM hooks WHERE org_id = ? ORDER BY id";
        let rows: Vec<HookRow> = statement!("reading the hooks", SQL).bind(org).load(self)?;
        rows.into_iter().map(|row| row.record(org)).collect()
    }

    fn insert_hook(&mut self, hook: &Hook) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO hooks (org_id, id, kind, name, title, description, hash, status, settings, created_at, updated_at) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        statement!("adding a hook", SQL)
            .bind(hook.org)
            .bind(hook.id)
            .bind(hook.kind.to_string())
            .bind(&hook.name)
            .bind(&hook.title)
            .bind(&hook.description)
            .bind(&hook.hash)
            .bind(hook.status.to_string())
            .bind(to_json(&hook.settings))
            .bind(hook.created_at)
            .bind(hook.updated_at)
            .execute(self)?;
        Ok(())
    }

    fn update_hook(&mut self, hook: &Hook) -> StoreResult<()> {
        const SQL: &str = "UPDATE hooks SET name = ?, title = ?, description = ?, hash = ?, status = ?, settings = ?, updated_at = ? \
                   WHERE org_id = ? AND id = ?";
        statement!("changing a hook", SQL)
            .bind(&hook.name)
            .bind(&hook.title)
            .bind(&hook.description)
            .bind(&hook.hash)
            .bind(hook.status.to_string())
            .bind(to_json(&hook.settings))
            .bind(hook.updated_at)
            .bind(hook.org)
            .bind(hook.id)
            .execute(self)?;
        Ok(())
    }

    fn file_digest(&mut self, org: Id, name: &str) -> StoreResult<Option<String>> {
        const SQL: &str = "SELECT digest FROM files WHERE org_id = ? AND name = ?";
        let row: Option<DigestRow> = statement!("reading a file's digest", SQL).bind(org).bind(name).first(self)?;
        Ok(row.map(|row| row.digest))
    }

    fn put_file_digest(&mut self, org: Id, name: &str, digest: &str, at: Timestamp) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO files (org_id, name, digest, loaded_at) VALUES (?, ?, ?, ?) \
                           ON CONFLICT (org_id, name) DO UPDATE \
                           SET digest = excluded.digest, loaded_at = excluded.loaded_at";
        let put = statement!("writing a file's digest", SQL).bind(org).bind(name).bind(digest);
        put.bind(at).execute(self)?;
        Ok(())
    }

    fn workflows(&mut self, org: Id) -> StoreResult<Vec<WorkflowRecord>> {
        const SQL: &str = "SELECT w.id, w.name, w.version, w.status, v.document, w.file, w.created_at, w.updated_at \
                   FROM workflows w JOIN workflow_versions v \
                     ON v.org_id = w.org_id AND v.workflow_id = w.id AND v.version = w.version \
                   WHERE w.org_id = ? AND w.status <> 'deleted' ORDER BY w.id";
        let rows: Vec<WorkflowRow> = statement!("reading the workflows", SQL).bind(org).load(self)?;
        rows.into_iter().map(|row| row.record(org)).collect()
    }

    fn workflow(&mut self, org: Id, id: Id) -> StoreResult<Option<WorkflowRecord>> {
        const SQL: &str = "SELECT w.id, w.name, w.version, w.status, v.document, w.file, w.created_at, w.updated_at \
                   FROM workflows w JOIN workflow_versions v \
                     ON v.org_id = w.org_id AND v.workflow_id = w.id AND v.version = w.version \
                   WHERE w.org_id = ? AND w.id = ?";
        let row: Option<WorkflowRow> = statement!("reading a workflow", SQL).bind(org).bind(id).first(self)?;
        row.map(|row| row.record(org)).transpose()
    }

    fn insert_workflow(&mut self, workflow: &WorkflowRecord, origin: &str) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO workflows \
                     (org_id, id, name, version, status, file, created_at, updated_at) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        statement!("adding a workflow", SQL)
            .bind(workflow.org)
            .bind(workflow.id)
            .bind(&workflow.name)
            .bind(workflow.version)
            .bind(workflow.status.to_string())
            .bind(&workflow.file)
            .bind(workflow.created_at)
            .bind(workflow.updated_at)
            .execute(self)?;
        insert_version(self, workflow, origin)
    }

    fn update_workflow(&mut self, workflow: &WorkflowRecord, origin: &str) -> StoreResult<()> {
        const SQL: &str = "UPDATE workflows SET name = ?, version = ?, status = ?, file = ?, updated_at = ? \
                   WHERE org_id = ? AND id = ?";
        statement!("changing a workflow", SQL)
            .bind(&workflow.name)
            .bind(workflow.version)
            .bind(workflow.status.to_string())
            .bind(&workflow.file)
            .bind(workflow.updated_at)
            .bind(workflow.org)
            .bind(workflow.id)
            .execute(self)?;
        insert_version(self, workflow, origin)
    }

    fn workflow_version(&mut self, org: Id, workflow: Id, version: i64) -> StoreResult<Option<WorkflowVersion>> {
        const SQL: &str = "SELECT version, document, origin, created_at FROM workflow_versions \
                   WHERE org_id = ? AND workflow_id = ? AND version = ?";
        let row: Option<VersionRow> =
            statement!("reading a workflow's version", SQL).bind(org).bind(workflow).bind(version).first(self)?;
        row.map(|row| row.record(workflow)).transpose()
    }

    fn workflow_versions(&mut self, org: Id, workflow: Id, below: i64, size: i64) -> StoreResult<Vec<WorkflowVersion>> {
        const SQL: &str = "SELECT version, document, origin, created_at FROM workflow_versions \
                   WHERE org_id = ? AND workflow_id = ? AND version < ? ORDER BY version DESC LIMIT ?";
        let rows: Vec<VersionRow> = statement!("reading a workflow's versions", SQL)
            .bind(org)
            .bind(workflow)
            .bind(below)
            .bind(size)
            .load(self)?;
        rows.into_iter().map(|row| row.record(workflow)).collect()
    }
}

/// A version that exists already is left as it is: versions never change.
fn insert_version(sql: &mut impl Sql, workflow: &WorkflowRecord, origin: &str) -> StoreResult<()> {
    const SQL: &str = "INSERT INTO workflow_versions (org_id, workflow_id, version, document, origin, created_at) \
               VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    statement!("adding a workflow's version", SQL)
        .bind(workflow.org)
        .bind(workflow.id)
        .bind(workflow.version)
        .bind(to_json(&workflow.document))
        .bind(origin)
        .bind(workflow.updated_at)
        .execute(sql)?;
    Ok(())
}
