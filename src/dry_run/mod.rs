//! Rehearsals: a run of a workflow that leaves nothing behind.
//!
//! A [`Script`] says which workflow runs, on what payload, when, with which objects and variables around it, and what the
//! world outside answers. Everything happens in one transaction that is rolled back at the end, with the same state machine,
//! actions and checks as on a server: on an empty database of its own, or on a real one, whose objects the steps then find.
//! Nothing is ever sent anywhere. Waiting takes no time: the clock is moved to when something is due. Runs that the run
//! starts are rehearsed with it.
//!
//! `hookflow try` shows a rehearsal; `hookflow test` compares rehearsals with what test files expect of them.
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

/// What is to be rehearsed.
#[derive(Clone, Debug)]
pub struct Script {
    /// The workflow's name; none if there is only one.
    pub workflow: Option<String>,
    /// What arrives: a hook's payload or whole envelope, a callable workflow's inputs, another event's payload.
    pub payload: Value,
    /// When it arrives.
    pub now: Timestamp,
    /// Names and values.
    pub variables: Vec<(String, String)>,
    /// What is there beforehand.
    pub given: Given,
    pub answers: Answers,
    /// Whether to tell what is there afterwards; a real database may hold a lot.
    pub lists_objects: bool,
}

/// Why a rehearsal could not take place, or did not come to an end.
#[derive(Debug, thiserror::Error)]
pub enum DryRunError {
    #[error("{}", .0.iter().map(|problem| format!("{}: {}", problem.pointer, problem.message)).collect::<Vec<_>>().join("; "))]
    Script(Vec<Problem>),
    #[error("step `{step}` makes a call that no answer is given for: {call}")]
    NoAnswer { step: String, call: String },
    #[error("after {STRETCHES_MAX} stretches and {RUNS_MAX} runs at most, it has not ended")]
    Endless,
    #[error("the rehearsal failed")]
    Store(#[from] StoreError),
}

impl DryRunError {
    /// Problems of a part of the script, with their pointers from its top.
    fn below(base: &str, problems: Vec<Problem>) -> DryRunError {
        let within = |problem: Problem| Problem::new(format!("{base}{}", problem.pointer), problem.message);
        DryRunError::Script(problems.into_iter().map(within).collect())
    }

    fn script(pointer: &str, message: impl Into<String>) -> DryRunError {
        DryRunError::Script(vec![Problem::new(pointer, message)])
    }
}
