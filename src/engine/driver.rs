//! The loop that feeds the state machine.
//!
//! Runs come from the door, with their payload still in memory; from the database, when they are due; and from external
//! calls that ended. A unit of work in the store's writer advances each run, and many stretches share one commit. After
//! the commit, an event says what happens next.
//!
//! The door never waits for this loop; see [`super::handle`]. The first process to look takes a run that is queued in
//! the database: waking is a hint, polling is the guarantee. This process holds the runs in its memory, and every write
//! of a run is guarded by its `rev`, so a process that has lost a run can't write it.
//!
//! Limits: [`READY_MAX`] runs wait in memory, and [`UNITS_MAX`] are being advanced. The loop polls for due runs at
//! least every [`POLL_EVERY`], and claims [`CLAIM_MAX`] at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::calls::{Calls, WAITING_MAX};
use super::ending::fail_run;
use super::foresee;
use super::handle::{EngineHandle, Message};
use super::load::Programs;
use super::report;
use super::unit::Advance;
use super::watch::Watchers;
use super::{Input, Loaded, Next, Progress};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::events::CurrentInForce;
use crate::observe::metrics;
use crate::outbound::Performer;
use crate::store::{Claim, RunStatus, Store, StoreChanges, StoreError, StoreResult, chain};

/// The most runs that wait in memory.
const READY_MAX: usize = 4_096;
/// The most runs in the store's queue.
const UNITS_MAX: usize = 256;
/// The most due runs claimed by one poll; few, so that several processes share them.
const CLAIM_MAX: i64 = 256;
/// The longest time between two polls.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// The pause after an error of the store that passes.
const PAUSE: Duration = Duration::from_millis(200);
/// The time for external calls to end when the process stops.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// What happened outside the loop.
pub enum Event {
    /// A stretch was committed or failed.
    Advanced {
        org: Id,
        run: Id,
        /// The run's `rev` before the stretch.
        rev: i64,
        input: Input,
        outcome: StoreResult<Option<Progress>>,
    },
    Called {
        org: Id,
        run: Id,
        rev: i64,
        input: Input,
    },
    Due {
        outcome: StoreResult<DueRuns>,
    },
}

/// The result of a poll.
pub struct DueRuns {
    runs: Vec<Claim>,
    next_due: Option<Timestamp>,
}

struct Ready {
    org: Id,
    run: Id,
    rev: i64,
    loaded: Option<Box<Loaded>>,
    input: Input,
}

/// The loop's state.
pub struct Engine {
    store: Store,
    programs: Programs,
    in_force: CurrentInForce,
    inbox: mpsc::Receiver<Message>,
    lagging: Arc<AtomicBool>,
    watchers: Watchers,
    events: mpsc::UnboundedReceiver<Event>,
    sender: mpsc::UnboundedSender<Event>,
    calls: Calls,
    store_changes: watch::Receiver<StoreChanges>,
    ready: VecDeque<Ready>,
    units: usize,
    polling: bool,
    poll_at: Instant,
    /// No unit is submitted before this time.
    paused_until: Instant,
}

impl Engine {
    pub fn new(
        store: Store,
        programs: Programs,
        in_force: CurrentInForce,
        performer: Performer,
    ) -> (Engine, EngineHandle) {
        let (inbox_sender, inbox) = mpsc::channel(READY_MAX);
        let (sender, events) = mpsc::unbounded_channel();
        let lagging = Arc::new(AtomicBool::new(false));
        let watchers = Watchers::default();
        let handle = EngineHandle { inbox: inbox_sender, lagging: lagging.clone(), watchers: watchers.clone() };
        let calls = Calls::new(performer, sender.clone());
        let engine = Engine {
            store_changes: store.changes(),
            store,
            programs,
            in_force,
            inbox,
            lagging,
            watchers,
            events,
            sender,
            calls,
            ready: VecDeque::new(),
            units: 0,
            polling: false,
            poll_at: Instant::now(),
            paused_until: Instant::now(),
        };
        (engine, handle)
    }

