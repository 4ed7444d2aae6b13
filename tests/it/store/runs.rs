//! Runs: what is kept of them, who may write them, which are due, and their logs.

use hookflow::base::id::Id;
use hookflow::base::time::Timestamp;
use hookflow::store::{Claim, Page, Run, RunError, RunFilter, RunStatus, StoreError};
use serde_json::json;

use super::{ALL, Desk, MOMENT, id};

/// A run that has not begun, due at once.
pub fn run(org: Id, number: usize) -> Run {
    Run {
        id: id(number),
        org,
        workflow: id(1),
        workflow_name: "orders".into(),
        version: 3,
        event: "hooks.form.orders.receive".into(),
        transaction: Some(id(100 + number)),
        event_id: None,
        input: None,
        replay_of: None,
        parent: None,
        root: None,
        depth: 0,
        output: None,
        status: RunStatus::Queued,
        position: None,
        steps: 0,
        pending: None,
        error: None,
        created_at: MOMENT,
        started_at: None,
        finished_at: None,
        due_at: Some(MOMENT),
        held: false,
        rev: 0,
        lane: None,
    }
}

/// The same run in the middle of a call, with every field in use.
fn written(run: Run) -> Run {
    let error = RunError {
        code: "call_failed".into(),
        step: Some("2".into()),
        action: Some("rest-api.json".into()),
        message: "no answer".into(),
        problems: vec![hookflow::objects::Problem::new("/uri", "not a URL")],
    };
    Run {
        status: RunStatus::Waiting,
        position: Some("2".into()),
        steps: 4,
        pending: Some(json!({ "attempts": [1, 2] })),
        error: Some(error),
        started_at: Some(after(1)),
        finished_at: Some(after(2)),
        due_at: Some(after(3)),
        ..run
    }
}

/// The same run of another workflow, completed.
pub(super) fn ended(run: Run, workflow: Id) -> Run {
    Run { workflow, status: RunStatus::Completed, due_at: None, finished_at: Some(after(2)), rev: 1, ..run }
}

fn after(micros: i64) -> Timestamp {
    Timestamp(MOMENT.0 + micros)
}

pub fn runs(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let plain = run(org, 1);
        let input = Some(json!({ "z": 1, "a": [null, "ü"] }));
        let called = Run { transaction: None, input, replay_of: Some(id(1)), workflow: id(2), ..run(org, 2) };
        let called =
            Run { parent: Some(id(1)), root: Some(id(9)), depth: 3, output: Some(json!({ "a": 1 })), ..called };
        let raised = Run { transaction: None, event_id: Some(id(8)), ..run(org, 3) };
        let roots = [&plain, &called, &raised].map(Run::root);
        assert_eq!(roots, [id(101), id(9), id(8)], "what all of it began with");
        session.insert_run(&plain)?;
        session.insert_run(&raised)?;
        session.insert_run(&called)?;
        assert_eq!(session.run(org, id(1))?, Some(plain.clone()));
        assert_eq!(session.run(org, id(2))?, Some(called));
        assert_eq!(session.run(org, id(3))?, Some(raised));
        assert_eq!(session.run(org, id(5))?, None);

        let mut changed = written(plain);
        session.update_run(&mut changed)?;
        assert_eq!(changed.rev, 1);
        assert_eq!(session.run(org, id(1))?, Some(changed));

        // A run may have come a long way by the time that it is inserted.
        let begun = Run { rev: 1, ..written(run(org, 4)) };
        session.insert_run(&begun)?;
        assert_eq!(session.run(org, id(4))?.as_ref(), Some(&begun));
        session.update_run(&mut begun.clone())
    });
}

pub fn fencing(desk: &Desk) {
    let orgs = [desk.add_org("one"), desk.add_org("two")];
    for (org, number) in orgs.into_iter().zip([1, 11]) {
        desk.write(move |session| session.insert_run(&run(org, number))).unwrap();
    }
    let [org, other] = orgs;
    let write =
        move |status, rev| desk.write(move |session| session.update_run(&mut Run { status, rev, ..run(org, 1) }));
    write(RunStatus::Running, 0).expect("the first writer has the run");
    for rev in [0, 2] {
        let late = write(RunStatus::Failed, rev);
        assert!(matches!(late, Err(StoreError::Fenced)), "rev {rev}: {late:?}");
    }
    write(RunStatus::Waiting, 1).expect("who knows the rev has the run");
    let read = move |org, number| desk.read(move |session| session.run(org, id(number))).unwrap();
    let [one, two] = [read(org, 1), read(other, 11)].map(Option::unwrap);
    assert_eq!((one.status, one.rev), (RunStatus::Waiting, 2));
    assert_eq!((two.status, two.rev), (RunStatus::Queued, 0));
    assert_eq!([read(org, 11), read(other, 1)], [None, None], "of the other org");
    let of_other = desk.write(move |session| session.update_run(&mut run(org, 11)));
    assert!(matches!(of_other, Err(StoreError::Fenced)), "{of_other:?}");

    let missing = desk.write(move |session| session.update_run(&mut run(org, 2)));
    assert!(matches!(missing, Err(StoreError::Fenced)), "{missing:?}");
    // What else a unit wrote goes with the run that it lost.
    let lost = desk.write(move |session| {
        session.append_log(org, id(1), 0, "[]")?;
        session.update_run(&mut run(org, 1))
    });
    assert!(matches!(lost, Err(StoreError::Fenced)), "{lost:?}");
    assert!(desk.read(move |session| session.log(org, id(1))).unwrap().is_empty());
}

