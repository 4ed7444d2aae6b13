//! Lanes: runs that take turns.
//!
//! What is known of a lane is read from the open runs that name it, along a small index. PostgreSQL, where others write at
//! the same time, keeps them out by a lock on the lane's number until the commit. So of two transactions that come to a lane
//! or leave it, the second sees what the first has done: places are given in the order of commits, whatever the clocks of
//! their nodes say, and nobody is forgotten.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::statement::statement;
use super::{Sql, Table};
use crate::id::Id;
use crate::store::StoreResult;
use crate::store::records::{Run, Turn};
use crate::store::session::{Lanes, Runs, Session};
use crate::time::Timestamp;

#[derive(QueryableByName)]
pub struct PlaceRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    place: Option<i64>,
}

#[derive(QueryableByName)]
pub struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
pub struct InLaneRow {
    #[diesel(sql_type = Text)]
    id: Id,
    #[diesel(sql_type = BigInt)]
    lane_limit: i64,
}

/// The place of those that have their turn; those that wait have higher ones.
const HAS_TURN: i64 = 0;

/// A run's lane as its three columns, which are null once the run has ended.
pub fn columns(run: &Run) -> (Option<&str>, Option<i64>, Option<i64>) {
    let Some(lane) = run.lane.as_ref().filter(|_| run.due_at.is_some()) else { return (None, None, None) };
    (Some(&lane.id), Some(lane.limit), place(lane.turn))
}

fn place(turn: Turn) -> Option<i64> {
    match turn {
        Turn::Later => None,
        Turn::Waits(place) => Some(place),
        Turn::Has => Some(HAS_TURN),
    }
}

/// What a place says.
pub fn turn(place: Option<i64>) -> Turn {
    match place {
        None => Turn::Later,
        Some(HAS_TURN) => Turn::Has,
        Some(place) => Turn::Waits(place),
    }
}

/// The number by which PostgreSQL knows the lock of a lane. Lanes with the same number only wait for each other.
fn lock_number(lane: &str) -> i64 {
    let digits = lane.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    digits.unwrap_or_default().cast_signed()
}

impl<S> Lanes for S
where
    S: Sql + Session + Runs,
    PlaceRow: QueryableByName<S::Backend>,
    CountRow: QueryableByName<S::Backend>,
    InLaneRow: QueryableByName<S::Backend>,
{
    fn lock_lane(&mut self, lane: &str) -> StoreResult<()> {
        if S::HAS_OTHER_WRITERS {
            const SQL: &str = "SELECT pg_advisory_xact_lock(?)";
            statement!("waiting for a lane", SQL).bind(lock_number(lane)).execute(self)?;
        }
        Ok(())
    }

    fn enter_lane(&mut self, run: &mut Run) -> StoreResult<()> {
        const LAST: &str = "SELECT max(lane_place) AS place FROM open_runs \
                   WHERE org_id = ? AND lane = ? AND lane_place IS NOT NULL";
        let org = run.org;
        let Some(lane) = &mut run.lane else { return Ok(()) };
        self.lock_lane(&lane.id)?;
        self.settle(Table::OpenRuns)?;
        let last: Option<PlaceRow> =
            statement!("reading the last in a lane", LAST).bind(org).bind(&lane.id).first(self)?;
        let last = last.and_then(|row| row.place).unwrap_or(HAS_TURN);
        let going = going(self, org, &lane.id)?;
        if last == HAS_TURN && going < lane.limit {
            lane.turn = Turn::Has;
            return Ok(());
        }
        lane.turn = Turn::Waits(last + 1);
        // Whoever ended the last run did not know of lanes: a node of an older version, or somebody with SQL.
        if going == 0 {
            self.move_lane(org, &lane.id)?;
        }
        (run.due_at, run.held) = (Some(Timestamp::NEVER), false);
        Ok(())
    }

    fn move_lane(&mut self, org: Id, lane: &str) -> StoreResult<bool> {
        const FIRST: &str = "SELECT id, lane_limit FROM open_runs WHERE org_id = ? AND lane = ? AND lane_place > 0 \
                   ORDER BY lane_place LIMIT 1";
        self.lock_lane(lane)?;
        self.settle(Table::OpenRuns)?;
        let mut going_now = None;
        let mut moved = false;
        loop {
            let first: Option<InLaneRow> =
                statement!("reading the first that waits in a lane", FIRST).bind(org).bind(lane).first(self)?;
            let Some(first) = first else { return Ok(moved) };
            let going = match going_now {
                Some(going) => going,
                None => going(self, org, lane)?,
            };
            if going >= first.lane_limit {
                return Ok(moved);
            }
            let Some(mut run) = self.run(org, first.id)? else { return Ok(moved) };
            run.lane.iter_mut().for_each(|lane| lane.turn = Turn::Has);
            run.due_at = Some(self.now());
            self.update_run(&mut run)?;
            (going_now, moved) = (Some(going + 1), true);
        }
    }

    fn runs_going(&mut self, org: Id, lane: &str, size: i64) -> StoreResult<Vec<Id>> {
        const SQL: &str = "SELECT id, lane_limit FROM open_runs WHERE org_id = ? AND lane = ? AND lane_place = 0 \
                   ORDER BY id LIMIT ?";
        self.settle(Table::OpenRuns)?;
        let going: Vec<InLaneRow> =
            statement!("reading who goes on in a lane", SQL).bind(org).bind(lane).bind(size).load(self)?;
        Ok(going.into_iter().map(|row| row.id).collect())
    }

    fn runs_ahead(&mut self, org: Id, lane: &str, place: i64) -> StoreResult<i64> {
        const SQL: &str = "SELECT count(*) AS count FROM open_runs \
                   WHERE org_id = ? AND lane = ? AND lane_place > 0 AND lane_place < ?";
        self.settle(Table::OpenRuns)?;
        let ahead = statement!("counting those ahead in a lane", SQL).bind(org).bind(lane).bind(place);
        let row: Option<CountRow> = ahead.first(self)?;
        Ok(row.map_or(0, |row| row.count))
    }
}

/// How many runs have their turn.
fn going<S>(sql: &mut S, org: Id, lane: &str) -> StoreResult<i64>
where
    S: Sql,
    CountRow: QueryableByName<S::Backend>,
{
    const SQL: &str = "SELECT count(*) AS count FROM open_runs WHERE org_id = ? AND lane = ? AND lane_place = 0";
    let row: Option<CountRow> =
        statement!("counting those that go on in a lane", SQL).bind(org).bind(lane).first(sql)?;
    Ok(row.map_or(0, |row| row.count))
}
