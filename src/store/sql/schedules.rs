//! Workflows that run by themselves, and when each is due next.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::Sql;
use super::statement::statement;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::ScheduleRecord;
use crate::store::session::Schedules;

#[derive(QueryableByName)]
pub struct ScheduleRow {
    #[diesel(sql_type = Text)]
    org_id: Id,
    #[diesel(sql_type = Text)]
    workflow_id: Id,
    #[diesel(sql_type = Text)]
    rule: String,
    #[diesel(sql_type = BigInt)]
    due_at: Timestamp,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_at: Option<Timestamp>,
}

impl ScheduleRow {
    fn record(self) -> ScheduleRecord {
        let ScheduleRow { org_id, workflow_id, rule, due_at, last_at } = self;
        ScheduleRecord { org: org_id, workflow: workflow_id, rule, due_at, last_at }
    }
}

impl<S> Schedules for S
where
    S: Sql,
    ScheduleRow: QueryableByName<S::Backend>,
{
    fn schedule(&mut self, org: Id, workflow: Id) -> StoreResult<Option<ScheduleRecord>> {
        const SQL: &str = "SELECT org_id, workflow_id, rule, due_at, last_at FROM schedules \
                   WHERE org_id = ? AND workflow_id = ?";
        let row: Option<ScheduleRow> = statement!("reading a schedule", SQL).bind(org).bind(workflow).first(self)?;
        Ok(row.map(ScheduleRow::record))
    }

    fn put_schedule(&mut self, schedule: &ScheduleRecord) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO schedules (org_id, workflow_id, rule, due_at, last_at) VALUES (?, ?, ?, ?, ?) \
                   ON CONFLICT (org_id, workflow_id) DO UPDATE \
                   SET rule = excluded.rule, due_at = excluded.due_at, last_at = excluded.last_at";
        statement!("writing a schedule", SQL)
            .bind(schedule.org)
            .bind(schedule.workflow)
            .bind(&schedule.rule)
            .bind(schedule.due_at)
            .bind(schedule.last_at)
            .execute(self)?;
        Ok(())
    }

    fn delete_schedule(&mut self, org: Id, workflow: Id) -> StoreResult<()> {
        const SQL: &str = "DELETE FROM schedules WHERE org_id = ? AND workflow_id = ?";
        statement!("deleting a schedule", SQL).bind(org).bind(workflow).execute(self)?;
        Ok(())
    }

    fn move_schedule(&mut self, from: Timestamp, to: &ScheduleRecord) -> StoreResult<bool> {
        // Of two transactions that find the same due time, the second waits here for the first, and then finds another.
        const SQL: &str = "UPDATE schedules SET due_at = ?, last_at = ? \
                   WHERE org_id = ? AND workflow_id = ? AND due_at = ? AND rule = ?";
        let moved = statement!("moving a schedule on", SQL).bind(to.due_at).bind(to.last_at);
        let moved = moved.bind(to.org).bind(to.workflow).bind(from).bind(&to.rule);
        Ok(moved.execute(self)? > 0)
    }

    fn next_schedules(&mut self, size: i64) -> StoreResult<Vec<ScheduleRecord>> {
        const SQL: &str = "SELECT org_id, workflow_id, rule, due_at, last_at FROM schedules \
                   WHERE org_id IN (SELECT id FROM orgs) ORDER BY due_at LIMIT ?";
        let rows: Vec<ScheduleRow> = statement!("reading the next schedules", SQL).bind(size).load(self)?;
        Ok(rows.into_iter().map(ScheduleRow::record).collect())
    }
}
