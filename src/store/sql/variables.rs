//! Variables, sealed, and the key that sealed them.

use super::Sql;
use super::statement::statement;
use super::table::columns;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::Variable;
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
    /// Which key the variables of each org are sealed with.
    secret_keys (org_id), insert(org: Id, key_id: &'a str) {
        org_id: Id = org,
        #[changes] key_id: String = key_id,
    }
}

impl<S: Sql> Variables for S {
    fn variables(&mut self, org: Id) -> StoreResult<Vec<Variable>> {
        statement!("reading the variables", variables::SELECT, " WHERE org_id = ? ORDER BY id").bind(org).load(self)
    }

    fn put_variable(&mut self, variable: &Variable) -> StoreResult<()> {
        variables::upsert("writing a variable", variable).execute(self)?;
        Ok(())
    }

    fn delete_variable(&mut self, org: Id, id: Id) -> StoreResult<bool> {
        const SQL: &str = "DELETE FROM variables WHERE org_id = ? AND id = ?";
        Ok(statement!("deleting a variable", SQL).bind(org).bind(id).execute(self)? > 0)
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
