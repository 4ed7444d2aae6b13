//! Requests as further vendors sign them: those with tokens, with public keys, and with forms of their own. Written from
//! their documentation and without hookflow's own code.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::signing::{JSON, Signed, ecdsa, hmac};

pub const RSA_PUBLIC: &str = include_str!("../fixtures/signing/rsa.pem");
pub const OTHER_RSA_PUBLIC: &str = include_str!("../fixtures/signing/other-rsa.pem");
pub const CERTIFICATE: &str = include_str!("../fixtures/signing/certificate.pem");
pub const EXPIRED_CERTIFICATE: &str = include_str!("../fixtures/signing/expired-certificate.pem");
pub const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:orders";
pub const SNS_URL: &str =
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const TEXT: [&str; 2] = ["the-shared-secret", "another-secret"];

/// The verification of a hook for a preset, with the fields that it requires.
pub fn verification(preset: &str) -> Value {
    match preset {
        "paypal" => json!({ "scheme": "paypal", "webhook_id": "WH-1" }),
        "google_pubsub" => json!({ "scheme": "google_pubsub", "email": "push@shop.iam.gserviceaccount.com" }),
        "braintree" => json!({ "scheme": "braintree", "public_key": "integration_public" }),
        "aws_sns" => json!({ "scheme": "aws_sns", "topic": TOPIC }),
        "header" => json!({ "scheme": "header", "header": "X-Api-Key" }),
        "secret" => json!({ "scheme": "secret", "field": "/passcode" }),
        "jwt" => json!({
            "scheme": "jwt", "header": "X-Token", "algorithms": ["RS256", "HS256"], "claims": { "iss": "acme" },
            "body_claim": "digest", "body_encoding": "base64",
        }),
        "generic" => json!({
            "scheme": "generic", "header": "X-Slack-Signature", "prefix": "v0=", "text": "v0:{timestamp}:{body}",
            "timestamp": "X-Slack-Request-Timestamp",
        }),
        preset => json!({ "scheme": preset }),
    }
}

