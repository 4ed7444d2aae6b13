//! Schedules of workflows.

use super::Sql;
use super::statement::statement;
use super::table::columns;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::ScheduleRecord;
use crate::store::session::Schedules;

columns! {
    /// When each scheduled workflow is due next.
    schedules (org_id, workflow_id): ScheduleRecord {
        org_id: Id = org,
        workflow_id: Id = workflow,
        #[changes] rule: String = rule,
        #[changes] due_at: Timestamp = due_at,
        #[changes] last_at: Option<Timestamp> = last_at,
    }
}

impl<S: Sql> Schedules for S {
    fn schedule(&mut self, org: Id, workflow: Id) -> StoreResult<Option<ScheduleRecord>> {
        let read = statement!("reading a schedule", schedules::SELECT, " WHERE org_id = ? AND workflow_id = ?");
        read.bind(org).bind(workflow).first(self)
    }

    fn put_schedule(&mut self, schedule: &ScheduleRecord) -> StoreResult<()> {
        schedules::upsert("writing a schedule", schedule).execute(self)?;
        Ok(())
    }

    fn delete_schedule(&mut self, org: Id, workflow: Id) -> StoreResult<()> {
        const SQL: &str = "DELETE FROM schedules WHERE org_id = ? AND workflow_id = ?";
        statement!("deleting a schedule", SQL).bind(org).bind(workflow).execute(self)?;
        Ok(())
    }

    fn move_schedule(&mut self, from: Timestamp, to: &ScheduleRecord) -> StoreResult<bool> {
        // If two transactions find the same due time, the second waits here for the first, and then finds another time.
        const SQL: &str = "UPDATE schedules SET due_at = ?, last_at = ? \
                   WHERE org_id = ? AND workflow_id = ? AND due_at = ? AND rule = ?";
        let moved = statement!("moving a schedule on", SQL).bind(to.due_at).bind(to.last_at);
        let moved = moved.bind(to.org).bind(to.workflow).bind(from).bind(&to.rule);
        Ok(moved.execute(self)? > 0)
    }

    fn next_schedules(&mut self, size: i64) -> StoreResult<Vec<ScheduleRecord>> {
        const FIRST: &str = " WHERE org_id IN (SELECT id FROM orgs) ORDER BY due_at LIMIT ?";
        statement!("reading the next schedules", schedules::SELECT, FIRST).bind(size).load(self)
    }
}
