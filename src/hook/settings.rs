//! What a hook is set up to do.

use serde_json::{Map, Value};

use super::HookKind;
use super::verification::Verification;
use crate::objects::{Fields, Problem};

/// Settings as they are written, by name.
pub type Written = Map<String, Value>;

/// The names of all settings.
pub const NAMES: [&str; 2] = ["acceptsGet", "verification"];

/// What the settings of a hook say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub verification: Verification,
    /// Whether a GET request is taken, with its query as a form.
    pub accepts_get: bool,
}

impl Settings {
    /// Those of a hook that says nothing.
    pub fn none(kind: HookKind) -> Settings {
        Settings { verification: Verification::of_kind(kind), accepts_get: false }
    }

    /// Reads the settings of a hook of this kind.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers into `written`.
    pub fn read(kind: HookKind, written: &Written) -> Result<Settings, Vec<Problem>> {
        let mut fields = Fields::new(Value::Object(written.clone()));
        let mut settings = Settings::none(kind);
        if let Some(verification) = fields.section("verification", Verification::read) {
            settings.verification = verification;
        }
        settings.accepts_get = fields.boolean("acceptsGet").unwrap_or_default();
        fields.finish(settings)
    }
}

/// Takes the settings out of what a caller sent about a hook: each that is there, as null if it is to be left out.
pub fn take(fields: &mut Fields) -> Written {
    NAMES.iter().filter_map(|&name| Some((name.to_owned(), fields.take(name)?))).collect()
}

/// The settings with these changes; what these don't name stays.
pub fn changed(written: &Written, changes: &Written) -> Written {
    let mut changed = written.clone();
    changed.extend(changes.clone());
    changed.retain(|_, value| !value.is_null());
    changed
}
