//! Failed steps: the first error case that holds says how the run continues.
//!
//! `continue` follows the step's transitions, `retry-action` executes the step again later, `retry-workflow` starts
//! again at the trigger later, and `stop-processing` fails the run, as does a failure without a matching case. The
//! conditions of the cases and later steps can refer to the failure as `/#error.code`, `/#error.message` and so on.
//!
//! Limits: a step has [`ATTEMPTS_MAX`] attempts, calls included, and a run begins [`PASSES_MAX`] times. After that the
//! run fails.

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

/// The most times that a run begins.
pub const PASSES_MAX: u32 = 4;

impl<'a> Stretch<'a> {
    /// Ends a step with a failure. `None` if other steps come next.
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

    /// The action of the first case that holds. A case that can't be judged does not hold, which is noted.
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
