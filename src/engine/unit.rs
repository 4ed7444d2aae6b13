//! What the loop hands to the store: one stretch of one run, and the end of a run that can't go on.

use tokio::sync::mpsc;

use super::advance::{Context, Input, Progress, advance};
use super::driver::Event;
use super::fresh::Loaded;
use super::load::{Programs, load};
use super::starts::wake_others;
use crate::base::id::Id;
use crate::events::CurrentInForce;
use crate::store::{Run, RunError, RunStatus, Session, StoreResult, Unit};

/// One stretch of one run, as a unit of work.
pub(super) struct Advance {
    pub(super) org: Id,
    pub(super) run: Id,
    /// The run's `rev` as whoever wants this has seen it last. With another one the run belongs to somebody else.
    pub(super) rev: i64,
    /// Used by the first attempt; a repetition reads the run from the database, where it is unchanged.
    pub(super) loaded: Option<Box<Loaded>>,
    pub(super) input: Input,
    pub(super) programs: Programs,
    pub(super) in_force: CurrentInForce,
    pub(super) sender: mpsc::UnboundedSender<Event>,
    pub(super) progress: Option<Progress>,
}

impl Unit for Advance {
    fn run(&mut self, session: &mut dyn Session) -> StoreResult<()> {
        self.progress = None;
        let loaded = match self.loaded.take() {
            Some(loaded) => Some(loaded),
            None => load(session, &self.programs, self.org, self.run)?.map(Box::new),
        };
        if let Some(loaded) = loaded.filter(|loaded| loaded.run.rev == self.rev) {
            let in_force = self.in_force.load();
            let context = Context { session, in_force: &in_force, probe: &mut |_| Ok(()) };
            self.progress = Some(advance(*loaded, self.input.clone(), context)?);
        }
        Ok(())
    }

    fn finish(self: Box<Self>, outcome: StoreResult<()>) {
        let Advance { org, run, rev, input, progress, sender, .. } = *self;
        let _ = sender.send(Event::Advanced { org, run, rev, input, outcome: outcome.map(|()| progress) });
    }
}

/// Marks an open run as failed, whatever it was doing, unless somebody else has it by now.
pub(super) fn fail_run(session: &mut dyn Session, org: Id, id: Id, rev: i64, message: &str) -> StoreResult<()> {
    let ours = |run: &Run| run.status.is_open() && run.rev == rev;
    let Some(mut run) = session.run(org, id)?.filter(ours) else { return Ok(()) };
    run.error = Some(RunError { step: run.position.take(), ..RunError::engine(message) });
    run.status = RunStatus::Failed;
    run.pending = None;
    run.finished_at = Some(session.now());
    run.due_at = None;
    run.held = false;
    session.update_run(&mut run)?;
    wake_others(session, &run).map(|_| ())
}
