//! Signatures: published examples, what each vendor signs and what a forger tries, schemes from JSON.

use bytes::Bytes;
use hookflow::base::time::Timestamp;
use hookflow::objects::Problem;
use hookflow::signature::{Key, Rejection, Scheme, UnverifiedRequest, names, preset};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::signing::{PUBLIC_KEY, Signed, URL, signed};
use crate::support::signing_vendors::verification;

/// Published by vendors and by authors of libraries; each case names where.
const CONFORMANCE: &str = include_str!("conformance/signatures.json");
const NOW_S: i64 = 1_767_225_600;

fn seconds(seconds: i64) -> Timestamp {
    Timestamp(seconds * 1_000_000)
}

/// What is wrong with a request, if anything is.
fn verify(
    scheme: &Scheme,
    keys: &[Key],
    (method, url): (&str, &str),
    (headers, body): (&[(&str, String)], &[u8]),
    now: Timestamp,
) -> Result<(), Rejection> {
    let header = |wanted: &str, position: usize| {
        let mut found = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.nth(position).map(|(_, value)| value.as_bytes())
    };
    let place = url.split_at(url.find('?').unwrap_or(url.len()));
    let received = UnverifiedRequest::new(method, place, &header, Bytes::copy_from_slice(body));
    let verified = scheme.verify(keys, received, now)?;
    assert_eq!(verified.into_parts().0, body);
    Ok(())
}

#[test]
fn published_examples_behave_as_they_should() {
    let cases: Vec<Value> = serde_json::from_str(CONFORMANCE).unwrap();
    assert_eq!(cases.len(), 84);
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let mut config = match case["provider"].as_str().unwrap() {
            "generic_hmac" => {
                let mut config = case["config"].clone();
                config["scheme"] = json!("generic");
                config
            }
            provider => json!({ "scheme": provider }),
        };
        if let Some(tolerance_s) = case["tolerance_seconds"].as_i64() {
            config["tolerance_s"] = json!(tolerance_s);
        }
        let scheme = Scheme::read(&config).unwrap_or_else(|problems| panic!("{id}: {problems:?}"));
        let secrets = match case["secrets"].as_array() {
            Some(secrets) => secrets.iter().map(|secret| secret.as_str().unwrap()).collect(),
            None => vec![case["secret"].as_str().unwrap()],
        };
        let keys: Vec<Key> = secrets.into_iter().filter_map(|secret| scheme.key(secret).ok()).collect();
        let headers = case["headers"].as_object().unwrap();
        let headers: Vec<(&str, String)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap().to_owned())).collect();
        let address = (case["method"].as_str().unwrap(), case["url"].as_str().unwrap_or(URL));
        let body = case["body"].as_str().unwrap().as_bytes();
        let now = seconds(case["timestamp"].as_i64().unwrap_or(NOW_S));
        let verified = verify(&scheme, &keys, address, (&headers, body), now);
        assert_eq!(verified.is_ok(), case["expected"].as_bool().unwrap(), "{id}: {verified:?}");
    }
}

fn kinds() -> impl Iterator<Item = &'static str> {
    names().chain([PUBLIC_KEY])
}

fn example(kind: &str) -> (Scheme, Signed) {
    let name = kind.split(' ').next().unwrap();
    (Scheme::read(&verification(name)).unwrap(), signed(kind, URL, NOW_S))
}

fn verify_example(scheme: &Scheme, signed: &Signed, secrets: &[&str], now_s: i64) -> Result<(), Rejection> {
    let keys: Vec<Key> = secrets.iter().map(|secret| scheme.key(secret).unwrap()).collect();
    verify(scheme, &keys, ("POST", URL), (&signed.headers, &signed.body), seconds(now_s))
}

