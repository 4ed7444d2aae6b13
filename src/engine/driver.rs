//! The loop that feeds the state machine.
//!
//! Runs come from three sides: fresh from the door, with their payload still in memory; from the database, when they are
//! due; and back from an external call. Each is advanced by a unit of work in the store's writer, several at a time, so
//! that many stretches share one commit. What has to happen next comes back as an event after that commit.
//!
//! The door never waits for this loop. When it falls behind, fresh runs are dropped from memory and found again in the
//! database, where they are due already: waking is a hint, polling is the guarantee.
//!
//! Limits: [`READY_MAX`] runs wait in memory, [`UNITS_MAX`] are being advanced, and the database is asked for due runs at
//! least every [`POLL_EVERY`].

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::calls::{Calls, WAITING_MAX};
use super::load::Programs;
use super::unit::{Advance, fail_run};
use super::{Input, Loaded, Next};
use crate::id::Id;
use crate::observe::metrics;
use crate::outbound::Client;
use crate::store::{RunStatus, Store, StoreError, StoreResult, chain};
use crate::time::Timestamp;

/// How many runs wait in memory.
const READY_MAX: usize = 4_096;
/// How many runs are in the store's queue at a time.
const UNITS_MAX: usize = 256;
/// How many due runs are read at a time.
const POLL_SIZE: i64 = 1_024;
/// Before every run that can be due.
const POLL_START: (Timestamp, Id) = (Timestamp(i64::MIN), Id::MIN);
/// How often the database is asked at least.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// How long to wait after the store refused work for now.
const PAUSE: Duration = Duration::from_millis(200);
/// How long external calls may take to end when the process is stopped.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// What happened outside the loop.
pub enum Event {
    /// A stretch was committed or failed; `input` is what it was given.
    Advanced {
        org: Id,
        run: Id,
        input: Input,
        outcome: StoreResult<Option<Next>>,
    },
    Called {
        org: Id,
        run: Id,
        input: Input,
    },
    Due {
        outcome: StoreResult<DueRuns>,
    },
}

/// The answer to a poll.
pub struct DueRuns {
    runs: Vec<(Timestamp, Id, Id)>,
    next_due: Option<Timestamp>,
}

/// What the door says to the loop.
enum Message {
    /// Advance a run that was committed as queued.
    Start(Box<Loaded>),
    /// Do what comes next for a run that was advanced already.
    Follow { org: Id, run: Id, next: Next },
    /// There are queued runs in the database.
    Look,
}

struct Ready {
    org: Id,
    run: Id,
    loaded: Option<Box<Loaded>>,
    input: Input,
}

/// How others reach the engine; cheap to clone.
#[derive(Clone)]
pub struct EngineHandle {
    inbox: mpsc::Sender<Message>,
    lagging: Arc<AtomicBool>,
}

impl EngineHandle {
    /// Starts a run that was just committed. If the engine is behind, the run waits in the database.
    pub fn start(&self, loaded: Loaded) {
        self.send(Message::Start(Box::new(loaded)));
    }

    /// Takes over a run whose first stretch was committed together with its transaction.
    pub fn follow(&self, org: Id, run: Id, next: Next) {
        match next {
            // Most runs end here, and with lines about them switched off there is nothing to do but to count.
            Next::Ended(RunStatus::Completed) if !log::log_enabled!(log::Level::Debug) => {
                metrics::run_finished(RunStatus::Completed);
            }
            next => self.send(Message::Follow { org, run, next }),
        }
    }

    /// Looks for queued runs in the database.
    pub fn look(&self) {
        self.send(Message::Look);
    }

    fn send(&self, message: Message) {
        if self.inbox.try_send(message).is_err() {
            self.lagging.store(true, Ordering::Relaxed);
        }
    }
}

/// The loop's state.
pub struct Engine {
    store: Store,
    programs: Programs,
    inbox: mpsc::Receiver<Message>,
    lagging: Arc<AtomicBool>,
    events: mpsc::UnboundedReceiver<Event>,
    sender: mpsc::UnboundedSender<Event>,
    calls: Calls,
    ready: VecDeque<Ready>,
    /// The runs that this loop is busy with, so that a poll doesn't start them a second time.
    claimed: HashSet<Id>,
    units: usize,
    polling: bool,
    /// Where the next poll goes on: after the last run of a full page, else at the start.
    poll_after: (Timestamp, Id),
    poll_at: Instant,
    /// Before this no unit is submitted.
    paused_until: Instant,
}

