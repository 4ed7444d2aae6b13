//! A hook's settings, parsed from JSON.

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::captcha::Captcha;
use super::challenge::Challenge;
use super::cors::Cors;
use super::deduplication::Deduplication;
use super::filter::Filter;
use super::limits::Limits;
use super::response::ResponseSettings;
use super::unreadable::Unreadable;
use super::verification::Verification;
use super::{HookKind, addresses, methods};
use crate::objects::{Fields, Problem};

/// The most names in the setting `lists`, and the longest one.
const LISTS_MAX: usize = 50;
const LIST_NAME_CHARACTERS_MAX: usize = 200;

/// Settings as JSON, by name.
pub type RawSettings = Map<String, Value>;

/// The names of all settings.
pub const SETTING_NAMES: [&str; 15] = [
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
    "lists",
    methods::NAME,
    "rawBody",
    "unreadable",
    "verification",
];

/// The parsed settings of a hook.
#[derive(Clone, Debug)]
pub struct Settings {
    pub verification: Verification,
    /// Whether the hook accepts GET requests, with the query as a form.
    pub accepts_get: bool,
    /// How it responds; with the transaction's id at once if absent.
    pub response: Option<ResponseSettings>,
    /// Whether requests are only stored and start no workflow.
    pub capture: bool,
    /// How it verifies that a human posts; not at all if absent.
    pub captcha: Option<Captcha>,
    /// The set-up challenge that it answers, if any.
    pub challenge: Option<Challenge>,
    /// The origins whose scripts may post to it; none if absent.
    pub cors: Option<Cors>,
    /// How it recognises repeated requests; not at all if absent.
    pub deduplication: Option<Deduplication>,
    /// Which requests start workflows; all if absent.
    pub filter: Option<Filter>,
    /// The IP addresses that may post; all if absent.
    pub allowed_addresses: Option<Vec<IpNet>>,
    pub limits: Limits,
    /// The names of elements and fields that are always lists in payloads.
    pub lists: Vec<String>,
    /// The methods with a body that it accepts.
    pub methods: Vec<&'static str>,
    /// Whether workflows see the body as it was sent.
    pub raw_body: bool,
    /// What becomes of a request whose body can't be read.
    pub unreadable: Unreadable,
}

impl Settings {
    /// The default settings of a kind of hook.
    pub fn default_for(kind: HookKind) -> Settings {
        Settings {
            unreadable: Unreadable::default_for(kind, &Verification::default_for(kind), false),
            verification: Verification::default_for(kind),
            accepts_get: false,
            response: None,
            capture: false,
            captcha: None,
            challenge: None,
            cors: Cors::default_for(kind),
            deduplication: None,
            filter: None,
            allowed_addresses: None,
            limits: Limits::default(),
            lists: Vec::new(),
            methods: methods::default(),
            raw_body: false,
        }
    }

    /// Reads the settings of a hook of this kind.
    ///
    /// # Errors
    /// All problems, with pointers into `raw`.
    pub fn read(kind: HookKind, raw: &RawSettings) -> Result<Settings, Vec<Problem>> {
        let mut fields = Fields::new(Value::Object(raw.clone()));
        let mut settings = Settings::default_for(kind);
        if let Some(verification) = fields.section("verification", Verification::read) {
            settings.verification = verification;
        }
        settings.accepts_get = fields.boolean("acceptsGet").unwrap_or_default();
        settings.response = fields.section("answer", ResponseSettings::read);
        settings.capture = fields.boolean("capture").unwrap_or_default();
        settings.captcha = fields.section("captcha", Captcha::read);
        if settings.captcha.is_some() && kind != HookKind::Form {
            fields.problem("/captcha", "only form hooks can have a captcha");
        }
        if let Some(cors) = fields.section("cors", Cors::read) {
            settings.cors = cors;
        }
        let scheme = settings.verification.scheme();
        let challenge = fields.section("challenge", |value| Challenge::read(scheme, value));
        settings.challenge = challenge.unwrap_or_else(|| Challenge::default_for(scheme));
        let deduplication = fields.section("deduplicate", |value| Deduplication::read(scheme, value));
        settings.deduplication = deduplication.unwrap_or_else(|| Deduplication::default_for(scheme));
        settings.filter = fields.section("filter", Filter::read);
        settings.allowed_addresses = addresses::take(&mut fields);
        settings.limits = fields.section("limits", Limits::read).unwrap_or_default();
        settings.lists = read_lists(&mut fields);
        settings.methods = methods::take(&mut fields);
        settings.raw_body = fields.boolean("rawBody").unwrap_or_default();
        let unreadable = fields.section("unreadable", Unreadable::read);
        if unreadable == Some(Unreadable::Keep) && settings.captcha.is_some() {
            fields.problem("/unreadable", "a hook with a captcha can't keep them: the captcha's token can't be read");
        }
        let default = Unreadable::default_for(kind, &settings.verification, settings.capture);
        settings.unreadable =
            if settings.captcha.is_some() { Unreadable::Refuse } else { unreadable.unwrap_or(default) };
        fields.finish(settings)
    }
}

impl Settings {
    /// Whether the hook needs the payload even if no workflow listens.
    pub fn needs_payload(&self) -> bool {
        self.deduplication.is_some() || self.filter.is_some() || self.captcha.is_some()
    }
}

fn read_lists(fields: &mut Fields) -> Vec<String> {
    let names = fields.entries("lists", |name| match name {
        Value::String(name) if (1..=LIST_NAME_CHARACTERS_MAX).contains(&name.chars().count()) => Ok(name),
        _ => Err(format!("expected a name of 1 to {LIST_NAME_CHARACTERS_MAX} characters")),
    });
    let names = names.unwrap_or_default();
    if names.len() > LISTS_MAX {
        fields.problem("/lists", format!("more than {LISTS_MAX} names"));
    }
    names
}

/// Takes the settings out of a caller's object. A setting that is null is to be removed.
pub fn take_settings(fields: &mut Fields) -> RawSettings {
    SETTING_NAMES.iter().filter_map(|&name| Some((name.to_owned(), fields.take(name)?))).collect()
}

/// The settings with changes applied: omitted settings stay, null removes one.
pub fn merge_settings(current: &RawSettings, changes: &RawSettings) -> RawSettings {
    let mut merged = current.clone();
    merged.extend(changes.clone());
    merged.retain(|_, value| !value.is_null());
    merged
}
