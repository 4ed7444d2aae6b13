//! What expressions can see during a run: the outputs of completed steps, variables, the error being handled, and the
//! environment.
//!
//! Nothing here reads a clock or a random source. The caller sets the current time and the seed of `randomId`, so that
//! a repeated stretch of a run has the same results.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value, json};

use super::meter::{Clock, LIST_WORK_MAX};
use super::path::{ERROR, INDEX, ITEM, STEPS, VARIABLES};
use super::secrets::Secrets;
use crate::base::id::Id;
use crate::base::time::Timestamp;

/// The outputs of a run's steps, and everything else that expressions refer to. Created once per run and extended as
/// steps complete.
#[derive(Debug)]
pub struct Scope {
    /// `{"steps": {…}}`, and `variables` and `error` once set.
    data: Value,
    environment: Option<Environment>,
    /// The environment as expressions see it, created on first use because few expressions need it.
    environment_value: OnceLock<Value>,
    secrets: Secrets,
    now: Timestamp,
    seed: u64,
    /// The number of random numbers generated since the seed was set.
    draw_count: AtomicU64,
    clock: Option<Clock>,
    /// The remaining work for all expressions, while a step iterates over a list.
    work: Option<Arc<AtomicUsize>>,
}

/// The context of a run: `_env`.
#[derive(Clone, Copy, Debug)]
pub struct Environment {
    pub org: Id,
    pub workflow: Id,
    pub run: Id,
    pub app_version: &'static str,
}

impl Scope {
    /// A scope in which no step has run: `{"steps": {}}`.
    pub fn new() -> Scope {
        Scope {
            data: json!({ STEPS: {} }),
            environment: None,
            environment_value: OnceLock::new(),
            secrets: Secrets::default(),
            now: Timestamp::default(),
            seed: 0,
            draw_count: AtomicU64::new(0),
            clock: None,
            work: None,
        }
    }

    /// Sets the output of a step.
    pub fn set_step(&mut self, id: &str, output: Value) {
        self.member(STEPS).insert(id.to_owned(), output);
    }

    /// Removes and returns the output of a step.
    pub fn take_step(&mut self, id: &str) -> Option<Value> {
        self.member(STEPS).shift_remove(id)
    }

    /// Sets a variable, under both its id and its name. Its value is added to the secrets.
    pub fn set_variable(&mut self, id: &str, name: &str, value: String) {
        self.secrets.add(name, &value);
        let variables = self.member(VARIABLES);
        // An id takes precedence over another variable's name.
        variables.entry(name).or_insert_with(|| Value::String(value.clone()));
        variables.insert(id.to_owned(), Value::String(value));
    }

    /// Sets the error that is being handled.
    pub fn set_error(&mut self, error: Value) {
        if let Some(data) = self.data.as_object_mut() {
            data.insert(ERROR.to_owned(), error);
        }
    }

    /// Removes the error.
    pub fn clear_error(&mut self) {
        if let Some(data) = self.data.as_object_mut() {
            data.shift_remove(ERROR);
        }
    }

    /// Starts to iterate over a list: expressions see its items one by one, and share one work limit.
    pub fn begin_items(&mut self) {
        self.work = Some(Arc::new(AtomicUsize::new(LIST_WORK_MAX)));
    }

    /// Sets the current item.
    pub fn set_item(&mut self, item: Value, index: usize) {
        if let Some(data) = self.data.as_object_mut() {
            data.insert(ITEM.to_owned(), item);
            data.insert(INDEX.to_owned(), Value::from(index));
        }
    }

    /// Ends the iteration and removes the item.
    pub fn end_items(&mut self) {
        self.work = None;
        if let Some(data) = self.data.as_object_mut() {
            data.shift_remove(ITEM);
            data.shift_remove(INDEX);
        }
    }

    /// Sets the context of the run.
    pub fn set_environment(&mut self, environment: Environment) {
        self.environment = Some(environment);
        self.environment_value = OnceLock::new();
    }

    /// Sets the current time and the seed of random values, whose sequence restarts.
    pub fn set_moment(&mut self, now: Timestamp, seed: u64) {
        (self.now, self.seed, self.draw_count) = (now, seed, AtomicU64::new(0));
    }

    /// Adds a time limit to each expression, by this clock; see [`super::meter`].
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = Some(clock);
    }

    /// The output of a step; `None` if it has not run.
    pub fn step(&self, id: &str) -> Option<&Value> {
        self.data.get(STEPS)?.get(id)
    }

    /// Everything that expressions can see, except for the environment.
    pub fn data(&self) -> &Value {
        &self.data
    }

    /// The values of variables, to be masked in logs.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The current time, as set by [`Scope::set_moment`].
    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn environment(&self) -> Option<&Value> {
        let environment = self.environment.as_ref()?;
        Some(self.environment_value.get_or_init(|| {
            json!({
                "orgId": environment.org.to_string(),
                "workflowId": environment.workflow.to_string(),
                "runId": environment.run.to_string(),
                "appVersion": environment.app_version,
            })
        }))
    }

    pub(super) fn work(&self) -> Option<Arc<AtomicUsize>> {
        self.work.clone()
    }

    pub(super) fn clock(&self) -> Option<Clock> {
        self.clock
    }

    /// The next random number, by SplitMix64: <https://prng.di.unimi.it/splitmix64.c>.
    pub(super) fn next_random(&self) -> u64 {
        let draw_count = self.draw_count.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let mut number = self.seed.wrapping_add(draw_count.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        number ^ (number >> 31)
    }

    /// The top-level object `name`, created if missing.
    fn member(&mut self, name: &str) -> &mut Map<String, Value> {
        let member = &mut self.data[name];
        if !member.is_object() {
            *member = Value::Object(Map::new());
        }
        member.as_object_mut().expect("set to an object above")
    }
}

impl Default for Scope {
    fn default() -> Scope {
        Scope::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_set_and_read() {
        let mut scope = Scope::new();
        assert_eq!(scope.data(), &json!({ "steps": {} }));
        assert_eq!(scope.step("1"), None);
        scope.set_step("1", json!({ "id": 7 }));
        scope.set_step("1", json!({ "id": 8 }));
        assert_eq!(scope.step("1"), Some(&json!({ "id": 8 })));
    }

    #[test]
    fn variables_have_an_id_and_a_name() {
        let mut scope = Scope::new();
        scope.set_variable("aa", "bb", "one".to_owned());
        scope.set_variable("bb", "aa", "two".to_owned());
        assert_eq!(scope.data()["variables"], json!({ "aa": "one", "bb": "two" }));
    }

    #[test]
    fn random_numbers_restart_with_the_moment() {
        let mut scope = Scope::new();
        scope.set_moment(Timestamp(0), 0);
        // The first two numbers of the reference implementation for the seed 0.
        assert_eq!([scope.next_random(), scope.next_random()], [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]);
        scope.set_moment(Timestamp(0), 0);
        assert_eq!(scope.next_random(), 0xE220_A839_7B1D_CDAF);
    }
}
