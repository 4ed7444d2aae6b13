//! The secrets of hooks, sealed.

use super::Sql;
use super::statement::statement;
use super::table::columns;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::HookSecret;
use crate::store::session::HookSecrets;

columns! {
    /// What the senders of hooks sign with.
    hook_secrets (org_id, id): HookSecret {
        org_id: Id = org,
        id: Id = id,
        hook_id: Id = hook,
        sealed: String = sealed,
        created_at: Timestamp = created_at,
    }
}

impl<S: Sql> HookSecrets for S {
    fn hook_secrets(&mut self, org: Id) -> StoreResult<Vec<HookSecret>> {
        let read = statement!("reading the secrets of hooks", hook_secrets::SELECT, " WHERE org_id = ? ORDER BY id");
        read.bind(org).load(self)
    }

    fn insert_hook_secret(&mut self, secret: &HookSecret) -> StoreResult<()> {
        hook_secrets::insert("adding a secret of a hook", secret).execute(self)?;
        Ok(())
    }

    fn delete_hook_secret(&mut self, org: Id, id: Id) -> StoreResult<bool> {
        const SQL: &str = "DELETE FROM hook_secrets WHERE org_id = ? AND id = ?";
        Ok(statement!("deleting a secret of a hook", SQL).bind(org).bind(id).execute(self)? > 0)
    }
}
