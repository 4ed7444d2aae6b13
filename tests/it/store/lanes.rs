//! Lanes: who goes on, who waits, and who is next.

use hookflow::id::Id;
use hookflow::store::{Lane, Run, RunStatus, Session, StoreResult, Turn};
use hookflow::time::Timestamp;

use super::runs::run;
use super::{Desk, MOMENT, id};

const LANE: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210";

fn in_lane(org: Id, number: usize, lane: &str, limit: i64) -> Run {
    Run { lane: Some(Lane { id: lane.into(), limit, turn: Turn::Later }), ..run(org, number) }
}

/// Has runs come to a lane, and inserts them.
fn come(session: &mut dyn Session, org: Id, lane: &str, limit: i64, numbers: &[usize]) -> StoreResult<()> {
    for number in numbers {
        let mut run = in_lane(org, *number, lane, limit);
        session.enter_lane(&mut run)?;
        session.insert_run(&run)?;
    }
    Ok(())
}

/// Ends a run, and lets the lane move; whether anybody got a turn.
fn end(session: &mut dyn Session, org: Id, number: usize) -> StoreResult<bool> {
    let lane = end_alone(session, org, number)?;
    assert_eq!(session.run(org, id(number))?.expect("it is kept").lane, None, "what has ended is in no lane");
    session.move_lane(org, &lane)
}

/// Ends a run, and no more; the lane that it was in.
fn end_alone(session: &mut dyn Session, org: Id, number: usize) -> StoreResult<String> {
    let mut run = session.run(org, id(number))?.expect("it is there");
    let lane = run.lane.clone().expect("it has a lane").id;
    session.lock_lane(&lane)?;
    (run.status, run.due_at, run.held) = (RunStatus::Completed, None, false);
    session.update_run(&mut run)?;
    Ok(lane)
}

fn turns_of(session: &mut dyn Session, org: Id, numbers: &[usize]) -> StoreResult<Vec<Turn>> {
    let turn = |number: &usize| Ok(session.run(org, id(*number))?.expect("it is there").lane.expect("it has one").turn);
    numbers.iter().map(turn).collect()
}

pub fn turns(desk: &Desk) {
    use Turn::{Has, Waits};
    desk.in_two_orgs(|session, org| {
        // Whoever comes first is first, whatever the ids say.
        come(session, org, LANE, 1, &[4, 2, 3])?;
        come(session, org, OTHER, 1, &[5])?;
        assert_eq!(turns_of(session, org, &[4, 2, 3, 5])?, [Has, Waits(1), Waits(2), Has]);
        let waiting = session.run(org, id(2))?.unwrap();
        assert_eq!((waiting.status, waiting.due_at, waiting.held), (RunStatus::Queued, Some(Timestamp::NEVER), false));
        let far = Timestamp(Timestamp::NEVER.0 - 1);
        let claimed = session.claim_runs(far, 10)?.into_iter().filter(|claim| claim.org == org);
        assert_eq!(claimed.map(|claim| claim.run).collect::<Vec<_>>(), [id(4), id(5)], "those that wait are never due");
        assert_eq!(session.runs_going(org, LANE, 10)?, [id(4)]);
        assert_eq!([session.runs_ahead(org, LANE, 1)?, session.runs_ahead(org, LANE, 2)?], [0, 1]);

        assert!(end(session, org, 4)?);
        assert_eq!(turns_of(session, org, &[2, 3])?, [Has, Waits(2)]);
        let next = session.run(org, id(2))?.unwrap();
        assert!(next.due_at < Some(far) && next.rev == waiting.rev + 1, "it is due: {next:?}");
        assert!(!session.move_lane(org, LANE)?, "there is room for one");
        // One that gives up waiting leaves the others where they are.
        come(session, org, LANE, 1, &[6])?;
        assert!(!end(session, org, 3)?);
        assert_eq!(turns_of(session, org, &[2, 6])?, [Has, Waits(3)]);
        assert!(end(session, org, 2)? && !end(session, org, 6)?);
        // The lane is empty, and begins anew.
        come(session, org, LANE, 1, &[7, 8])?;
        assert_eq!(turns_of(session, org, &[7, 8])?, [Has, Waits(1)]);
        Ok(())
    });
}

pub fn limits(desk: &Desk) {
    use Turn::{Has, Waits};
    desk.in_two_orgs(|session, org| {
        come(session, org, LANE, 3, &[1, 2, 3, 4])?;
        assert_eq!(turns_of(session, org, &[1, 2, 3, 4])?, [Has, Has, Has, Waits(1)]);
        // Of a version with a lower limit, and of one with a higher one: nobody overtakes.
        come(session, org, LANE, 1, &[5])?;
        come(session, org, LANE, 5, &[6, 7])?;
        assert_eq!(session.runs_going(org, LANE, 2)?, [id(1), id(2)]);
        assert!(end(session, org, 1)?);
        assert_eq!(turns_of(session, org, &[2, 3, 4, 5, 6, 7])?, [Has, Has, Has, Waits(2), Waits(3), Waits(4)]);
        assert!(!end(session, org, 2)? && !end(session, org, 3)?, "the next wants to be alone");
        assert!(end(session, org, 4)?);
        assert_eq!(turns_of(session, org, &[5, 6, 7])?, [Has, Has, Has], "those behind it have room beside it");
        Ok(())
    });
}

pub fn later(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let due_at = Some(Timestamp(MOMENT.0 + 10));
        let later = Run { due_at, ..in_lane(org, 1, LANE, 1) };
        session.insert_run(&later)?;
        assert_eq!(session.run(org, id(1))?, Some(later.clone()));
        come(session, org, LANE, 1, &[2])?;
        assert_eq!(turns_of(session, org, &[1, 2])?, [Turn::Later, Turn::Has], "it keeps nobody from going on");
        let mut now_due = later;
        session.enter_lane(&mut now_due)?;
        session.update_run(&mut now_due)?;
        assert_eq!(session.run(org, id(1))?, Some(now_due));
        assert_eq!(turns_of(session, org, &[1])?, [Turn::Waits(1)]);
        Ok(())
    });
}

pub fn standstill(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        come(session, org, LANE, 2, &[1, 2, 3])?;
        end_alone(session, org, 1)?;
        end_alone(session, org, 2)?;
        assert_eq!(turns_of(session, org, &[3])?, [Turn::Waits(1)], "nobody has let it move");
        come(session, org, LANE, 2, &[4])?;
        assert_eq!(turns_of(session, org, &[3, 4])?, [Turn::Has, Turn::Waits(2)], "who comes next does");
        Ok(())
    });
}
