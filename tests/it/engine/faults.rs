//! Every stretch of every workflow below, stopped once at each point, and repeated once: the end is the same.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hookflow::engine::{Next, Point};
use hookflow::id::Id;
use hookflow::outbound::{HttpOutcome, HttpRequest};
use hookflow::store::{RunStatus, StoreError, StoreResult};
use serde_json::{Value, json};

use super::world::{Scene, State, World, answered, call_step, fault, transition, workflow};
use crate::support::orders_bundle;

struct Case {
    name: &'static str,
    document: Value,
    known_customer: bool,
    ends: RunStatus,
    path: &'static [&'static str],
}

fn cases() -> Vec<Case> {
    let bundle: Value = serde_json::from_str(&orders_bundle()).expect("the bundle is JSON");
    let orders = bundle["workflows"][0].clone();
    let create = |id: &str, transitions: Value| {
        let email = "/#steps.1.attributes.data.email";
        json!({ "id": id, "action": "customer.create", "params": { "email": email }, "transitions": transitions })
    };
    let store_order = |id: &str, klass: &str| {
        let custom = json!({ "orderIdStr": "/#steps.1.attributes.data.orderId" });
        let params =
            json!({ "klassName": klass, "customer": "/#steps.2.id", "title": "Order", "data": {}, "custom": custom });
        json!({ "id": id, "action": "kobject.create-with-customer", "params": params })
    };
    let quantity = |op: &str, than: i64| json!({ "op": op, "values": ["/#steps.1.attributes.data.quantity", than] });
    let branches = json!([
        { "target": "5", "condition": quantity("gt", 100) },
        { "target": "4", "condition": quantity("gt", 1) },
        { "target": "5", "condition": quantity("lte", 1) },
    ]);
    let after_call = json!([transition("4", "exists", "/#steps.3.body.ok")]);
    let calling = json!([
        create("2", json!([transition("3", "true", true)])),
        call_step("3", after_call),
        store_order("4", "order")
    ]);
    let branching = json!([
        create("2", json!([transition("3", "true", true)])), { "id": "3", "transitions": branches },
        store_order("4", "order"), store_order("5", "order"),
    ]);
    let failing = json!([create("2", json!([transition("3", "true", true)])), store_order("3", "no-such-klass")]);
    let case = |name, document, path| Case { name, document, known_customer: false, ends: RunStatus::Completed, path };
    vec![
        case("new customer", orders.clone(), &["1", "2", "3", "5"]),
        Case { known_customer: true, ..case("known customer", orders, &["1", "2", "4"]) },
        case("call", workflow(calling), &["1", "2", "3", "4"]),
        case("branches", workflow(branching), &["1", "2", "3", "4"]),
        Case { ends: RunStatus::Failed, ..case("failing step", workflow(failing), &["1", "2", "3"]) },
    ]
}

/// Sets the scene of a case and starts its run.
fn begin<'w>(world: &'w World, case: &Case) -> (Scene<'w>, Id) {
    let scene = world.scene(&case.document);
    if case.known_customer {
        scene.add_customer("test@example.com");
    }
    let run = scene.start(&json!({ "orderId": "1", "email": "test@example.com", "quantity": 2, "price": "$1" }));
    (scene, run)
}

/// Busy for the first call, content with the second.
fn peer() -> impl FnMut(&HttpRequest) -> HttpOutcome {
    let mut calls = 0;
    move |_| {
        calls += 1;
        if calls == 1 { answered(503, json!({}), json!({})) } else { answered(200, json!({}), json!({ "ok": true })) }
    }
}

/// What to do to a run while it is driven to its end.
#[derive(Clone, Copy, Debug, Default)]
struct Fault {
    /// The number of the point to fail at, counted over all stretches.
    at: Option<usize>,
    /// Whether the outcome of a call is forgotten with the stretch that was to take it, as when the process dies.
    forget_outcome: bool,
}

