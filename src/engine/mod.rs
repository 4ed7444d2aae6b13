//! The engine: what a run does next, and the loop that lets it.
//!
//! [`advance`] is the state machine. It takes a run, what has happened since, and an open transaction; it executes
//! internal steps until the run ends, has to wait, or needs an external call, and writes the steps' effects, their log
//! and the run's new state in that same transaction. It does no other I/O and takes time and ids from the session, so
//! that it can be stopped and repeated at every point in tests.
//!
//! [`Engine`] feeds it: runs fresh from the door, runs whose time has come, and answers of external calls. Whatever it
//! holds in memory can be lost at any moment; the database knows which runs are open and when they are due.

mod advance;
mod attempt;
mod calls;
mod driver;
mod ending;
mod entry;
mod failure;
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
pub use fresh::Loaded;
pub use handle::{EngineHandle, Place};
pub use load::{Programs, compile, event_payload, load, recall};
pub use pending::{Call, Pending, StoredEffect, Waiting};
pub use replay::replay;
pub use watch::Watch;
