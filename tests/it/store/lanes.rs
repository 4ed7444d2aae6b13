//! Lanes: who goes on, who waits, and who is next. Each arrival and each end is a transaction of its own.

use hookflow::base::id::Id;
use hookflow::base::time::Timestamp;
use hookflow::store::{Lane, Run, RunStatus, Turn};

use super::runs::run;
use super::{Desk, MOMENT, id, with_ids_of};

const LANE: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210";

/// An org, and what happens to the lanes in it.
struct Yard<'a> {
    desk: &'a Desk,
    org: Id,
}

/// Does a check in both of two orgs, whose runs and lanes have the same names.
fn in_two_orgs(desk: &Desk, check: fn(&Yard<'_>)) {
    let orgs = [desk.add_org("one"), desk.add_org("two")];
    let numbered = orgs.into_iter().enumerate();
    numbered.for_each(|(number, org)| with_ids_of(number, || check(&Yard { desk, org })));
}

impl Yard<'_> {
    fn run_in(&self, number: usize, lane: &str, limit: i64) -> Run {
        Run { lane: Some(Lane { id: lane.into(), limit, turn: Turn::Later }), ..run(self.org, number) }
    }

    /// Has runs come to a lane, in one transaction, and inserts them.
    fn come(&self, lane: &str, limit: i64, numbers: &[usize]) {
        let runs: Vec<Run> = numbers.iter().map(|number| self.run_in(*number, lane, limit)).collect();
        let came = self.desk.write(move |session| {
            runs.iter().try_for_each(|run| {
                let mut run = run.clone();
                session.enter_lane(&mut run)?;
                session.insert_run(&run)
            })
        });
        came.unwrap();
    }

    fn run(&self, number: usize) -> Run {
        let (org, id) = (self.org, id(number));
        self.desk.read(move |session| session.run(org, id)).unwrap().expect("it is there")
    }

    /// Ends a run, and moves the lane on if requested.
    fn end(&self, number: usize, moves: bool) {
        let (org, id) = (self.org, id(number));
        let ended = self.desk.write(move |session| {
            let mut run = session.run(org, id)?.expect("it is there");
            let lane = run.lane.clone().expect("it has a lane").id;
            (run.status, run.due_at, run.held) = (RunStatus::Completed, None, false);
            session.update_run(&mut run)?;
            if moves {
                session.move_lane(org, &lane)?;
            }
            Ok(())
        });
        ended.unwrap();
        assert_eq!(self.run(number).lane, None, "what has ended is in no lane");
    }

    fn turns(&self, numbers: &[usize]) -> Vec<Turn> {
        numbers.iter().map(|number| self.run(*number).lane.expect("it has one").turn).collect()
    }

    fn going(&self, size: i64) -> Vec<Id> {
        let org = self.org;
        self.desk.read(move |session| session.runs_going(org, LANE, size)).unwrap()
    }

    fn ahead(&self, place: i64) -> i64 {
        let org = self.org;
        self.desk.read(move |session| session.runs_ahead(org, LANE, place)).unwrap()
    }
}

pub fn turns(desk: &Desk) {
    use Turn::{Has, Waits};
    in_two_orgs(desk, |yard| {
        // Whoever comes first is first, whatever the ids say.
        yard.come(LANE, 1, &[4, 2]);
        yard.come(LANE, 1, &[3]);
        yard.come(OTHER, 1, &[5]);
        let [Has, Waits(second), Waits(third), Has] = yard.turns(&[4, 2, 3, 5])[..] else {
            panic!("{:?}", yard.turns(&[4, 2, 3, 5]))
        };
        assert!(second < third);
        let waiting = yard.run(2);
        assert_eq!((waiting.status, waiting.due_at, waiting.held), (RunStatus::Queued, Some(Timestamp::NEVER), false));
        let (org, far) = (yard.org, Timestamp(Timestamp::NEVER.0 - 1));
        let claimed = yard.desk.write(move |session| session.claim_runs(far, 10)).unwrap();
        let claimed = claimed.into_iter().filter(|claim| claim.org == org).map(|claim| claim.run);
        let mut claimed: Vec<Id> = claimed.collect();
        claimed.sort();
        assert_eq!(claimed, [id(4), id(5)], "those that wait are never due");
        assert_eq!((yard.going(10), yard.ahead(second), yard.ahead(third)), (vec![id(4)], 0, 1));

        yard.end(4, true);
        assert_eq!(yard.turns(&[2, 3]), [Has, Waits(third)]);
        let next = yard.run(2);
        assert!(next.due_at < Some(far) && !next.held && next.rev > waiting.rev, "it is due: {next:?}");
        // One that gives up waiting leaves the others where they are.
        yard.come(LANE, 1, &[6]);
        yard.end(3, true);
        assert!(matches!(yard.turns(&[2, 6])[..], [Has, Waits(_)]));
        yard.end(2, true);
        assert_eq!(yard.turns(&[6]), [Has]);
        yard.end(6, true);
        // The lane is empty, and begins anew.
        yard.come(LANE, 1, &[7, 8]);
        assert!(matches!(yard.turns(&[7, 8])[..], [Has, Waits(_)]));
    });
}

pub fn limits(desk: &Desk) {
    use Turn::{Has, Waits};
    in_two_orgs(desk, |yard| {
        yard.come(LANE, 3, &[1, 2, 3, 4]);
        assert!(matches!(yard.turns(&[1, 2, 3, 4])[..], [Has, Has, Has, Waits(_)]));
        // Of a version with a lower limit, and of one with a higher one: no run overtakes.
        yard.come(LANE, 1, &[5]);
        yard.come(LANE, 5, &[6, 7]);
        assert_eq!(yard.going(2), [id(1), id(2)]);
        yard.end(1, true);
        assert!(matches!(yard.turns(&[2, 3, 4, 5, 6, 7])[..], [Has, Has, Has, Waits(_), Waits(_), Waits(_)]));
        yard.end(2, true);
        yard.end(3, true);
        assert!(matches!(yard.turns(&[4, 5, 6])[..], [Has, Waits(_), Waits(_)]), "the next wants to be alone");
        yard.end(4, true);
        assert_eq!(yard.turns(&[5, 6, 7]), [Has, Has, Has], "those behind it have room beside it");
    });
}

pub fn later(desk: &Desk) {
    in_two_orgs(desk, |yard| {
        let due_at = Some(Timestamp(MOMENT.0 + 10));
        let later = Run { due_at, ..yard.run_in(1, LANE, 1) };
        let stored = later.clone();
        yard.desk.write(move |session| session.insert_run(&stored)).unwrap();
        assert_eq!(yard.run(1), later);
        yard.come(LANE, 1, &[2]);
        assert_eq!(yard.turns(&[1, 2]), [Turn::Later, Turn::Has], "it keeps nobody from going on");
        let came = yard.desk.write(move |session| {
            let mut now_due = later.clone();
            session.enter_lane(&mut now_due)?;
            session.update_run(&mut now_due)
        });
        came.unwrap();
        assert!(matches!(yard.turns(&[1])[..], [Turn::Waits(_)]));
    });
}

pub fn standstill(desk: &Desk) {
    in_two_orgs(desk, |yard| {
        yard.come(LANE, 2, &[1, 2, 3]);
        yard.end(1, false);
        yard.end(2, false);
        assert!(matches!(yard.turns(&[3])[..], [Turn::Waits(_)]), "nobody has let it move");
        yard.come(LANE, 2, &[4]);
        assert_eq!(yard.turns(&[3]), [Turn::Has], "who comes next does");
    });
}
