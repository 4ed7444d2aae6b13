//! The life of one job: waits for the next run, runs, and reports the result.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::failures::Failures;
use super::{IsLeader, JobResult, Scope, Spec, Timing, Work};
use crate::observe::metrics;
use crate::store::chain;

/// How long a run under way may take when the scheduler stops.
pub const STOP_GRACE: Duration = Duration::from_secs(5);
/// How often a node that isn't the leader checks whether it has become the leader.
pub const LEADER_LOOK_EVERY: Duration = Duration::from_secs(3);
/// The most per cent by which an interval is shortened.
pub const JITTER_PERCENT: u32 = 10;

/// The result of a run.
enum Outcome {
    /// How long until the next run, if that is sooner than usual.
    Succeeded(Option<Duration>),
    Failed(String),
    TimedOut,
    Panicked(String),
}

/// Runs a job until it is stopped.
pub async fn run(spec: &'static Spec, mut work: impl Work, is_leader: IsLeader, mut stopping: watch::Receiver<bool>) {
    let mut failures = Failures::new(spec);
    let mut next = Some(Instant::now());
    loop {
        tokio::select! {
            biased;
            () = stop(&mut stopping) => return,
            () = sleep_until_some(next) => {}
            () = work.changed() => {}
        }
        if spec.scope == Scope::Leader && !is_leader() {
            next = Some(Instant::now() + LEADER_LOOK_EVERY);
            continue;
        }
        let outcome = tokio::select! {
            outcome = run_once(spec, &mut work) => outcome,
            () = stop_and_grace(&mut stopping) => {
                log::warn!(job = spec.name; "the server stops before the job's run has ended");
                return;
            }
        };
        next = next_run(spec.timing, &outcome);
        report(spec, outcome, &mut failures);
    }
}

/// Runs the work once, and counts the run.
async fn run_once(spec: &Spec, work: &mut impl Work) -> Outcome {
    let began = Instant::now();
    // The work outlives a panic: a job keeps nothing that half a run leaves in disorder, since a run may be dropped anyway.
    let run = AssertUnwindSafe(async { work.run().await }).catch_unwind();
    let outcome = Outcome::of(timeout(spec.time_limit, run).await);
    metrics::job_ran(spec.name, outcome.as_str(), began.elapsed());
    outcome
}

/// When the next run is due; none if only a change is a reason for one.
fn next_run(timing: Timing, outcome: &Outcome) -> Option<Instant> {
    let usual = match (timing, outcome) {
        (Timing::Every(interval), _) => Some(shortened(interval)),
        (Timing::OnChange { .. }, Outcome::Succeeded(_)) => None,
        (Timing::OnChange { retry_after }, _) => Some(retry_after),
    };
    let wanted = if let Outcome::Succeeded(wanted) = outcome { *wanted } else { None };
    let pause = match (usual, wanted) {
        (Some(usual), Some(wanted)) => Some(usual.min(wanted)),
        (usual, wanted) => usual.or(wanted),
    };
    pause.map(|pause| Instant::now() + pause)
}

/// The interval less a random part of it.
fn shortened(interval: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(0);
    interval - interval * JITTER_PERCENT / 100 * (random >> 16) / 0xffff
}

fn report(spec: &Spec, outcome: Outcome, failures: &mut Failures) {
    match outcome {
        Outcome::Succeeded(_) => failures.succeeded(),
        Outcome::Failed(reason) => failures.failed(reason),
        Outcome::TimedOut => failures.failed(format!("the run took longer than {:?}", spec.time_limit)),
        Outcome::Panicked(message) => failures.failed(format!("the run panicked: {message}")),
    }
}

impl Outcome {
    fn of(ended: Result<Result<JobResult, Box<dyn Any + Send>>, tokio::time::error::Elapsed>) -> Outcome {
        match ended {
            Ok(Ok(Ok(wanted))) => Outcome::Succeeded(wanted),
            Ok(Ok(Err(error))) => Outcome::Failed(chain(&*error)),
            Ok(Err(panic)) => Outcome::Panicked(panic_message(&*panic)),
            Err(_) => Outcome::TimedOut,
        }
    }

    /// The metric's label.
    fn as_str(&self) -> &'static str {
        match self {
            Outcome::Succeeded(_) => "succeeded",
            Outcome::Failed(_) => "failed",
            Outcome::TimedOut => "timed_out",
            Outcome::Panicked(_) => "panicked",
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// Resolves when the scheduler is stopped or dropped.
async fn stop(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Resolves once a run has had its time after a stop.
async fn stop_and_grace(stopping: &mut watch::Receiver<bool>) {
    if stopping.wait_for(|stopping| *stopping).await.is_ok() {
        sleep(STOP_GRACE).await;
    }
}

async fn sleep_until_some(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
