//! Which requests start workflows.
//!
//! A hook's filter is a condition like those of workflows, over what [`super::context`] says. What does not pass is stored and
//! answered like everything else, and starts nothing. So a filter that was written wrong loses nothing.

use serde_json::Value;

use super::context::problem;
use crate::expr::{Condition, EvalError, Scope};
use crate::objects::Problem;

/// The condition that requests have to meet.
#[derive(Clone, Debug)]
pub struct Filter(Condition);

impl Filter {
    /// Reads `{"op": "eq", "values": ["/#steps.1.request.headers.x-topic", "orders/create"]}`.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers into `value`.
    pub fn read(value: &Value) -> Result<Filter, Vec<Problem>> {
        let compiled = Condition::compile(value);
        compiled.map(Filter).map_err(|faults| faults.into_iter().map(|fault| problem("", fault)).collect())
    }

    /// Whether a request passes.
    ///
    /// # Errors
    /// If an expression can't be evaluated.
    pub fn passes(&self, scope: &Scope) -> Result<bool, EvalError> {
        Ok(self.0.evaluate(scope)?.result)
    }
}
