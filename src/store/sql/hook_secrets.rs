//! The secrets of hooks, sealed.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};

use super::Sql;
use super::statement::statement;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::HookSecret;
use crate::store::session::HookSecrets;

#[derive(QueryableByName)]
struct SecretRow {
    #[diesel(sql_type = Text)]
    id: Id,
    #[diesel(sql_type = Text)]
    hook_id: Id,
    #[diesel(sql_type = Text)]
    sealed: String,
    #[diesel(sql_type = BigInt)]
    created_at: Timestamp,
}

impl<S> HookSecrets for S
where
    S: Sql,
    SecretRow: QueryableByName<S::Backend>,
{
    fn hook_secrets(&mut self, org: Id) -> StoreResult<Vec<HookSecret>> {
        const SQL: &str = "SELECT id, hook_id, sealed, created_at FROM hook_secrets WHERE org_id = ? ORDER BY id";
        let rows: Vec<SecretRow> = statement!("reading the secrets of hooks", SQL).bind(org).load(self)?;
        let record = |row: SecretRow| {
            let SecretRow { id, hook_id: hook, sealed, created_at } = row;
            HookSecret { id, org, hook, sealed, created_at }
        };
        Ok(rows.into_iter().map(record).collect())
    }

    fn insert_hook_secret(&mut self, secret: &HookSecret) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO hook_secrets (org_id, id, hook_id, sealed, created_at) VALUES (?, ?, ?, ?, ?)";
        statement!("adding a secret of a hook", SQL)
            .bind(secret.org)
            .bind(secret.id)
            .bind(secret.hook)
            .bind(&secret.sealed)
            .bind(secret.created_at)
            .execute(self)?;
        Ok(())
    }

    fn delete_hook_secret(&mut self, org: Id, id: Id) -> StoreResult<bool> {
        const SQL: &str = "DELETE FROM hook_secrets WHERE org_id = ? AND id = ?";
        Ok(statement!("deleting a secret of a hook", SQL).bind(org).bind(id).execute(self)? > 0)
    }
}
