//! Signatures with tokens, public keys and certificates: published examples, what forgers try, and what `generic` says.

use bytes::Bytes;
use hookflow::base::time::Timestamp;
use hookflow::signature::{Key, Rejection, Scheme, UnverifiedRequest};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::signing::{Signed, URL, hmac, signed};
use crate::support::signing_vendors::{
    CERTIFICATE, EXPIRED_CERTIFICATE, RSA_PUBLIC, SNS_URL, jwks, jwt_with, rsa, rsa_token, sns_notification,
    verification,
};

const PUBLISHED: &str = include_str!("conformance/signatures_asymmetric.json");
const NOW_S: i64 = 1_767_225_600;
const JSON: &[u8] = crate::support::signing::JSON;

/// A request and what is verified of it.
struct Attempt<'a> {
    method: &'a str,
    url: &'a str,
    headers: Vec<(&'a str, String)>,
    body: &'a [u8],
    now_s: i64,
}

impl<'a> Attempt<'a> {
    fn of(signed: &'a Signed) -> Attempt<'a> {
        Attempt { method: "POST", url: URL, headers: signed.headers.clone(), body: &signed.body, now_s: NOW_S }
    }

    fn with<T>(&self, check: impl FnOnce(UnverifiedRequest<'_>) -> T) -> T {
        let header = |wanted: &str, position: usize| {
            let mut found = self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.nth(position).map(|(_, value)| value.as_bytes())
        };
        let start = self.url.find("://").map_or(0, |scheme| scheme + 3);
        let path = self.url[start..].find('/').map_or(self.url.len(), |path| start + path);
        let address = self.url.split_at(path);
        check(UnverifiedRequest::new(self.method, address, &header, Bytes::copy_from_slice(self.body)))
    }

    fn verify(&self, scheme: &Scheme, keys: &[Key]) -> Result<(), Rejection> {
        let now = Timestamp(self.now_s * 1_000_000);
        self.with(|received| scheme.verify(keys, received, now)).map(|_| ())
    }
}

fn scheme(settings: Value) -> Scheme {
    Scheme::read(&settings).unwrap_or_else(|problems| panic!("{settings}: {problems:?}"))
}

#[test]
fn published_examples_behave_as_they_should() {
    let cases: Vec<Value> = serde_json::from_str(PUBLISHED).unwrap();
    let mut tried = 0;
    for case in &cases {
        let (id, provider) = (case["id"].as_str().unwrap(), case["provider"].as_str().unwrap());
        // The chains of Apple's tokens, and P-521, are not supported.
        if ["apple_app_store", "truelayer"].contains(&provider) {
            continue;
        }
        let mut settings = json!({ "scheme": provider });
        if let Some(tolerance_s) = case["tolerance_seconds"].as_i64() {
            settings["tolerance_s"] = json!(tolerance_s);
        }
        let scheme = scheme(settings);
        let secret = ["secret", "certificate", "public_key"].iter().find_map(|name| case[*name].as_str()).unwrap();
        let headers = case["headers"].as_object().unwrap();
        let attempt = Attempt {
            method: case["method"].as_str().unwrap(),
            url: case["url"].as_str().unwrap_or(URL),
            headers: headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap().to_owned())).collect(),
            body: case["body"].as_str().unwrap().as_bytes(),
            now_s: case["timestamp"].as_i64().unwrap_or(NOW_S),
        };
        let key = scheme.key(secret).unwrap_or_else(|error| panic!("{id}: {error}"));
        let verified = attempt.verify(&scheme, &[key]);
        assert_eq!(verified.is_ok(), case["expected"].as_bool().unwrap(), "{id}: {verified:?}");
        tried += 1;
    }
    assert_eq!(tried, 41);
}