#[test]
fn what_a_vendor_signs_passes_with_any_of_the_secrets() {
    for kind in kinds() {
        let (scheme, signed) = example(kind);
        let (own, other) = (signed.secret.as_str(), signed.other_secret.as_str());
        for secrets in [vec![own], vec![other, own], vec![own, other]] {
            assert_eq!(verify_example(&scheme, &signed, &secrets, NOW_S), Ok(()), "{kind}");
        }
        assert_eq!(verify_example(&scheme, &signed, &[other], NOW_S), Err(Rejection::NoMatch), "{kind}");
        assert_eq!(verify_example(&scheme, &signed, &[], NOW_S), Err(Rejection::NoSecret), "{kind}");
    }
}

#[test]
fn one_changed_byte_does_not_pass() {
    for kind in kinds() {
        let (scheme, signed) = example(kind);
        if let Some(place) = signed.signed_byte {
            let mut changed = signed.clone();
            changed.body[place] ^= 1;
            let verified = verify_example(&scheme, &changed, &[&signed.secret], NOW_S);
            let expected = match kind {
                "vonage_jwt" | "netlify" | "plaid" | "fusionauth" => Rejection::BodyNotSigned,
                _ => Rejection::NoMatch,
            };
            assert_eq!(verified, Err(expected), "{kind}");
        }
        // Their examples hold signatures that are passed over, which may be anything, or only headers that aren't signed.
        let unsigned = ["stripe", "paddle", "persona", "braintree", "aws_sns"];
        if unsigned.contains(&kind) || signed.headers.is_empty() {
            continue;
        }
        for place in 0..signed.headers[0].1.len() {
            let mut changed = signed.clone();
            let (name, value) = changed.headers[0].clone();
            let mut bytes = value.into_bytes();
            bytes[place] ^= 1;
            changed.headers[0] = (name, String::from_utf8(bytes).unwrap());
            let verified = verify_example(&scheme, &changed, &[&signed.secret], NOW_S);
            assert!(verified.is_err(), "{kind}: {:?}", changed.headers[0]);
        }
    }
}

#[test]
fn what_was_signed_for_a_body_does_not_pass_for_a_query() {
    for kind in kinds() {
        let (scheme, signed) = example(kind);
        let key = [scheme.key(&signed.secret).unwrap()];
        let url = format!("{URL}?orderId=4711");
        let verified = verify(&scheme, &key, ("GET", &url), (&signed.headers, &signed.body), seconds(NOW_S));
        let expected = match kind {
            // They prove who sends, not what.
            "gitlab" | "basic" | "microsoft_graph" => Ok(()),
            "atlassian_connect" => Err(Rejection::ClaimUnexpected("qsh".to_owned())),
            "twilio" | "hubspot_v2" | "hubspot_v3" | "square" | "iadvize" | "contentful" => Err(Rejection::NoMatch),
            _ => Err(Rejection::QueryNotSigned),
        };
        assert_eq!(verified, expected, "{kind}");
    }
}

#[test]
fn a_configured_query_matches_no_other() {
    let with_query = format!("{URL}?a=1");
    let signed = signed("square", &with_query, NOW_S);
    let scheme = Scheme::read(&json!({ "scheme": "square", "url": with_query })).unwrap();
    let key = [scheme.key(&signed.secret).unwrap()];
    let with = |method: &str, query: &str| {
        let url = format!("http://10.0.0.7:8080/v1/hooks/web/abc{query}");
        verify(&scheme, &key, (method, &url), (&signed.headers, &signed.body), seconds(NOW_S))
    };
    assert_eq!(with("GET", "?a=1"), Ok(()));
    assert_eq!(with("GET", ""), Ok(()));
    assert_eq!(with("GET", "?a=2"), Err(Rejection::QueryNotSigned));
    // Of a POST request, the body is what counts.
    assert_eq!(with("POST", "?a=2"), Ok(()));
}

