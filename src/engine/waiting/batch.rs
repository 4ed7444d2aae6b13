//! Steps that run a workflow for each item of a list: they start a few runs at a time, and wait for them.
//!
//! Each run wakes this one when it ends. Two runs that end simultaneously on different nodes may wake it only once, so
//! it also checks by itself, every [`LOOK_EVERY`].

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::actions::{Batch, Ended, StepFailure, start_item};
use crate::engine::advance::Next;
use crate::engine::lanes::free_from_circle;
use crate::engine::pending::Waiting;
use crate::engine::step::Executed;
use crate::engine::stretch::Stretch;
use crate::objects::Problem;
use crate::store::{RunStatus, StoreError, StoreResult};

const LOOK_EVERY: Duration = Duration::from_secs(10);
/// The most failed items that an error names.
const PROBLEMS_MAX: usize = 20;

impl<'a> Stretch<'a> {
    /// Notes the runs that have ended, and starts others, or ends the step.
    pub(in crate::engine) fn go_on_with_batch(
        &mut self,
        executed: Executed<'a>,
        mut batch: Batch,
    ) -> StoreResult<Option<Next>> {
        self.take_ended(&mut batch)?;
        let mark = self.effects.mark();
        self.start_items(&executed, &mut batch)?;
        if let Some(error) = self.check_budget(&executed, mark)? {
            return Ok(Some(self.fail_at(executed, error)));
        }
        if !batch.running.is_empty() || !batch.is_over() {
            let due_at = self.session.now() + LOOK_EVERY;
            return Ok(Some(self.wait(executed, Waiting::Batch(batch), due_at)));
        }
        batch.ended.sort_by_key(|ended| ended.index);
        if batch.stop_on_error && batch.ended.iter().any(|ended| !ended.completed) {
            let failure = self.batch_failure(&batch)?;
            return Ok(self.finish_failed(executed, failure));
        }
        let mut items = Vec::with_capacity(batch.ended.len());
        for ended in &batch.ended {
            items.push(self.show_item(ended)?);
        }
        let completed = batch.ended.iter().filter(|ended| ended.completed).count();
        let failed = batch.ended.len() - completed;
        Ok(self.finish(executed, json!({ "completed": completed, "failed": failed, "items": items })))
    }

    fn take_ended(&mut self, batch: &mut Batch) -> StoreResult<()> {
        for (index, id) in std::mem::take(&mut batch.running) {
            match self.session.run(self.run.org, id)? {
                Some(run) if run.status.is_open() => {
                    free_from_circle(self.session, self.run, &run)?;
                    batch.running.push((index, id));
                }
                found => {
                    let completed = found.is_some_and(|run| run.status == RunStatus::Completed);
                    batch.ended.push(Ended { index, run: Some(id), completed, problem: None });
                }
            }
        }
        Ok(())
    }

    fn start_items(&mut self, executed: &Executed<'a>, batch: &mut Batch) -> StoreResult<()> {
        if batch.is_over() || batch.running.len() >= batch.concurrency {
            return Ok(());
        }
        let unreadable =
            |error: serde_json::Error| StoreError::Corrupt { what: "a step's params", detail: error.to_string() };
        let params: Map<String, Value> = serde_json::from_str(executed.input.get()).map_err(unreadable)?;
        while batch.running.len() < batch.concurrency && !batch.is_over() {
            let (index, now) = (batch.next, self.session.now());
            batch.next += 1;
            match start_item(self.in_force, self.run, now, &batch.workflow, (&params, index)) {
                Ok(start) => {
                    // A run that is too deep to begin wakes this one at once.
                    batch.running.push((index, start.run.id));
                    self.effects.starts.push(start);
                }
                Err(problem) => batch.ended.push(Ended { index, run: None, completed: false, problem: Some(problem) }),
            }
        }
        Ok(())
    }

    /// An item in the step's output.
    fn show_item(&mut self, ended: &Ended) -> StoreResult<Value> {
        let Some(id) = ended.run else {
            let error = json!({ "code": "invalid_params", "message": ended.problem });
            return Ok(json!({ "index": ended.index, "run": null, "status": "failed", "error": error }));
        };
        let Some(run) = self.session.run(self.run.org, id)? else {
            let error = json!({ "code": "workflow_failed", "message": "the run is gone" });
            return Ok(json!({ "index": ended.index, "run": id, "status": "failed", "error": error }));
        };
        let mut item = json!({ "index": ended.index, "run": id, "status": run.status });
        match run.error {
            Some(error) => item["error"] = json!({ "code": error.code, "message": error.message }),
            None => item["response"] = run.output.unwrap_or_default(),
        }
        Ok(item)
    }

    fn batch_failure(&mut self, batch: &Batch) -> StoreResult<StepFailure> {
        let mut problems = Vec::new();
        for ended in batch.ended.iter().filter(|ended| !ended.completed).take(PROBLEMS_MAX) {
            let item = self.show_item(ended)?;
            let (status, reason) = (item["status"].as_str(), item["error"]["message"].as_str());
            let run = ended.run.map_or_else(|| "there is no run".to_owned(), |id| format!("the run {id}"));
            let status =
                if ended.run.is_some() { format!(" has {}", status.unwrap_or("failed")) } else { String::new() };
            let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            problems.push(Problem::new(format!("/list/{}", ended.index), format!("{run}{status}{reason}")));
        }
        let done = batch.ended.iter().filter(|ended| ended.completed).count();
        let first = problems.first().map(|problem| format!("{}: {}", problem.pointer, problem.message));
        let message = format!("{}; {done} of {} items are done", first.unwrap_or_default(), batch.total);
        Ok(StepFailure { code: "workflow_failed", message, problems })
    }
}
