//! Lanes: runs that take turns.
//!
//! The state of a lane is read from the open runs that name it, along a small index. SQLite has one writer, and decides
//! at once which run has a turn. PostgreSQL decides at the end of the transaction: it locks all lanes that the
//! transaction has touched, always in the same order, and holds the locks for the few statements until the commit. So
//! of two transactions that enter or leave a lane, the second sees what the first has done: places follow the order of
//! commits, whatever the clocks of the nodes say, and no run is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use super::Sql;
use super::statement::statement;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::records::{Lane, Run, Turn};
use crate::store::session::{Lanes, Session};
use crate::store::{StoreError, StoreResult};

/// The table that lanes are read from; a view of the open runs in SQLite.
const OPEN_RUNS: &str = "open_runs";
/// The place of runs that have their turn; waiting runs have higher ones.
const HAS_TURN: i64 = 0;

/// The lanes that a transaction has changed and has yet to settle.
#[derive(Default)]
pub struct TouchedLanes {
    /// By lane and org, the runs that have entered, with their limits.
    lanes: BTreeMap<(String, Id), Vec<(Id, i64)>>,
    /// The number of runs that have entered any lane.
    came: i64,
}

impl TouchedLanes {
    /// The numbers of the lanes' locks, in the order in which they must be taken. Lanes that share a number only wait
    /// for each other.
    pub fn locks(&self) -> Vec<i64> {
        let number = |lane: &str| lane.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let numbers = self.lanes.keys().map(|(lane, _)| number(lane).unwrap_or_default().cast_signed());
        numbers.collect::<BTreeSet<i64>>().into_iter().collect()
    }
}

/// The columns `lane`, `lane_limit` and `lane_place`.
pub type LaneColumns<'a> = (Option<&'a str>, Option<i64>, Option<i64>);

/// A run's lane as its columns, which are NULL once the run has ended.
pub fn columns(run: &Run) -> LaneColumns<'_> {
    let Some(lane) = run.lane.as_ref().filter(|_| run.due_at.is_some()) else { return (None, None, None) };
    (Some(&lane.id), Some(lane.limit), place(lane.turn))
}

/// The lane that its columns describe; `due_at` is the run's. A run that has ended is in no lane, even where its row
/// still names one.
pub fn lane(due_at: Option<Timestamp>, id: Option<String>, limit: Option<i64>, place: Option<i64>) -> Option<Lane> {
    let id = id.filter(|_| due_at.is_some())?;
    Some(Lane { id, limit: limit.unwrap_or(1), turn: turn(place) })
}

fn place(turn: Turn) -> Option<i64> {
    match turn {
        Turn::Later => None,
        // Below all assigned places, so that these runs can be found.
        Turn::Comes(number) => Some(-number),
        Turn::Waits(place) => Some(place),
        Turn::Has => Some(HAS_TURN),
    }
}

fn turn(place: Option<i64>) -> Turn {
    match place {
        None => Turn::Later,
        Some(HAS_TURN) => Turn::Has,
        Some(place) if place < HAS_TURN => Turn::Comes(-place),
        Some(place) => Turn::Waits(place),
    }
}

impl<S: Sql + Session> Lanes for S {
    fn enter_lane(&mut self, run: &mut Run) -> StoreResult<()> {
        let org = run.org;
        let Some(lane) = &mut run.lane else { return Ok(()) };
        if let Some(touched) = self.touched_lanes() {
            touched.came += 1;
            touched.lanes.entry((lane.id.clone(), org)).or_default().push((run.id, lane.limit));
            lane.turn = Turn::Comes(touched.came);
        } else {
            let (last, going) = state(self, org, &lane.id)?;
            if last == HAS_TURN && going < lane.limit {
                lane.turn = Turn::Has;
                return Ok(());
            }
            lane.turn = Turn::Waits(last + 1);
            // The last run was ended by something that does not know lanes: an older version, or SQL by hand.
            if going == 0 {
                give_turns(self, org, &lane.id)?;
            }
        }
        (run.due_at, run.held) = (Some(Timestamp::NEVER), false);
        Ok(())
    }

    fn move_lane(&mut self, org: Id, lane: &str) -> StoreResult<bool> {
        match self.touched_lanes() {
            Some(touched) => {
                touched.lanes.entry((lane.to_owned(), org)).or_default();
                Ok(true)
            }
            None => give_turns(self, org, lane),
        }
    }