/// A request to this address as the vendor of the preset signs it, at this second; `None` for an unknown preset.
pub fn signed_vendor(preset: &str, url: &str, at: i64, body: &[u8]) -> Option<Signed> {
    let key = TEXT[0].as_bytes();
    let hook = |secrets: [&str; 2], headers: Vec<(&'static str, String)>| {
        let [secret, other_secret] = secrets.map(str::to_owned);
        Signed { secret, other_secret, headers, body: body.to_vec(), signed_byte: Some(body.len() / 2) }
    };
    let text = |headers| hook(TEXT, headers);
    let token = |header: &'static str, prefix: &str, claims: Value| {
        let made = jwt("HS256", &claims, |signed| hmac::<Sha256>(key, signed));
        text(vec![(header, format!("{prefix}{made}"))])
    };
    let rsa_key = [RSA_PUBLIC, OTHER_RSA_PUBLIC];
    let over = |parts: &[&[u8]]| hmac::<Sha256>(key, &parts.concat());
    let (seconds, millis) = (at.to_string(), (at * 1_000).to_string());
    let iso = jiff::Timestamp::from_second(at).unwrap().to_string();
    let digest = hex::encode(Sha256::digest(body));
    Some(match preset {
        "kustomer" => text(vec![("x-kustomer-webhook-signature", hex::encode(over(&[body])))]),
        "klaviyo" => {
            let moment = std::time::UNIX_EPOCH + std::time::Duration::from_secs(at as u64);
            let date = httpdate::fmt_http_date(moment);
            let made = hex::encode(over(&[body, date.as_bytes()]));
            text(vec![("klaviyo-signature", made), ("klaviyo-timestamp", date)])
        }
        "recurly" => {
            let made = hex::encode(over(&[millis.as_bytes(), b".", body]));
            text(vec![("recurly-signature", format!("{millis},{made}"))])
        }
        "persona" => {
            let made = hex::encode(over(&[seconds.as_bytes(), b".", body]));
            let rolled = format!("t=1,v1={} t={seconds},v1={made}", "00".repeat(32));
            text(vec![("persona-signature", rolled)])
        }
        "docusign" => {
            let made = STANDARD.encode(over(&[body]));
            text(vec![("x-docusign-signature-2", made), ("x-docusign-signature-1", STANDARD.encode([0; 32]))])
        }
        "box" => {
            let made = STANDARD.encode(over(&[body, iso.as_bytes()]));
            text(vec![
                ("box-signature-secondary", made),
                ("box-delivery-timestamp", iso),
                ("box-signature-version", "1".into()),
                ("box-signature-algorithm", "HmacSHA256".into()),
            ])
        }
        "coinbase" => {
            let made =
                hex::encode(over(&[seconds.as_bytes(), b".content-type x-event.", b"application/json.paid.", body]));
            text(vec![
                ("x-hook0-signature", format!("t={seconds},h=content-type x-event,v1={made}")),
                ("content-type", "application/json".into()),
                ("x-event", "paid".into()),
            ])
        }
        "contentful" => {
            let names = "x-contentful-signed-headers,x-contentful-timestamp";
            let path = &url[url.find("/v1").unwrap_or(url.len())..];
            let canonical = format!(
                "POST\n{path}\nx-contentful-signed-headers:{names};x-contentful-timestamp:{millis}\n{}",
                String::from_utf8_lossy(body)
            );
            text(vec![
                ("x-contentful-signature", hex::encode(over(&[canonical.as_bytes()]))),
                ("x-contentful-signed-headers", names.into()),
                ("x-contentful-timestamp", millis.clone()),
            ])
        }
        "patreon" => text(vec![("x-patreon-signature", hex::encode(hmac::<md5::Md5>(key, body)))]),
        "xsolla" => {
            let made = hex::encode(Sha1::digest([body, key].concat()));
            text(vec![("authorization", format!("Signature {made}"))])
        }
        "braintree" => {
            let payload = format!("{}\n", STANDARD.encode(JSON));
            let made = hex::encode(hmac::<Sha1>(&Sha1::digest(key), payload.as_bytes()));
            let pairs = format!("other_public|00&integration_public|{made}");
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            let body = form.append_pair("bt_payload", &payload).append_pair("bt_signature", &pairs).finish();
            Signed { body: body.into(), signed_byte: Some(14), ..text(vec![(FORM.0, FORM.1.to_owned())]) }
        }
        "wise" => hook(rsa_key, vec![("x-signature-sha256", STANDARD.encode(rsa(body)))]),
        "github_public_key" => {
            let (secret, other_secret, made) = ecdsa(body);
            let headers = vec![("github-public-key-signature", STANDARD.encode(made))];
            hook([&secret, &other_secret], headers)
        }
        "paypal" => {
            let made = rsa(format!("tx-1|{iso}|WH-1|{}", crc32fast::hash(body)).as_bytes());
            let headers = vec![
                ("paypal-transmission-sig", STANDARD.encode(made)),
                ("paypal-transmission-id", "tx-1".into()),
                ("paypal-transmission-time", iso),
                ("paypal-auth-algo", "SHA256withRSA".into()),
            ];
            hook([CERTIFICATE, OTHER_RSA_PUBLIC], headers)
        }
        "aws_sns" => {
            let message = sns_notification("{\"orderId\":\"4711\"}", &iso, SNS_URL);
            let signed_byte = message.find("4711");
            Signed {
                body: message.into(),
                signed_byte,
                ..hook([CERTIFICATE, OTHER_RSA_PUBLIC], vec![("content-type", "text/plain; charset=UTF-8".into())])
            }
        }
        "microsoft_graph" => {
            let item = |id: u8| json!({ "subscriptionId": id, "clientState": TEXT[0] });
            let body = json!({ "value": [item(1), item(2)] }).to_string();
            let place = body.rfind("shared").unwrap();
            Signed { body: body.into(), signed_byte: Some(place), ..text(vec![]) }
        }
        "secret" => {
            let body = format!(r#"{{"passcode":"{}"}}"#, TEXT[0]);
            Signed { body: body.into(), signed_byte: Some(15), ..text(vec![]) }
        }
        "google_pubsub" => {
            let claims = json!({
                "iss": "https://accounts.google.com", "aud": url, "email": "push@shop.iam.gserviceaccount.com",
                "email_verified": true, "iat": at, "exp": at + 3_600,
            });
            let headers = vec![("authorization", format!("Bearer {}", jwt("RS256", &claims, rsa)))];
            Signed { signed_byte: None, ..hook(rsa_key, headers) }
        }
        "atlassian_connect" => {
            let path = &url[url.find("/v1").unwrap_or(url.len())..];
            let qsh = hex::encode(Sha256::digest(format!("POST&{path}&")));
            let claims = json!({ "iss": "jira:1", "iat": at, "exp": at + 180, "qsh": qsh });
            Signed { signed_byte: None, ..token("authorization", "JWT ", claims) }
        }
        "monday" => {
            let mut claims = json!({ "iat": at, "exp": at + 300 });
            if !url.is_empty() {
                claims["aud"] = json!(url);
            }
            Signed { signed_byte: None, ..token("authorization", "", claims) }
        }
        "vonage_jwt" => token("authorization", "Bearer ", json!({ "iat": at, "payload_hash": digest })),
        "netlify" => token("x-webhook-signature", "", json!({ "iss": "netlify", "sha256": digest })),
        "plaid" => {
            let random = SystemRandom::new();
            let pair = || {
                let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap()
            };
            let jwk = |pair: &EcdsaKeyPair| {
                let [x, y] = [1..33, 33..65].map(|range| URL_SAFE_NO_PAD.encode(&pair.public_key().as_ref()[range]));
                json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "x": x, "y": y }).to_string()
            };
            let (own, other) = (pair(), pair());
            let claims = json!({ "iat": at, "request_body_sha256": digest });
            let made = jwt("ES256", &claims, |signed| own.sign(&random, signed).unwrap().as_ref().to_vec());
            hook([&jwk(&own), &jwk(&other)], vec![("plaid-verification", made)])
        }
        "fusionauth" => {
            let claims = json!({ "request_body_sha256": STANDARD.encode(Sha256::digest(body)) });
            hook(rsa_key, vec![("x-fusionauth-signature-jwt", jwt("RS256", &claims, rsa))])
        }
        "jwt" => {
            let claims = json!({ "iss": "acme", "exp": at + 60, "digest": STANDARD.encode(Sha256::digest(body)) });
            hook(rsa_key, vec![("x-token", jwt("RS256", &claims, rsa))])
        }
        _ => return None,
    })
}