pub fn holds(desk: &Desk) {
    let (org, other) = (desk.add_org("one"), desk.add_org("two"));
    desk.write(move |session| {
        assert_eq!(session.hold_run(org, id(1))?, None);
        session.insert_run(&run(org, 1))?;
        let mut held = session.hold_run(org, id(1))?.expect("it is open");
        assert_eq!(held, run(org, 1));
        assert_eq!(session.hold_run(other, id(1))?, None);
        held.position = Some("2".into());
        session.update_run(&mut held)?;
        let held = session.hold_run(org, id(1))?.expect("it is open");
        assert_eq!((held.rev, held.position.as_deref()), (1, Some("2")));
        session.update_run(&mut Run { status: RunStatus::Completed, due_at: None, ..held })?;
        assert_eq!(session.hold_run(org, id(1))?, None, "it has ended");
        Ok(())
    })
    .unwrap();
}

pub fn claims(desk: &Desk) {
    let orgs = [desk.add_org("one"), desk.add_org("two")];
    let [one, two] = orgs;
    desk.write(move |session| {
        let due_at = [(one, 1, 30), (one, 2, 10), (two, 3, 20), (one, 4, 10), (two, 5, 40), (one, 6, 50)];
        let due = |(org, number, at)| Run { due_at: Some(after(at)), ..run(org, number) };
        due_at.into_iter().try_for_each(|entry| session.insert_run(&due(entry)))?;
        session.insert_run(&Run { held: true, ..due((two, 8, 5)) })?;
        let ended = run(two, 7);
        session.insert_run(&ended)?;
        session.update_run(&mut Run { status: RunStatus::Completed, due_at: None, ..ended })
    })
    .unwrap();
    desk.write(move |session| {
        let claim = |(org, number)| Claim { org, run: id(number), rev: 1 };
        assert_eq!(session.claim_runs(after(9), 10)?, [], "the one that is due earlier is held");
        assert_eq!(session.next_due(Timestamp(i64::MIN))?, Some(after(10)));
        assert_eq!(session.claim_runs(after(30), 2)?, [(one, 2), (one, 4)].map(claim), "the longest due first");
        assert_eq!(session.claim_runs(after(30), 10)?, [(two, 3), (one, 1)].map(claim), "over all orgs");
        assert_eq!(session.claim_runs(after(30), 10)?, [], "they are held now");
        assert_eq!(session.next_due(after(30))?, Some(after(40)));
        assert_eq!(session.next_due(after(50))?, None);
        Ok(())
    })
    .unwrap();
    let claimed = desk.read(move |session| session.run(one, id(1))).unwrap().unwrap();
    assert_eq!(claimed, Run { due_at: Some(after(30)), held: true, rev: 1, ..run(one, 1) }, "nothing else has changed");
    // Whoever had read the run before it was claimed has lost it.
    let lost = desk.write(move |session| session.update_run(&mut Run { due_at: Some(after(99)), ..run(one, 1) }));
    assert!(matches!(lost, Err(StoreError::Fenced)), "{lost:?}");
}

pub fn claims_of_every_status(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        use RunStatus::{Cancelled, Completed, Failed, Queued, Running, Waiting};
        for (number, status) in (1..).zip([Waiting, Running, Queued, Completed, Failed, Cancelled]) {
            let due_at = Some(after(number as i64)).filter(|_| status.is_open());
            session.insert_run(&Run { status, due_at, ..run(org, number) })?;
        }
        let claim = |(number, rev)| Claim { org, run: id(number), rev };
        assert_eq!(session.claim_runs(after(2), 10)?, [(1, 1), (2, 1)].map(claim));
        assert_eq!(session.next_due(after(2))?, Some(after(3)));

        // Whoever lets a run wait lets go of it.
        let mut waiting = session.run(org, id(1))?.expect("it is there");
        (waiting.status, waiting.due_at, waiting.held) = (Waiting, Some(after(50)), false);
        session.update_run(&mut waiting)?;
        assert_eq!(session.claim_runs(after(49), 10)?, [(3, 1)].map(claim));
        assert_eq!(session.claim_runs(after(50), 10)?, [(1, 3)].map(claim), "it has a new time");
        Ok(())
    });
}