    fn runs_going(&mut self, org: Id, lane: &str, size: i64) -> StoreResult<Vec<Id>> {
        const SQL: &str =
            "SELECT id FROM open_runs WHERE org_id = ? AND lane = ? AND lane_place = 0 ORDER BY id LIMIT ?";
        self.settle(OPEN_RUNS)?;
        statement!("reading the runs that have a turn", SQL).bind(org).bind(lane).bind(size).load(self)
    }

    fn runs_ahead(&mut self, org: Id, lane: &str, place: i64) -> StoreResult<i64> {
        const SQL: &str = "SELECT count(*) FROM open_runs \
                   WHERE org_id = ? AND lane = ? AND lane_place > 0 AND lane_place < ?";
        self.settle(OPEN_RUNS)?;
        let ahead = statement!("counting those ahead in a lane", SQL).bind(org).bind(lane).bind(place);
        Ok(ahead.first(self)?.unwrap_or(0))
    }
}

/// Gives all runs that have entered their turn or a place, and waiting runs their turn. Must be called after everything
/// else of the transaction is written, with the lanes locked.
pub fn settle(sql: &mut (impl Sql + Session), touched: TouchedLanes) -> StoreResult<()> {
    const TURN: &str = "UPDATE open_runs SET lane_place = 0, due_at = ?, rev = rev + 1 WHERE org_id = ? AND id = ?";
    const PLACES: &str =
        "UPDATE open_runs SET lane_place = ? - lane_place WHERE org_id = ? AND lane = ? AND lane_place < 0";
    sql.settle(OPEN_RUNS)?;
    let now = sql.now();
    for ((lane, org), came) in touched.lanes {
        let (last, mut going) = state(sql, org, &lane)?;
        let mut waiting = came.as_slice();
        // The lane is usually empty otherwise.
        while let [(first, limit), behind @ ..] = waiting
            && last == HAS_TURN
            && going < *limit
        {
            statement!("giving a turn", TURN).bind(now).bind(org).bind(*first).execute(sql)?;
            (waiting, going) = (behind, going + 1);
        }
        if !waiting.is_empty() {
            statement!("giving places in a lane", PLACES).bind(last).bind(org).bind(&lane).execute(sql)?;
        }
        if last != HAS_TURN {
            give_turns(sql, org, &lane)?;
        }
    }
    Ok(())
}

/// Gives the first waiting runs their turn, as far as there is room; returns whether there were any.
fn give_turns(sql: &mut (impl Sql + Session), org: Id, lane: &str) -> StoreResult<bool> {
    const FIRST: &str = "SELECT id, lane_limit FROM open_runs WHERE org_id = ? AND lane = ? AND lane_place > 0 \
               ORDER BY lane_place LIMIT 1";
    let (_, mut going) = state(sql, org, lane)?;
    let mut moved = false;
    loop {
        let first: Option<(Id, i64)> =
            statement!("reading the first that waits in a lane", FIRST).bind(org).bind(lane).first(sql)?;
        let Some((first, _)) = first.filter(|(_, limit)| going < *limit) else { return Ok(moved) };
        // Another transaction may cancel it without the lane's lock: then it is not the first any more.
        let Some(mut run) = sql.run(org, first)? else { continue };
        run.lane.iter_mut().for_each(|lane| lane.turn = Turn::Has);
        run.due_at = Some(sql.now());
        match sql.update_run(&mut run) {
            Ok(()) => (going, moved) = (going + 1, true),
            Err(StoreError::Fenced) => {}
            Err(error) => return Err(error),
        }
    }
}

/// The place of the last waiting run, or [`HAS_TURN`] if none waits; and how many runs have their turn.
fn state(sql: &mut impl Sql, org: Id, lane: &str) -> StoreResult<(i64, i64)> {
    const SQL: &str = "SELECT (SELECT max(lane_place) FROM open_runs WHERE org_id = ? AND lane = ? AND lane_place >= 0), \
                (SELECT count(*) FROM open_runs WHERE org_id = ? AND lane = ? AND lane_place = 0)";
    let state = statement!("reading a lane", SQL).bind(org).bind(lane).bind(org).bind(lane);
    let row: Option<(Option<i64>, i64)> = state.first(sql)?;
    Ok(row.map_or((HAS_TURN, 0), |(place, count)| (place.unwrap_or(HAS_TURN), count)))
}
