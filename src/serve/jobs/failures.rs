//! Which failures of a job are logged: each once, not at every run.

use std::time::Duration;

use tokio::time::Instant;

use super::Spec;

/// How long a logged failure that recurs after successful runs is not logged again.
const QUIET_TIME: Duration = Duration::from_secs(60);
/// How many different failures are logged until a run succeeds. Texts that differ each time would fill the log.
const DIFFERENT_MAX: usize = 8;

/// The failures of a job that were logged.
pub struct Failures {
    spec: &'static Spec,
    logged: Vec<(String, Instant)>,
    is_failing: bool,
}

impl Failures {
    pub fn new(spec: &'static Spec) -> Failures {
        Failures { spec, logged: Vec::new(), is_failing: false }
    }

    /// Logs a failed run, unless the same was logged before.
    pub fn failed(&mut self, reason: String) {
        let job = self.spec.name;
        if self.is_new(&reason) {
            log::warn!(job, err = reason.as_str(); "{}", self.spec.failure);
        } else {
            log::debug!(job, err = reason.as_str(); "{}", self.spec.failure);
        }
    }

    /// Logs that a run succeeded, if the last failure was logged.
    pub fn succeeded(&mut self) {
        if std::mem::take(&mut self.is_failing) {
            log::info!(job = self.spec.name; "the job succeeds again");
        }
        if !self.logged.is_empty() {
            self.logged.retain(|(_, at)| at.elapsed() < QUIET_TIME);
        }
    }

    fn is_new(&mut self, reason: &str) -> bool {
        let is_new = self.logged.len() < DIFFERENT_MAX && self.logged.iter().all(|(logged, _)| logged != reason);
        if is_new {
            self.logged.push((reason.to_owned(), Instant::now()));
            self.is_failing = true;
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::WRITE_REFUSALS;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_logged_once_until_the_job_has_succeeded_for_a_while() {
        let mut failures = Failures::new(&WRITE_REFUSALS);
        let logged: Vec<bool> =
            ["disk full", "disk full", "locked", "disk full"].map(|reason| failures.is_new(reason)).into();
        assert_eq!(logged, [true, false, true, false]);
        tokio::time::advance(QUIET_TIME * 10).await;
        assert!(!failures.is_new("disk full"), "it never ended");
        failures.succeeded();
        assert!(failures.is_new("disk full"));
        failures.succeeded();
        assert!(!failures.is_new("disk full"), "a job that fails now and then fills the log");
        tokio::time::advance(QUIET_TIME).await;
        failures.succeeded();
        assert!(failures.is_new("disk full"));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_that_all_differ_do_not_fill_the_log() {
        let mut failures = Failures::new(&WRITE_REFUSALS);
        let logged = (0..1_000).filter(|number| failures.is_new(&format!("attempt {number}"))).count();
        assert_eq!(logged, DIFFERENT_MAX);
    }
}
