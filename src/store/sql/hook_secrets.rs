//! The secrets of hooks, sealed.

use super::Sql;
use super::catalog_changes::log_change;
use super::statement::statement;
use super::table::columns;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::{EntryKind, HookSecret};
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

    fn secrets_of_hook(&mut self, org: Id, hook: Id) -> StoreResult<Vec<HookSecret>> {
        const OF_HOOK: &str = " WHERE org_id = ? AND hook_id = ? ORDER BY id";
        statement!("reading the secrets of a hook", hook_secrets::SELECT, OF_HOOK).bind(org).bind(hook).load(self)
    }

    fn insert_hook_secret(&mut self, secret: &HookSecret) -> StoreResult<()> {
        hook_secrets::insert("adding a secret of a hook", secret).execute(self)?;
        log_change(self, secret.org, EntryKind::Hook, secret.hook)
    }

    fn delete_hook_secret(&mut self, org: Id, id: Id) -> StoreResult<bool> {
        const SQL: &str = "DELETE FROM hook_secrets WHERE org_id = ? AND id = ? RETURNING hook_id";
        let hook: Option<Id> = statement!("deleting a secret of a hook", SQL).bind(org).bind(id).first(self)?;
        match hook {
            Some(hook) => log_change(self, org, EntryKind::Hook, hook).map(|()| true),
            None => Ok(false),
        }
    }
}
