//! What expressions can see during a run: the outputs of the steps that have run so far, variables, the failure that is
//! being handled, and where and when the run takes place.
//!
//! Nothing here looks at a clock or at chance. The moment that `date` starts from and the seed of `randomId` are put in,
//! so that a stretch of a run that is repeated with the same ones comes out the same.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value, json};

use super::meter::{Clock, LIST_WORK_MAX};
use super::path::{ERROR, INDEX, ITEM, STEPS, VARIABLES};
use super::secrets::Secrets;
use crate::base::id::Id;
use crate::base::time::Timestamp;

/// The outputs of a run's steps and all else that expressions refer to. Built once for a run, filled as steps finish.
#[derive(Debug)]
pub struct Scope {
    /// `{"steps": {…}}`, with `variables` and `error` once there are any.
    data: Value,
    environment: Option<Environment>,
    /// The environment as expressions see it, made when one asks for it: few do, and each run has one.
    environment_value: OnceLock<Value>,
    secrets: Secrets,
    now: Timestamp,
    seed: u64,
    /// How many random numbers were drawn since the seed was set.
    drawn: AtomicU64,
    clock: Option<Clock>,
    /// What all expressions together may still take, while a list is gone through.
    work: Option<Arc<AtomicUsize>>,
}

/// Where a run takes place: what `_env` gives.
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
            drawn: AtomicU64::new(0),
            clock: None,
            work: None,
        }
    }

    /// Puts in what a step gave; replaces what it gave before.
    pub fn set_step(&mut self, id: &str, output: Value) {
        self.member(STEPS).insert(id.to_owned(), output);
    }

    /// Takes out what a step gave.
    pub fn take_step(&mut self, id: &str) -> Option<Value> {
        self.member(STEPS).shift_remove(id)
    }

    /// Puts in a variable, which is found by its id and by its name. Its value is remembered as a secret.
    pub fn set_variable(&mut self, id: &str, name: &str, value: String) {
        self.secrets.add(name, &value);
        let variables = self.member(VARIABLES);
        // An id stands for one variable only; a name that looks like one does not hide it.
        variables.entry(name).or_insert_with(|| Value::String(value.clone()));
        variables.insert(id.to_owned(), Value::String(value));
    }

    /// Puts in the failure of a step; replaces the one before.
    pub fn set_error(&mut self, error: Value) {
        if let Some(data) = self.data.as_object_mut() {
            data.insert(ERROR.to_owned(), error);
        }
    }

    /// Takes the failure out again.
    pub fn clear_error(&mut self) {
        if let Some(data) = self.data.as_object_mut() {
            data.shift_remove(ERROR);
        }
    }

    /// Begins to go through a list: expressions see its items one by one, and share one limit of work.
    pub fn begin_items(&mut self) {
        self.work = Some(Arc::new(AtomicUsize::new(LIST_WORK_MAX)));
    }

    /// Puts in the item that expressions are evaluated for next.
    pub fn set_item(&mut self, item: Value, index: usize) {
        if let Some(data) = self.data.as_object_mut() {
            data.insert(ITEM.to_owned(), item);
            data.insert(INDEX.to_owned(), Value::from(index));
        }
    }

    /// Takes the last item out again.
    pub fn end_items(&mut self) {
        self.work = None;
        if let Some(data) = self.data.as_object_mut() {
            data.shift_remove(ITEM);
            data.shift_remove(INDEX);
        }
    }

    /// Says where the run takes place.
    pub fn set_environment(&mut self, environment: Environment) {
        self.environment = Some(environment);
        self.environment_value = OnceLock::new();
    }

    /// Says what time it is, and what chance is made from; random values start anew with it.
    pub fn set_moment(&mut self, now: Timestamp, seed: u64) {
        (self.now, self.seed, self.drawn) = (now, seed, AtomicU64::new(0));
    }

    /// Sets a limit of time to each expression, by this clock; see [`super::meter`] for why there is none without it.
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = Some(clock);
    }

    /// What a step gave; `None` if it has not run.
    pub fn step(&self, id: &str) -> Option<&Value> {
        self.data.get(STEPS)?.get(id)
    }

    /// All that expressions can see but the environment.
    pub fn data(&self) -> &Value {
        &self.data
    }

    /// The values of variables, which are not for everybody to read.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The moment that was set last.
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

    /// The next random number after the seed: SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
    pub(super) fn draw(&self) -> u64 {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let mut number = self.seed.wrapping_add(drawn.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        number ^ (number >> 31)
    }

    /// The object at the top called `name`, made if it is not there.
    fn member(&mut self, name: &str) -> &mut Map<String, Value> {
        let member = &mut self.data[name];
        if !member.is_object() {
            *member = Value::Object(Map::new());
        }
        member.as_object_mut().expect("it was made an object just now")
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
    fn steps_are_put_in_and_read() {
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
    fn random_numbers_start_anew_with_the_moment() {
        let mut scope = Scope::new();
        scope.set_moment(Timestamp(0), 0);
        // The first two that the reference implementation gives for the seed 0.
        assert_eq!([scope.draw(), scope.draw()], [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]);
        scope.set_moment(Timestamp(0), 0);
        assert_eq!(scope.draw(), 0xE220_A839_7B1D_CDAF);
    }
}