#[test]
fn a_missing_header_is_named() {
    for kind in kinds() {
        let (scheme, signed) = example(kind);
        for missing in 0..signed.headers.len() {
            let mut changed = signed.clone();
            let (name, _) = changed.headers.remove(missing);
            let expected = match name {
                // The other one is that of another key.
                "x-docusign-signature-2" => Rejection::NoMatch,
                "x-docusign-signature-1" => continue,
                "box-signature-secondary" => Rejection::HeaderMissing("box-signature-primary".to_owned()),
                "content-type" if kind == "aws_sns" => continue,
                "content-type" if kind == "braintree" => continue,
                "content-type" if kind == "coinbase" => Rejection::HeaderMissing(name.to_owned()),
                "content-type" => Rejection::BodyNotSigned,
                "x-hubspot-signature-version" => continue,
                _ => Rejection::HeaderMissing(name.to_owned()),
            };
            assert_eq!(verify_example(&scheme, &changed, &[&signed.secret], NOW_S), Err(expected), "{kind}");
        }
    }
}

#[test]
fn old_requests_do_not_pass_nor_early_ones_where_the_vendor_says_so() {
    let within = |kind: &str| match kind {
        "standard_webhooks" | PUBLIC_KEY | "svix" | "slack" | "mailgun" | "hubspot_v3" | "zoom" | "webflow" => {
            Some((300, true))
        }
        "klaviyo" | "recurly" | "persona" | "coinbase" | "contentful" => Some((300, true)),
        "vonage_jwt" | "plaid" => Some((300, true)),
        "box" => Some((600, true)),
        "aws_sns" => Some((3_600, true)),
        "stripe" => Some((300, false)),
        "elevenlabs" => Some((1_800, false)),
        "paddle" => Some((5, false)),
        _ => None,
    };
    for kind in kinds() {
        let (scheme, signed) = example(kind);
        let at = |now_s| verify_example(&scheme, &signed, &[&signed.secret], now_s);
        let Some((tolerance_s, both)) = within(kind) else {
            let expires = ["google_pubsub", "atlassian_connect", "monday"].contains(&kind);
            assert_eq!(at(NOW_S + 1_000_000), if expires { Err(Rejection::Stale) } else { Ok(()) }, "{kind}");
            continue;
        };
        assert_eq!(at(NOW_S + tolerance_s), Ok(()), "{kind}");
        assert_eq!(at(NOW_S + tolerance_s + 1), Err(Rejection::Stale), "{kind}");
        assert_eq!(at(NOW_S - tolerance_s), Ok(()), "{kind}");
        assert_eq!(at(NOW_S - tolerance_s - 1), if both { Err(Rejection::Early) } else { Ok(()) }, "{kind}");
        // What a second has begun with counts until it is over.
        let key = [scheme.key(&signed.secret).unwrap()];
        let late = Timestamp((NOW_S + tolerance_s) * 1_000_000 + 999_999);
        assert_eq!(verify(&scheme, &key, ("POST", URL), (&signed.headers, &signed.body), late), Ok(()), "{kind}");
    }
}

#[test]
fn a_tolerance_can_be_set() {
    for (kind, tolerance_s) in [("stripe", 600), ("zendesk", 60), ("sendgrid", 60), ("mailgun", 30)] {
        let scheme = Scheme::read(&json!({ "scheme": kind, "tolerance_s": tolerance_s })).unwrap();
        let signed = signed(kind, URL, NOW_S);
        let at = |now_s| verify_example(&scheme, &signed, &[&signed.secret], now_s);
        assert_eq!(at(NOW_S + tolerance_s), Ok(()), "{kind}");
        assert_eq!(at(NOW_S + tolerance_s + 1), Err(Rejection::Stale), "{kind}");
        assert_eq!(at(NOW_S - tolerance_s), Ok(()), "{kind}");
        let early = if kind == "stripe" { Ok(()) } else { Err(Rejection::Early) };
        assert_eq!(at(NOW_S - tolerance_s - 1), early, "{kind}");
    }
}

