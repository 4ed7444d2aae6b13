//! What a hook is set up to do.

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::captcha::Captcha;
use super::challenge::Challenge;
use super::cors::Cors;
use super::deduplication::Deduplication;
use super::filter::Filter;
use super::limits::Limits;
use super::response::ResponseSettings;
use super::verification::Verification;
use super::{HookKind, addresses};
use crate::objects::{Fields, Problem};

/// Settings as they are written, by name.
pub type RawSettings = Map<String, Value>;

/// The names of all settings.
pub const SETTING_NAMES: [&str; 11] = [
    "acceptsGet",
    addresses::NAME,
    "answer",
    "captcha",
    "capture",
    "challenge",
    "cors",
    "deduplicate",
    "filter",
    "limits",
    "verification",
];

/// What the settings of a hook say.
#[derive(Clone, Debug)]
pub struct Settings {
    pub verification: Verification,
    /// Whether a GET request is taken, with its query as a form.
    pub accepts_get: bool,
    /// What it answers, unless with the transaction's id at once.
    pub answer: Option<ResponseSettings>,
    /// Whether what arrives is only stored, and starts no workflow.
    pub capture: bool,
    /// How it checks that a person posts, if it does.
    pub captcha: Option<Captcha>,
    /// By what request its sender finds out whether the address is meant for it, if by any.
    pub challenge: Option<Challenge>,
    /// From which web pages it may be posted to, if from any.
    pub cors: Option<Cors>,
    /// How it tells that a delivery came before, if it does.
    pub deduplication: Option<Deduplication>,
    /// Which requests start workflows, if not all.
    pub filter: Option<Filter>,
    /// Who may post; everybody if absent.
    pub allowed_addresses: Option<Vec<IpNet>>,
    pub limits: Limits,
}

impl Settings {
    /// Those of a hook that says nothing.
    pub fn default_for(kind: HookKind) -> Settings {
        Settings {
            verification: Verification::of_kind(kind),
            accepts_get: false,
            answer: None,
            capture: false,
            captcha: None,
            challenge: None,
            cors: Cors::of_kind(kind),
            deduplication: None,
            filter: None,
            allowed_addresses: None,
            limits: Limits::default(),
        }
    }

    /// Reads the settings of a hook of this kind.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers into `written`.
    pub fn read(kind: HookKind, written: &RawSettings) -> Result<Settings, Vec<Problem>> {
        let mut fields = Fields::new(Value::Object(written.clone()));
        let mut settings = Settings::default_for(kind);
        if let Some(verification) = fields.section("verification", Verification::read) {
            settings.verification = verification;
        }
        settings.accepts_get = fields.boolean("acceptsGet").unwrap_or_default();
        settings.answer = fields.section("answer", ResponseSettings::read);
        settings.capture = fields.boolean("capture").unwrap_or_default();
        settings.captcha = fields.section("captcha", Captcha::read);
        if settings.captcha.is_some() && kind != HookKind::Form {
            fields.problem("/captcha", "only form hooks ask whether a person posts");
        }
        if let Some(cors) = fields.section("cors", Cors::read) {
            settings.cors = cors;
        }
        let scheme = settings.verification.scheme();
        let challenge = fields.section("challenge", |value| Challenge::read(scheme, value));
        settings.challenge = challenge.unwrap_or_else(|| Challenge::of_scheme(scheme));
        let deduplication = fields.section("deduplicate", |value| Deduplication::read(scheme, value));
        settings.deduplication = deduplication.unwrap_or_else(|| Deduplication::of_scheme(scheme));
        settings.filter = fields.section("filter", Filter::read);
        settings.allowed_addresses = addresses::take(&mut fields);
        settings.limits = fields.section("limits", Limits::read).unwrap_or_default();
        fields.finish(settings)
    }
}

impl Settings {
    /// Whether the payload has to be read even if no workflow listens.
    pub fn look_at_payload(&self) -> bool {
        self.deduplication.is_some() || self.filter.is_some() || self.captcha.is_some()
    }
}

/// Takes the settings out of what a caller sent about a hook: each that is there, as null if it is to be left out.
pub fn take_settings(fields: &mut Fields) -> RawSettings {
    SETTING_NAMES.iter().filter_map(|&name| Some((name.to_owned(), fields.take(name)?))).collect()
}

/// The settings with these changes; what these don't name stays.
pub fn merge_settings(written: &RawSettings, changes: &RawSettings) -> RawSettings {
    let mut changed = written.clone();
    changed.extend(changes.clone());
    changed.retain(|_, value| !value.is_null());
    changed
}
