//! Forgetting requests that came so long ago that they would be new if they came again.

use super::Door;
use crate::base::id::Id;
use crate::store::StoreResult;

/// How many keys one unit of work deletes: few enough that hooks don't wait for it.
const BATCH: usize = 1_000;

/// Deletes the deduplication keys whose window has passed, at most [`BATCH`] of each org; whether there may be more.
///
/// # Errors
/// The first one of the store, after all orgs had their turn.
pub async fn forget_seen_keys(door: &Door) -> StoreResult<bool> {
    let orgs: Vec<Id> = door.catalog.snapshot().orgs().map(|org| org.id).collect();
    let (mut is_more, mut failure) = (false, None);
    for org in orgs {
        let forgotten = door.store.write(move |session| {
            let now = session.now();
            session.forget_keys(org, now, BATCH as i64)
        });
        match forgotten.await {
            Ok(count) => is_more |= count == BATCH,
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(is_more), Err)
}
