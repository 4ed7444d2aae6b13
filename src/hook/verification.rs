//! How requests prove who sent them.

use serde_json::Value;

use super::HookKind;
use crate::objects::Problem;
use crate::signature::Scheme;

/// What `scheme` says for API keys.
pub const KEY: &str = "key";

/// What a request has to bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Nothing: knowing the address is enough.
    Open,
    /// An API key of the hook's org with the role `org.hooks`, or `org.admin`.
    Key,
    /// A signature, or a secret itself, as the scheme says.
    Signed(Box<Scheme>),
}

impl Verification {
    /// What holds for hooks of a kind that say nothing of it.
    pub fn of_kind(kind: HookKind) -> Verification {
        match kind {
            HookKind::Form | HookKind::Email => Verification::Open,
            HookKind::Web => Verification::Key,
        }
    }

    /// Reads `{"scheme": "key"}`, or what [`Scheme::read`] takes.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers into `value`.
    pub fn read(value: &Value) -> Result<Verification, Vec<Problem>> {
        if value.get("scheme").and_then(Value::as_str) != Some(KEY) {
            return Ok(Verification::Signed(Box::new(Scheme::read(value)?)));
        }
        let others = value.as_object().into_iter().flatten().filter(|(name, _)| *name != "scheme");
        let problems: Vec<Problem> = others
            .map(|(name, _)| Problem::new(format!("/{name}"), "verification by API key has no other fields"))
            .collect();
        if problems.is_empty() { Ok(Verification::Key) } else { Err(problems) }
    }

    /// What senders want to read in an answer before they believe that it says yes: a content type and a body; none if
    /// they look at the status alone.
    pub fn expected_answer(&self) -> Option<(&'static str, &'static str)> {
        match self.scheme()?.name() {
            "twilio" => Some(("text/xml", "<Response/>")),
            "adyen" | "adyen_payload" => Some(("text/plain", "[accepted]")),
            _ => None,
        }
    }

    /// The scheme that signatures are made by, if they are asked for.
    pub fn scheme(&self) -> Option<&Scheme> {
        match self {
            Verification::Signed(scheme) => Some(scheme),
            Verification::Open | Verification::Key => None,
        }
    }
}
