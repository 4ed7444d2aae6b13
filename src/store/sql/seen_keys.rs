//! Which deliveries have come already.

use super::Sql;
use super::statement::statement;
use super::table::columns;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::{Duplicates, SeenKey};
use crate::store::session::SeenKeys;

columns! {
    /// The keys of the deliveries that came, and how often each came again until it expires.
    deliveries (org_id, hook_id, key_digest), insert(delivery: &'a SeenKey) {
        org_id: Id = delivery.org,
        hook_id: Id = delivery.hook,
        key_digest: String = &delivery.key_digest,
        transaction_id: Id = delivery.transaction,
        expires_at: Timestamp = delivery.expires_at,
        duplicates: i64 = 0,
        last_at: Timestamp = delivery.at,
    }
}

impl<S: Sql> SeenKeys for S {
    fn claim_key(&mut self, delivery: &SeenKey) -> StoreResult<Id> {
        // One statement, so that of two that come at once the second one waits for the first one's row.
        const AGAIN: &str = " ON CONFLICT (org_id, hook_id, key_digest) DO UPDATE SET \
                   transaction_id = CASE WHEN deliveries.expires_at <= excluded.last_at THEN excluded.transaction_id ELSE deliveries.transaction_id END, \
                   duplicates = CASE WHEN deliveries.expires_at <= excluded.last_at THEN 0 ELSE deliveries.duplicates + 1 END, \
                   expires_at = CASE WHEN deliveries.expires_at <= excluded.last_at THEN excluded.expires_at ELSE deliveries.expires_at END, \
                   last_at = excluded.last_at \
                   RETURNING transaction_id";
        let claim = statement!("telling whether a delivery is new", deliveries::INSERT, AGAIN);
        let first: Option<Id> = deliveries::bind(claim, delivery).first(self)?;
        Ok(first.unwrap_or(delivery.transaction))
    }

    fn duplicates(&mut self, org: Id, transaction: Id) -> StoreResult<Option<Duplicates>> {
        const SQL: &str = "SELECT duplicates, last_at FROM deliveries WHERE org_id = ? AND transaction_id = ?";
        let read = statement!("reading how often a delivery came again", SQL).bind(org).bind(transaction);
        Ok(read.first(self)?.map(|(count, last_at)| Duplicates { count, last_at }))
    }

    fn forget_keys(&mut self, org: Id, now: Timestamp, size: i64) -> StoreResult<usize> {
        const SQL: &str = "DELETE FROM deliveries WHERE org_id = ? AND (hook_id, key_digest) IN \
                   (SELECT hook_id, key_digest FROM deliveries WHERE org_id = ? AND expires_at <= ? ORDER BY expires_at LIMIT ?)";
        statement!("forgetting old deliveries", SQL).bind(org).bind(org).bind(now).bind(size).execute(self)
    }
}
