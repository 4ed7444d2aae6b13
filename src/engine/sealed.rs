//! A step that waits, in a run that knows secrets, or for a call with credentials: what is stored of it shows none of them.
//!
//! What people read is masked; the call, which needs them, is sealed as a whole. Others are stored as they are.

use serde_json::Value;

use super::pending::Pending;
use super::stretch::Stretch;
use crate::store::{StoreError, StoreResult};

/// Where the call stands in a pending step, and where it stands when it is sealed.
const CALL: &str = "effect";
const SEALED: &str = "sealed";

impl Stretch<'_> {
    /// A pending step as it is stored.
    pub(super) fn seal_pending(&self, pending: &Pending) -> Value {
        let secrets = self.loaded.scope.secrets();
        let has_credentials = pending.effect.as_ref().is_some_and(|effect| !effect.credentials().is_empty());
        let mut pending = serde_json::to_value(pending).expect("a pending call has string keys");
        if secrets.is_empty() && !has_credentials {
            return pending;
        }
        let call = pending.get_mut(CALL).map(Value::take).filter(|call| !call.is_null());
        secrets.mask_value(&mut pending);
        if let Some(call) = call {
            pending[SEALED] = self.in_force.vault().seal(&call.to_string(), &self.context()).into();
        }
        pending
    }

    /// Puts the call of the run's pending step back in, if it is sealed.
    pub(super) fn unseal_pending(&mut self) -> StoreResult<()> {
        let context = self.context();
        let Some(pending) = &mut self.run.pending else { return Ok(()) };
        let Some(sealed) = pending.get_mut(SEALED).map(Value::take) else { return Ok(()) };
        let corrupt = |detail: String| StoreError::Corrupt { what: "a run's sealed call", detail };
        let opened = self.in_force.vault().unseal(sealed.as_str().unwrap_or_default(), &context);
        let opened = opened.map_err(|error| corrupt(error.to_string()))?;
        pending[CALL] = serde_json::from_str(&opened).map_err(|error| corrupt(error.to_string()))?;
        Ok(())
    }

    /// What a sealed call is bound to.
    fn context(&self) -> String {
        format!("call {}/{}", self.run.org, self.run.id)
    }
}