#[test]
fn the_address_of_a_certificate_must_be_the_vendors() {
    let sns = scheme(verification("aws_sns"));
    let address = |url: &str| {
        let body = sns_notification("hi", "2026-01-01T00:00:00Z", url);
        let signed = Signed { body: body.into(), ..signed("aws_sns", URL, NOW_S) };
        Attempt::of(&signed).with(|received| sns.key_request(&received)).map(|request| request.unwrap().url)
    };
    for good in [
        SNS_URL,
        "https://sns.us-gov-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0.pem",
    ] {
        assert_eq!(address(good).as_deref(), Ok(good));
    }
    for bad in [
        // A bucket named `sns`.
        "https://sns.s3-ap-southeast-2.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.s3.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/SimpleNotificationService-0.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/SimpleNotificationService-0.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.us-east-1.amazonaws.com:8443/SimpleNotificationService-0.pem",
        "https://sns.us-east-1.amazonaws.com/../other.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem?x=1",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-a/../../b.pem",
        "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://user@sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem",
        "not a URL",
    ] {
        assert_eq!(address(bad), Err(Rejection::CertificateUrl), "{bad}");
    }
    let paypal = scheme(verification("paypal"));
    let address = |url: &str| {
        let mut signed = signed("paypal", URL, NOW_S);
        signed.headers.push(("paypal-cert-url", url.to_owned()));
        Attempt::of(&signed).with(|received| paypal.key_request(&received)).map(|request| request.unwrap().url)
    };
    let good = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594";
    assert_eq!(address(good).as_deref(), Ok(good));
    for bad in [
        "https://www.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/../../x",
    ] {
        assert_eq!(address(bad), Err(Rejection::CertificateUrl), "{bad}");
    }
}

#[test]
fn a_topic_a_version_and_a_certificate_are_checked() {
    let sns = scheme(verification("aws_sns"));
    let own = signed("aws_sns", URL, NOW_S);
    let with = |body: String, certificate: &str| {
        let signed = Signed { body: body.into(), ..own.clone() };
        Attempt::of(&signed).verify(&sns, &[sns.key(certificate).unwrap()])
    };
    let body = String::from_utf8(own.body.clone()).unwrap();
    assert_eq!(with(body.clone(), CERTIFICATE), Ok(()));
    assert_eq!(with(body.clone(), EXPIRED_CERTIFICATE), Err(Rejection::CertificateExpired));
    assert_eq!(with(body.replace(":orders", ":others"), CERTIFICATE), Err(Rejection::Topic));
    let version = body.replace(r#""SignatureVersion":"2""#, r#""SignatureVersion":"3""#);
    assert_eq!(with(version, CERTIFICATE), Err(Rejection::SignatureVersion));
    assert_eq!(with("{}".to_owned(), CERTIFICATE), Err(Rejection::BodyMalformed));
    let mut raw = own.clone();
    raw.headers.push(("x-amz-sns-rawdelivery", "true".to_owned()));
    let verified = Attempt::of(&raw).verify(&sns, &[sns.key(CERTIFICATE).unwrap()]);
    assert_eq!(verified, Err(Rejection::RawDelivery));
}

#[test]
fn a_token_cannot_choose_its_algorithm() {
    let settings = json!({ "scheme": "jwt", "algorithms": ["RS256", "HS256"] });
    let scheme = scheme(settings);
    let key = [scheme.key(RSA_PUBLIC).unwrap()];
    let claims = json!({ "exp": NOW_S + 60 });
    let with = |token: String| {
        let headers = vec![("authorization", format!("Bearer {token}"))];
        Attempt { method: "POST", url: URL, headers, body: JSON, now_s: NOW_S }.verify(&scheme, &key)
    };
    let token = |header: Value, sign: &dyn Fn(&[u8]) -> Vec<u8>| jwt_with(&header, &claims, sign);
    assert_eq!(with(token(json!({ "alg": "RS256" }), &rsa)), Ok(()));
    for none in ["none", "None", "RS512", "ES256"] {
        assert_eq!(with(token(json!({ "alg": none }), &rsa)), Err(Rejection::TokenAlgorithm), "{none}");
    }
    // The public key as a shared secret.
    for secret in [RSA_PUBLIC.as_bytes(), RSA_PUBLIC.trim().as_bytes()] {
        let forged = token(json!({ "alg": "HS256" }), &|text| hmac::<sha2::Sha256>(secret, text));
        assert_eq!(with(forged), Err(Rejection::NoMatch));
    }
    let critical = token(json!({ "alg": "RS256", "crit": ["b64"], "b64": false }), &rsa);
    assert_eq!(with(critical), Err(Rejection::TokenMalformed));
    for malformed in ["", "a.b", "a.b.c.d", "....", "{}.{}.x"] {
        assert!(with(malformed.to_owned()).is_err(), "{malformed}");
    }
    assert!(scheme.key("-----BEGIN PUBLIC KEY-----\nbroken\n-----END PUBLIC KEY-----").is_err());
}

#[test]
fn the_claims_of_a_token_are_checked() {
    let scheme = scheme(verification("google_pubsub"));
    let key = [scheme.key(RSA_PUBLIC).unwrap()];
    let claims = json!({
        "iss": "https://accounts.google.com", "aud": [URL], "email": "push@shop.iam.gserviceaccount.com",
        "email_verified": true, "exp": NOW_S + 60, "nbf": NOW_S,
    });
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        let headers = vec![("authorization", format!("Bearer {}", rsa_token("1", &claims)))];
        Attempt { method: "POST", url: URL, headers, body: JSON, now_s: NOW_S }.verify(&scheme, &key)
    };
    assert_eq!(with("x", json!(1)), Ok(()));
    assert_eq!(with("exp", json!(NOW_S)), Err(Rejection::Stale));
    assert_eq!(with("exp", json!("later")), Err(Rejection::TimestampMalformed));
    assert_eq!(with("nbf", json!(NOW_S + 61)), Err(Rejection::Early));
    for (claim, value) in [
        ("iss", json!("https://evil.example")),
        ("aud", json!("https://hooks.example.com/v1/hooks/web/other")),
        ("email", json!("other@shop.iam.gserviceaccount.com")),
        ("email_verified", json!(false)),
    ] {
        assert_eq!(with(claim, value), Err(Rejection::ClaimUnexpected(claim.to_owned())));
    }
}

