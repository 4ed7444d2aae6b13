//! What a run may not exceed, and how it goes on or ends there.

use hookflow::engine::{Input, Next, STEPS_MAX};
use hookflow::store::RunStatus;
use serde_json::{Value, json};

use super::world::{World, answered, call_step, transition, workflow};

/// A step without an action that leads to another one.
pub fn passing_step(id: usize, target: usize) -> Value {
    json!({ "id": id.to_string(), "transitions": [transition(&target.to_string(), "true", true)] })
}

#[test]
fn a_long_run_lets_others_have_their_turn_and_completes() {
    let world = World::open();
    let mut steps: Vec<Value> = (2..251).map(|id| passing_step(id, id + 1)).collect();
    steps.push(json!({ "id": "251" }));
    let scene = world.scene(&workflow(json!(steps)));
    let run = scene.start(&json!({}));
    let mut stretches = 1;
    while scene.stretch(run, Input::Continue, |_| Ok(())).unwrap() == Some(Next::Again) {
        stretches += 1;
        assert!(scene.run(run).due_at.is_some(), "between stretches the run is due, for whoever comes after a crash");
    }
    assert!(stretches > 1, "250 steps were one transaction");
    let state = scene.state(run);
    assert_eq!((state.status, state.executed), (RunStatus::Completed, 250));
    let ids: Vec<String> = state.steps.into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, (1..=251).map(|id| id.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_run_that_goes_in_circles_fails_at_the_limit_of_steps() {
    let world = World::open();
    // The checker refuses circles; what is stored already is compiled without it.
    let scene = world.scene(&workflow(json!([passing_step(2, 3), passing_step(3, 2)])));
    let run = scene.start(&json!({}));
    scene.finish(run, |_| unreachable!("there are no calls"));
    let stored = scene.run(run);
    let error = stored.error.expect("the run has failed");
    assert_eq!((stored.status, error.code.as_str(), stored.steps), (RunStatus::Failed, "step_limit", STEPS_MAX));
    assert_eq!(error.step.as_deref(), Some("2"));
}

#[test]
fn an_output_that_is_too_large_fails_the_step_and_is_not_kept() {
    let world = World::open();
    let scene = world.scene(&workflow(json!([call_step("2", json!([]))])));
    let run = scene.start(&json!({}));
    scene.finish(run, |_| answered(200, json!({}), json!("x".repeat(1_048_577))));
    let stored = scene.run(run);
    let error = stored.error.expect("the run has failed");
    assert_eq!((stored.status, error.code.as_str()), (RunStatus::Failed, "output_too_large"));
    let log = scene.log(run);
    assert_eq!((&log[1]["status"], log[1].get("output")), (&json!("failed"), None));
}