    /// Runs until `stop` is true, then finishes what is under way.
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
                Ok(()) = self.store_changes.changed() => self.lagging.store(true, Ordering::Relaxed),
                changed = stop.changed() => if changed.is_err() { return },
            }
            events.drain(..).for_each(|event| self.handle(event));
            fresh.drain(..).for_each(|message| self.receive(message));
            self.poll_if_due();
            self.submit();
        }
        self.finish().await;
    }

    /// Releases the runs that a former process held. Call it once, before new runs begin.
    pub async fn recover(&self) {
        match self.release().await {
            Ok(0) => {}
            Ok(runs) => log::info!(runs = runs; "released the runs that a former process held"),
            Err(error) => {
                log::error!(err:% = chain(&error); "can't release the runs that a former process held; they wait")
            }
        }
    }

    async fn release(&self) -> StoreResult<usize> {
        let release = self.store.write(|session| {
            let now = session.now();
            session.release_runs(now)
        });
        release.await
    }

    /// Waits for commits and, for a limited time, for external calls. Other processes, or the next start, continue the
    /// rest.
    async fn finish(mut self) {
        // Received outcomes must be written; everything else continues at the next start.
        self.ready.retain(|ready| matches!(ready.input, Input::Outcome(_)));
        let deadline = Instant::now() + STOP_GRACE;
        self.submit();
        while self.units > 0 || self.calls.under_way() > 0 {
            let Ok(Some(event)) = timeout_at(deadline, self.events.recv()).await else { break };
            match event {
                Event::Advanced {
                    org,
                    run,
                    outcome: Ok(Some(Progress { next: Next::Perform(_) | Next::Again, lines, .. })),
                    ..
                } => {
                    self.units -= 1;
                    report::lines(&self.store, org, run, lines);
                }
                event => self.handle(event),
            }
            self.submit();
        }
        if let Err(error) = self.release().await {
            log::debug!(err:% = chain(&error); "can't release the held runs; other processes will");
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
            Event::Advanced { org, run, rev, input, outcome } => {
                self.units -= 1;
                self.advanced(org, run, rev, input, outcome);
            }
            Event::Called { org, run, rev, input } => {
                self.calls.finished();
                self.ready.push_back(Ready { org, run, rev, loaded: None, input });
            }
            Event::Due { outcome } => {
                self.polling = false;
                self.due(outcome);
            }
        }
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Start(runs) => {
                for loaded in runs {
                    let (org, run, rev) = (loaded.run.org, loaded.run.id, loaded.run.rev);
                    let (loaded, input) = (Some(Box::new(loaded)), Input::Continue);
                    self.ready.push_back(Ready { org, run, rev, loaded, input });
                }
            }
            Message::Follow { org, runs } => {
                for (run, progress) in runs {
                    self.advanced(org, run, progress.rev, Input::Continue, Ok(Some(progress)));
                }
            }
            Message::Look => {}
        }
    }

    fn due(&mut self, outcome: StoreResult<DueRuns>) {
        let due = match outcome {
            Ok(due) => due,
            Err(error) => {
                log::warn!(err:% = chain(&error); "can't claim due runs; trying again");
                return;
            }
        };
        if due.runs.len() as i64 == CLAIM_MAX {
            self.lagging.store(true, Ordering::Relaxed);
        }
        for Claim { org, run, rev } in due.runs {
            self.ready.push_back(Ready { org, run, rev, loaded: None, input: Input::Continue });
        }
        if let Some(next_due) = due.next_due {
            self.poll_at = self.poll_at.min(Instant::now() + next_due.since(Timestamp::now()));
        }
    }

    fn advanced(&mut self, org: Id, run: Id, rev: i64, input: Input, outcome: StoreResult<Option<Progress>>) {
        match outcome {
            Ok(Some(Progress { next, rev, frees_runs, lines })) => {
                report::lines(&self.store, org, run, lines);
                self.watchers.notify(run);
                if frees_runs {
                    self.lagging.store(true, Ordering::Relaxed);
                }
                self.follow(org, run, rev, next);
            }
            // Another process holds the run, or has ended it.
            Ok(None) | Err(StoreError::Fenced) => {}
            // The store takes no more writes; trying again at once would only use the processor.
            Err(StoreError::Closed | StoreError::Failed(_)) => {
                self.paused_until = Instant::now() + POLL_EVERY;
            }
            Err(error) if error.is_passing() => {
                // Keep the input: the outcome of a call must not be lost because the disk was full.
                self.ready.push_back(Ready { org, run, rev, loaded: None, input });
                // The other side of a conflict has committed by now; other errors take longer to pass.
                if !matches!(error, StoreError::Conflict { .. }) {
                    self.paused_until = Instant::now() + PAUSE;
                }
            }
            Err(error) => {
                log::error!(run_id:% = run, err:% = chain(&error); "the run can't continue");
                self.give_up(org, run, rev, &error);
            }
        }
    }

    fn follow(&mut self, org: Id, run: Id, rev: i64, next: Next) {
        match next {
            Next::Perform(call) => self.calls.start(org, run, rev, call),
            Next::Again => self.ready.push_back(Ready { org, run, rev, loaded: None, input: Input::Continue }),
            Next::Sleep(due_at) => {
                self.poll_at = self.poll_at.min(Instant::now() + due_at.since(Timestamp::now()));
            }
            Next::Ended(status) => {
                metrics::run_finished(status.as_str());
                if status == RunStatus::Failed || log::log_enabled!(log::Level::Debug) {
                    report::end(&self.store, org, run);
                }
            }
        }
    }

    /// Marks a run that can't be advanced as failed, so that it is not retried for ever. The run stays held, so no
    /// process retries it even if this write fails.
    fn give_up(&self, org: Id, run: Id, rev: i64, error: &StoreError) {
        let message = chain(error);
        let store = self.store.clone();
        tokio::spawn(async move {
            let write = store.write(move |session| fail_run(session, org, run, rev, &message));
            match write.await {
                Ok(()) => metrics::run_finished(RunStatus::Failed.as_str()),
                Err(error) => {
                    log::error!(run_id:% = run, err:% = chain(&error); "can't mark the run as failed");
                }
            }
        });
    }

    fn poll_if_due(&mut self) {
        let behind = self.ready.len() < UNITS_MAX && self.lagging.load(Ordering::Relaxed);
        if self.polling || !(behind || Instant::now() >= self.poll_at) || self.ready.len() >= UNITS_MAX {
            // There is enough to do; poll again when it is done.
            if self.ready.len() >= UNITS_MAX && Instant::now() >= self.poll_at {
                self.lagging.store(true, Ordering::Relaxed);
                self.poll_at = Instant::now() + POLL_EVERY;
            }
            return;
        }
        self.lagging.store(false, Ordering::Relaxed);
        self.polling = true;
        self.poll_at = Instant::now() + POLL_EVERY;
        let (store, sender) = (self.store.clone(), self.sender.clone());
        tokio::spawn(async move {
            let claimed = store.write(move |session| {
                let now = session.now();
                let runs = session.claim_runs(now, CLAIM_MAX)?;
                Ok(DueRuns { runs, next_due: session.next_due(now)? })
            });
            let _ = sender.send(Event::Due { outcome: claimed.await });
        });
    }

    fn submit(&mut self) {
        if self.paused_until > Instant::now() || self.calls.under_way() >= WAITING_MAX {
            return;
        }
        while self.units < UNITS_MAX {
            let Some(Ready { org, run, rev, loaded, input }) = self.ready.pop_front() else { break };
            self.units += 1;
            let (programs, in_force, sender) = (self.programs.clone(), self.in_force.clone(), self.sender.clone());
            let foreseen = loaded.as_deref().filter(|_| self.store.looks_ahead()).map(foresee::emails);
            let emails = foreseen.unwrap_or_default();
            let unit = Advance { org, run, rev, loaded, input, emails, programs, in_force, sender, progress: None };
            self.store.submit(Box::new(unit));
        }
    }
}
