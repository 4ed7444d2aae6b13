//! Units of work: all or nothing, each for itself, in a queue that ends somewhere.

use std::sync::mpsc::{Receiver, Sender, channel};

use hookflow::base::id::Id;
use hookflow::store::{Session, StoreError, StoreResult, Unit};

use super::{Desk, MOMENT, id};
use crate::support::PATIENCE;

/// More than any store queues.
const UNITS_MAX: usize = 1_000_000;

type Outcomes = (Sender<(usize, StoreResult<()>)>, Receiver<(usize, StoreResult<()>)>);

/// A unit that reports how it ended, with its number.
struct Numbered<F> {
    number: usize,
    work: F,
    ended: Sender<(usize, StoreResult<()>)>,
}

impl<F: FnMut(&mut dyn Session) -> StoreResult<()> + Send> Unit for Numbered<F> {
    fn run(&mut self, session: &mut dyn Session) -> StoreResult<()> {
        (self.work)(session)
    }

    fn finish(self: Box<Self>, outcome: StoreResult<()>) {
        self.ended.send((self.number, outcome)).expect("the test waits for every unit");
    }
}

/// A unit under way that has counted one refusal, and commits when it is let go.
struct Held {
    go_on: Sender<()>,
    ended: Receiver<(usize, StoreResult<()>)>,
}

impl Held {
    /// Occupies the writer.
    fn start(desk: &Desk, org: Id) -> Held {
        let ((go_on, wait), (started, has_started), (ended, outcome)) = (channel(), channel(), channel());
        let work = move |session: &mut dyn Session| {
            count_one(session, org)?;
            started.send(()).expect("the test waits for the start");
            // A test that failed lets go by dropping its end.
            let _ = wait.recv();
            Ok(())
        };
        desk.store.submit(Box::new(Numbered { number: 0, work, ended }));
        has_started.recv_timeout(PATIENCE).expect("the unit starts");
        Held { go_on, ended: outcome }
    }

    fn let_go(self) {
        self.go_on.send(()).expect("the unit waits");
        let (_, outcome) = self.ended.recv_timeout(PATIENCE).expect("the unit ends");
        outcome.expect("it commits");
    }
}

fn count_one(session: &mut dyn Session, org: Id) -> StoreResult<()> {
    session.add_refusals(org, id(1), "counted", 1, MOMENT)
}

/// How many units have left their mark.
fn counted(desk: &Desk, org: Id) -> i64 {
    let counts = desk.read(move |session| session.refusals(org, id(1))).expect("the store can be read");
    counts.first().map_or(0, |counted| counted.count)
}

fn submit(desk: &Desk, number: usize, org: Id, outcomes: &Outcomes) {
    let work = move |session: &mut dyn Session| count_one(session, org);
    desk.store.submit(Box::new(Numbered { number, work, ended: outcomes.0.clone() }));
}

pub fn an_error_rolls_back(desk: &Desk) {
    let org = desk.add_org("one");
    let refused: StoreResult<()> = desk.write(move |session| {
        count_one(session, org)?;
        Err(StoreError::Fenced)
    });
    assert!(matches!(refused, Err(StoreError::Fenced)), "{refused:?}");
    assert_eq!(counted(desk, org), 0);
    // A statement that the database refuses takes everything before it along, and nothing after it.
    let broken = desk.write(move |session| {
        count_one(session, org)?;
        session.append_log(org, id(1), 0, "[]")?;
        session.append_log(org, id(1), 0, "[]")
    });
    assert!(broken.is_err());
    assert_eq!(counted(desk, org), 0);
    desk.write(move |session| count_one(session, org)).expect("the next one is not concerned");
    assert_eq!(counted(desk, org), 1);
}

pub fn touching_changes_nothing(desk: &Desk) {
    desk.write(|session| session.touch()).expect("an empty store can be touched");
    desk.add_org("one");
    desk.add_org("two");
    let orgs = desk.read(|session| session.orgs()).unwrap();
    desk.write(|session| session.touch()).unwrap();
    assert_eq!(desk.read(|session| session.orgs()).unwrap(), orgs);
    // Only who may write can touch.
    let refused = desk.read(|session| session.touch());
    assert!(matches!(refused, Err(StoreError::Query { .. })), "{refused:?}");
}

pub fn a_failing_unit_fails_alone(desk: &Desk) {
    let org = desk.add_org("one");
    let outcomes: Outcomes = channel();
    // While one unit is under way, the others gather, to share a commit.
    let held = Held::start(desk, org);
    for number in 1..=9 {
        let work = move |session: &mut dyn Session| {
            count_one(session, org)?;
            match number {
                3 => Err(StoreError::Fenced),
                6 => panic!("a unit panics on purpose"),
                _ => Ok(()),
            }
        };
        desk.store.submit(Box::new(Numbered { number, work, ended: outcomes.0.clone() }));
    }
    held.let_go();
    for _ in 1..=9 {
        let (number, outcome) = outcomes.1.recv_timeout(PATIENCE).expect("every unit ends");
        match number {
            3 => assert!(matches!(outcome, Err(StoreError::Fenced)), "{outcome:?}"),
            6 => assert!(
                matches!(&outcome, Err(StoreError::Panicked(message)) if message == "a unit panics on purpose"),
                "{outcome:?}"
            ),
            _ => outcome.unwrap_or_else(|error| panic!("unit {number}: {error}")),
        }
    }
    assert_eq!(counted(desk, org), 8, "seven and the one before them");
}

pub fn reading_sees_what_was_committed(desk: &Desk) {
    let org = desk.add_org("one");
    let held = Held::start(desk, org);
    assert_eq!(counted(desk, org), 0, "written, but not committed");
    held.let_go();
    assert_eq!(counted(desk, org), 1);
}

pub fn a_full_queue_is_busy(desk: &Desk) {
    let org = desk.add_org("one");
    let outcomes: Outcomes = channel();
    let held = Held::start(desk, org);
    // A unit that is refused hears of it at once; those before it wait.
    let accepted = (0..UNITS_MAX).find(|number| {
        submit(desk, *number, org, &outcomes);
        matches!(outcomes.1.try_recv(), Ok((refused, Err(StoreError::Busy))) if refused == *number)
    });
    let accepted = accepted.expect("the queue ends somewhere");
    held.let_go();
    for _ in 0..accepted {
        let (number, outcome) = outcomes.1.recv_timeout(PATIENCE).expect("every unit ends");
        outcome.unwrap_or_else(|error| panic!("unit {number}: {error}"));
    }
    assert_eq!(counted(desk, org), 1 + accepted as i64);
    desk.write(move |session| count_one(session, org)).expect("there is room again");
}

pub fn close_finishes_what_is_queued(desk: &Desk) {
    const QUEUED: usize = 200;
    let org = desk.add_org("one");
    let outcomes: Outcomes = channel();
    let held = Held::start(desk, org);
    (0..QUEUED).for_each(|number| submit(desk, number, org, &outcomes));
    let store = desk.store.clone();
    let closing = std::thread::spawn(move || store.close());
    held.let_go();
    closing.join().expect("closing does not panic");
    for _ in 0..QUEUED {
        let (number, outcome) = outcomes.1.try_recv().expect("closing waits for every unit");
        outcome.unwrap_or_else(|error| panic!("unit {number}: {error}"));
    }
    assert_eq!(counted(desk, org), 1 + QUEUED as i64);
    let late = desk.write(move |session| count_one(session, org));
    assert!(matches!(late, Err(StoreError::Closed)), "{late:?}");
}
