//! Every stretch of every case, stopped once at each point, and repeated once: the end is the same.

use hookflow::engine::Input;
use hookflow::store::StoreError;

use super::cases::{Fault, cases, drive, fail_at, peer};
use super::world::{World, follow};

#[test]
fn a_run_stopped_at_any_point_ends_as_if_it_had_not_been() {
    let world = World::open();
    for case in cases() {
        let (expected, points) = case.undisturbed(&world);
        // Two for each step, and one for each stretch.
        assert!(points.len() > 2 * case.path.len(), "{}: {points:?}", case.name);
        for (number, point) in points.iter().enumerate() {
            for forget_outcome in [false, true] {
                let fault = Fault { at: Some(number), forget_outcome };
                let (scene, run) = case.start(&world);
                let passed = drive(&scene, run, fault);
                assert!(passed.len() > number, "{}: point {number} was not reached", case.name);
                assert_eq!(scene.state(run), expected, "{}: {fault:?}, {point}", case.name);
            }
        }
    }
}

#[test]
fn a_stretch_that_failed_leaves_no_trace() {
    let world = World::open();
    for case in cases() {
        let (_, points) = case.undisturbed(&world);
        let first_stretch = points.iter().position(|point| point == "BeforeWrite").expect("every stretch ends");
        for number in 0..=first_stretch {
            let (scene, run) = case.start(&world);
            let before = (scene.state(run), scene.run(run));
            let stopped = scene.stretch(run, Input::Continue, fail_at(number));
            assert!(stopped.is_err());
            assert_eq!((scene.state(run), scene.run(run)), before, "{}: stopped at {number}", case.name);
        }
    }
}

#[test]
fn a_stretch_done_twice_from_the_same_copy_is_fenced_off() {
    let world = World::open();
    for case in cases() {
        let (expected, _) = case.undisturbed(&world);
        let (scene, run) = case.start(&world);
        let (mut peer, mut input) = (peer(), Some(Input::Continue));
        while let Some(given) = input {
            let (copy, stale) = scene.load(run).expect("the run is open");
            let next = scene.advance(copy, given.clone()).expect("the first copy goes on");
            let after = scene.state(run);
            let repeated = scene.advance(stale, given);
            assert!(matches!(repeated, Err(StoreError::Fenced)), "{}: {repeated:?}", case.name);
            assert_eq!(scene.state(run), after, "{}: the repetition left something", case.name);
            input = follow(next, &mut peer);
        }
        assert_eq!(scene.state(run), expected, "{}", case.name);
    }
}

#[test]
fn an_outcome_delivered_twice_counts_once() {
    let world = World::open();
    let case = cases().into_iter().find(|case| case.name == "call").unwrap();
    let (scene, run) = case.start(&world);
    let (mut peer, mut input, mut taken) = (peer(), Some(Input::Continue), Vec::new());
    while let Some(given) = input {
        let next = scene.stretch(run, given.clone(), |_| Ok(())).expect("nothing fails here");
        taken.push(given);
        input = next.and_then(|next| follow(next, &mut peer));
    }
    let ended = scene.state(run);
    for late in taken {
        let next = scene.stretch(run, late, |_| Ok(()));
        assert_eq!(next.unwrap(), None, "a run that has ended takes nothing");
        assert_eq!(scene.state(run), ended);
    }
}
