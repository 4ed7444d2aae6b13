//! Events that are stored with their payloads, and how many runs follow from them.

use serde_json::Value;

use super::Sql;
use super::statement::statement;
use super::table::columns;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::EventRecord;
use crate::store::session::Events;

columns! {
    /// Events that workflows listen for and that are no transactions.
    #[day(id)]
    events (org_id, id): EventRecord {
        org_id: Id = org,
        id: Id = id,
        name: String = name,
        created_at: Timestamp = at,
        run_id: Option<Id> = run,
        payload: Value = payload,
    }
}

columns! {
    /// How many runs descend from each root.
    #[day(root_id)]
    descendants (org_id, root_id), insert(org: Id, root: Id, count: i64) {
        org_id: Id = org,
        root_id: Id = root,
        count: i64 = count,
    }
}

impl<S: Sql> Events for S {
    fn insert_event(&mut self, event: &EventRecord) -> StoreResult<()> {
        events::insert("storing an event", event).append(self)
    }

    fn event(&mut self, org: Id, id: Id) -> StoreResult<Option<EventRecord>> {
        self.settle(events::NAME)?;
        let read = statement!("reading an event", events::SELECT, " WHERE org_id = ? AND id = ?");
        read.bind(org).bind(id).first(self)
    }

    fn count_descendants(&mut self, org: Id, root: Id, count: i64, max: i64) -> StoreResult<bool> {
        // One statement, so that the second of two concurrent transactions waits for the row of the first.
        const WITHIN: &str = " ON CONFLICT (org_id, root_id) DO UPDATE \
                   SET count = descendants.count + excluded.count WHERE descendants.count + excluded.count <= ?";
        if count > max {
            return Ok(false);
        }
        let add = statement!("counting descendants", descendants::INSERT, WITHIN);
        Ok(descendants::bind(add, org, root, count).bind(max).execute(self)? > 0)
    }
}
