//! External calls as the state machine sees them: keys, waits, the last attempt, and being cancelled.

use std::time::Duration;

use hookflow::base::id::Id;
use hookflow::engine::{Cancelled, Input, Next, Pending, PendingCall, cancel};
use hookflow::outbound::{ATTEMPTS_MAX, EffectOutcome, FailureKind, HttpRequest};
use hookflow::store::{RunStatus, StoreError};
use serde_json::{Value, json};

use super::world::{
    Scene, World, answered, call_step, call_step_with, failed, outcome_of, request, transition, workflow,
};

/// What rounding both ends of a wait may take from it or add to it.
const MILLISECOND: Duration = Duration::from_millis(1);

/// Calls, and then branches on the status.
pub fn calling_workflow() -> Value {
    let status = |target: &str, op: &str| json!({ "target": target, "condition": { "op": op, "values": ["/#steps.2.response.statusCode", 500] } });
    let branches = json!([status("bad", "gte"), status("good", "lt")]);
    workflow(json!([call_step("2", branches), { "id": "bad" }, { "id": "good" }]))
}

/// Brings the run to its call.
pub fn reach_call(scene: &Scene<'_>, run: Id) -> PendingCall {
    match scene.stretch(run, Input::Continue, |_| Ok(())).unwrap() {
        Some(Next::Perform(call)) => call,
        other => panic!("{other:?}"),
    }
}

