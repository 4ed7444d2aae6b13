//! The first stretch of a run in the commit that stores its transaction, stopped once at each point: the run is queued
//! then, and its end is the same.

use hookflow::base::id::Id;
use hookflow::engine::{Input, Next};
use hookflow::store::{RunFilter, RunStatus, Session};
use serde_json::json;

use super::cases::{Case, cases, fail_at, peer};
use super::limits::passing_step;
use super::world::{ALL, Scene, World, follow, workflow};

/// How many points the first stretch of a case passes.
fn points_of_first_stretch(case: &Case, world: &World) -> usize {
    let (_, points) = case.undisturbed(world);
    1 + points.iter().position(|point| point == "BeforeWrite").expect("every stretch ends with a write")
}

/// Does what comes after a first stretch, up to the end.
fn carry_on(scene: &Scene<'_>, run: Id, next: Next) {
    let mut peer = peer();
    let mut input = follow(next, &mut peer);
    while let Some(given) = input {
        let next = scene.stretch(run, given, |_| Ok(())).expect("nothing fails here");
        input = next.and_then(|next| follow(next, &mut peer));
    }
}

/// How many rows the org has of what a first stretch may write.
fn rows(scene: &Scene<'_>, run: Id) -> [usize; 4] {
    let org = scene.org;
    let count = move |session: &mut dyn Session| {
        let made = (session.customers(org, ALL)?.len(), session.kobjects(org, None, None, ALL)?.len());
        Ok([session.runs(org, &RunFilter::default(), ALL)?.len(), session.log(org, run)?.len(), made.0, made.1])
    };
    scene.world.write(count).unwrap()
}

#[test]
fn a_run_begun_with_its_transaction_is_as_one_that_was_queued_first() {
    let world = World::open();
    for case in cases() {
        let (expected, _) = case.undisturbed(&world);
        let (queued, run) = case.start(&world);
        queued.stretch(run, Input::Continue, |_| Ok(())).unwrap();
        let (queued, queued_state) = (queued.run(run), queued.state(run));

        let (scene, arrival) = case.set(&world);
        let next = scene.begin(&arrival, |_| Ok(())).expect("nothing fails here");
        let begun = scene.run(arrival.run.id);
        // A call is left to the engine, which makes it in a commit of its own: what begins a run may forget the rest.
        let calls = queued.pending.is_some();
        let status = if calls { RunStatus::Running } else { queued.status };
        assert_eq!((begun.status, begun.rev, begun.steps), (status, queued.rev, queued.steps), "{}", case.name);
        assert_eq!(calls, calls && next == Next::Again && begun.due_at.is_some(), "{}", case.name);
        assert_eq!((&begun.position, &begun.error), (&queued.position, &queued.error), "{}", case.name);
        assert_eq!(begun.pending.is_some(), queued.pending.is_some(), "{}", case.name);
        assert_eq!(begun.due_at.is_some(), begun.status.is_open(), "{}", case.name);
        if !calls {
            assert_eq!(scene.state(begun.id), queued_state, "{}", case.name);
        }
        carry_on(&scene, begun.id, next);
        assert_eq!(scene.state(begun.id), expected, "{}", case.name);
    }
}

#[test]
fn a_run_whose_first_stretch_failed_is_queued_and_ends_as_if_it_had_not_been() {
    let world = World::open();
    for case in cases() {
        let (expected, _) = case.undisturbed(&world);
        for number in 0..points_of_first_stretch(&case, &world) {
            let (scene, arrival) = case.set(&world);
            let run = arrival.run.id;
            let before = rows(&scene, run);
            scene.begin(&arrival, fail_at(number)).expect_err("it was stopped");
            assert_eq!(rows(&scene, run), before, "{}: stopped at {number}", case.name);

            scene.queue(&arrival);
            let next = scene.advance(scene.fresh(&arrival), Input::Continue).expect("nothing fails here");
            carry_on(&scene, run, next);
            assert_eq!(scene.state(run), expected, "{}: stopped at {number}", case.name);
        }
    }
}

#[test]
fn a_first_stretch_passes_as_many_points_as_that_of_a_queued_run() {
    let world = World::open();
    for case in cases() {
        let points = points_of_first_stretch(&case, &world);
        let (scene, arrival) = case.set(&world);
        scene.begin(&arrival, fail_at(points)).expect("there is nothing to stop at");
    }
}

#[test]
fn a_process_that_dies_after_the_first_stretch_leaves_a_run_that_another_can_finish() {
    let world = World::open();
    for case in cases() {
        let (expected, _) = case.undisturbed(&world);
        let (scene, arrival) = case.set(&world);
        // What comes next is lost with the process.
        scene.begin(&arrival, |_| Ok(())).expect("nothing fails here");
        scene.finish(arrival.run.id, peer());
        assert_eq!(scene.state(arrival.run.id), expected, "{}", case.name);
    }
}

#[test]
fn a_long_run_is_begun_and_stays_due() {
    let world = World::open();
    let mut steps: Vec<_> = (2..251).map(|id| passing_step(id, id + 1)).collect();
    steps.push(json!({ "id": "251" }));
    let scene = world.scene(&workflow(json!(steps)));
    let arrival = scene.arrival(&json!({}));
    assert_eq!(scene.begin(&arrival, |_| Ok(())).unwrap(), Next::Again);
    let begun = scene.run(arrival.run.id);
    assert_eq!((begun.status, begun.due_at), (RunStatus::Queued, arrival.run.due_at));
    carry_on(&scene, begun.id, Next::Again);
    let state = scene.state(begun.id);
    assert_eq!((state.status, state.executed, state.steps.len()), (RunStatus::Completed, 250, 251));
}
