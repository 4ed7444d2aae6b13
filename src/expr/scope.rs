//! What expressions can see during a run: the outputs of the steps that have run so far.
//!
//! The data is one JSON object, `{"steps": {"1": …, "2": …}}`, held in a handlebars `Context` from the start:
//! building a context costs many times what rendering a template does.

use serde_json::{Map, Value, json};

/// The outputs of a run's steps. Built once for a run, filled as steps finish, never cloned to render.
#[derive(Debug)]
pub struct Scope {
    context: handlebars::Context,
}

impl Scope {
    /// A scope in which no step has run: `{"steps": {}}`.
    pub fn new() -> Scope {
        Scope { context: handlebars::Context::from(json!({ "steps": {} })) }
    }

    /// Puts in what a step gave; replaces what it gave before.
    pub fn set_step(&mut self, id: &str, output: Value) {
        self.steps_mut().insert(id.to_owned(), output);
    }

    /// Puts in the failure of a step; replaces the one before.
    pub fn set_error(&mut self, error: Value) {
        if let Some(data) = self.context.data_mut().as_object_mut() {
            data.insert("error".to_owned(), error);
        }
    }

    /// What a step gave; `None` if it has not run.
    pub fn step(&self, id: &str) -> Option<&Value> {
        self.data().get("steps")?.get(id)
    }

    /// All that expressions can see.
    pub fn data(&self) -> &Value {
        self.context.data()
    }

    pub(super) fn context(&self) -> &handlebars::Context {
        &self.context
    }

    fn steps_mut(&mut self) -> &mut Map<String, Value> {
        let steps = self.context.data_mut().get_mut("steps");
        steps.and_then(Value::as_object_mut).expect("a scope is made with an object of steps, and nothing removes it")
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
}
