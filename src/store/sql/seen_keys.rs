//! Deduplication: the keys of the requests that each hook has received.

use super::Sql;
use super::statement::statement;
use super::table::columns;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::{Duplicates, SeenKey};
use crate::store::session::SeenKeys;

columns! {
    /// The keys that were seen, with the transaction of the first request, and how often a key came again.
    seen_keys (org_id, hook_id, key_digest), insert(key: &'a SeenKey) {
        org_id: Id = key.org,
        hook_id: Id = key.hook,
        key_digest: String = &key.key_digest,
        transaction_id: Id = key.transaction,
        expires_at: Timestamp = key.expires_at,
        duplicates: i64 = 0,
        last_at: Timestamp = key.at,
    }
}

impl<S: Sql> SeenKeys for S {
    fn claim_key(&mut self, key: &SeenKey) -> StoreResult<Id> {
        // One statement, so that the second of two concurrent requests waits for the row of the first.
        const AGAIN: &str = " ON CONFLICT (org_id, hook_id, key_digest) DO UPDATE SET \
             transaction_id = CASE WHEN seen_keys.expires_at <= excluded.last_at THEN excluded.transaction_id ELSE seen_keys.transaction_id END, \
             duplicates = CASE WHEN seen_keys.expires_at <= excluded.last_at THEN 0 ELSE seen_keys.duplicates + 1 END, \
             expires_at = CASE WHEN seen_keys.expires_at <= excluded.last_at THEN excluded.expires_at ELSE seen_keys.expires_at END, \
             last_at = excluded.last_at \
             RETURNING transaction_id";
        let claim = statement!("checking for a duplicate request", seen_keys::INSERT, AGAIN);
        let first: Option<Id> = seen_keys::bind(claim, key).first(self)?;
        Ok(first.unwrap_or(key.transaction))
    }

    fn duplicates(&mut self, org: Id, transaction: Id) -> StoreResult<Option<Duplicates>> {
        const SQL: &str = "SELECT duplicates, last_at FROM seen_keys WHERE org_id = ? AND transaction_id = ?";
        let read = statement!("counting the duplicates of a request", SQL).bind(org).bind(transaction);
        Ok(read.first(self)?.map(|(count, last_at)| Duplicates { count, last_at }))
    }

    fn forget_keys(&mut self, org: Id, now: Timestamp, size: i64) -> StoreResult<usize> {
        const SQL: &str = "DELETE FROM seen_keys WHERE org_id = ? AND (hook_id, key_digest) IN \
             (SELECT hook_id, key_digest FROM seen_keys WHERE org_id = ? AND expires_at <= ? ORDER BY expires_at LIMIT ?)";
        statement!("deleting expired keys", SQL).bind(org).bind(org).bind(now).bind(size).execute(self)
    }
}
