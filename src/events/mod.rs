//! Events: the one way in for everything that starts runs.
//!
//! Whatever happens is an [`Event`] with a name, a payload and a cause. All runs are made by [`Event::run`], and all events
//! end in [`record`], which stores the event and its runs. Whatever else is to follow from every event belongs there. There
//! are six sources:
//!
//! | source | goes through |
//! |---|---|
//! | a change of an object, and something that a step published | [`dispatch`]: runs of each workflow that listens |
//! | a call, and a due schedule | [`Start`]: a run of one workflow alone |
//! | a replay | [`replay`]: a run of the same version, for the same event |
//! | a hook's transaction | `door::intake`: runs of each workflow that listens |
//!
//! A transaction is its event's payload. Any other event is stored once, however many workflows listen, and not at all if
//! none does. A replay gets a run of its own for the same event.
//!
//! The door, on the path of every hook, makes the runs before the transaction that stores them, and lets their first stretch
//! ride in the same commit; then that puts the runs in the database.
//!
//! Limits: chains of [`DEPTH_MAX`] runs that start each other; [`DESCENDANTS_MAX`] descendants of one cause.

mod call;
mod dispatch;
mod event;
mod in_force;
mod lane;

pub use call::{call, callable};
pub use dispatch::{Dispatched, Start, dispatch, record, replay, run_later};
pub use event::{Cause, Event, Payload};
pub use in_force::{CurrentInForce, InForce, Listener, OrgInForce, VariableInForce, call_event};
pub use lane::{find_lane, insert, trigger_scope};

/// The longest chain of runs that start each other. A workflow that calls itself ends here.
pub const DEPTH_MAX: i64 = 10;

/// The most descendants of one cause: a transaction, change, call, due time or replay. Depth alone does not bound them,
/// because each run can start many. This allows a `for-each` of 1,000 items with nine more runs each, and keeps a
/// workflow that starts itself over and over from filling the database.
pub const DESCENDANTS_MAX: i64 = 10_000;
