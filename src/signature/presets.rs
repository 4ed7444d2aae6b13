//! The schemes of vendors, a row each.

use std::sync::LazyLock;

use super::algorithm::{Algorithm, KeyPrefix, Rule};
use super::clock::{USUAL_S, Unit};
use super::encoding::Encoding;
use super::parts::{Headers, Source, TimestampPlace};
use super::scheme::{Scheme, UrlSpellings};
use super::template::Template;

static PRESETS: LazyLock<Vec<Scheme>> = LazyLock::new(|| {
    use Algorithm::{EcdsaP256, HmacSha1, KeyAndTextSha256};
    use Encoding::{Base64, Hex, Text};
    use Unit::{Iso8601, Milliseconds, Seconds};
    let row = Scheme::new;
    let url = "{method}{url}{body}";
    vec![
        standard(row("standard_webhooks", &["webhook-signature"]), &["webhook"]),
        standard(row("svix", &["svix-signature", "webhook-signature"]), &["svix", "webhook"]),
        row("stripe", &["stripe-signature"]).list(',', "v1=").text("{timestamp}.{body}").among("t=").old(USUAL_S),
        // GitHub sends one signature; a list is how some that sign like it roll secrets.
        row("github", &["x-hub-signature-256"]).list(',', "sha256="),
        row("github_sha1", &["x-hub-signature"]).algorithm(HmacSha1).list(',', "sha1="),
        row("shopify", &["x-shopify-hmac-sha256", "shopify-hmac-sha256"]).encoding(Base64),
        row("slack", &["x-slack-signature"])
            .prefix("v0=")
            .text("v0:{timestamp}:{body}")
            .stamp("x-slack-request-timestamp", Seconds)
            .within(USUAL_S),
        row("twilio", &["x-twilio-signature"])
            .algorithm(HmacSha1)
            .encoding(Base64)
            .text("{url}{sortedForm}")
            .spelt(UrlSpellings::Ports),
        row("zendesk", &["x-zendesk-webhook-signature"])
            .encoding(Base64)
            .text("{timestamp}{body}")
            .stamp("x-zendesk-webhook-signature-timestamp", Iso8601),
        row("mailgun", &[]).from(Source::MailgunBody).text("{timestamp}{id}").within(USUAL_S),
        row("paddle", &["paddle-signature"]).list(';', "h1=").text("{timestamp}:{body}").among("ts=").old(5),
        row("hubspot_v1", &["x-hubspot-signature"]).algorithm(KeyAndTextSha256),
        row("hubspot_v2", &["x-hubspot-signature"])
            .algorithm(KeyAndTextSha256)
            .text(url)
            .spelt(UrlSpellings::Unescaped),
        row("hubspot_v3", &["x-hubspot-signature-v3"])
            .encoding(Base64)
            .text("{method}{url}{body}{timestamp}")
            .spelt(UrlSpellings::Unescaped)
            .stamp("x-hubspot-request-timestamp", Milliseconds)
            .within(USUAL_S),
        row("iadvize", &["x-iadvize-signature"]).prefix("sha256=").text("{bodyOrQuery}"),
        row("sendgrid", &["x-twilio-email-event-webhook-signature"])
            .algorithm(EcdsaP256)
            .key_encoding(Base64)
            .encoding(Base64)
            .text("{timestamp}{body}")
            .stamp("x-twilio-email-event-webhook-timestamp", Seconds),
        row("square", &["x-square-hmacsha256-signature"]).encoding(Base64).text("{url}{body}"),
        row("adyen", &[]).from(Source::AdyenItems).key_encoding(Hex).encoding(Base64),
        row("adyen_payload", &["hmacsignature"]).key_encoding(Hex).encoding(Base64),
        row("twitter", &["x-twitter-webhooks-signature"]).prefix("sha256=").encoding(Base64),
        Scheme::of_secret("gitlab", "x-gitlab-token", "", Text),
        Scheme::of_secret("basic", "authorization", "Basic ", Base64),
        row("zoom", &["x-zm-signature"])
            .prefix("v0=")
            .text("v0:{timestamp}:{body}")
            .stamp("x-zm-request-timestamp", Seconds)
            .within(USUAL_S),
        row("meta", &["x-hub-signature-256"]).prefix("sha256="),
        row("dropbox", &["x-dropbox-signature"]),
        row("vercel", &["x-vercel-signature"]).algorithm(HmacSha1),
        row("woocommerce", &["x-wc-webhook-signature"]).encoding(Base64),
        row("webflow", &["x-webflow-signature"])
            .text("{timestamp}:{body}")
            .stamp("x-webflow-timestamp", Milliseconds)
            .within(USUAL_S),
        row("elevenlabs", &["elevenlabs-signature"]).list(',', "v0=").text("{timestamp}.{body}").among("t=").old(1_800),
        row("typeform", &["typeform-signature"]).prefix("sha256=").encoding(Base64),
    ]
});