#[test]
fn published_keys_are_found_by_their_id() {
    let scheme = scheme(verification("google_pubsub"));
    let keys = Scheme::published_keys(&jwks("k1"));
    assert_eq!(keys.len(), 1);
    let claims = json!({
        "iss": "accounts.google.com", "aud": URL, "email": "push@shop.iam.gserviceaccount.com", "email_verified": true,
        "exp": NOW_S + 60,
    });
    let with = |id: &str| {
        let headers = vec![("authorization", format!("Bearer {}", rsa_token(id, &claims)))];
        let attempt = Attempt { method: "POST", url: URL, headers, body: JSON, now_s: NOW_S };
        let wanted = attempt.with(|received| scheme.key_request(&received)).unwrap().unwrap();
        assert_eq!(wanted.key_id.as_deref(), Some(id));
        attempt.verify(&scheme, &keys)
    };
    assert_eq!(with("k1"), Ok(()));
    assert_eq!(with("k2"), Err(Rejection::NoMatch));
    let encrypting = jwks("k1").replace(r#""use":"sig""#, r#""use":"enc""#);
    for unusable in ["", "[]", "{}", r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, &encrypting] {
        assert!(Scheme::published_keys(unusable).is_empty(), "{unusable}");
    }
    assert_eq!(Scheme::published_keys(CERTIFICATE).len(), 1);
    assert_eq!(Scheme::published_keys(&json!({ "k1": CERTIFICATE }).to_string()).len(), 1);
}

#[test]
fn each_of_several_headers_may_have_the_signature() {
    let github = scheme(json!({ "scheme": "github" }));
    let mut signed = signed("github", URL, NOW_S);
    signed.headers.insert(0, (signed.headers[0].0, format!("sha256={}", "00".repeat(32))));
    let key = [github.key(&signed.secret).unwrap()];
    assert_eq!(Attempt::of(&signed).verify(&github, &key), Ok(()));
    let either = scheme(json!({
        "scheme": "generic", "header": ["X-First", "X-Hub-Signature-256"], "prefix": "sha256=",
    }));
    signed.headers[0] = ("x-first", "sha256=00".to_owned());
    assert_eq!(Attempt::of(&signed).verify(&either, &key), Ok(()));
    signed.headers.truncate(1);
    assert_eq!(Attempt::of(&signed).verify(&either, &key), Err(Rejection::NoMatch));
}

#[test]
fn each_item_must_have_the_secret() {
    let scheme = scheme(verification("microsoft_graph"));
    let key = [scheme.key("s").unwrap()];
    let with = |body: Value| {
        let body = body.to_string();
        let attempt = Attempt { method: "POST", url: URL, headers: vec![], body: body.as_bytes(), now_s: NOW_S };
        attempt.verify(&scheme, &key)
    };
    let missing = Err(Rejection::SecretMissing("field `/value/*/clientState`".to_owned()));
    assert_eq!(with(json!({ "value": [{ "clientState": "s" }, { "clientState": "s" }] })), Ok(()));
    assert_eq!(with(json!({ "value": [{ "clientState": "s" }, { "clientState": "x" }] })), Err(Rejection::NoMatch));
    assert_eq!(with(json!({ "value": [{ "clientState": "s" }, {}] })), missing);
    assert_eq!(with(json!({ "value": [] })), missing);
    assert_eq!(with(json!({})), missing);
}

#[test]
fn generic_schemes_sign_what_vendors_sign() {
    let key = b"the-shared-secret";
    let date = "Thu, 01 Jan 2026 00:00:00 GMT";
    let body_digest = {
        use sha2::Digest;
        hex::encode(sha2::Sha256::digest(JSON))
    };
    let header = |text: &str| hex::encode(hmac::<sha2::Sha256>(key, text.as_bytes()));
    let body = std::str::from_utf8(JSON).unwrap();
    let (micros, fraction) = (format!("{NOW_S}000007"), format!("{NOW_S}.25"));
    let cases = [
        (
            json!({ "text": "{body}{timestamp}", "timestamp": "x-t", "unit": "http_date" }),
            format!("{body}{date}"),
            date,
        ),
        (
            json!({ "text": "{timestamp}.{body}", "timestamp": "x-t", "unit": "us" }),
            format!("{micros}.{body}"),
            micros.as_str(),
        ),
        (json!({ "text": "{timestamp}.{body}", "timestamp": "x-t" }), format!("{fraction}.{body}"), fraction.as_str()),
        (
            json!({ "text": "{timestamp}.{body}", "timestamp": "x-t", "tolerance_s": null }),
            format!("yesterday.{body}"),
            "yesterday",
        ),
        (
            json!({ "text": "{timestamp}.{body}", "timestamp": "x-t", "tolerance_s": false }),
            format!("yesterday.{body}"),
            "yesterday",
        ),
        (
            json!({ "text": "{method} {path} {header:X-T} {sha256}" }),
            format!("POST /v1/hooks/web/abc a {body_digest}"),
            "a",
        ),
        (json!({ "text": "{pathAndQuery}{crc32}" }), format!("/v1/hooks/web/abc{}", crc32fast::hash(JSON)), ""),
    ];
    for (settings, text, value) in cases {
        let mut config = json!({ "scheme": "generic", "header": "x-s" });
        config.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let generic = scheme(config);
        let headers = vec![("x-s", header(&text)), ("x-t", value.to_owned())];
        let attempt = Attempt { method: "POST", url: URL, headers, body: JSON, now_s: NOW_S };
        let key = [generic.key("the-shared-secret").unwrap()];
        assert_eq!(attempt.verify(&generic, &key), Ok(()), "{settings}");
        let changed = Attempt { body: b"{}", ..attempt };
        assert_eq!(changed.verify(&generic, &key), Err(Rejection::NoMatch), "{settings}");
    }
}

#[test]
fn public_keys_may_be_written_as_vendors_show_them() {
    let rsa_scheme = |algorithm: &str| scheme(json!({ "scheme": "generic", "header": "x-s", "algorithm": algorithm }));
    let base64: String = RSA_PUBLIC.lines().filter(|line| !line.starts_with("---")).collect();
    let wrapped = RSA_PUBLIC.lines().filter(|line| !line.starts_with("---")).collect::<Vec<_>>().join("\n");
    for form in [RSA_PUBLIC, CERTIFICATE, &base64, &wrapped] {
        assert!(rsa_scheme("rsa-sha256").key(form).is_ok(), "{form}");
        assert!(rsa_scheme("ecdsa-p256").key(form).is_err(), "{form}");
    }
    let random = ring::rand::SystemRandom::new();
    let pkcs8 = ring::signature::Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let pair = ring::signature::Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let public = ring::signature::KeyPair::public_key(&pair).as_ref().to_vec();
    let der = [&hex::decode("302a300506032b6570032100").unwrap(), &public[..]].concat();
    let encode = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", encode(&der));
    let ed25519 = rsa_scheme("ed25519");
    for form in [encode(&public), encode(&der), pem] {
        assert_eq!(ed25519.key(&form), ed25519.key(&encode(&public)), "{form}");
    }
}

proptest! {
    /// No document makes the reader panic, and no secret a key of another kind.
    #[test]
    fn any_document_is_read(text in "\\PC{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200), place in 0_usize..1_000) {
        let _ = Scheme::published_keys(&text);
        let sns = scheme(verification("aws_sns"));
        let _ = sns.key(&text);
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes);
        let _ = sns.key(&encoded);
        // A damaged certificate is read or refused.
        let mut damaged: Vec<char> = CERTIFICATE.chars().collect();
        let place = place % damaged.len();
        damaged[place] = 'A';
        let _ = sns.key(&damaged.into_iter().collect::<String>());
    }
}
