//! Dry runs: runs of a workflow that leave nothing behind.
//!
//! A [`Script`] names the workflow, its payload, the time, the objects and variables that exist, and the answers to
//! external calls. A dry run uses the same state machine, actions and checks as a server, in one transaction that is
//! rolled back at the end. The transaction is on an empty temporary database, or on a real one, whose objects the steps
//! then find. Nothing is sent. Waiting takes no time: the clock jumps to the next due time. Runs that the run starts
//! are part of the dry run.
//!
//! `hookflow try` shows a dry run; `hookflow test` compares dry runs with what test files expect.
//!
//! Limits: [`STRETCHES_MAX`] stretches, [`RUNS_MAX`] runs.

mod answers;
mod execute;
pub mod expect;
mod objects;
mod runner;
mod start;

pub use answers::{Answers, MadeCall};
pub use execute::{DryRun, FinishedRun, RUNS_MAX, STRETCHES_MAX};
pub use objects::{Given, Objects};
pub use runner::{Runner, RunnerError};

use serde_json::Value;

use crate::base::time::Timestamp;
use crate::objects::Problem;
use crate::store::StoreError;

/// The input of a dry run.
#[derive(Clone, Debug)]
pub struct Script {
    /// The workflow's name; `None` if the files declare only one.
    pub workflow: Option<String>,
    /// A hook's payload or complete envelope, the inputs of a callable workflow, or the payload of another event.
    pub payload: Value,
    /// The time at the start.
    pub now: Timestamp,
    /// By name.
    pub variables: Vec<(String, String)>,
    /// The objects that exist at the start.
    pub given: Given,
    pub answers: Answers,
    /// Whether to list the objects at the end; a real database may have many.
    pub lists_objects: bool,
}

/// Why a dry run can't start or complete.
#[derive(Debug, thiserror::Error)]
pub enum DryRunError {
    #[error("{}", .0.iter().map(|problem| format!("{}: {}", problem.pointer, problem.message)).collect::<Vec<_>>().join("; "))]
    Script(Vec<Problem>),
    #[error("no answer for the call of step `{step}`: {call}")]
    NoAnswer { step: String, call: String },
    #[error("the dry run exceeds {STRETCHES_MAX} stretches or {RUNS_MAX} runs, the limits")]
    Endless,
    #[error("the dry run failed")]
    Store(#[from] StoreError),
}

impl DryRunError {
    /// Problems in a part of the script, whose pointers are prefixed with `base`.
    fn below(base: &str, problems: Vec<Problem>) -> DryRunError {
        let within = |problem: Problem| Problem::new(format!("{base}{}", problem.pointer), problem.message);
        DryRunError::Script(problems.into_iter().map(within).collect())
    }

    fn script(pointer: &str, message: impl Into<String>) -> DryRunError {
        DryRunError::Script(vec![Problem::new(pointer, message)])
    }
}
