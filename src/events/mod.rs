//! Events: the one way in for everything that starts runs.
//!
//! Whatever happens is an [`Event`] with a name, a payload and a cause: a hook's transaction, a change of an object, a due
//! schedule, a call, something that a step published. [`dispatch`] decides what follows from it. Today that is a run of each
//! workflow that listens; whatever else is to follow belongs there. A call, and a due schedule, are for one workflow alone:
//! they are a [`Start`]. All runs are made by [`Event::run`], and by nothing else.
//!
//! A transaction is its event's payload. Any other event is stored once, however many workflows listen, and not at all if
//! none does. A replay gets a run of its own for the same event.
//!
//! The door, on the path of every hook, takes the same steps one by one: it makes the runs before the transaction that
//! stores them, so that their first stretch rides in the same commit.
//!
//! Limits: [`DEPTH_MAX`] runs start each other one after the other; [`DESCENDANTS_MAX`] runs descend from one cause.

mod call;
mod dispatch;
mod event;
mod in_force;
mod lane;

pub use call::{call, callable};
pub use dispatch::{Dispatched, Start, dispatch, replay};
pub use event::{Cause, Event, Payload};
pub use in_force::{CurrentInForce, InForce, Listener, OrgInForce, VariableInForce, call_event};
pub use lane::{find_lane, insert, trigger_scope};

/// How many runs may start each other one after the other. A workflow that calls itself ends here.
pub const DEPTH_MAX: i64 = 10;

/// How many runs may descend from one cause: from one transaction, change, call, due time or replay. Depth alone does not
/// bound them, because each run may start many. This leaves room for a `for-each` of 1,000 items with nine more runs for
/// each, and keeps a workflow that starts itself over and over from filling the database with one request.
pub const DESCENDANTS_MAX: i64 = 10_000;
