//! What happens when a step's action has failed: the first of its error cases that holds says it.
//!
//! `continue` goes on along the step's transitions, `retry-action` executes the step again after a while,
//! `retry-workflow` begins the run anew with its trigger after a while, `stop-processing` fails the run; so does a failure
//! without a case. The failure can be read as `/#error.code`, `/#error.message` and so on, by the conditions of the cases
//! and by the steps that come after it.
//!
//! Limits: a step is tried [`ATTEMPTS_MAX`] times, calls included; a run begins [`PASSES_MAX`] times. After that the run
//! fails.

use super::advance::Next;
use super::attempt::{Attempt, backoff, idempotency_key};
use super::pending::Waiting;
use super::step::Executed;
use super::stretch::Stretch;
use crate::actions::StepFailure;
use crate::expr::Note;
use crate::outbound::ATTEMPTS_MAX;
use crate::store::{Ending, RunError, RunStatus};
use crate::workflow::{ErrorAction, Step};

/// How often a run begins at most.
pub const PASSES_MAX: u32 = 4;

impl<'a> Stretch<'a> {
    /// Ends a step because of a failure, and says how the run goes on.
    pub(super) fn finish_failed(&mut self, mut executed: Executed<'a>, failure: StepFailure) -> Option<Next> {
        let step = executed.step;
        let error = self.run_error(&failure, &step.id, step.action.as_deref());
        self.loaded.scope.set_error(serde_json::to_value(&error).expect("an error has string keys"));
        match self.error_action(step, &mut executed.notes) {
            Some(ErrorAction::Continue) => self.go_on_after(executed, error),
            Some(ErrorAction::RetryAction) if executed.attempts.len() + 1 < ATTEMPTS_MAX => {
                Some(self.try_again(executed, &error))
            }
            Some(ErrorAction::RetryWorkflow) if self.loaded.passes < PASSES_MAX => {
                Some(self.begin_anew(executed, &error))
            }
            _ => Some(self.fail_at(executed, error)),
        }
    }

    /// What the first case that holds says. One that can't be judged does not hold, and the entry says so.
    fn error_action(&self, step: &Step, notes: &mut Vec<Note>) -> Option<ErrorAction> {
        let cases = step.error_cases.iter().enumerate();
        let mut holding = cases.filter(|(index, case)| {
            let Some(condition) = &case.condition else { return true };
            match condition.evaluate(self.loaded.scope) {
                Ok(judgement) => {
                    let prefix = format!("/errorCases/{index}/condition");
                    let within = |note: Note| Note { pointer: format!("{prefix}{}", note.pointer), ..note };
                    notes.extend(judgement.notes.into_iter().map(within));
                    judgement.result
                }
                Err(error) => {
                    let (pointer, message) = (format!("/errorCases/{index}/condition"), error.to_string());
                    notes.push(Note { pointer, expression: String::new(), message });
                    false
                }
            }
        });
        holding.next().map(|(_, case)| case.action)
    }

    fn go_on_after(&mut self, executed: Executed<'a>, error: RunError) -> Option<Next> {
        match self.judge(&executed.step.transitions) {
            Ok((transitions, taken)) => {
                self.log(&executed, Err(&error), &transitions);
                self.run.position = taken.map(str::to_owned);
                None
            }
            Err(failure) => {
                let error = self.run_error(&failure, &executed.step.id, executed.step.action.as_deref());
                Some(self.fail_at(executed, error))
            }
        }
    }

    fn try_again(&mut self, mut executed: Executed<'a>, error: &RunError) -> Next {
        let now = self.session.now();
        let number = executed.attempts.len() + 1;
        let due_at = now + backoff(number, &idempotency_key(self.run.id, &executed.step.id, 0));
        executed.attempts.push(Attempt {
            number,
            status: "failed".into(),
            error: Some(error.message.clone()),
            started_at: executed.started_at,
            finished_at: Some(now),
            retry_at: Some(due_at),
            ..Attempt::default()
        });
        self.wait(executed, Waiting::Retry, due_at)
    }

    fn begin_anew(&mut self, executed: Executed<'a>, error: &RunError) -> Next {
        self.log(&executed, Err(error), &[]);
        let passes = usize::try_from(self.loaded.passes).unwrap_or(usize::MAX);
        let due_at = self.session.now() + backoff(passes, &self.run.id.to_string());
        self.run.status = RunStatus::Waiting;
        self.run.position = None;
        self.run.due_at = Some(due_at);
        Next::Sleep(due_at)
    }

    pub(super) fn fail_at(&mut self, executed: Executed<'a>, error: RunError) -> Next {
        self.log(&executed, Err(&error), &[]);
        self.end(Ending::Failed(error))
    }
}
