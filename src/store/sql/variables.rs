//! Variables, sealed, and the key that sealed them.

use super::Sql;
use super::catalog_changes::log_change;
use super::statement::{Bind, statement};
use super::table::columns;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::{EntryKind, Variable};
use crate::store::session::Variables;

columns! {
    /// Variables of orgs and of workflows.
    variables (org_id, id): Variable {
        org_id: Id = org,
        id: Id = id,
        workflow_id: Option<Id> = workflow,
        #[changes] name: String = name,
        #[changes] sealed: String = sealed,
        created_at: Timestamp = created_at,
        #[changes] updated_at: Timestamp = updated_at,
    }
}

columns! {
    /// The key that the variables of each org are sealed with.
    secret_keys (org_id), insert(org: Id, key_id: &'a str) {
        org_id: Id = org,
        #[changes] key_id: String = key_id,
    }
}

impl<S: Sql> Variables for S {
    fn variables(&mut self, org: Id) -> StoreResult<Vec<Variable>> {
        statement!("reading the variables", variables::SELECT, " WHERE org_id = ? ORDER BY id").bind(org).load(self)
    }

    fn variable(&mut self, org: Id, id: Id) -> StoreResult<Option<Variable>> {
        const BY_ID: &str = " WHERE org_id = ? AND id = ?";
        statement!("reading a variable", variables::SELECT, BY_ID).bind(org).bind(id).first(self)
    }

    fn variable_by_name(&mut self, org: Id, workflow: Option<Id>, name: &str) -> StoreResult<Option<Variable>> {
        // The expression is that of the index.
        const BY_NAME: &str = " WHERE org_id = ? AND coalesce(workflow_id, '') = ? AND name = ?";
        let workflow = workflow.map_or(Bind::Text(Some("")), Bind::from);
        let read = statement!("finding a variable by its name", variables::SELECT, BY_NAME);
        read.bind(org).bind(workflow).bind(name).first(self)
    }

    fn count_variables(&mut self, org: Id) -> StoreResult<i64> {
        const SQL: &str = "SELECT count(*) FROM variables WHERE org_id = ?";
        Ok(statement!("counting the variables", SQL).bind(org).first(self)?.unwrap_or(0))
    }

    fn put_variable(&mut self, variable: &Variable) -> StoreResult<()> {
        variables::upsert("writing a variable", variable).execute(self)?;
        log_change(self, variable.org, EntryKind::Variable, variable.id)
    }

    fn delete_variable(&mut self, org: Id, id: Id) -> StoreResult<bool> {
        const SQL: &str = "DELETE FROM variables WHERE org_id = ? AND id = ?";
        let deleted = statement!("deleting a variable", SQL).bind(org).bind(id).execute(self)? > 0;
        log_change(self, org, EntryKind::Variable, id)?;
        Ok(deleted)
    }

    fn secret_key_id(&mut self, org: Id) -> StoreResult<Option<String>> {
        const SQL: &str = "SELECT key_id FROM secret_keys WHERE org_id = ?";
        statement!("reading which secret key is used", SQL).bind(org).first(self)
    }

    fn put_secret_key_id(&mut self, org: Id, key_id: &str) -> StoreResult<()> {
        secret_keys::upsert("writing which secret key is used", org, key_id).execute(self)?;
        Ok(())
    }
}
