//! What the loop hands to the store: one stretch of one run, and the end of a run that can't go on.

use tokio::sync::mpsc;

use super::advance::{Input, Next, advance};
use super::driver::Event;
use super::fresh::Loaded;
use super::load::{Programs, load};
use crate::id::Id;
use crate::store::{RunError, RunStatus, Session, StoreResult, Unit};

/// One stretch of one run, as a unit of work.
pub(super) struct Advance {
    pub(super) org: Id,
    pub(super) run: Id,
    /// Used by the first attempt; a repetition reads the run from the database, where it is unchanged.
    pub(super) loaded: Option<Box<Loaded>>,
    pub(super) input: Input,
    pub(super) programs: Programs,
    pub(super) sender: mpsc::UnboundedSender<Event>,
    pub(super) next: Option<Next>,
}

impl Unit for Advance {
    fn run(&mut self, session: &mut dyn Session) -> StoreResult<()> {
        self.next = None;
        let loaded = match self.loaded.take() {
            Some(loaded) => Some(loaded),
            None => load(session, &self.programs, self.org, self.run)?.map(Box::new),
        };
        if let Some(loaded) = loaded {
            self.next = Some(advance(*loaded, self.input.clone(), session, &mut |_| Ok(()))?);
        }
        Ok(())
    }

    fn finish(self: Box<Self>, outcome: StoreResult<()>) {
        let Advance { org, run, input, next, sender, .. } = *self;
        let _ = sender.send(Event::Advanced { org, run, input, outcome: outcome.map(|()| next) });
    }
}

/// Marks an open run as failed, whatever it was doing.
pub(super) fn fail_run(session: &mut dyn Session, org: Id, id: Id, message: &str) -> StoreResult<()> {
    let Some(mut run) = session.run(org, id)?.filter(|run| run.status.is_open()) else { return Ok(()) };
    run.error = Some(RunError { step: run.position.take(), ..RunError::engine(message) });
    run.status = RunStatus::Failed;
    run.pending = None;
    run.finished_at = Some(session.now());
    run.due_at = None;
    session.update_run(&mut run)
}
