//! How the server stops: when it is asked to, and in which order.

use tokio::signal::unix::{SignalKind, signal as listen_for};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::ServeError;
use super::jobs::Scheduler;
use super::listeners::Listeners;
use crate::door::Door;
use crate::store::chain;

/// The running parts, in the order in which they stop. The database is closed last, by the caller.
pub struct Running {
    /// Nothing new comes in; what came in is answered.
    pub listeners: Listeners,
    /// No more runs are started by schedules.
    pub jobs: Scheduler,
    /// Refusals that were counted since the last run of their job are written.
    pub door: Door,
    /// Runs stop at a point from which they can continue later.
    pub engine: Stoppable,
}

impl Running {
    /// Serves until `stop_signal` resolves, or until the HTTP server fails; then stops everything.
    pub async fn until(self, stop_signal: impl Future<Output = ()>) -> Result<(), ServeError> {
        let served = self.listeners.serve(stop_signal).await;
        log::info!("stopping: the door is closed");
        self.jobs.stop().await;
        if let Err(error) = self.door.refusals.write(&self.door.store).await {
            log::warn!(err:% = chain(&error); "the last counts of refused requests are lost");
        }
        self.engine.stop().await;
        served
    }
}

/// A task that ends some time after it is asked to.
pub struct Stoppable {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Starts a task that ends after what it is given becomes true.
pub fn start<F>(task: impl FnOnce(watch::Receiver<bool>) -> F) -> Stoppable
where
    F: Future<Output = ()> + Send + 'static,
{
    let (stop, stopping) = watch::channel(false);
    Stoppable { stop, task: tokio::spawn(task(stopping)) }
}

impl Stoppable {
    async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(failure) = self.task.await {
            log::error!(err:% = failure; "a part of the server had already stopped");
        }
    }
}

/// Listens from now on for a supervisor or the keyboard to ask the process to stop; resolves when one does.
pub fn signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupted = listen_for(SignalKind::interrupt())?;
    let mut terminated = listen_for(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}
