//! The vendors' schemes, one row each.

use std::sync::LazyLock;

use super::algorithm::Algorithm;
use super::builder::standard;
use super::encoding::Encoding;
use super::jwt::{Expected, TokenPlace};
use super::parts::{SignatureSource, SignedHeaders};
use super::publisher::PublishedAt;
use super::scheme::Scheme;
use super::secret_place::SecretPlace;
use super::sns::Sns;
use super::template::Layout;
use super::tolerance::{DEFAULT_TOLERANCE_S, Unit};
use super::urls::UrlSpellings;

static PRESETS: LazyLock<Vec<Scheme>> = LazyLock::new(|| {
    use Algorithm::{EcdsaP256, HmacMd5, HmacSha1, HmacSha1OfHashedKey, KeyAndTextSha256, RsaSha256, TextAndKeySha1};
    use Encoding::{Base64, Hex, Text};
    use Unit::{HttpDate, Iso8601, Milliseconds, Seconds};
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
        row("kustomer", &["x-kustomer-webhook-signature"]),
        row("klaviyo", &["klaviyo-signature"])
            .text("{body}{timestamp}")
            .timestamp_header("klaviyo-timestamp", HttpDate)
            .within(DEFAULT_TOLERANCE_S),
        row("recurly", &["recurly-signature"])
            .list(',', "")
            .text("{timestamp}.{body}")
            .timestamp_first(Milliseconds)
            .within(DEFAULT_TOLERANCE_S),
        row("persona", &["persona-signature"])
            .groups(' ')
            .list(',', "v1=")
            .text("{timestamp}.{body}")
            .timestamp_item("t=")
            .within(DEFAULT_TOLERANCE_S),
        row("docusign", &DOCUSIGN.each_ref().map(String::as_str)).encoding(Base64),
        row("box", &["box-signature-primary", "box-signature-secondary"])
            .requires("box-signature-version", "1")
            .requires("box-signature-algorithm", "HmacSHA256")
            .encoding(Base64)
            .text("{body}{timestamp}")
            .timestamp_header("box-delivery-timestamp", Iso8601)
            .within(600),
        row("coinbase", &["x-hook0-signature"])
            .list(',', "v1=")
            .text("{timestamp}")
            .signed_headers(SignedHeaders::Item("h="), Layout::ListAndValues, '.')
            .timestamp_item("t=")
            .within(DEFAULT_TOLERANCE_S),
        row("contentful", &["x-contentful-signature"])
            .text("{method}\n{pathAndQuery}")
            .signed_headers(SignedHeaders::Header("x-contentful-signed-headers"), Layout::Pairs, '\n')
            .timestamp_header("x-contentful-timestamp", Milliseconds)
            .within(DEFAULT_TOLERANCE_S),
        row("patreon", &["x-patreon-signature"]).algorithm(HmacMd5),
        row("xsolla", &["authorization"]).algorithm(TextAndKeySha1).prefix("Signature "),
        row("braintree", &[])
            .from(SignatureSource::BraintreeForm { public_key: None })
            .algorithm(HmacSha1OfHashedKey)
            .text("{id}"),
        row("wise", &["x-signature-sha256"]).algorithm(RsaSha256).key_encoding(Base64).encoding(Base64),
        row("github_public_key", &GITHUB_SIGNATURES)
            .algorithm(EcdsaP256)
            .key_encoding(Base64)
            .encoding(Base64)
            .published(PublishedAt::Url { id_headers: &GITHUB_KEYS }, Some(GITHUB)),
        row("paypal", &["paypal-transmission-sig"])
            .requires("paypal-auth-algo", "SHA256withRSA")
            .algorithm(RsaSha256)
            .key_encoding(Base64)
            .encoding(Base64)
            .text("{id}|{timestamp}||{crc32}")
            .id_header("paypal-transmission-id")
            .timestamp_header("paypal-transmission-time", Iso8601)
            .published(PublishedAt::PayPal, None),
        row("aws_sns", &[])
            .from(SignatureSource::Sns(Sns::default()))
            .algorithm(RsaSha256)
            .key_encoding(Base64)
            .encoding(Base64)
            .text("")
            .unit(Iso8601)
            .within(3_600)
            .published(PublishedAt::Sns, None),
        Scheme::in_place("microsoft_graph", SecretPlace::field("/value/*/clientState")),
        Scheme::jwt("google_pubsub", "authorization", "Bearer ", &["RS256"])
            .claim("iss", one_of(&["https://accounts.google.com", "accounts.google.com"]))
            .claim("aud", Expected::Url)
            .token(|jwt| jwt.needs_expiry = true)
            .published(PublishedAt::Url { id_headers: &[] }, Some("https://www.googleapis.com/oauth2/v3/certs")),
        Scheme::jwt("atlassian_connect", "authorization", "JWT ", &["HS256"]).token(|jwt| {
            jwt.places.push(TokenPlace::Query("jwt".to_owned()));
            (jwt.query_hash, jwt.needs_expiry) = (true, true);
        }),
        Scheme::jwt("monday", "authorization", "", &["HS256"])
            .claim("aud", Expected::UrlIfPresent)
            .token(|jwt| jwt.needs_expiry = true),
        Scheme::jwt("vonage_jwt", "authorization", "Bearer ", &["HS256"])
            .body_claim("payload_hash", Hex)
            .within(DEFAULT_TOLERANCE_S),
        Scheme::jwt("netlify", "x-webhook-signature", "", &["HS256"])
            .claim("iss", one_of(&["netlify"]))
            .body_claim("sha256", Hex),
        Scheme::jwt("plaid", "plaid-verification", "", &["ES256"])
            .body_claim("request_body_sha256", Hex)
            .within(DEFAULT_TOLERANCE_S),
        Scheme::jwt("fusionauth", "x-fusionauth-signature-jwt", "", &ANY_JWT).body_claim("request_body_sha256", Base64),
    ]
});

const GITHUB: &str = "https://api.github.com/meta/public_keys/secret_scanning";
const GITHUB_SIGNATURES: [&str; 2] = ["github-public-key-signature", "x-github-public-key-signature"];
const GITHUB_KEYS: [&str; 2] = ["github-public-key-identifier", "x-github-public-key-identifier"];
/// The algorithms that a sender may be configured for.
const ANY_JWT: [&str; 8] = ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384"];
/// One header for each key of the account.
static DOCUSIGN: LazyLock<[String; 100]> =
    LazyLock::new(|| std::array::from_fn(|index| format!("x-docusign-signature-{}", index + 1)));

fn one_of(values: &[&str]) -> Expected {
    Expected::OneOf(values.iter().map(|&value| value.into()).collect())
}

/// The vendor's scheme of this name.
pub fn preset(name: &str) -> Option<Scheme> {
    PRESETS.iter().find(|preset| preset.name == name).cloned()
}

/// The names of all presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(Scheme::name)
}