#[test]
fn secrets_that_cannot_be_used_are_refused() {
    for (kind, secret, expected) in [
        ("github", "", "the secret is empty"),
        ("standard_webhooks", "whsec_", "a key in base64, with an optional prefix `whsec_`"),
        (
            "standard_webhooks",
            "whpk_AAAA",
            "an Ed25519 public key or certificate as PEM, or the key's DER or bytes in base64, with the prefix `whpk_`",
        ),
        ("standard_webhooks", "not base64!", "a key in base64"),
        ("sendgrid", "AAAA", "a P-256 public key or certificate as PEM, or the key's DER or bytes in base64"),
        ("adyen", "no hex", "a key in hex"),
    ] {
        let error = preset(kind).unwrap().key(secret).unwrap_err().to_string();
        assert!(error.contains(expected), "{kind}: {error}");
        assert!(secret.is_empty() || secret.len() < 7 || !error.contains(secret), "{error}");
    }
}

#[test]
fn a_secret_may_lack_padding_or_be_arbitrary() {
    let scheme = preset("standard_webhooks").unwrap();
    let key = |secret: &str| scheme.key(secret).unwrap();
    assert_eq!(key("whsec_MDEyMzQ1Njc4OQ"), key("MDEyMzQ1Njc4OQ=="));
    assert_eq!(key("whsec_MDEyMzQ1Njc4OR=="), key("whsec_MDEyMzQ1Njc4OQ=="));
}