/// Drives the run to its end with one fault; the points that were passed.
fn drive(scene: &Scene<'_>, run: Id, fault_at: Fault) -> Vec<String> {
    let (points, passed) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
    let mut peer = peer();
    let mut outcome = None;
    loop {
        let (recorded, counter) = (points.clone(), passed.clone());
        let probe = move |point: Point<'_>| -> StoreResult<()> {
            recorded.lock().unwrap().push(format!("{point:?}"));
            let number = counter.fetch_add(1, Ordering::Relaxed);
            if Some(number) == fault_at.at { Err(fault()) } else { Ok(()) }
        };
        outcome = match scene.stretch(run, outcome.clone(), probe) {
            Ok(None | Some(Next::Ended(_))) => return std::mem::take(&mut points.lock().unwrap()),
            Ok(Some(Next::Perform(request))) => Some(peer(&request)),
            Ok(Some(Next::Sleep(_) | Next::Again)) => None,
            Err(StoreError::Corrupt { .. }) => outcome.filter(|_| !fault_at.forget_outcome),
            Err(error) => panic!("{error}"),
        };
    }
}

/// The end of an undisturbed run, and its points.
fn undisturbed(world: &World, case: &Case) -> (State, Vec<String>) {
    let (scene, run) = begin(world, case);
    let points = drive(&scene, run, Fault::default());
    let state = scene.state(run);
    assert_eq!(state.status, case.ends, "{}: {state:?}", case.name);
    let path: Vec<&str> = state.steps.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(path, case.path, "{}", case.name);
    (state, points)
}

#[test]
fn a_run_stopped_at_any_point_ends_as_if_it_had_not_been() {
    let world = World::open();
    for case in cases() {
        let (expected, points) = undisturbed(&world, &case);
        // Two for each step, and one for each stretch.
        assert!(points.len() > 2 * case.path.len(), "{}: {points:?}", case.name);
        for (number, point) in points.iter().enumerate() {
            for forget_outcome in [false, true] {
                let fault = Fault { at: Some(number), forget_outcome };
                let (scene, run) = begin(&world, &case);
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
        let (_, points) = undisturbed(&world, &case);
        let first_stretch = points.iter().position(|point| point == "BeforeWrite").expect("every stretch ends");
        for number in 0..=first_stretch {
            let (scene, run) = begin(&world, &case);
            let before = (scene.state(run), scene.run(run));
            let mut passed = 0;
            let stopped = scene.stretch(run, None, move |_| {
                passed += 1;
                if passed > number { Err(fault()) } else { Ok(()) }
            });
            assert!(stopped.is_err());
            assert_eq!((scene.state(run), scene.run(run)), before, "{}: stopped at {number}", case.name);
        }
    }
}

#[test]
fn a_stretch_done_twice_from_the_same_copy_is_fenced_off() {
    let world = World::open();
    for case in cases() {
        let (expected, _) = undisturbed(&world, &case);
        let (scene, run) = begin(&world, &case);
        let (mut peer, mut outcome) = (peer(), None);
        while let Some((copy, stale)) = scene.load(run) {
            let next = scene.advance(copy, outcome.clone()).expect("the first copy goes on");
            let after = scene.state(run);
            let repeated = scene.advance(stale, outcome.take());
            assert!(matches!(repeated, Err(StoreError::Fenced)), "{}: {repeated:?}", case.name);
            assert_eq!(scene.state(run), after, "{}: the repetition left something", case.name);
            outcome = match next {
                Next::Perform(request) => Some(peer(&request)),
                _ => None,
            };
        }
        assert_eq!(scene.state(run), expected, "{}", case.name);
    }
}

#[test]
fn an_outcome_delivered_twice_counts_once() {
    let world = World::open();
    let case = cases().into_iter().find(|case| case.name == "call").unwrap();
    let (scene, run) = begin(&world, &case);
    let mut peer = peer();
    scene.finish(run, &mut peer);
    let ended = scene.state(run);
    let late = scene.stretch(run, Some(answered(200, json!({}), json!({ "ok": true }))), |_| Ok(()));
    assert_eq!(late.unwrap(), None, "a run that has ended takes nothing");
    assert_eq!(scene.state(run), ended);
}