impl Engine {
    pub fn new(store: Store, programs: Programs, client: Client) -> (Engine, EngineHandle) {
        let (inbox_sender, inbox) = mpsc::channel(READY_MAX);
        let (sender, events) = mpsc::unbounded_channel();
        let lagging = Arc::new(AtomicBool::new(false));
        let handle = EngineHandle { inbox: inbox_sender, lagging: lagging.clone() };
        let calls = Calls::new(client, sender.clone());
        let engine = Engine {
            store,
            programs,
            inbox,
            lagging,
            events,
            sender,
            calls,
            ready: VecDeque::new(),
            claimed: HashSet::new(),
            units: 0,
            polling: false,
            poll_after: POLL_START,
            poll_at: Instant::now(),
            paused_until: Instant::now(),
        };
        (engine, handle)
    }

    /// Runs until `stop` turns true, then finishes what is under way.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut fresh = Vec::new();
        let mut events = Vec::new();
        while !*stop.borrow() {
            let wake_at = self.wake_at();
            let has_room = self.ready.len() < READY_MAX;
            tokio::select! {
                _ = self.events.recv_many(&mut events, 256) => {}
                _ = self.inbox.recv_many(&mut fresh, 256), if has_room => {}
                () = sleep_until(wake_at) => {}
                changed = stop.changed() => if changed.is_err() { return },
            }
            events.drain(..).for_each(|event| self.handle(event));
            fresh.drain(..).for_each(|message| self.receive(message));
            self.poll_if_due();
            self.submit();
        }
        self.finish().await;
    }

    /// Picks up the calls that a former process left in the middle. To be called once, before anything new begins.
    pub async fn recover(&self) {
        let recovered = self.store.write(|session| {
            let now = session.now();
            session.recover_runs(now)
        });
        match recovered.await {
            Ok(0) => {}
            Ok(runs) => log::info!(runs = runs; "runs with a call under way when the former process ended go on"),
            Err(error) => log::error!(err:% = chain(&error); "runs with a call under way wait for their time-outs"),
        }
    }

    /// Lets commits and, for a while, external calls end; what is left is picked up at the next start.
    async fn finish(mut self) {
        // Outcomes that have come are worth writing; all else is picked up at the next start.
        self.ready.retain(|ready| matches!(ready.input, Input::Outcome { .. }));
        let deadline = Instant::now() + STOP_GRACE;
        self.submit();
        while self.units > 0 || self.calls.under_way() > 0 {
            let Ok(Some(event)) = timeout_at(deadline, self.events.recv()).await else { break };
            match event {
                Event::Advanced { outcome: Ok(Some(Next::Perform(_) | Next::Again)), .. } => self.units -= 1,
                event => self.handle(event),
            }
            self.submit();
        }
    }

    fn wake_at(&self) -> Instant {
        match self.ready.is_empty() || self.paused_until <= Instant::now() {
            true => self.poll_at,
            false => self.poll_at.min(self.paused_until),
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Advanced { org, run, input, outcome } => {
                self.units -= 1;
                self.advanced(org, run, input, outcome);
            }
            Event::Called { org, run, input } => {
                self.calls.finished();
                self.ready.push_back(Ready { org, run, loaded: None, input });
            }
            Event::Due { outcome } => {
                self.polling = false;
                self.due(outcome);
            }
        }
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Start(loaded) => {
                let (org, run) = (loaded.run.org, loaded.run.id);
                if self.claimed.insert(run) {
                    self.ready.push_back(Ready { org, run, loaded: Some(loaded), input: Input::Continue });
                }
            }
            Message::Look => self.lagging.store(true, Ordering::Relaxed),
            Message::Follow { org, run, next } => {
                if self.claimed.insert(run) {
                    self.advanced(org, run, Input::Continue, Ok(Some(next)));
                }
            }
        }
    }

    fn due(&mut self, outcome: StoreResult<DueRuns>) {
        let due = match outcome {
            Ok(due) => due,
            Err(error) => {
                log::warn!(err:% = chain(&error); "the runs that are due could not be read; trying again");
                return;
            }
        };
        let full = due.runs.len() as i64 == POLL_SIZE;
        let last = due.runs.last().map(|(due_at, _, run)| (*due_at, *run));
        self.poll_after = last.filter(|_| full).unwrap_or(POLL_START);
        for (_, org, run) in due.runs {
            if self.claimed.insert(run) {
                self.ready.push_back(Ready { org, run, loaded: None, input: Input::Continue });
            }
        }
        if full {
            self.lagging.store(true, Ordering::Relaxed);
        }
        if let Some(next_due) = due.next_due {
            self.poll_at = self.poll_at.min(Instant::now() + next_due.since(Timestamp::now()));
        }
    }

    fn advanced(&mut self, org: Id, run: Id, input: Input, outcome: StoreResult<Option<Next>>) {
        match outcome {
            Ok(Some(Next::Perform(call))) => self.calls.start(org, run, call),
            Ok(Some(Next::Again)) => self.ready.push_back(Ready { org, run, loaded: None, input: Input::Continue }),
            Ok(Some(Next::Sleep(due_at))) => {
                self.claimed.remove(&run);
                self.poll_at = self.poll_at.min(Instant::now() + due_at.since(Timestamp::now()));
            }
            Ok(Some(Next::Ended(status))) => {
                self.claimed.remove(&run);
                metrics::run_finished(status);
                if status == RunStatus::Failed || log::log_enabled!(log::Level::Debug) {
                    self.report_end(org, run);
                }
            }
            Ok(None) | Err(StoreError::Fenced) => {
                self.claimed.remove(&run);
            }
            // Nothing can be written any more; asking again and again would only keep the processor busy.
            Err(StoreError::Closed | StoreError::Failed(_)) => {
                self.paused_until = Instant::now() + POLL_EVERY;
            }
            Err(error) if error.is_passing() => {
                // Kept with its input: the outcome of a call must not be forgotten because the disk was full.
                self.ready.push_back(Ready { org, run, loaded: None, input });
                self.paused_until = Instant::now() + PAUSE;
            }
            Err(error) => {
                log::error!(run_id:% = run, err:% = chain(&error); "the run can't go on");
                self.give_up(org, run, &error);
            }
        }
    }

    /// Logs how a run ended, and if it failed, where and why.
    fn report_end(&self, org: Id, id: Id) {
        let store = self.store.clone();
        tokio::spawn(async move {
            let read = store.read(move |session| {
                let Some(run) = session.run(org, id)? else { return Ok(None) };
                let transaction = run.transaction.map(|id| session.transaction(org, id)).transpose()?.flatten();
                Ok(Some((run, transaction.map(|transaction| transaction.hook.to_string()))))
            });
            let Ok(Some((run, hook))) = read.await else { return };
            let (workflow, hook) = (run.workflow_name.as_str(), hook.as_deref().unwrap_or("none"));
            let Some(error) = run.error else {
                log::debug!(run_id:% = id, workflow = workflow, hook = hook; "run {}", run.status);
                return;
            };
            let (step, message) = (error.step.as_deref().unwrap_or("none"), error.message.as_str());
            log::warn!(run_id:% = id, workflow = workflow, hook = hook, step = step; "run failed: {message}");
        });
    }

    /// Marks a run as failed that can't be advanced: it would be tried again and again otherwise. It stays claimed, so
    /// that it is left alone even if this can't be written.
    fn give_up(&self, org: Id, run: Id, error: &StoreError) {
        let message = chain(error);
        let store = self.store.clone();
        tokio::spawn(async move {
            let write = store.write(move |session| fail_run(session, org, run, &message));
            match write.await {
                Ok(()) => metrics::run_finished(RunStatus::Failed),
                Err(error) => {
                    log::error!(run_id:% = run, err:% = chain(&error); "the run could not be marked as failed");
                }
            }
        });
    }

    fn poll_if_due(&mut self) {
        let behind = self.ready.len() < UNITS_MAX && self.lagging.load(Ordering::Relaxed);
        if self.polling || !(behind || Instant::now() >= self.poll_at) || self.ready.len() >= UNITS_MAX {
            // With enough to do there is no need to look for more; look again when that is done.
            if self.ready.len() >= UNITS_MAX && Instant::now() >= self.poll_at {
                self.lagging.store(true, Ordering::Relaxed);
                self.poll_at = Instant::now() + POLL_EVERY;
            }
            return;
        }
        self.lagging.store(false, Ordering::Relaxed);
        self.polling = true;
        self.poll_at = Instant::now() + POLL_EVERY;
        let (store, sender, after) = (self.store.clone(), self.sender.clone(), self.poll_after);
        tokio::spawn(async move {
            let read = store.read(move |session| {
                let now = session.now();
                let runs = session.due_runs(now, after, POLL_SIZE)?;
                Ok(DueRuns { runs, next_due: session.next_due(now)? })
            });
            let _ = sender.send(Event::Due { outcome: read.await });
        });
    }

    fn submit(&mut self) {
        if self.paused_until > Instant::now() || self.calls.under_way() >= WAITING_MAX {
            return;
        }
        while self.units < UNITS_MAX {
            let Some(Ready { org, run, loaded, input }) = self.ready.pop_front() else { break };
            self.units += 1;
            let (programs, sender) = (self.programs.clone(), self.sender.clone());
            self.store.submit(Box::new(Advance { org, run, loaded, input, programs, sender, next: None }));
        }
    }
}
