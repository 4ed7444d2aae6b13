//! Where vendors publish their public keys, and how those documents are read.
//!
//! A request may name the address of its certificate, so the address must be one of the vendor's: the scheme is HTTPS,
//! the host is compared as a whole, and the path has the vendor's form. A looser pattern for Amazon SNS, which is
//! widespread, also matches the addresses of storage buckets, where anyone can put a certificate.

use serde_json::Value;
use url::Url;

use super::key::{Key, Material};
use super::public_key::PublicKey;
use super::verify::Rejection;

/// The most keys of a document.
const KEYS_MAX: usize = 100;

/// Where a vendor publishes its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Publisher {
    pub source: PublishedAt,
    /// The address of the keys. For certificates whose address is in the request: an address that theirs must begin
    /// with, in place of the vendor's own.
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublishedAt {
    /// At the address in an SNS message.
    Sns,
    /// At the address in PayPal's header.
    PayPal,
    /// At a fixed address, in a document that names each key. The header names the key, unless a token does.
    Url { id_headers: &'static [&'static str] },
    /// At a fixed address, which returns one key to clients that identify themselves.
    Plaid { client_id: String, secret: String },
}

/// A document with public keys to be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyRequest {
    pub url: String,
    /// The name of the key, if the request names it.
    pub key_id: Option<String>,
    /// The client that asks for the key with a POST, if one must.
    pub client: Option<KeyClient>,
}

/// The client that asks for a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyClient {
    pub id: String,
    /// The name of the org's variable with the client's secret.
    pub secret: String,
}

impl Publisher {
    /// The certificate at an address that a request names.
    pub fn certificate(&self, address: &str) -> Result<KeyRequest, Rejection> {
        let is_trusted = || {
            let url = Url::parse(address).ok()?;
            let is_trusted = match &self.url {
                Some(base) => is_below(&Url::parse(base).ok()?, &url),
                None => self.is_vendor(&url),
            };
            is_trusted.then(|| url.to_string())
        };
        let url = is_trusted().ok_or(Rejection::CertificateUrl)?;
        Ok(KeyRequest { url, key_id: None, client: None })
    }

    fn is_vendor(&self, url: &Url) -> bool {
        let name = |start: &str, end: &str| {
            let name = url.path().strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
            name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
        };
        is_plain_https(url)
            && url.query().is_none()
            && match self.source {
                PublishedAt::Sns => is_sns(url) && name("/SimpleNotificationService-", ".pem"),
                PublishedAt::PayPal => PAYPAL.contains(&url.host_str().unwrap_or_default()) && name(PAYPAL_PATH, ""),
                PublishedAt::Url { .. } | PublishedAt::Plaid { .. } => false,
            }
    }

    /// Whether a confirmation may be sent to this address, which a verified SNS message contains.
    pub fn may_confirm(&self, address: &str) -> bool {
        Url::parse(address).is_ok_and(|url| match self.url.as_deref().map(Url::parse) {
            Some(base) => base.is_ok_and(|base| is_below(&base, &url)),
            None => is_plain_https(&url) && is_sns(&url),
        })
    }
}

const PAYPAL: [&str; 4] = ["api.paypal.com", "api-m.paypal.com", "api.sandbox.paypal.com", "api-m.sandbox.paypal.com"];
const PAYPAL_PATH: &str = "/v1/notifications/certs/";

fn is_plain_https(url: &Url) -> bool {
    url.scheme() == "https"
        && url.port().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
}

/// `sns.REGION.amazonaws.com`, where a region is such as `us-east-1` or `us-gov-west-1`.
fn is_sns(url: &Url) -> bool {
    let region = || {
        let host = url.host_str()?.strip_prefix("sns.")?;
        host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))
    };
    let is_region = |region: &str| {
        let parts: Vec<&str> = region.split('-').collect();
        let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
        match parts.as_slice() {
            [country, words @ .., number] => {
                let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
                country.len() == 2
                    && is_word(country)
                    && !words.is_empty()
                    && words.iter().all(|w| is_word(w))
                    && is_number
            }
            _ => false,
        }
    };
    region().is_some_and(is_region)
}

/// Whether an address is at the same origin as the base, and below its path.
fn is_below(base: &Url, url: &Url) -> bool {
    let is_same = base.origin() == url.origin() && url.username().is_empty() && url.password().is_none();
    is_same && url.path().starts_with(base.path())
}

/// The keys of a published document: a PEM certificate or key, a JSON Web Key or a set of them, a certificate by id, or
/// GitHub's list. Keys of kinds that hookflow does not know are left out.
pub(super) fn published_keys(document: &str) -> Vec<Key> {
    let key = |id: Option<&str>, public: PublicKey| Key {
        material: Material::Public(public),
        rule: 0,
        id: id.map(str::to_owned),
    };
    let Ok(document) = serde_json::from_str::<Value>(document) else {
        return PublicKey::from_pem(document).map(|public| key(None, public)).into_iter().collect();
    };
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let jwk = |jwk: &Value| {
        // Plaid's keys say when they were given up.
        let is_expired = jwk.get("expired_at").is_some_and(|at| !at.is_null());
        let public = PublicKey::from_jwk(jwk).filter(|_| !is_expired)?;
        Some(key(text(jwk, "kid").as_deref(), public))
    };
    let named = |entry: &Value| {
        let public = PublicKey::from_pem(entry.get("key")?.as_str()?)?;
        Some(key(text(entry, "key_identifier").as_deref(), public))
    };
    let keys: Vec<Key> = match document {
        Value::Object(document) => match (document.get("keys"), document.get("public_keys"), document.get("key")) {
            (Some(Value::Array(keys)), ..) => keys.iter().take(KEYS_MAX).filter_map(jwk).collect(),
            (_, Some(Value::Array(keys)), _) => keys.iter().take(KEYS_MAX).filter_map(named).collect(),
            (_, _, Some(found)) => jwk(found).into_iter().collect(),
            _ if document.contains_key("kty") => jwk(&Value::Object(document)).into_iter().collect(),
            _ => {
                let certificates = document.iter().take(KEYS_MAX);
                let read =
                    certificates.map(|(id, pem)| Some(key(Some(id.as_str()), PublicKey::from_pem(pem.as_str()?)?)));
                read.flatten().collect()
            }
        },
        _ => Vec::new(),
    };
    keys
}
