//! Which deliveries have come already.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};

use super::Sql;
use super::statement::statement;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::{Duplicates, SeenKey};
use crate::store::session::SeenKeys;

#[derive(QueryableByName)]
pub struct ClaimRow {
    #[diesel(sql_type = Text)]
    transaction_id: Id,
}

#[derive(QueryableByName)]
pub struct DuplicatesRow {
    #[diesel(sql_type = BigInt)]
    duplicates: i64,
    #[diesel(sql_type = BigInt)]
    last_at: Timestamp,
}

impl<S> SeenKeys for S
where
    S: Sql,
    ClaimRow: QueryableByName<S::Backend>,
    DuplicatesRow: QueryableByName<S::Backend>,
{
    fn claim_key(&mut self, delivery: &SeenKey) -> StoreResult<Id> {
        // One statement, so that of two that come at once the second one waits for the first one's row.
        const SQL: &str = "INSERT INTO deliveries (org_id, hook_id, key_digest, transaction_id, expires_at, duplicates, last_at) \
                   VALUES (?, ?, ?, ?, ?, 0, ?) ON CONFLICT (org_id, hook_id, key_digest) DO UPDATE SET \
                   transaction_id = CASE WHEN deliveries.expires_at <= excluded.last_at THEN excluded.transaction_id ELSE deliveries.transaction_id END, \
                   duplicates = CASE WHEN deliveries.expires_at <= excluded.last_at THEN 0 ELSE deliveries.duplicates + 1 END, \
                   expires_at = CASE WHEN deliveries.expires_at <= excluded.last_at THEN excluded.expires_at ELSE deliveries.expires_at END, \
                   last_at = excluded.last_at \
                   RETURNING transaction_id";
        let row: Option<ClaimRow> = statement!("telling whether a delivery is new", SQL)
            .bind(delivery.org)
            .bind(delivery.hook)
            .bind(&delivery.key_digest)
            .bind(delivery.transaction)
            .bind(delivery.expires_at)
            .bind(delivery.at)
            .first(self)?;
        Ok(row.map_or(delivery.transaction, |row| row.transaction_id))
    }

    fn duplicates(&mut self, org: Id, transaction: Id) -> StoreResult<Option<Duplicates>> {
        const SQL: &str = "SELECT duplicates, last_at FROM deliveries WHERE org_id = ? AND transaction_id = ?";
        let row: Option<DuplicatesRow> =
            statement!("reading how often a delivery came again", SQL).bind(org).bind(transaction).first(self)?;
        Ok(row.map(|row| Duplicates { count: row.duplicates, last_at: row.last_at }))
    }

    fn forget_keys(&mut self, org: Id, now: Timestamp, size: i64) -> StoreResult<usize> {
        const SQL: &str = "DELETE FROM deliveries WHERE org_id = ? AND (hook_id, key_digest) IN \
                   (SELECT hook_id, key_digest FROM deliveries WHERE org_id = ? AND expires_at <= ? ORDER BY expires_at LIMIT ?)";
        statement!("forgetting old deliveries", SQL).bind(org).bind(org).bind(now).bind(size).execute(self)
    }
}