#[test]
fn twilio_signs_other_bodies_by_their_hash() {
    let scheme = preset("twilio").unwrap();
    let key = [scheme.key("12345").unwrap()];
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=\
               0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    let headers = [("x-twilio-signature", "a9nBmqA0ju/hNViExpshrM61xv4=".to_owned())];
    let with = |body: &[u8]| verify(&scheme, &key, ("POST", url), (&headers, body), seconds(NOW_S));
    assert_eq!(with(br#"{"property": "value", "boolean": true}"#), Ok(()));
    assert_eq!(with(br#"{"property": "other", "boolean": true}"#), Err(Rejection::BodyNotSigned));
}

#[test]
fn mailgun_signs_forms_of_both_kinds() {
    let scheme = preset("mailgun").unwrap();
    let key = [scheme.key("tbsy84uSV1Kt3ZJZELY2TmShPRs91E3yL4tzf96297vBCkDWgL").unwrap()];
    let parts = [
        ("timestamp", "1539112500"),
        ("token", "7VwW7k6Ak7zcTwoSoNm7aTtbk1g67MKAnsYLfUB7PdszbgR5Xi"),
        ("signature", "ef24c5225322217bb065b80bb54eb4f9206d764e3e16abab07f0a64d1cf477cc"),
    ];
    let part = |(name, value)| format!("--xy\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let body = format!("{}--xy--\r\n", parts.map(part).concat());
    let headers = [("content-type", "multipart/form-data; boundary=xy".to_owned())];
    let with = |body: &str| verify(&scheme, &key, ("POST", URL), (&headers, body.as_bytes()), seconds(1_539_112_500));
    assert_eq!(with(&body), Ok(()));
    assert_eq!(with(&body.replace("7VwW", "8VwW")), Err(Rejection::NoMatch));
    assert_eq!(with("--xy--"), Err(Rejection::BodyMalformed));
}

#[test]
fn an_event_of_a_mailgun_subaccount_passes_with_the_key_of_either_account() {
    let scheme = preset("mailgun").unwrap();
    let sign = |key: &[u8]| {
        use hmac::{Hmac, KeyInit, Mac};
        let mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
        hex::encode(mac.chain_update(format!("{NOW_S}tok")).finalize().into_bytes())
    };
    let signature = json!({
        "timestamp": NOW_S, "token": "tok", "signature": sign(b"subaccount"), "parent-signature": sign(b"account"),
    });
    let body = json!({ "signature": signature, "event-data": {} }).to_string();
    let with = |key: &str| {
        let headers = [("content-type", "application/json".to_owned())];
        verify(&scheme, &[scheme.key(key).unwrap()], ("POST", URL), (&headers, body.as_bytes()), seconds(NOW_S))
    };
    assert_eq!(with("subaccount"), Ok(()));
    assert_eq!(with("account"), Ok(()));
    assert_eq!(with("another"), Err(Rejection::NoMatch));
}

#[test]
fn github_takes_a_list_of_signatures() {
    let (scheme, signed) = example("github");
    let (name, own) = signed.headers[0].clone();
    let with = |value: String| {
        let headers = vec![(name, value)];
        verify_example(&scheme, &Signed { headers, ..signed.clone() }, &[&signed.secret], NOW_S)
    };
    assert_eq!(with(format!("sha256=00,sha1=00, {own}")), Ok(()));
    assert_eq!(with(own.replace("sha256=", "sha256=00")), Err(Rejection::NoMatch));
}

#[test]
fn the_scheme_before_a_password_may_have_any_case() {
    for name in ["Basic", "basic", "BASIC", "Bearer"] {
        let (scheme, signed) = example("basic");
        let value = signed.headers[0].1.replacen("Basic", name, 1);
        let headers = vec![(signed.headers[0].0, value)];
        let verified = verify_example(&scheme, &Signed { headers, ..signed.clone() }, &[&signed.secret], NOW_S);
        assert_eq!(verified, if name == "Bearer" { Err(Rejection::NoMatch) } else { Ok(()) }, "{name}");
    }
    let (scheme, signed) = example("github");
    let headers = vec![(signed.headers[0].0, signed.headers[0].1.to_uppercase())];
    let verified = verify_example(&scheme, &Signed { headers, ..signed.clone() }, &[&signed.secret], NOW_S);
    assert_eq!(verified, Err(Rejection::NoMatch));
}

#[test]
fn every_item_by_adyen_has_to_be_signed() {
    let (scheme, signed) = example("adyen");
    let body: Value = serde_json::from_slice(&signed.body).unwrap();
    let mut items = body["notificationItems"].as_array().unwrap().clone();
    let mut forged = items[0].clone();
    forged["NotificationRequestItem"]["amount"]["value"] = json!(1);
    let with = |items: &[Value]| {
        let body = json!({ "notificationItems": items }).to_string().into_bytes();
        verify_example(&scheme, &Signed { body, ..signed.clone() }, &[&signed.secret], NOW_S)
    };
    assert_eq!(with(&items), Ok(()));
    items.push(forged);
    assert_eq!(with(&items), Err(Rejection::NoMatch));
    assert_eq!(with(&[]), Err(Rejection::BodyMalformed));
}

#[test]
fn adyen_separates_fields_by_what_may_be_in_them() {
    let scheme = preset("adyen").unwrap();
    let signed_as = |text: &str| {
        use base64::Engine;
        use hmac::{Hmac, KeyInit, Mac};
        let mac = Hmac::<sha2::Sha256>::new_from_slice(&[0xab]).unwrap();
        let made = mac.chain_update(text.as_bytes()).finalize().into_bytes();
        let item = json!({
            "pspReference": "7914", "merchantReference": r"a:\b", "eventCode": "CAPTURE", "success": true,
            "additionalData": { "hmacSignature": base64::engine::general_purpose::STANDARD.encode(made) },
        });
        let body = json!({ "notificationItems": [{ "NotificationRequestItem": item }] }).to_string();
        verify(&scheme, &[scheme.key("ab").unwrap()], ("POST", URL), (&[], body.as_bytes()), seconds(NOW_S))
    };
    assert_eq!(signed_as(r"7914:::a:\b:::CAPTURE:true"), Ok(()));
    assert_eq!(signed_as(r"7914:::a\:\\b:::CAPTURE:true"), Ok(()));
    assert_eq!(signed_as(r"7914:::a:b:::CAPTURE:true"), Err(Rejection::NoMatch));
}

#[test]
fn iadvize_signs_the_query_of_a_get() {
    let scheme = preset("iadvize").unwrap();
    let made = {
        use hmac::{Hmac, KeyInit, Mac};
        let mac = Hmac::<sha2::Sha256>::new_from_slice(b"secret").unwrap();
        hex::encode(mac.chain_update(b"a=1&b=2").finalize().into_bytes())
    };
    let headers = [("x-iadvize-signature", format!("sha256={made}"))];
    let key = [scheme.key("secret").unwrap()];
    let with = |query: &str| {
        let url = format!("{URL}?{query}");
        verify(&scheme, &key, ("GET", &url), (&headers, b""), seconds(NOW_S))
    };
    assert_eq!(with("a=1&b=2"), Ok(()));
    assert_eq!(with("a=1&b=3"), Err(Rejection::NoMatch));
}

#[test]
fn a_hook_behind_a_proxy_is_known_by_the_address_that_the_sender_uses() {
    let signed = signed("square", URL, NOW_S);
    let scheme = Scheme::read(&json!({ "scheme": "square", "url": URL })).unwrap();
    let key = [scheme.key(&signed.secret).unwrap()];
    let inside = ("POST", "http://10.0.0.7:8080/v1/hooks/web/abc");
    assert_eq!(verify(&scheme, &key, inside, (&signed.headers, &signed.body), seconds(NOW_S)), Ok(()));
}

#[test]
fn the_generic_scheme_says_what_others_do() {
    let slack = json!({
        "scheme": "generic", "header": "X-Slack-Signature", "prefix": "v0=", "text": "v0:{timestamp}:{body}",
        "timestamp": "X-Slack-Request-Timestamp",
    });
    let stripe = json!({
        "scheme": "generic", "header": "Stripe-Signature", "separator": ",", "prefix": "v1=",
        "timestamp": { "prefix": "t=" }, "text": "{timestamp}.{body}", "tolerance_s": 300,
    });
    let sendgrid = json!({
        "scheme": "generic", "header": "X-Twilio-Email-Event-Webhook-Signature", "algorithm": "ecdsa-p256",
        "encoding": "base64", "timestamp": "X-Twilio-Email-Event-Webhook-Timestamp",
        "text": "{timestamp}{body}",
    });
    let webhooks = json!({
        "scheme": "generic", "header": "Webhook-Signature", "separator": " ", "prefix": "v1,", "id": "Webhook-Id",
        "timestamp": "Webhook-Timestamp", "text": "{id}.{timestamp}.{body}", "key": "base64", "encoding": "base64",
    });
    let gitlab = json!({ "scheme": "generic", "header": "X-Gitlab-Token", "algorithm": "token" });
    for (kind, config) in [
        ("slack", slack),
        ("stripe", stripe),
        ("sendgrid", sendgrid),
        ("standard_webhooks", webhooks),
        ("gitlab", gitlab),
    ] {
        let scheme = Scheme::read(&config).unwrap();
        let signed = signed(kind, URL, NOW_S);
        let secret = signed.secret.trim_start_matches("whsec_");
        assert_eq!(verify_example(&scheme, &signed, &[secret], NOW_S), Ok(()), "{kind}");
        let stale = verify_example(&scheme, &signed, &[secret], NOW_S + 301);
        assert_eq!(stale, if kind == "gitlab" { Ok(()) } else { Err(Rejection::Stale) }, "{kind}");
    }
}

#[test]
fn a_public_key_may_be_written_in_hexadecimal_characters() {
    use ring::signature::{Ed25519KeyPair, KeyPair};
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let scheme = Scheme::read(&json!({
        "scheme": "generic", "header": "X-Signature-Ed25519", "algorithm": "ed25519", "key": "hex",
        "timestamp": "X-Signature-Timestamp", "text": "{timestamp}{body}",
    }))
    .unwrap();
    let signature = hex::encode(pair.sign(format!("{NOW_S}{{}}").as_bytes()));
    let headers = [("x-signature-ed25519", signature), ("x-signature-timestamp", NOW_S.to_string())];
    let key = [scheme.key(&hex::encode(pair.public_key())).unwrap()];
    let with = |body: &[u8]| verify(&scheme, &key, ("POST", URL), (&headers, body), seconds(NOW_S));
    assert_eq!(with(b"{}"), Ok(()));
    assert_eq!(with(b"[]"), Err(Rejection::NoMatch));
    let error = scheme.key("00").unwrap_err().to_string();
    assert_eq!(
        error,
        "a secret of a `generic` hook must be an Ed25519 public key or certificate as PEM, or the key's DER or bytes in hex"
    );
}

#[test]
fn everything_that_is_wrong_with_a_scheme_is_told() {
    let problems = |config: Value| {
        let problems = Scheme::read(&config).unwrap_err();
        let told = |Problem { pointer, message }: Problem| format!("{pointer}: {message}");
        problems.into_iter().map(told).collect::<Vec<_>>()
    };
    insta::assert_debug_snapshot!([
        problems(json!("stripe")),
        problems(json!({})),
        problems(json!({ "scheme": "strip" })),
        problems(json!({ "scheme": "github", "tolerance_s": 5, "url": "https://example.com", "header": "X" })),
        problems(json!({ "scheme": "stripe", "tolerance_s": 0 })),
        problems(json!({
            "scheme": "generic", "header": "a b", "text": "{time}.{body", "algorithm": "md4", "encoding": "hexx",
            "key": 1, "separator": ", ", "timestamp": {}, "unit": "days", "url": "example.com",
        })),
        problems(json!({ "scheme": "generic", "header": "X-Sig", "text": "{id}.{timestamp}.{body}" })),
        problems(json!({ "scheme": "generic", "header": "X-Sig", "timestamp": "X-Time", "tolerance_s": 5 })),
        problems(json!({ "scheme": "generic", "header": "X-Sig", "text": "{bdy}" })),
        problems(json!({ "scheme": "generic", "header": "X-Sig", "timestamp": { "prefix": "t=" } })),
    ]);
}

proptest! {
    /// Nobody passes by chance, and nothing that is sent makes the verifier panic.
    #[test]
    fn any_request_is_refused(
        method in "GET|POST|PUT",
        url in "https?://[ -~]{0,40}|\\PC{0,40}",
        values in proptest::collection::vec("[ -~]{0,60}|(v1|v0|t|ts|h1|sha256)=[0-9a-f,;]{0,80}|[0-9]{0,22}", 8),
        media in "application/json|application/x-www-form-urlencoded|multipart/form-data; boundary=b?",
        body in "[ -~]{0,60}|(--b|\r\n\r\n| name=\"token\"|timestamp=&|token=%2|signature){0,9}|\
                 \\{\"signature\":\\{\"timestamp\":1?,\"token\":\"\",\"signature\":\"[a-f0-9]*\"\\}\\}",
    ) {
        for kind in kinds() {
            let (scheme, signed) = example(kind);
            let names = signed.headers.iter().map(|(name, _)| *name);
            let mut headers: Vec<(&str, String)> = names.zip(values.iter().cloned()).collect();
            headers.insert(0, ("content-type", media.clone()));
            let key = [scheme.key(&signed.secret).unwrap()];
            prop_assert!(verify(&scheme, &key, (&method, &url), (&headers, body.as_bytes()), seconds(NOW_S)).is_err());
        }
    }

    /// Any configuration is a scheme or has faults, and any text is a valid or an invalid key.
    #[test]
    fn any_scheme_is_read(
        text in "(\\{(id|timestamp|body|url|query|sortedForm|x)\\}|[{}:.a]){0,6}", word in "\\PC{0,12}", secret in "\\PC{0,50}",
    ) {
        let config = json!({
            "scheme": "generic", "header": word.clone(), "text": text, "separator": word.clone(), "timestamp": word.clone(),
        });
        if let Ok(scheme) = Scheme::read(&config) {
            drop(scheme.key(&secret));
        }
        for name in names() {
            drop(preset(name).unwrap().key(&secret));
        }
    }
}