/// A notification as SNS signs it.
pub fn sns_notification(message: &str, timestamp: &str, certificate_url: &str) -> String {
    let text = format!(
        "Message\n{message}\nMessageId\nmsg-1\nTimestamp\n{timestamp}\nTopicArn\n{TOPIC}\nType\nNotification\n"
    );
    json!({
        "Type": "Notification", "MessageId": "msg-1", "TopicArn": TOPIC, "Message": message, "Timestamp": timestamp,
        "SignatureVersion": "2", "Signature": STANDARD.encode(rsa(text.as_bytes())), "SigningCertURL": certificate_url,
    })
    .to_string()
}

/// The message with which SNS asks for a confirmation.
pub fn sns_confirmation(timestamp: &str, certificate_url: &str, subscribe_url: &str) -> String {
    let text = format!(
        "Message\nConfirm\nMessageId\nmsg-2\nSubscribeURL\n{subscribe_url}\nTimestamp\n{timestamp}\nToken\ntoken\n\
         TopicArn\n{TOPIC}\nType\nSubscriptionConfirmation\n"
    );
    json!({
        "Type": "SubscriptionConfirmation", "MessageId": "msg-2", "TopicArn": TOPIC, "Message": "Confirm",
        "Timestamp": timestamp, "Token": "token", "SubscribeURL": subscribe_url, "SignatureVersion": "2",
        "Signature": STANDARD.encode(rsa(text.as_bytes())), "SigningCertURL": certificate_url,
    })
    .to_string()
}

/// The public key of the fixture as a set of JSON Web Keys with this id.
pub fn jwks(id: &str) -> String {
    let pair = rsa_pair();
    let public = ring::signature::RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
    let [n, e] = [&public.n, &public.e].map(|number| URL_SAFE_NO_PAD.encode(number));
    json!({ "keys": [{ "kty": "RSA", "use": "sig", "kid": id, "n": n, "e": e }] }).to_string()
}

/// A token with this id of its key, signed with the key of the fixture.
pub fn rsa_token(id: &str, claims: &Value) -> String {
    jwt_with(&json!({ "alg": "RS256", "kid": id }), claims, rsa)
}

fn jwt(algorithm: &str, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    jwt_with(&json!({ "typ": "JWT", "alg": algorithm }), claims, sign)
}

pub fn jwt_with(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn rsa_pair() -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(include_bytes!("../fixtures/signing/rsa.pkcs8.der")).unwrap()
}

pub fn rsa(text: &[u8]) -> Vec<u8> {
    let pair = rsa_pair();
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).unwrap();
    signature
}