fn key(request: &HttpRequest) -> &str {
    let mut headers = request.headers.iter();
    let found = headers.find(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"));
    &found.expect("every call has a key").1
}

fn pending(scene: &Scene<'_>, run: Id) -> Pending {
    Pending::of(&scene.run(run)).expect("it is readable").expect("a call is pending")
}

/// Lets the call fail with `outcome`, and goes on after the wait; how long that was, and the next call.
fn wait_after(scene: &Scene<'_>, run: Id, call: &PendingCall, outcome: EffectOutcome) -> (Duration, PendingCall) {
    let next = scene.stretch(run, outcome_of(call, outcome), |_| Ok(())).unwrap();
    let last = pending(scene, run).attempts.pop().expect("the attempt is kept");
    let retry_at = last.retry_at.expect("there will be another");
    let stored = scene.run(run);
    assert_eq!((stored.status, next), (RunStatus::Waiting, stored.due_at.map(Next::Sleep)));
    // The log writes times with milliseconds.
    assert_eq!(stored.due_at.map(|due_at| due_at.to_string()), Some(retry_at.to_string()));
    (retry_at.since(last.finished_at.expect("it has ended")), reach_call(scene, run))
}

#[test]
fn waits_grow_and_every_attempt_carries_the_same_key() {
    let world = World::open();
    let scene = world.scene(&calling_workflow());
    let run = scene.start(&json!({}));
    let first = reach_call(&scene, run);
    let mut call = first.clone();
    for number in 1..ATTEMPTS_MAX {
        assert_eq!((call.attempt, call.step.as_str(), key(request(&call))), (number, "2", key(request(&first))));
        let outcome = match number % 2 {
            0 => answered(503, json!({}), Value::Null),
            _ => failed(FailureKind::Connect),
        };
        let (waited, next) = wait_after(&scene, run, &call, outcome);
        let longest = Duration::from_secs(3_u64.pow(number as u32 - 1));
        assert!(waited <= longest + MILLISECOND, "attempt {number}: {waited:?}");
        call = next;
    }
    assert_eq!((call.attempt, &call.effect), (ATTEMPTS_MAX, &first.effect));
    let other = scene.start(&json!({}));
    assert_ne!(key(request(&reach_call(&scene, other))), key(request(&first)));
}

#[test]
fn retry_after_is_respected_up_to_an_hour() {
    let world = World::open();
    let scene = world.scene(&calling_workflow());
    for (asked, seconds) in [("120", 120), ("999999", 3_600), ("Fri, 31 Dec 9999 23:59:59 GMT", 3_600)] {
        let run = scene.start(&json!({}));
        let call = reach_call(&scene, run);
        let outcome = answered(429, json!({ "retry-after": asked }), Value::Null);
        let (waited, _) = wait_after(&scene, run, &call, outcome);
        assert!(waited.abs_diff(Duration::from_secs(seconds)) <= MILLISECOND, "Retry-After: {asked}: {waited:?}");
    }
}

#[test]
fn after_the_last_attempt_a_network_failure_fails_the_run_and_an_answer_is_the_output() {
    let world = World::open();
    let scene = world.scene(&calling_workflow());
    let run = scene.start(&json!({}));
    scene.finish(run, |_| failed(FailureKind::Timeout));
    let state = scene.state(run);
    assert_eq!((state.status, state.error.as_deref()), (RunStatus::Failed, Some("call_failed")));
    let attempts = |run, status: &str| {
        let log = scene.log(run);
        let attempts = log[1]["attempts"].as_array().unwrap().clone();
        assert!(attempts.iter().all(|attempt| attempt["status"] == status), "{attempts:#?}");
        attempts.len()
    };
    assert_eq!(attempts(run, "failed"), ATTEMPTS_MAX);

    let run = scene.start(&json!({}));
    scene.finish(run, |_| answered(503, json!({}), json!({ "reason": "closed" })));
    assert_eq!(attempts(run, "answered"), ATTEMPTS_MAX);
    let log = scene.log(run);
    assert_eq!(
        log[1]["output"],
        json!({ "response": { "statusCode": 503, "headers": {} }, "body": { "reason": "closed" } })
    );
    assert_eq!((scene.run(run).status, &log[2]["id"]), (RunStatus::Completed, &json!("bad")));

    let run = scene.start(&json!({}));
    scene.finish(run, |_| failed(FailureKind::Refused));
    assert_eq!(attempts(run, "failed"), 1, "what is forbidden stays forbidden");
    assert_eq!(scene.run(run).status, RunStatus::Failed);
}

#[test]
fn a_step_says_how_often_it_is_tried() {
    let world = World::open();
    for (retry, attempts) in [
        (json!({ "attempts": 3 }), 3),
        (json!({ "attempts": "2" }), 2),
        (json!({ "on": "never" }), 1),
        (json!({ "on": "never", "attempts": 8 }), 1),
        (json!({ "on": "default" }), ATTEMPTS_MAX),
    ] {
        let scene = world.scene(&workflow(json!([call_step_with("2", json!({ "retry": retry }), json!([]))])));
        let run = scene.start(&json!({}));
        scene.finish(run, |_| failed(FailureKind::Interrupted));
        let logged = &scene.log(run)[1]["attempts"];
        assert_eq!(logged.as_array().unwrap().len(), attempts, "{retry}");
        assert!(logged.as_array().unwrap().iter().all(|attempt| attempt["durationMs"] == 5), "{logged:#}");
    }
}

#[test]
fn answers_that_ask_for_it_are_followed_by_another_attempt_and_shown_in_short() {
    let world = World::open();
    let scene = world.scene(&workflow(json!([call_step("2", json!([]))])));
    for (status, attempts) in [(408, 2), (425, 2), (429, 2), (500, 2), (599, 2), (400, 1), (404, 1), (501, 2), (302, 1)]
    {
        let run = scene.start(&json!({}));
        let mut calls = 0;
        scene.finish(run, |_| {
            calls += 1;
            answered(if calls == 1 { status } else { 200 }, json!({}), json!("é".repeat(5_000)))
        });
        let log = scene.log(run);
        let logged = log[1]["attempts"].as_array().unwrap();
        assert_eq!(logged.len(), attempts, "{status}");
        let excerpts: Vec<usize> =
            logged.iter().filter_map(|attempt| Some(attempt.get("answer")?.as_str()?.chars().count())).collect();
        assert_eq!(excerpts, vec![1_001; attempts - 1], "{status}");
    }
}

#[test]
fn a_lost_attempt_is_not_made_again_if_the_step_forbids_it() {
    let world = World::open();
    let once = json!({ "retry": { "on": "never" } });
    let scene = world.scene(&workflow(json!([call_step_with("2", once, json!([]))])));
    let run = scene.start(&json!({}));
    reach_call(&scene, run);
    scene.stretch(run, Input::Continue, |_| Ok(())).unwrap();
    let stored = scene.run(run);
    assert_eq!(stored.status, RunStatus::Failed);
    let error = stored.error.expect("it says why");
    assert_eq!(error.code, "call_failed");
    assert!(error.message.contains("is unknown"), "{}", error.message);
    assert_eq!(scene.log(run)[1]["attempts"][0]["status"], "unknown");
}

#[test]
fn credentials_are_stored_with_the_call_and_shown_nowhere() {
    let world = World::open();
    let secret = json!({
        "uri": "https://u:hush@api.example.com/a?token=hush&page=1", "headers": { "X-Api-Key": "hush", "X-Shop": "north" },
        "qs": { "api_key": "hush" }, "auth": { "type": "bearer", "token": "hush" }, "retry": { "attempts": 2 },
    });
    let scene = world.scene(&workflow(json!([call_step_with("2", secret, json!([]))])));
    let run = scene.start(&json!({}));
    let call = reach_call(&scene, run);
    assert!(!format!("{call:?}").contains("hush"), "{call:?}");
    assert_eq!(request(&call).uri, "https://u:hush@api.example.com/a?token=hush&page=1&api_key=hush");
    let outcome = outcome_of(&call, failed(FailureKind::Connect));
    scene.stretch(run, outcome, |_| Ok(())).unwrap();
    let again = reach_call(&scene, run);
    assert_eq!(again.effect, call.effect, "the credentials outlive the process");
    let stored = scene.run(run).pending.expect("a call is pending").to_string();
    assert!(!stored.contains("hush") && stored.contains("north"), "{stored}");
    scene.stretch(run, outcome_of(&again, answered(200, json!({}), Value::Null)), |_| Ok(())).unwrap();
    let logged = scene.log(run)[1].to_string();
    assert!(!logged.contains("hush"), "{logged}");
    assert_eq!(scene.log(run)[1]["attempts"][0]["uri"], "https://api.example.com/a?token=•••&page=1&api_key=•••");
    assert_eq!(scene.run(run).pending, None);
}

#[test]
fn an_attempt_without_an_outcome_is_logged_as_unknown() {
    let world = World::open();
    let scene = world.scene(&calling_workflow());
    let run = scene.start(&json!({}));
    let first = reach_call(&scene, run);
    // A process that finds the run in flight knows that the one before it is gone.
    let again = reach_call(&scene, run);
    assert_eq!((first.attempt, again.attempt, &first.effect), (1, 2, &again.effect));
    scene.stretch(run, outcome_of(&again, answered(200, json!({}), Value::Null)), |_| Ok(())).unwrap();
    let statuses: Vec<Value> =
        scene.log(run)[1]["attempts"].as_array().unwrap().iter().map(|attempt| attempt["status"].clone()).collect();
    assert_eq!(statuses, ["unknown", "answered"]);
}

#[test]
fn a_run_cancelled_during_a_call_or_a_wait_stays_cancelled() {
    let world = World::open();
    let scene = world.scene(&workflow(json!([
        call_step("2", json!([transition("3", "true", true)])),
        { "id": "3", "action": "customer.create", "params": { "email": "test@example.com" } },
    ])));
    for waiting in [false, true] {
        let run = scene.start(&json!({}));
        let call = reach_call(&scene, run);
        if waiting {
            scene.stretch(run, outcome_of(&call, answered(503, json!({}), Value::Null)), |_| Ok(())).unwrap();
        }
        let (stale, staler) = scene.load(run).expect("the run is open");
        let org = scene.org;
        let cancelled = world.write(move |session| cancel(session, org, run)).expect("it can be cancelled");
        let Cancelled::Now(cancelled) = cancelled else { panic!("{cancelled:?}") };
        assert_eq!((cancelled.status, cancelled.due_at), (RunStatus::Cancelled, None));

        let outcome = outcome_of(&call, answered(200, json!({}), Value::Null));
        for (copy, input) in [(stale, outcome.clone()), (staler, Input::Continue)] {
            let fenced = scene.advance(copy, input);
            assert!(matches!(fenced, Err(StoreError::Fenced)), "{fenced:?}");
        }
        assert_eq!(scene.stretch(run, outcome, |_| Ok(())).unwrap(), None);
        let state = scene.state(run);
        let logged = [("1".to_owned(), "completed".to_owned()), ("2".to_owned(), "cancelled".to_owned())];
        assert_eq!((state.status, state.steps), (RunStatus::Cancelled, logged.to_vec()));
        assert!(state.customers.is_empty(), "the step after the call was not executed");
    }
}
