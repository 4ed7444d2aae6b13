//! The engine: the state machine of a run, and the loop that feeds it.
//!
//! [`advance`] is the state machine. It takes a run, an input and an open transaction. It executes internal steps until
//! the run ends, must wait, or needs an external call, and writes the steps' effects, their log and the run's new state
//! in that transaction. It does no other I/O, and takes time and ids from the session, so tests can stop and repeat it
//! at every point.
//!
//! [`Engine`] feeds it new runs from the door, runs that are due, and outcomes of external calls. Its memory can be
//! lost at any moment: the database contains which runs are open and when they are due.

mod advance;
mod attempt;
mod calls;
mod driver;
mod ending;
mod entry;
mod failure;
mod foresee;
mod fresh;
mod handle;
mod items;
mod lanes;
mod load;
mod params;
mod pending;
mod replay;
mod report;
mod starts;
mod step;
mod stretch;
mod unit;
mod waiting;
mod watch;

pub use advance::{
    CallOutcome, Context, Input, Next, PendingCall, Point, Probe, Progress, STEPS_MAX, STRETCH_MAX, advance, begin,
};
pub use attempt::Attempt;
pub use driver::Engine;
pub use ending::{Cancelled, cancel};
pub use entry::merge_log;
pub use failure::PASSES_MAX;
pub use foresee::emails as foreseen_emails;
pub use fresh::Loaded;
pub use handle::{EngineHandle, InboxSlot};
pub use load::{Programs, compile, event_payload, load, recall};
pub use pending::{Call, Pending, StoredEffect, Waiting};
pub use replay::{ReplayVersion, Replayed, replay};
pub use watch::Watch;
