//! The setting `verification`: how requests prove their sender.

use serde_json::Value;

use super::HookKind;
use crate::objects::Problem;
use crate::signature::Scheme;

/// The scheme name for API keys.
pub const KEY: &str = "key";

/// What a request must carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Nothing: knowing the URL is enough.
    Open,
    /// An API key of the hook's org with the role `org.hooks`, or `org.admin`.
    Key,
    /// A signature or a secret, as the scheme defines.
    Signed(Box<Scheme>),
}

impl Verification {
    /// The default for a kind of hook.
    pub fn default_for(kind: HookKind) -> Verification {
        match kind {
            HookKind::Form | HookKind::Email => Verification::Open,
            HookKind::Web => Verification::Key,
        }
    }

    /// Reads `{"scheme": "key"}`, or a [`Scheme`].
    ///
    /// # Errors
    /// All problems, with pointers into `value`.
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

    /// The content type and body that the sender requires in a successful response; `None` if the status is enough.
    pub fn required_response(&self) -> Option<(&'static str, &'static str)> {
        match self.scheme()?.name() {
            "twilio" => Some(("text/xml", "<Response/>")),
            "adyen" | "adyen_payload" => Some(("text/plain", "[accepted]")),
            _ => None,
        }
    }

    /// The signature scheme, if signatures are required.
    pub fn scheme(&self) -> Option<&Scheme> {
        match self {
            Verification::Signed(scheme) => Some(scheme),
            Verification::Open | Verification::Key => None,
        }
    }
}
