//! Background work that repeats: the scheduler, and the list of jobs that it runs.
//!
//! Each job is a task of its own, so a slow or failing job delays no other. A job runs at start, then at its interval,
//! or when something changes that it watches; a run may ask for the next one sooner. Jobs of [`Scope::Leader`] run on
//! one node only: each node starts them, and skips their runs while it isn't the leader.
//!
//! - A run that takes longer than the job's time limit is dropped at its next `await`.
//! - A run that fails, panics or takes too long is repeated after the interval, and logged once.
//! - Intervals are shortened by up to 10 % at random, so that nodes started together don't stay in step.
//! - [`Scheduler::stop`] starts no more runs, and gives those under way [`STOP_GRACE`].
//!
//! `/metrics` counts the runs of each job. Threads of a store are not jobs: see `store::postgres::coordinator` and
//! `store::sqlite`.

mod failures;
pub mod list;
mod runner;
#[cfg(test)]
mod tests;
mod work;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use runner::STOP_GRACE;
pub use work::{WorkflowFiles, start};

use crate::observe::metrics;

/// The description of a job.
#[derive(Debug)]
pub struct Spec {
    /// Names the job in log lines and metrics.
    pub name: &'static str,
    pub timing: Timing,
    pub scope: Scope,
    /// How long a run may take.
    pub time_limit: Duration,
    /// What a failed run means to an operator, for the log.
    pub failure: &'static str,
}

/// When a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// At least this often.
    Every(Duration),
    /// When what it watches changes. A failed run is repeated after this time.
    OnChange { retry_after: Duration },
}

/// Where a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    EveryNode,
    /// On one of the nodes that share a database.
    Leader,
}

/// The result of a run: the time until the next one, if that is sooner than [`Timing`] says.
pub type JobResult = Result<Option<Duration>, Box<dyn std::error::Error + Send + Sync>>;

/// The work of a job.
pub trait Work: Send + 'static {
    /// Runs once.
    ///
    /// # Errors
    /// Why the run failed; logged with [`Spec::failure`].
    fn run(&mut self) -> impl Future<Output = JobResult> + Send;

    /// Resolves when there is a reason to run at once. Dropped when there is another reason, of which the run then makes up
    /// for a change that was not reported yet.
    fn changed(&mut self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

impl<F, R> Work for F
where
    F: FnMut() -> R + Send + 'static,
    R: Future<Output = JobResult> + Send + 'static,
{
    fn run(&mut self) -> impl Future<Output = JobResult> + Send {
        self()
    }
}

/// Whether this node is the leader at the moment.
type IsLeader = Arc<dyn Fn() -> bool + Send + Sync>;

/// Runs jobs until it is stopped. Dropping it stops them, too, without waiting for runs under way.
pub struct Scheduler {
    is_leader: IsLeader,
    stop: watch::Sender<bool>,
    jobs: Vec<(&'static str, JoinHandle<()>)>,
}

impl Scheduler {
    /// A scheduler without jobs. `is_leader` is asked before each run of a job of [`Scope::Leader`].
    pub fn new(is_leader: impl Fn() -> bool + Send + Sync + 'static) -> Scheduler {
        Scheduler { is_leader: Arc::new(is_leader), stop: watch::Sender::new(false), jobs: Vec::new() }
    }

    /// Starts a job, inside a Tokio runtime; its first run is at once.
    pub fn start(&mut self, spec: &'static Spec, work: impl Work) {
        metrics::job_started(spec.name);
        let runner = runner::run(spec, work, self.is_leader.clone(), self.stop.subscribe());
        self.jobs.push((spec.name, tokio::spawn(runner)));
    }

    /// Stops all jobs, and waits until none is running.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for (job, ended) in join_all(self.jobs.into_iter().map(async |(job, task)| (job, task.await))).await {
            if let Err(failure) = ended {
                log::error!(job, err:% = failure; "the job had stopped before");
            }
        }
    }
}
