//! A database for runs, and scenes in it: an org with a workflow, in which runs are driven by hand.

use std::sync::{Arc, LazyLock};

use hookflow::base::id::Id;
use hookflow::base::time::Timestamp;
use hookflow::engine::{
    CallOutcome, Context, Input, Loaded, Next, PendingCall, Point, Probe, Programs, advance, begin, load,
};
use hookflow::events::{Event, InForce, Listener};
use hookflow::hook::HookKind;
use hookflow::hook::transaction::Transaction;
use hookflow::objects::customer::Profile;
use hookflow::objects::{Customer, Klass};
use hookflow::outbound::{Effect, EffectFailure, EffectOutcome, FailureKind, HttpRequest, HttpResponse};
use hookflow::store::{Org, Page, Run, RunFilter, RunStatus, Session, Status, Store, StoreResult, WorkflowRecord};
use hookflow::workflow::Workflow;
use serde_json::{Map, Value, json};

use crate::support::workspace::Workspace;

/// A page with everything on it.
pub const ALL: Page = Page { after: None, size: 10_000 };

/// How often a store may try a unit.
const TRIES_MAX: usize = 10;

/// A run as it was stored once, for each time that a store tries to go on with it.
pub type Copies = Vec<Loaded>;

pub struct World {
    pub store: Store,
    runtime: tokio::runtime::Runtime,
    pub programs: Programs,
    _workspace: Workspace,
}

/// What a run and its org have come to; two ways of getting there are as good if this is the same.
#[derive(Debug, PartialEq)]
pub struct State {
    pub status: RunStatus,
    pub error: Option<String>,
    pub executed: i64,
    /// Ids and statuses of the logged steps.
    pub steps: Vec<(String, String)>,
    pub customers: Vec<Vec<String>>,
    pub orders: Vec<Map<String, Value>>,
    pub transactions: usize,
    pub runs: usize,
}

/// A transaction and the run that it starts, neither of which is stored yet.
pub struct Arrival {
    pub run: Run,
    transaction: Transaction,
    payload: Value,
}

/// An org of its own with one workflow, so that whatever is found there was made by its runs.
pub struct Scene<'w> {
    pub world: &'w World,
    pub org: Id,
    hook: Id,
    pub workflow: Id,
    program: Arc<Workflow>,
}

impl World {
    pub fn open() -> World {
        let workspace = Workspace::new();
        let store = workspace.open_store();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
        World { store, runtime, programs: Programs::default(), _workspace: workspace }
    }

    pub fn write<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Session) -> StoreResult<T> + Send + 'static,
    {
        self.runtime.block_on(self.store.write(work))
    }

    /// An org with the klass `order` and this workflow.
    pub fn scene(&self, document: &Value) -> Scene<'_> {
        let program = Arc::new(Workflow::compile(document).expect("the workflow compiles"));
        let (org, workflow, now) = (Id::generate(), Id::generate(), Timestamp::now());
        let org_record = Org { id: org, name: org.to_string(), created_at: now };
        let properties = json!({ "orderIdStr": {}, "priceStr": {}, "quantityNum": {} });
        let klass = Klass {
            id: Id::generate(),
            name: "order".into(),
            display_name: "Order".into(),
            icon: None,
            properties: properties.as_object().unwrap().clone(),
            created_at: now,
            updated_at: now,
        };
        let record = WorkflowRecord {
            id: workflow,
            org,
            name: program.name.clone(),
            version: 1,
            status: Status::Enabled,
            document: document.clone(),
            file: None,
            created_at: now,
            updated_at: now,
        };
        let made = self.write(move |session| {
            session.insert_org(&org_record)?;
            session.put_klass(org, &klass)?;
            session.insert_workflow(&record, "test")
        });
        made.expect("the scene can be set");
        Scene { world: self, org, hook: Id::generate(), workflow, program }
    }
}

/// With no other workflow.
fn alone<'a>(session: &'a mut dyn Session, probe: Probe<'a>) -> Context<'a> {
    static NOTHING: LazyLock<InForce> = LazyLock::new(InForce::default);
    Context { session, in_force: &NOTHING, probe }
}

