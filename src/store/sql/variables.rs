//! Variables, sealed, and the key that sealed them.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::Sql;
use super::statement::statement;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::Variable;
use crate::store::session::Variables;

#[derive(QueryableByName)]
struct VariableRow {
    #[diesel(sql_type = Text)]
    id: Id,
    #[diesel(sql_type = Nullable<Text>)]
    workflow_id: Option<Id>,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    sealed: String,
    #[diesel(sql_type = BigInt)]
    created_at: Timestamp,
    #[diesel(sql_type = BigInt)]
    updated_at: Timestamp,
}

#[derive(QueryableByName)]
struct KeyIdRow {
    #[diesel(sql_type = Text)]
    key_id: String,
}

impl<S> Variables for S
where
    S: Sql,
    VariableRow: QueryableByName<S::Backend>,
    KeyIdRow: QueryableByName<S::Backend>,
{
    fn variables(&mut self, org: Id) -> StoreResult<Vec<Variable>> {
        const SQL: &str = "SELECT id, workflow_id, name, sealed, created_at, updated_at \
                           FROM variables WHERE org_id = ? ORDER BY id";
        let rows: Vec<VariableRow> = statement!("reading the variables", SQL).bind(org).load(self)?;
        let record = |row: VariableRow| Variable {
            id: row.id,
            org,
            workflow: row.workflow_id,
            name: row.name,
            sealed: row.sealed,
            created_at: row.created_at,
            updated_at: row.updated_at,
        };
        Ok(rows.into_iter().map(record).collect())
    }

    fn put_variable(&mut self, variable: &Variable) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO variables (org_id, id, workflow_id, name, sealed, created_at, updated_at) \
                           VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (org_id, id) DO UPDATE \
                           SET name = excluded.name, sealed = excluded.sealed, updated_at = excluded.updated_at";
        statement!("writing a variable", SQL)
            .bind(variable.org)
            .bind(variable.id)
            .bind(variable.workflow)
            .bind(&variable.name)
            .bind(&variable.sealed)
            .bind(variable.created_at)
            .bind(variable.updated_at)
            .execute(self)?;
        Ok(())
    }

    fn delete_variable(&mut self, org: Id, id: Id) -> StoreResult<bool> {
        const SQL: &str = "DELETE FROM variables WHERE org_id = ? AND id = ?";
        Ok(statement!("deleting a variable", SQL).bind(org).bind(id).execute(self)? > 0)
    }

    fn secret_key_id(&mut self, org: Id) -> StoreResult<Option<String>> {
        const SQL: &str = "SELECT key_id FROM secret_keys WHERE org_id = ?";
        let row: Option<KeyIdRow> = statement!("reading which secret key is used", SQL).bind(org).first(self)?;
        Ok(row.map(|row| row.key_id))
    }

    fn put_secret_key_id(&mut self, org: Id, key_id: &str) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO secret_keys (org_id, key_id) VALUES (?, ?) \
                           ON CONFLICT (org_id) DO UPDATE SET key_id = excluded.key_id";
        statement!("writing which secret key is used", SQL).bind(org).bind(key_id).execute(self)?;
        Ok(())
    }
}
