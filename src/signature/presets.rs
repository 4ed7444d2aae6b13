//! The vendors' schemes, one row each.

use std::sync::LazyLock;

use super::algorithm::{Algorithm, KeyPrefix, Rule};
use super::encoding::Encoding;
use super::parts::{Headers, SignatureSource, TimestampSource};
use super::scheme::{Scheme, UrlSpellings};
use super::template::Template;
use super::tolerance::{DEFAULT_TOLERANCE_S, Unit};

static PRESETS: LazyLock<Vec<Scheme>> = LazyLock::new(|| {
    use Algorithm::{EcdsaP256, HmacSha1, KeyAndTextSha256};
    use Encoding::{Base64, Hex, Text};
    use Unit::{Iso8601, Milliseconds, Seconds};
    let row = Scheme::new;
    let url = "{method}{url}{body}";
    vec![
        standard(row("standard_webhooks", &["webhook-signature"]), &["webhook"]),
        standard(row("svix", &["svix-signature", "webhook-signature"]), &["svix", "webhook"]),
        row("stripe", &["stripe-signature"])
            .list(',', "v1=")
            .text("{timestamp}.{body}")
            .timestamp_item("t=")
            .max_age(DEFAULT_TOLERANCE_S),
        // GitHub sends one signature. Other senders with this scheme send a list while they rotate secrets.
        row("github", &["x-hub-signature-256"]).list(',', "sha256="),
        row("github_sha1", &["x-hub-signature"]).algorithm(HmacSha1).list(',', "sha1="),
        row("shopify", &["x-shopify-hmac-sha256", "shopify-hmac-sha256"]).encoding(Base64),
        row("slack", &["x-slack-signature"])
            .prefix("v0=")
            .text("v0:{timestamp}:{body}")
            .timestamp_header("x-slack-request-timestamp", Seconds)
            .within(DEFAULT_TOLERANCE_S),
        row("twilio", &["x-twilio-signature"])
            .algorithm(HmacSha1)
            .encoding(Base64)
            .text("{url}{sortedForm}")
            .url_spellings(UrlSpellings::Ports),
        row("zendesk", &["x-zendesk-webhook-signature"])
            .encoding(Base64)
            .text("{timestamp}{body}")
            .timestamp_header("x-zendesk-webhook-signature-timestamp", Iso8601),
        row("mailgun", &[]).from(SignatureSource::MailgunBody).text("{timestamp}{id}").within(DEFAULT_TOLERANCE_S),
        row("paddle", &["paddle-signature"])
            .list(';', "h1=")
            .text("{timestamp}:{body}")
            .timestamp_item("ts=")
            .max_age(5),
        row("hubspot_v1", &["x-hubspot-signature"]).algorithm(KeyAndTextSha256),
        row("hubspot_v2", &["x-hubspot-signature"])
            .algorithm(KeyAndTextSha256)
            .text(url)
            .url_spellings(UrlSpellings::Unescaped),
        row("hubspot_v3", &["x-hubspot-signature-v3"])
            .encoding(Base64)
            .text("{method}{url}{body}{timestamp}")
            .url_spellings(UrlSpellings::Unescaped)
            .timestamp_header("x-hubspot-request-timestamp", Milliseconds)
            .within(DEFAULT_TOLERANCE_S),
        row("iadvize", &["x-iadvize-signature"]).prefix("sha256=").text("{bodyOrQuery}"),
        row("sendgrid", &["x-twilio-email-event-webhook-signature"])
            .algorithm(EcdsaP256)
            .key_encoding(Base64)
            .encoding(Base64)
            .text("{timestamp}{body}")
            .timestamp_header("x-twilio-email-event-webhook-timestamp", Seconds),
        row("square", &["x-square-hmacsha256-signature"]).encoding(Base64).text("{url}{body}"),
        row("adyen", &[]).from(SignatureSource::AdyenItems).key_encoding(Hex).encoding(Base64),
        row("adyen_payload", &["hmacsignature"]).key_encoding(Hex).encoding(Base64),
        row("twitter", &["x-twitter-webhooks-signature"]).prefix("sha256=").encoding(Base64),
        Scheme::with_plain_secret("gitlab", "x-gitlab-token", "", Text),
        Scheme::with_plain_secret("basic", "authorization", "Basic ", Base64),
        row("zoom", &["x-zm-signature"])
            .prefix("v0=")
            .text("v0:{timestamp}:{body}")
            .timestamp_header("x-zm-request-timestamp", Seconds)
            .within(DEFAULT_TOLERANCE_S),
        row("meta", &["x-hub-signature-256"]).prefix("sha256="),
        row("dropbox", &["x-dropbox-signature"]),
        row("vercel", &["x-vercel-signature"]).algorithm(HmacSha1),
        row("woocommerce", &["x-wc-webhook-signature"]).encoding(Base64),
        row("webflow", &["x-webflow-signature"])
            .text("{timestamp}:{body}")
            .timestamp_header("x-webflow-timestamp", Milliseconds)
            .within(DEFAULT_TOLERANCE_S),
        row("elevenlabs", &["elevenlabs-signature"])
            .list(',', "v0=")
            .text("{timestamp}.{body}")
            .timestamp_item("t=")
            .max_age(1_800),
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

/// Standard Webhooks: two algorithms, distinguished by the key and by the version prefix of each signature.
fn standard(scheme: Scheme, prefixes: &[&str]) -> Scheme {
    let named = |name: &str| prefixes.iter().map(|prefix| format!("{prefix}-{name}")).collect();
    let rule = |algorithm, key_prefix, signature_prefix: &str| Rule {
        algorithm,
        encoding: Encoding::Base64,
        key_prefix,
        signature_prefix: signature_prefix.to_owned(),
    };
    let mut scheme =
        scheme.list(' ', "").encoding(Encoding::Base64).text("{id}.{timestamp}.{body}").within(DEFAULT_TOLERANCE_S);
    scheme.rules = vec![
        rule(Algorithm::HmacSha256, KeyPrefix::Optional("whsec_"), "v1,"),
        rule(Algorithm::Ed25519, KeyPrefix::Required("whpk_"), "v1a,"),
    ];
    scheme.headers(|headers| Headers {
        id: named("id"),
        timestamp: TimestampSource::Headers(named("timestamp")),
        ..headers
    })
}

/// How a row differs from the default scheme.
impl Scheme {
    /// The header contains the secret itself, after the prefix.
    pub(super) fn with_plain_secret(name: &str, header: &str, prefix: &str, encoding: Encoding) -> Scheme {
        Scheme::new(name, &[header]).algorithm(Algorithm::Token).encoding(encoding).prefix(prefix).text("")
    }

    fn rule(mut self, change: impl FnOnce(&mut Rule)) -> Scheme {
        if let Some(rule) = self.rules.first_mut() {
            change(rule);
        }
        self
    }

    fn headers(mut self, change: impl FnOnce(Headers) -> Headers) -> Scheme {
        if let SignatureSource::Headers(headers) = self.source {
            self.source = SignatureSource::Headers(change(headers));
        }
        self
    }

    fn from(mut self, source: SignatureSource) -> Scheme {
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

    fn url_spellings(mut self, urls: UrlSpellings) -> Scheme {
        self.urls = urls;
        self
    }

    /// The timestamp is in a header of its own.
    fn timestamp_header(mut self, header: &str, unit: Unit) -> Scheme {
        self.tolerance.unit = unit;
        self.headers(|headers| Headers { timestamp: TimestampSource::Headers(vec![header.to_owned()]), ..headers })
    }

    /// The timestamp is an item of the signature header.
    fn timestamp_item(self, prefix: &str) -> Scheme {
        self.headers(|headers| Headers { timestamp: TimestampSource::SignatureItem(prefix.to_owned()), ..headers })
    }

    /// Requests may be at most this many seconds old.
    fn max_age(mut self, seconds: i64) -> Scheme {
        self.tolerance.past_s = Some(seconds);
        self
    }

    /// Timestamps may be at most this many seconds in the past or in the future.
    fn within(mut self, seconds: i64) -> Scheme {
        self.tolerance.future_s = Some(seconds);
        self.max_age(seconds)
    }
}
