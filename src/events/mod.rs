//! Events: the one way in for everything that starts runs.
//!
//! Everything that happens is an [`Event`] with a name, a payload and a cause: a hook's transaction, a change of an
//! object, a due schedule, a call, an event that a step published. [`dispatch`] decides what follows from it: a run of
//! each workflow that listens. New consequences belong there. A call and a due schedule are for one workflow: they are
//! a [`Start`]. Only [`Event::run`] creates runs.
//!
//! A transaction is its event's payload. Any other event is stored once, however many workflows listen, and not at all if
//! none does. A replay gets a run of its own for the same event.
//!
//! The door takes the same steps one by one: it creates the runs before the transaction that stores them, so that their
//! first stretch is part of the same commit.
//!
//! Limits: chains of [`DEPTH_MAX`] runs that start each other; [`DESCENDANTS_MAX`] descendants of one cause.

mod call;
mod dispatch;
mod event;
mod in_force;
mod lane;

pub use call::{call, callable};
pub use dispatch::{Dispatched, Start, dispatch, replay, run_later};
pub use event::{Cause, Event, Payload};
pub use in_force::{CurrentInForce, InForce, Listener, OrgInForce, VariableInForce, call_event};
pub use lane::{find_lane, insert, trigger_scope};

/// The longest chain of runs that start each other. A workflow that calls itself ends here.
pub const DEPTH_MAX: i64 = 10;

/// The most descendants of one cause: a transaction, change, call, due time or replay. Depth alone does not bound them,
/// because each run can start many. This allows a `for-each` of 1,000 items with nine more runs each, and keeps a
/// workflow that starts itself over and over from filling the database.
pub const DESCENDANTS_MAX: i64 = 10_000;