pub fn releases(desk: &Desk) {
    use RunStatus::{Completed, Queued, Running, Waiting};
    let orgs = [desk.add_org("one"), desk.add_org("two")];
    let runs = move |org| {
        let first: usize = if org == orgs[0] { 0 } else { 10 };
        let of = move |number, status, due_at, held| Run { status, due_at, held, ..run(org, first + number) };
        let (early, late) = (Some(after(-1)), Some(after(1_000)));
        [of(1, Running, late, true), of(2, Queued, early, true), of(3, Waiting, late, false)]
            .into_iter()
            .chain([of(4, Queued, early, false), of(5, Completed, None, false)])
    };
    desk.write(move |session| orgs.into_iter().flat_map(runs).try_for_each(|run| session.insert_run(&run))).unwrap();
    assert_eq!(desk.write(|session| session.release_runs(after(10))).unwrap(), 4, "those held, of all orgs");
    for before in orgs.into_iter().flat_map(runs) {
        let (org, id, held) = (before.org, before.id, before.held);
        let due_at = if held { before.due_at.min(Some(after(10))) } else { before.due_at };
        let expected = Run { due_at, held: false, rev: before.rev + i64::from(held), ..before };
        assert_eq!(desk.read(move |session| session.run(org, id)).unwrap(), Some(expected));
    }
    assert_eq!(desk.write(|session| session.release_runs(after(10))).unwrap(), 0, "nothing is held any more");
}

pub fn lists(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        use RunStatus::{Cancelled, Completed, Failed, Queued, Running, Waiting};
        let statuses = [Queued, Running, Waiting, Completed, Failed, Cancelled];
        // Two workflows with two runs of each status: 1 to 6 and 7 to 12 of the one, 13 to 24 of the other.
        for (number, status) in (1..).zip(statuses.into_iter().cycle().take(24)) {
            let mut run = Run { workflow: id(1 + (number - 1) / 12), ..run(org, number) };
            session.insert_run(&run)?;
            run.status = status;
            run.due_at = run.due_at.filter(|_| status.is_open());
            session.update_run(&mut run)?;
        }
        let mut listed = |workflow: Option<usize>, status, page| -> Result<Vec<Id>, StoreError> {
            let runs = session.runs(org, &RunFilter { workflow: workflow.map(id), status }, page)?;
            assert!(runs.iter().all(|run| run.org == org && status.is_none_or(|status| run.status == status)));
            Ok(runs.into_iter().map(|run| run.id).collect())
        };
        let ids = |numbers: &[usize]| numbers.iter().copied().map(id).collect::<Vec<_>>();
        assert_eq!(listed(None, None, ALL)?, (1..=24).rev().map(id).collect::<Vec<_>>(), "newest first");
        assert_eq!(listed(Some(1), None, Page { after: Some(id(12)), size: 3 })?, ids(&[11, 10, 9]));
        for (first, status) in (1..).zip(statuses) {
            let all = ids(&[first + 18, first + 12, first + 6, first]);
            assert_eq!(listed(None, Some(status), ALL)?, all, "{status}");
            assert_eq!(listed(None, Some(status), Page { after: Some(all[0]), size: 2 })?, all[1..3], "{status}");
            assert_eq!(listed(Some(2), Some(status), ALL)?, all[..2], "{status}");
            assert_eq!(listed(Some(3), Some(status), ALL)?, [], "{status}");
        }
        Ok(())
    });
}

pub fn logs(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let entries = |segment: i64| format!("[{{\"id\":\"{segment}\",\"org\":\"{org}\"}}]");
        for segment in [0, 2, 10, 1] {
            session.append_log(org, id(1), segment, &entries(segment))?;
        }
        session.append_log(org, id(2), 0, "[]")?;
        assert_eq!(session.log(org, id(1))?, [0, 1, 2, 10].map(entries), "in the order of the segments");
        assert!(session.log(org, id(3))?.is_empty());
        Ok(())
    });
    let org = desk.read(|session| session.orgs()).unwrap()[0].id;
    let again = desk.write(move |session| session.append_log(org, id(2), 0, "[]"));
    assert!(again.is_err(), "a segment was written twice");
}