/// The vendor's scheme of this name.
pub fn preset(name: &str) -> Option<Scheme> {
    PRESETS.iter().find(|preset| preset.name == name).cloned()
}

/// The names of all presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(Scheme::name)
}

/// Standard Webhooks: two algorithms, told apart by the key, and by the version before each signature.
fn standard(scheme: Scheme, starts: &[&str]) -> Scheme {
    let named = |what: &str| starts.iter().map(|start| format!("{start}-{what}")).collect();
    let rule = |algorithm, key_prefix, signature_prefix: &str| Rule {
        algorithm,
        encoding: Encoding::Base64,
        key_prefix,
        signature_prefix: signature_prefix.to_owned(),
    };
    let mut scheme = scheme.list(' ', "").encoding(Encoding::Base64).text("{id}.{timestamp}.{body}").within(USUAL_S);
    scheme.rules = vec![
        rule(Algorithm::HmacSha256, KeyPrefix::Optional("whsec_"), "v1,"),
        rule(Algorithm::Ed25519, KeyPrefix::Required("whpk_"), "v1a,"),
    ];
    scheme.headers(|headers| Headers {
        id: named("id"),
        timestamp: TimestampPlace::Headers(named("timestamp")),
        ..headers
    })
}

/// How rows say what is not as with the others.
impl Scheme {
    /// The header holds the secret itself, after the prefix.
    pub(super) fn of_secret(name: &str, header: &str, prefix: &str, encoding: Encoding) -> Scheme {
        Scheme::new(name, &[header]).algorithm(Algorithm::Token).encoding(encoding).prefix(prefix).text("")
    }

    fn rule(mut self, change: impl FnOnce(&mut Rule)) -> Scheme {
        if let Some(rule) = self.rules.first_mut() {
            change(rule);
        }
        self
    }

    fn headers(mut self, change: impl FnOnce(Headers) -> Headers) -> Scheme {
        if let Source::Headers(headers) = self.source {
            self.source = Source::Headers(change(headers));
        }
        self
    }

    fn from(mut self, source: Source) -> Scheme {
        self.source = source;
        self
    }

    fn algorithm(self, algorithm: Algorithm) -> Scheme {
        self.rule(|rule| rule.algorithm = algorithm)
    }

    fn key_encoding(self, encoding: Encoding) -> Scheme {
        self.rule(|rule| rule.encoding = encoding)
    }

    fn prefix(self, prefix: &str) -> Scheme {
        self.rule(|rule| rule.signature_prefix = prefix.to_owned())
    }

    fn list(self, separator: char, prefix: &str) -> Scheme {
        self.prefix(prefix).headers(|headers| Headers { separator: Some(separator), ..headers })
    }

    fn encoding(mut self, encoding: Encoding) -> Scheme {
        self.encoding = encoding;
        self
    }

    fn text(mut self, template: &str) -> Scheme {
        self.text = Template::parse(template).expect("a test reads all rows");
        self
    }

    fn spelt(mut self, urls: UrlSpellings) -> Scheme {
        self.urls = urls;
        self
    }

    /// The timestamp is in a header of its own.
    fn stamp(mut self, header: &str, unit: Unit) -> Scheme {
        self.clock.unit = unit;
        self.headers(|headers| Headers { timestamp: TimestampPlace::Headers(vec![header.to_owned()]), ..headers })
    }

    /// The timestamp is among the signatures.
    fn among(self, prefix: &str) -> Scheme {
        self.headers(|headers| Headers { timestamp: TimestampPlace::Among(prefix.to_owned()), ..headers })
    }

    /// Requests may be so many seconds old.
    fn old(mut self, seconds: i64) -> Scheme {
        self.clock.past_s = Some(seconds);
        self
    }

    /// Requests may be so many seconds old, and as many early.
    fn within(mut self, seconds: i64) -> Scheme {
        self.clock.future_s = Some(seconds);
        self.old(seconds)
    }
}
