//! The unit of work that the loop submits to the store: one stretch of one run.

use tokio::sync::mpsc;

use super::advance::{Context, Input, Progress, advance};
use super::driver::Event;
use super::fresh::Loaded;
use super::load::{Programs, load};
use crate::base::id::Id;
use crate::events::CurrentInForce;
use crate::store::{Session, StoreResult, Unit};

/// One stretch of one run, as a unit of work.
pub(super) struct Advance {
    pub(super) org: Id,
    pub(super) run: Id,
    /// The run's `rev` as the loop knows it. If the stored one differs, another process has the run.
    pub(super) rev: i64,
    /// For the first attempt; a repetition loads the run, which is unchanged, from the database.
    pub(super) loaded: Option<Box<Loaded>>,
    pub(super) input: Input,
    /// The addresses that it is going to look up.
    pub(super) emails: Vec<(Id, String)>,
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

    fn emails(&self) -> &[(Id, String)] {
        &self.emails
    }

    fn finish(self: Box<Self>, outcome: StoreResult<()>) {
        let Advance { org, run, rev, input, progress, sender, .. } = *self;
        let _ = sender.send(Event::Advanced { org, run, rev, input, outcome: outcome.map(|()| progress) });
    }
}
