//! Runs that wait for an event: what brings them on, and what does not.

use hookflow::base::id::Id;
use hookflow::base::time::Timestamp;
use hookflow::engine::{Input, Next, Pending, Waiting};
use hookflow::store::{RunStatus, StoreError};
use serde_json::{Value, json};

use super::calls::reach_call;
use super::world::{Scene, World, answered, outcome_of, transition, workflow};

/// A step that waits for something, and one that shows what came.
fn waiting_workflow() -> Value {
    workflow(json!([
        { "id": "2", "action": "delay", "params": { "for": 60 }, "transitions": [transition("3", "true", true)] },
        { "id": "3", "action": "value.set", "params": { "value": "/#steps.2.orderId" } },
    ]))
}

fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a date and time")
}

/// A run whose step 2 waits for an event.
fn waiting_run(scene: &Scene<'_>, until: Timestamp) -> Id {
    let id = scene.start(&json!({}));
    scene.stretch(id, Input::Continue, |_| Ok(())).unwrap();
    let mut run = scene.run(id);
    let mut pending = Pending::of(&run).unwrap().expect("it waits");
    pending.waiting = Waiting::Event { name: "app.paid".into(), key: Some("7".into()), until };
    run.pending = Some(serde_json::to_value(&pending).unwrap());
    scene.world.write(move |session| session.update_run(&mut run.clone())).unwrap();
    id
}

#[test]
fn an_event_ends_the_step_that_waits_for_it() {
    let world = World::open();
    let scene = world.scene(&waiting_workflow());
    let run = waiting_run(&scene, moment("9000-01-01T00:00:00Z"));
    let looked = scene.stretch(run, Input::Continue, |_| Ok(())).unwrap();
    assert_eq!(looked, Some(Next::Sleep(moment("9000-01-01T00:00:00Z"))), "nothing has come");
    let next = scene.stretch(run, Input::Event(json!({ "orderId": 7 })), |_| Ok(())).unwrap();
    assert_eq!(next, Some(Next::Ended(RunStatus::Completed)));
    let log = scene.log(run);
    assert_eq!((&log[1]["output"], &log[2]["output"]), (&json!({ "orderId": 7 }), &json!({ "value": 7 })));
}

#[test]
fn a_step_whose_event_does_not_come_in_time_fails() {
    let world = World::open();
    let scene = world.scene(&waiting_workflow());
    let run = waiting_run(&scene, moment("2026-01-01T10:00:00Z"));
    scene.stretch(run, Input::Continue, |_| Ok(())).unwrap();
    let error = scene.run(run).error.expect("it has failed");
    assert_eq!((error.code.as_str(), error.step.as_deref()), ("wait_timeout", Some("2")));
    assert_eq!(error.message, "the event `app.paid` did not occur until 2026-01-01T10:00:00.000Z");
}

#[test]
fn what_a_run_does_not_wait_for_is_fenced_off() {
    let world = World::open();
    let calling = world.scene(&super::calls::calling_workflow());
    let other = calling.start(&json!({}));
    let call = reach_call(&calling, other);
    let scene = world.scene(&waiting_workflow());
    let run = waiting_run(&scene, moment("9000-01-01T00:00:00Z"));
    let outcome = outcome_of(&call, answered(200, json!({}), Value::Null));
    for (scene, run, input) in [(&scene, run, outcome), (&calling, other, Input::Event(json!({})))] {
        let before = scene.run(run);
        let fenced = scene.stretch(run, input, |_| Ok(()));
        assert!(matches!(fenced, Err(StoreError::Fenced)), "{fenced:?}");
        assert_eq!(scene.run(run), before);
    }
}