impl Scene<'_> {
    pub fn add_customer(&self, email: &str) {
        let (org, now) = (self.org, Timestamp::now());
        let profile = Profile::read(json!({ "email": email })).expect("the address is one");
        let customer = Customer { id: Id::generate(), profile, created_at: now, updated_at: now, rev: 1 };
        let added = self.world.write(move |session| session.insert_customer(org, &customer));
        added.unwrap().expect("the address is free");
    }

    /// What a request makes at the door.
    pub fn arrival(&self, payload: &Value) -> Arrival {
        let now = Timestamp::now();
        let transaction = Id::generate();
        let event = "hooks.form.orders.receive";
        let (workflow, program) = (self.workflow, self.program.clone());
        let listener = Listener { workflow, version: 1, event: event.into(), program };
        let run = Event::of_transaction(self.org, transaction, event.into(), now).run(&listener);
        let transaction = Transaction {
            id: transaction,
            org: self.org,
            hook: self.hook,
            hook_kind: HookKind::Form,
            created_at: now,
            content_type: Some("application/json".into()),
            headers: Vec::new(),
            query: None,
            peer: None,
            raw: payload.to_string().into(),
            runs: vec![run.id],
            skip_reason: None,
        };
        Arrival { run, transaction, payload: payload.clone() }
    }

    /// The run with what is needed to advance it, from memory.
    pub fn fresh(&self, arrival: &Arrival) -> Copies {
        let envelope = || arrival.transaction.envelope(arrival.payload.clone());
        let fresh = || Loaded::fresh(arrival.run.clone(), self.program.clone(), envelope());
        std::iter::repeat_with(fresh).take(TRIES_MAX).collect()
    }

    /// Commits the transaction and its run, which is to begin later.
    pub fn queue(&self, arrival: &Arrival) {
        let (transaction, run) = (arrival.transaction.clone(), arrival.run.clone());
        let stored = self.world.write(move |session| {
            session.insert_transaction(&transaction)?;
            session.insert_run(&run)
        });
        stored.expect("the run can be stored");
    }

    /// Commits the transaction and its run together with the run's first stretch.
    pub fn begin<P>(&self, arrival: &Arrival, mut probe: P) -> StoreResult<Next>
    where
        P: FnMut(Point<'_>) -> StoreResult<()> + Send + 'static,
    {
        let (transaction, mut copies) = (arrival.transaction.clone(), self.fresh(arrival));
        self.world.write(move |session| {
            session.insert_transaction(&transaction)?;
            let mut fresh = copies.pop().expect("a unit is not tried as often as this");
            begin(&mut fresh, alone(session, &mut probe)).map(|progress| progress.next)
        })
    }

    /// A queued run for this payload.
    pub fn start(&self, payload: &Value) -> Id {
        let arrival = self.arrival(payload);
        self.queue(&arrival);
        arrival.run.id
    }

    /// The stored run, twice: the holder of one copy does not know of the other.
    pub fn load(&self, run: Id) -> Option<(Copies, Copies)> {
        let (org, programs) = (self.org, self.world.programs.clone());
        let loaded = self.world.write(move |session| {
            let mut copy = || (0..TRIES_MAX).map(|_| load(session, &programs, org, run)).collect::<StoreResult<_>>();
            Ok(Option::zip(copy()?, copy()?))
        });
        loaded.expect("the run can be loaded")
    }

    /// Advances a copy of the run that was loaded before.
    pub fn advance(&self, mut copies: Copies, input: Input) -> StoreResult<Next> {
        self.world.write(move |session| {
            let loaded = copies.pop().expect("a unit is not tried as often as this");
            advance(loaded, input.clone(), alone(session, &mut |_| Ok(()))).map(|progress| progress.next)
        })
    }

    /// Loads the run and advances it by one stretch, as the loop does; none if it has ended.
    pub fn stretch<P>(&self, run: Id, input: Input, mut probe: P) -> StoreResult<Option<Next>>
    where
        P: FnMut(Point<'_>) -> StoreResult<()> + Send + 'static,
    {
        let (org, programs) = (self.org, self.world.programs.clone());
        self.world.write(move |session| match load(session, &programs, org, run)? {
            Some(loaded) => {
                advance(loaded, input.clone(), alone(session, &mut probe)).map(|progress| Some(progress.next))
            }
            None => Ok(None),
        })
    }

    /// Advances the run to its end; `peer` answers its calls.
    pub fn finish(&self, run: Id, mut peer: impl FnMut(&HttpRequest) -> EffectOutcome) {
        let mut input = Some(Input::Continue);
        while let Some(given) = input {
            let next = self.stretch(run, given, |_| Ok(())).expect("nothing fails here");
            input = next.and_then(|next| follow(next, &mut peer));
        }
    }

    pub fn run(&self, id: Id) -> Run {
        let org = self.org;
        let run = self.world.write(move |session| session.run(org, id));
        run.unwrap().expect("there is such a run")
    }

    pub fn log(&self, run: Id) -> Vec<Value> {
        let org = self.org;
        let segments = self.world.write(move |session| session.log(org, run)).unwrap();
        segments.iter().flat_map(|segment| serde_json::from_str::<Vec<Value>>(segment).unwrap()).collect()
    }

    pub fn state(&self, id: Id) -> State {
        let (org, hook) = (self.org, self.hook);
        let read = move |session: &mut dyn Session| {
            let arrived =
                (session.transactions(org, hook, ALL)?.len(), session.runs(org, &RunFilter::default(), ALL)?.len());
            Ok((session.customers(org, ALL)?, session.kobjects(org, None, None, ALL)?, arrived))
        };
        let (customers, orders, (transactions, runs)) = self.world.write(read).unwrap();
        let emails = |customer: Customer| customer.profile.emails.into_iter().map(|email| email.email).collect();
        let text = |step: &Value, name: &str| step[name].as_str().unwrap().to_owned();
        let run = self.run(id);
        State {
            status: run.status,
            error: run.error.map(|error| error.code),
            executed: run.steps,
            steps: self.log(id).iter().map(|step| (text(step, "id"), text(step, "status"))).collect(),
            customers: customers.into_iter().map(emails).collect(),
            orders: orders.into_iter().map(|order| order.content.custom).collect(),
            transactions,
            runs,
        }
    }
}

/// The outcome of a call, as the loop brings it back.
pub fn outcome_of(call: &PendingCall, outcome: EffectOutcome) -> Input {
    Input::Outcome(CallOutcome { step: call.step.clone(), attempt: call.attempt, outcome, duration_ms: 5 })
}

/// What a call is going to send.
pub fn request(call: &PendingCall) -> &HttpRequest {
    let Effect::Http(request) = &call.effect else { panic!("{call:?}") };
    request
}

/// What the loop gives to a run after a stretch; none if that was the last one.
pub fn follow(next: Next, peer: &mut impl FnMut(&HttpRequest) -> EffectOutcome) -> Option<Input> {
    match next {
        Next::Ended(_) => None,
        Next::Perform(call) => Some(outcome_of(&call, peer(request(&call)))),
        Next::Sleep(_) | Next::Again => Some(Input::Continue),
    }
}

/// A workflow whose trigger leads to step 2.
pub fn workflow(steps: Value) -> Value {
    let trigger =
        json!({ "id": "1", "eventName": "hooks.form.orders.receive", "transitions": [transition("2", "true", true)] });
    json!({ "name": "under-test", "trigger": trigger, "steps": steps })
}

/// A transition with a condition of one value.
pub fn transition(target: &str, op: &str, value: impl Into<Value>) -> Value {
    json!({ "target": target, "condition": { "op": op, "values": [value.into()] } })
}

/// The step that calls, with what follows it.
pub fn call_step(id: &str, transitions: Value) -> Value {
    call_step_with(id, json!({}), transitions)
}

/// The same with these params beside the usual ones.
pub fn call_step_with(id: &str, more: Value, transitions: Value) -> Value {
    let mut params = json!({ "uri": "https://api.example.com/orders", "method": "POST", "data": { "a": 1 } });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "id": id, "action": "rest-api.json", "params": params, "transitions": transitions })
}

pub fn answered(status_code: u16, headers: Value, body: Value) -> EffectOutcome {
    let headers = headers.as_object().unwrap().clone();
    EffectOutcome::Response(Box::new(HttpResponse { status_code, headers, body, redirects: Vec::new() }))
}

pub fn failed(kind: FailureKind) -> EffectOutcome {
    EffectOutcome::Failure(EffectFailure::new(kind, "no answer"))
}
