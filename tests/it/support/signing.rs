//! Requests as the vendors sign them, written from their documentation and without hookflow's own code.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::signing_vendors::signed_vendor;

/// Where the hook is for its senders.
pub const URL: &str = "https://hooks.example.com/v1/hooks/web/abc";

/// The body of most.
pub const JSON: &[u8] = br#"{"orderId":"4711","total":42.5}"#;

/// A request that was signed with `secret`.
#[derive(Clone, Debug)]
pub struct Signed {
    pub secret: String,
    /// Of the same kind, and not the one that was used.
    pub other_secret: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// A byte of the body that is signed, unless none is.
    pub signed_byte: Option<usize>,
}

/// The presets with two kinds of secrets, of which this is the second.
pub const PUBLIC_KEY: &str = "standard_webhooks v1a";

/// A request to this address as the vendor of the preset signs it, at this second.
pub fn signed(preset: &str, url: &str, at: i64) -> Signed {
    signed_body(preset, url, at, JSON)
}

/// The same with another body, of those that sign any.
pub fn signed_body(preset: &str, url: &str, at: i64, json: &[u8]) -> Signed {
    const TEXT: [&str; 2] = ["the-shared-secret", "another-secret"];
    let hook = |secrets: [String; 2], headers: Vec<(&'static str, String)>| {
        let [secret, other_secret] = secrets;
        Signed { secret, other_secret, headers, body: json.to_vec(), signed_byte: Some(json.len() / 2) }
    };
    let text = |headers| hook(TEXT.map(str::to_owned), headers);
    let key = TEXT[0].as_bytes();
    let over = |parts: &[&[u8]]| sha256(key, &parts.concat());
    let (seconds, millis) = (at.to_string(), (at * 1_000).to_string());
    let stamp = seconds.as_bytes();
    match preset {
        "standard_webhooks" | "svix" => {
            let [id, timestamp, signature] = match preset {
                "svix" => ["svix-id", "svix-timestamp", "svix-signature"],
                _ => ["webhook-id", "webhook-timestamp", "webhook-signature"],
            };
            let secrets = [b"0123456789abcdef01234567", b"76543210fedcba9876543210"];
            let made = sha256(secrets[0], &[b"msg_1.", stamp, b".", json].concat());
            let list = format!("v1,AAAA v9,x v1,{}", STANDARD.encode(made));
            let secrets = secrets.map(|secret| format!("whsec_{}", STANDARD.encode(secret)));
            hook(secrets, vec![(id, "msg_1".into()), (timestamp, seconds.clone()), (signature, list)])
        }
        PUBLIC_KEY => {
            let pairs = [[7; 32], [8; 32]].map(|seed| Ed25519KeyPair::from_seed_unchecked(&seed).unwrap());
            let made = pairs[0].sign(&[b"msg_1.", stamp, b".", json].concat());
            let secrets = pairs.each_ref().map(|pair| format!("whpk_{}", STANDARD.encode(pair.public_key())));
            let list = format!("v1a,{}", STANDARD.encode(made));
            let headers =
                vec![("webhook-id", "msg_1".into()), ("webhook-timestamp", seconds), ("webhook-signature", list)];
            hook(secrets, headers)
        }
        "stripe" => {
            let made = hex::encode(over(&[stamp, b".", json]));
            text(vec![("stripe-signature", format!("t={seconds},v1=00,v1={made},v0=00"))])
        }
        "github" | "meta" => text(vec![("x-hub-signature-256", format!("sha256={}", hex::encode(over(&[json]))))]),
        "github_sha1" => text(vec![("x-hub-signature", format!("sha1={}", hex::encode(sha1(key, json))))]),
        "basic" => {
            let secrets = ["shop:open sesame".to_owned(), "shop:close sesame".to_owned()];
            let header = format!("Basic {}", STANDARD.encode(&secrets[0]));
            Signed { signed_byte: None, ..hook(secrets, vec![("authorization", header)]) }
        }
        "header" => Signed { signed_byte: None, ..text(vec![("x-api-key", TEXT[0].to_owned())]) },
        "shopify" => text(vec![("x-shopify-hmac-sha256", STANDARD.encode(over(&[json])))]),
        "slack" | "zoom" => {
            let [header, time] = match preset {
                "slack" => ["x-slack-signature", "x-slack-request-timestamp"],
                _ => ["x-zm-signature", "x-zm-request-timestamp"],
            };
            let made = format!("v0={}", hex::encode(over(&[b"v0:", stamp, b":", json])));
            text(vec![(header, made), (time, seconds.clone())])
        }
        "twilio" => {
            let body = b"To=%2B1555&Body=hi+there&From=%2B1444".to_vec();
            let made = sha1(key, format!("{url}Bodyhi thereFrom+1444To+1555").as_bytes());
            let form = ("content-type", "application/x-www-form-urlencoded".to_owned());
            let signed = text(vec![("x-twilio-signature", STANDARD.encode(made)), form]);
            Signed { body, signed_byte: Some(16), ..signed }
        }
        // The query of the address says what the body is.
        "twilio json" => text(vec![("x-twilio-signature", STANDARD.encode(sha1(key, url.as_bytes())))]),
        "zendesk" => {
            let time = jiff::Timestamp::from_second(at).unwrap().to_string();
            let made = STANDARD.encode(over(&[time.as_bytes(), json]));
            text(vec![("x-zendesk-webhook-signature", made), ("x-zendesk-webhook-signature-timestamp", time)])
        }
        "mailgun" => {
            let made = hex::encode(over(&[stamp, b"tok"]));
            let start = r#"{"signature":{"token":"t"#;
            let body = format!(r#"{start}ok","timestamp":"{seconds}","signature":"{made}"}},"event-data":{{}}}}"#);
            Signed { body: body.into(), signed_byte: Some(start.len()), ..text(vec![]) }
        }
        "paddle" => {
            let made = hex::encode(over(&[stamp, b":", json]));
            text(vec![("paddle-signature", format!("ts={seconds};h1=00;h1={made}"))])
        }
        "hubspot_v1" => {
            let made = Sha256::digest([key, json].concat());
            text(vec![("x-hubspot-signature", hex::encode(made)), ("x-hubspot-signature-version", "v1".into())])
        }
        "hubspot_v2" => {
            let made = Sha256::digest([key, b"POST", url.as_bytes(), json].concat());
            text(vec![("x-hubspot-signature", hex::encode(made)), ("x-hubspot-signature-version", "v2".into())])
        }
        "hubspot_v3" => {
            let made = STANDARD.encode(over(&[b"POST", url.as_bytes(), json, millis.as_bytes()]));
            text(vec![("x-hubspot-signature-v3", made), ("x-hubspot-request-timestamp", millis.clone())])
        }
        "iadvize" => text(vec![("x-iadvize-signature", format!("sha256={}", hex::encode(over(&[json]))))]),
        "sendgrid" => sendgrid(&seconds, json),
        "square" => text(vec![("x-square-hmacsha256-signature", STANDARD.encode(over(&[url.as_bytes(), json])))]),
        "adyen" | "adyen_payload" => {
            let keys = ["44782DEF547AAA06", "54782def547aaa07"];
            let key = hex::decode(keys[0]).unwrap();
            let secrets = keys.map(str::to_owned);
            if preset == "adyen_payload" {
                return hook(secrets, vec![("hmacsignature", STANDARD.encode(sha256(&key, json)))]);
            }
            let made = STANDARD.encode(sha256(&key, b"7914::Shop:ref-1:1130:EUR:AUTHORISATION:true"));
            let item = r#""merchantReference":"ref-1","amount":{"value":1130,"currency":"EUR"},"pspReference":"7914","eventCode":"AUTHORISATION","merchantAccountCode":"Shop","success":"true""#;
            let start = r#"{"notificationItems":[{"NotificationRequestItem":{"#;
            let body = format!(r#"{start}{item},"additionalData":{{"hmacSignature":"{made}"}}}}}}]}}"#);
            let signed_byte = Some(start.len() + r#""merchantReference":""#.len());
            Signed { body: body.into(), signed_byte, ..hook(secrets, vec![]) }
        }
        "twitter" => text(vec![("x-twitter-webhooks-signature", format!("sha256={}", STANDARD.encode(over(&[json]))))]),
        "gitlab" => Signed { signed_byte: None, ..text(vec![("x-gitlab-token", TEXT[0].to_owned())]) },
        "dropbox" => text(vec![("x-dropbox-signature", hex::encode(over(&[json])))]),
        "vercel" => text(vec![("x-vercel-signature", hex::encode(sha1(key, json)))]),
        "woocommerce" => text(vec![("x-wc-webhook-signature", STANDARD.encode(over(&[json])))]),
        "webflow" => {
            let made = hex::encode(over(&[millis.as_bytes(), b":", json]));
            text(vec![("x-webflow-signature", made), ("x-webflow-timestamp", millis.clone())])
        }
        "elevenlabs" => {
            let made = hex::encode(over(&[stamp, b".", json]));
            text(vec![("elevenlabs-signature", format!("t={seconds},v0={made}"))])
        }
        "typeform" => text(vec![("typeform-signature", format!("sha256={}", STANDARD.encode(over(&[json]))))]),
        other => {
            signed_vendor(other, url, at, json).unwrap_or_else(|| panic!("how `{other}` signs is not written down"))
        }
    }
}

fn sendgrid(seconds: &str, body: &[u8]) -> Signed {
    let (secret, other_secret, made) = ecdsa(&[seconds.as_bytes(), body].concat());
    let headers = vec![
        ("x-twilio-email-event-webhook-signature", STANDARD.encode(made)),
        ("x-twilio-email-event-webhook-timestamp", seconds.to_owned()),
    ];
    Signed { secret, other_secret, headers, body: body.to_vec(), signed_byte: Some(15) }
}

/// A new public key, another one, and the signature of a text with the first one's private key.
pub fn ecdsa(text: &[u8]) -> (String, String, Vec<u8>) {
    const DER_START: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let random = SystemRandom::new();
    let pair = || {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).unwrap()
    };
    let public =
        |pair: &EcdsaKeyPair| STANDARD.encode([&hex::decode(DER_START).unwrap(), pair.public_key().as_ref()].concat());
    let (own, other) = (pair(), pair());
    let made = own.sign(&random, text).unwrap();
    (public(&own), public(&other), made.as_ref().to_vec())
}

/// A signature with a shared secret.
pub fn hmac<D: EagerHash>(key: &[u8], text: &[u8]) -> Vec<u8> {
    Hmac::<D>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
}

fn sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::<Sha256>(key, text)
}

fn sha1(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::<Sha1>(key, text)
}
