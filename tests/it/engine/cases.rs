//! Workflows to disturb, and runs of them that are driven to their end with one fault on the way.

use std::sync::{Arc, Mutex};

use hookflow::base::id::Id;
use hookflow::engine::{Input, Point};
use hookflow::outbound::{EffectOutcome, HttpRequest};
use hookflow::store::{RunStatus, StoreError, StoreResult};
use serde_json::{Value, json};

use super::world::{Arrival, Scene, State, World, answered, call_step, follow, transition, workflow};
use crate::support::orders_bundle;

/// A workflow, what it is run on, and how that ends.
pub struct Case {
    pub name: &'static str,
    document: Value,
    known_customer: bool,
    ends: RunStatus,
    /// The steps that are executed.
    pub path: &'static [&'static str],
}

pub fn cases() -> Vec<Case> {
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

impl Case {
    /// An org with the workflow in it, and what arrives there.
    pub fn set<'w>(&self, world: &'w World) -> (Scene<'w>, Arrival) {
        let scene = world.scene(&self.document);
        if self.known_customer {
            scene.add_customer("test@example.com");
        }
        let payload = json!({ "orderId": "1", "email": "test@example.com", "quantity": 2, "price": "$1" });
        let arrival = scene.arrival(&payload);
        (scene, arrival)
    }

    /// The same, with the run queued.
    pub fn start<'w>(&self, world: &'w World) -> (Scene<'w>, Id) {
        let (scene, arrival) = self.set(world);
        scene.queue(&arrival);
        (scene, arrival.run.id)
    }

    /// The end of an undisturbed run, and its points.
    pub fn undisturbed(&self, world: &World) -> (State, Vec<String>) {
        let (scene, run) = self.start(world);
        let points = drive(&scene, run, Fault::default());
        let state = scene.state(run);
        assert_eq!(state.status, self.ends, "{}: {state:?}", self.name);
        let path: Vec<&str> = state.steps.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(path, self.path, "{}", self.name);
        assert_eq!((state.transactions, state.runs), (1, 1), "{}", self.name);
        (state, points)
    }
}

/// Busy for the first call, content with the second.
pub fn peer() -> impl FnMut(&HttpRequest) -> EffectOutcome {
    let mut calls = 0;
    move |_| {
        calls += 1;
        if calls == 1 { answered(503, json!({}), json!({})) } else { answered(200, json!({}), json!({ "ok": true })) }
    }
}

/// What to do to a run while it is driven to its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fault {
    /// The number of the point to fail at, counted over all stretches.
    pub at: Option<usize>,
    /// Whether the outcome of a call is forgotten with the stretch that was to take it, as when the process dies.
    pub forget_outcome: bool,
}

/// Drives the run to its end with one fault; the points that were passed.
pub fn drive(scene: &Scene<'_>, run: Id, fault: Fault) -> Vec<String> {
    let points = Arc::new(Mutex::new(Vec::new()));
    let (mut peer, mut input) = (peer(), Input::Continue);
    loop {
        let recorded = points.clone();
        let probe = move |point: Point<'_>| -> StoreResult<()> {
            let mut points = recorded.lock().unwrap();
            points.push(format!("{point:?}"));
            if fault.at == Some(points.len() - 1) { Err(failure()) } else { Ok(()) }
        };
        input = match scene.stretch(run, input.clone(), probe) {
            Ok(next) => match next.and_then(|next| follow(next, &mut peer)) {
                Some(input) => input,
                None => return std::mem::take(&mut points.lock().unwrap()),
            },
            Err(StoreError::Corrupt { .. }) if fault.forget_outcome => Input::Continue,
            Err(StoreError::Corrupt { .. }) => input,
            Err(error) => panic!("{error}"),
        };
    }
}

/// A probe that fails at the point of this number, counted from 0.
pub fn fail_at(number: usize) -> impl FnMut(Point<'_>) -> StoreResult<()> + Send + 'static {
    let mut passed = 0;
    move |_| {
        passed += 1;
        if passed > number { Err(failure()) } else { Ok(()) }
    }
}

/// A database error that the engine can't recover from.
fn failure() -> StoreError {
    StoreError::Corrupt { what: "the test's database", detail: "stopped here on purpose".into() }
}
