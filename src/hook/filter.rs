//! The setting `filter`: which requests start workflows.
//!
//! A filter is a condition as in workflows, over the [`super::context`] of the request. A request that does not pass is
//! stored and answered as usual but starts no run, so a wrong filter loses no data.

use serde_json::Value;

use super::context::problem;
use crate::expr::{Condition, EvalError, Scope};
use crate::objects::Problem;

/// The longest judgement that is stored with its values.
const JUDGEMENT_BYTES_MAX: usize = 4_096;

/// The condition that a request must meet to start workflows.
#[derive(Clone, Debug)]
pub struct Filter(Condition);

impl Filter {
    /// Reads `{"op": "eq", "values": ["/#steps.1.request.headers.x-topic", "orders/create"]}`.
    ///
    /// # Errors
    /// All problems, with pointers into `value`.
    pub fn read(value: &Value) -> Result<Filter, Vec<Problem>> {
        let compiled = Condition::compile(value);
        compiled.map(Filter).map_err(|faults| faults.into_iter().map(|fault| problem("", fault)).collect())
    }

    /// How the filter judges a request, as the log of a run shows transitions; `None` if it can't be evaluated. Values
    /// are left out if they are longer than [`JUDGEMENT_BYTES_MAX`].
    pub fn judgement(&self, scope: &Scope) -> Option<Value> {
        let result = self.0.evaluate(scope).ok()?;
        let mut judgement = serde_json::to_value(result).ok()?;
        if judgement.to_string().len() > JUDGEMENT_BYTES_MAX {
            judgement["values"] = Value::Array(Vec::new());
        }
        Some(judgement)
    }

    /// Whether a request passes.
    ///
    /// # Errors
    /// If an expression can't be evaluated.
    pub fn passes(&self, scope: &Scope) -> Result<bool, EvalError> {
        Ok(self.0.evaluate(scope)?.result)
    }
}
