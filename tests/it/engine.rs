//! The engine without its loop: the state machine on a real database, stopped and repeated at every point.
//!
//! Nothing here waits or calls anybody: the tests hand the state machine the outcomes of calls, and go on after a wait as
//! if its time had come.

mod begin;
mod calls;
mod cases;
mod faults;
mod late;
mod limits;
mod schedule;
mod waits;
mod world;
