//! The setting `captcha`: which service verifies the token that its widget adds to a form.
//!
//! All services have the same interface, which reCAPTCHA introduced. Other services with this interface are configured
//! by URL.

use serde_json::Value;
use url::Url;

use crate::objects::{Fields, Problem, unknown};

/// Known services: name, URL, field of the form, and whether they return a score from 0 (bot) to 1 (human).
const PROVIDERS: [(&str, &str, &str, bool); 3] = [
    ("recaptcha", "https://www.google.com/recaptcha/api/siteverify", "g-recaptcha-response", true),
    ("hcaptcha", "https://api.hcaptcha.com/siteverify", "h-captcha-response", false),
    ("turnstile", "https://challenges.cloudflare.com/turnstile/v0/siteverify", "cf-turnstile-response", false),
];
/// The default minimum score for reCAPTCHA.
const MINIMUM_SCORE_DEFAULT: f64 = 0.5;
/// The longest name or URL, in characters.
const CHARACTERS_MAX: usize = 1_000;

/// How a form hook verifies that a human posts.
#[derive(Clone, Debug, PartialEq)]
pub struct Captcha {
    /// The URL of the service.
    pub url: String,
    /// The name of the org's variable with the site's secret.
    pub secret: String,
    /// The form field, or else the header, that contains the token.
    pub field: String,
    pub score: MinimumScore,
    /// The values that fields of the service's answer must have: `hostname` and `action`.
    pub expected: Vec<(&'static str, String)>,
}

/// The minimum score in the service's answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MinimumScore {
    /// Any score is accepted.
    Ignored,
    /// The minimum, if the answer contains a score.
    IfPresent(f64),
    /// The minimum; an answer without a score fails.
    Required(f64),
}

impl Captcha {
    /// The names of the known services.
    pub fn providers() -> impl Iterator<Item = &'static str> {
        PROVIDERS.iter().map(|(name, ..)| *name)
    }

    /// Reads the setting, such as `{"provider": "turnstile", "secret": "TURNSTILE_SECRET"}`.
    ///
    /// # Errors
    /// All problems, with pointers into `value`.
    pub fn read(value: &Value) -> Result<Captcha, Vec<Problem>> {
        let mut fields = Fields::new(value.clone());
        let provider = read_provider(&mut fields);
        let url = read_url(&mut fields);
        if provider.is_none() && url.is_none() && ["", "provider", "url"].iter().all(|name| fields.is_valid(name)) {
            fields.problem("/provider", "required: a service, such as `turnstile`, or its URL as `url`");
        }
        let secret = fields.text("secret", CHARACTERS_MAX).flatten().unwrap_or_default();
        if secret.is_empty() && fields.is_valid("") && fields.is_valid("secret") {
            fields.problem("/secret", "required: the name of the org's variable that contains the service's secret");
        }
        let field = fields.text("field", CHARACTERS_MAX).flatten().filter(|field| !field.is_empty());
        let field = field.or(provider.map(|(_, _, field, _)| field.to_owned()));
        if field.is_none() && url.is_some() && fields.is_valid("field") {
            fields.problem("/field", "required: the form field that contains the token");
        }
        let score = read_score(&mut fields, provider);
        let mut expected = Vec::new();
        for name in ["hostname", "action"] {
            expected.extend(fields.text(name, CHARACTERS_MAX).flatten().map(|text| (name, text)));
        }
        let url = url.or(provider.map(|(_, url, ..)| url.to_owned())).unwrap_or_default();
        fields.finish(Captcha { url, secret, field: field.unwrap_or_default(), score, expected })
    }
}

type Provider = (&'static str, &'static str, &'static str, bool);

fn read_provider(fields: &mut Fields) -> Option<Provider> {
    let name = fields.text("provider", CHARACTERS_MAX).flatten()?;
    let known = PROVIDERS.into_iter().find(|(known, ..)| *known == name);
    fields.keep("/provider", known.ok_or_else(|| unknown("provider", &name, Captcha::providers())))
}

fn read_url(fields: &mut Fields) -> Option<String> {
    let text = fields.text("url", CHARACTERS_MAX).flatten()?;
    let is_url = Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    fields.keep("/url", if is_url { Ok(text) } else { Err("expected a URL, such as `https://…`".to_owned()) })
}

fn read_score(fields: &mut Fields, provider: Option<Provider>) -> MinimumScore {
    let has_score = provider.is_none_or(|(.., has_score)| has_score);
    match fields.take("minimumScore").filter(|value| !value.is_null()) {
        None if provider.is_some() && has_score => MinimumScore::IfPresent(MINIMUM_SCORE_DEFAULT),
        None => MinimumScore::Ignored,
        Some(_) if !has_score => {
            fields.problem("/minimumScore", "not allowed: this service has no score from 0 (bot) to 1 (human)");
            MinimumScore::Ignored
        }
        Some(value) => match value.as_f64().filter(|score| (0.0..=1.0).contains(score)) {
            Some(score) => MinimumScore::Required(score),
            None => {
                fields.problem("/minimumScore", "expected a number from 0 to 1");
                MinimumScore::Ignored
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_problems_are_reported() {
        let pointers = |value: Value| -> Vec<String> {
            let problems = Captcha::read(&value).err().unwrap_or_default();
            problems.into_iter().map(|problem| problem.pointer).collect()
        };
        assert_eq!(pointers(json!({})), ["/provider", "/secret"]);
        assert_eq!(pointers(json!({ "provider": "turnstyle", "secret": 1 })), ["/provider", "/secret"]);
        assert_eq!(pointers(json!({ "url": "ftp://a", "secret": "S", "field": "t" })), ["/url"]);
        assert_eq!(pointers(json!({ "url": "https://a.example", "secret": "S" })), ["/field"]);
        let scored = |provider: &str, score: Value| {
            pointers(json!({ "provider": provider, "secret": "S", "minimumScore": score }))
        };
        assert_eq!(scored("recaptcha", json!(1.1)), ["/minimumScore"]);
        assert_eq!(scored("hcaptcha", json!(0.5)), ["/minimumScore"]);
        assert!(scored("recaptcha", json!(0)).is_empty());
        assert_eq!(pointers(json!({ "provider": "recaptcha", "secret": "S", "sitekey": "x" })), ["/sitekey"]);
        assert_eq!(pointers(json!(true)), [""]);
    }

    #[test]
    fn a_known_service_needs_only_a_secret() {
        let read = |value: Value| Captcha::read(&value).expect("valid");
        let captcha = read(json!({ "provider": "recaptcha", "secret": "S", "hostname": "shop.example.com" }));
        assert_eq!((captcha.field.as_str(), captcha.score), ("g-recaptcha-response", MinimumScore::IfPresent(0.5)));
        assert_eq!(captcha.expected, [("hostname", "shop.example.com".to_owned())]);
        // The same service at another URL.
        let moved = read(json!({ "provider": "recaptcha", "url": "https://www.recaptcha.net/x", "secret": "S" }));
        assert_eq!((moved.url.as_str(), moved.field), ("https://www.recaptcha.net/x", captcha.field));
        let own = read(json!({ "url": "http://10.0.0.1/", "field": "t", "secret": "S", "minimumScore": 0.7 }));
        assert_eq!(own.score, MinimumScore::Required(0.7));
    }
}
