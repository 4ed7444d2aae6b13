//! Outcomes that arrive when no run waits for them any more: they are fenced off and change nothing.

use hookflow::base::id::Id;
use hookflow::engine::{Input, PendingCall};
use hookflow::store::{RunStatus, StoreError};
use serde_json::{Value, json};

use super::calls::{calling_workflow, reach_call};
use super::world::{Scene, World, answered, outcome_of};

/// The call ended with this status.
fn ended(call: &PendingCall, status_code: u16) -> Input {
    outcome_of(call, answered(status_code, json!({}), Value::Null))
}

#[track_caller]
fn assert_fenced(scene: &Scene<'_>, run: Id, late: Input) {
    let stored = || (scene.run(run), scene.log(run), scene.state(run));
    let before = stored();
    let fenced = scene.stretch(run, late, |_| Ok(()));
    assert!(matches!(fenced, Err(StoreError::Fenced)), "{fenced:?}");
    assert_eq!(stored(), before);
}

fn statuses_of_attempts(scene: &Scene<'_>, run: Id) -> Vec<Value> {
    let log = scene.log(run);
    log[1]["attempts"].as_array().unwrap().iter().map(|attempt| attempt["status"].clone()).collect()
}

#[test]
fn the_outcome_of_an_attempt_that_was_taken_for_lost_is_fenced_off() {
    let world = World::open();
    let scene = world.scene(&calling_workflow());
    let run = scene.start(&json!({}));
    let first = reach_call(&scene, run);
    let second = reach_call(&scene, run);
    for status_code in [200, 503] {
        assert_fenced(&scene, run, ended(&first, status_code));
    }
    scene.stretch(run, ended(&second, 200), |_| Ok(())).unwrap();
    assert_eq!(statuses_of_attempts(&scene, run), ["unknown", "answered"]);
    assert_eq!(scene.run(run).status, RunStatus::Completed);
}

#[test]
fn the_outcome_of_another_step_or_of_an_attempt_to_come_is_fenced_off() {
    let world = World::open();
    let scene = world.scene(&calling_workflow());
    let run = scene.start(&json!({}));
    let call = reach_call(&scene, run);
    for step in ["1", "good", "no such step"] {
        assert_fenced(&scene, run, ended(&PendingCall { step: step.into(), ..call.clone() }, 200));
    }
    for attempt in [0, 2] {
        assert_fenced(&scene, run, ended(&PendingCall { attempt, ..call.clone() }, 200));
    }
    scene.stretch(run, ended(&call, 200), |_| Ok(())).unwrap();
    assert_eq!(statuses_of_attempts(&scene, run), ["answered"]);
}

#[test]
fn an_outcome_is_fenced_off_while_the_run_waits_for_the_next_attempt() {
    let world = World::open();
    let scene = world.scene(&calling_workflow());
    let run = scene.start(&json!({}));
    let first = reach_call(&scene, run);
    scene.stretch(run, ended(&first, 503), |_| Ok(())).unwrap();
    assert_eq!(scene.run(run).status, RunStatus::Waiting);
    let second = PendingCall { attempt: 2, ..first.clone() };
    for call in [&first, &second] {
        assert_fenced(&scene, run, ended(call, 200));
    }
    assert_eq!(reach_call(&scene, run), second);
    scene.stretch(run, ended(&second, 200), |_| Ok(())).unwrap();
    assert_eq!(statuses_of_attempts(&scene, run), ["answered", "answered"]);
}

#[test]
fn an_outcome_for_a_run_without_a_call_is_fenced_off() {
    let world = World::open();
    let scene = world.scene(&calling_workflow());
    let call = reach_call(&scene, scene.start(&json!({})));
    assert_fenced(&scene, scene.start(&json!({})), ended(&call, 200));
}
