//! Runs as both databases return them. Each has statements of its own for them.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::columns::{from_json, from_word};
use super::lanes;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::records::{Lane, Run};

#[derive(QueryableByName)]
pub struct RunRow {
    #[diesel(sql_type = Text)]
    id: Id,
    #[diesel(sql_type = Text)]
    workflow_id: Id,
    #[diesel(sql_type = Text)]
    workflow_name: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    event: String,
    #[diesel(sql_type = Nullable<Text>)]
    transaction_id: Option<Id>,
    #[diesel(sql_type = Nullable<Text>)]
    input: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    replay_of: Option<Id>,
    #[diesel(sql_type = Nullable<Text>)]
    parent_id: Option<Id>,
    #[diesel(sql_type = BigInt)]
    depth: i64,
    #[diesel(sql_type = Nullable<Text>)]
    output: Option<String>,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Nullable<Text>)]
    position: Option<String>,
    #[diesel(sql_type = BigInt)]
    steps: i64,
    #[diesel(sql_type = Nullable<Text>)]
    pending: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    error: Option<String>,
    #[diesel(sql_type = BigInt)]
    created_at: Timestamp,
    #[diesel(sql_type = Nullable<BigInt>)]
    started_at: Option<Timestamp>,
    #[diesel(sql_type = Nullable<BigInt>)]
    finished_at: Option<Timestamp>,
    #[diesel(sql_type = Nullable<BigInt>)]
    due_at: Option<Timestamp>,
    #[diesel(sql_type = BigInt)]
    held: i64,
    #[diesel(sql_type = BigInt)]
    rev: i64,
    #[diesel(sql_type = Nullable<Text>)]
    lane: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    lane_limit: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    lane_place: Option<i64>,
}

#[derive(QueryableByName)]
pub struct DueRow {
    #[diesel(sql_type = BigInt)]
    pub due_at: Timestamp,
    #[diesel(sql_type = Text)]
    pub org_id: Id,
    #[diesel(sql_type = Text)]
    pub id: Id,
    #[diesel(sql_type = BigInt)]
    pub rev: i64,
}

#[derive(QueryableByName)]
pub struct NextDueRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    pub due_at: Option<Timestamp>,
}

#[derive(QueryableByName)]
pub struct EntriesRow {
    #[diesel(sql_type = Text)]
    pub entries: String,
}

impl RunRow {
    pub fn record(self, org: Id) -> StoreResult<Run> {
        let (limit, turn) = (self.lane_limit.unwrap_or(1), lanes::turn(self.lane_place));
        // A run that has ended is in no lane, even where its row still names it.
        let lane = self.lane.filter(|_| self.due_at.is_some()).map(|id| Lane { id, limit, turn });
        Ok(Run {
            lane,
            id: self.id,
            org,
            workflow: self.workflow_id,
            workflow_name: self.workflow_name,
            version: self.version,
            event: self.event,
            transaction: self.transaction_id,
            input: self.input.map(|text| from_json("a run's input", &text)).transpose()?,
            replay_of: self.replay_of,
            parent: self.parent_id,
            depth: self.depth,
            output: self.output.map(|text| from_json("a run's output", &text)).transpose()?,
            status: from_word("a run's status", &self.status)?,
            position: self.position,
            steps: self.steps,
            pending: self.pending.map(|text| from_json("a run's pending call", &text)).transpose()?,
            error: self.error.map(|text| from_json("a run's error", &text)).transpose()?,
            created_at: self.created_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            due_at: self.due_at,
            held: self.held != 0,
            rev: self.rev,
        })
    }
}
