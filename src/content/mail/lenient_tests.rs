//! Mails that break the rules in ways that real senders do, and the webhooks of further providers.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::content::{Content, ContentError, Notes};

fn read(content_type: &str, body: impl Into<Vec<u8>>) -> Result<Value, ContentError> {
    Content::of_mail(Some(content_type), None, None).unwrap().read(&Bytes::from(body.into()), &mut Notes::default())
}

/// Parses a raw mail from its lines.
fn mail(lines: &[&str]) -> Value {
    read("message/rfc822", lines.join("\r\n")).unwrap()
}

fn subject(value: &str) -> Value {
    mail(&[&format!("Subject: {value}"), "", ""])["subject"].clone()
}

#[test]
fn folded_parameters_are_unfolded_first() {
    let data = mail(&[
        "Content-Type: multipart/mixed; boundary=",
        " \"b\"",
        "",
        "--b",
        "Content-Type: text/plain; charset=",
        "\tiso-8859-1",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "caf=E9",
        "--b",
        "Content-Disposition: attachment; filename=",
        " \"x.pdf\"",
        "",
        "bytes",
        "--b--",
    ]);
    assert_eq!(data["text"], "café");
    assert_eq!(data["attachments"][0]["name"], "x.pdf");
    assert_eq!(data["notes"], json!([]));
}

#[test]
fn base64_in_encoded_words_needs_no_padding() {
    for (value, expected) in [
        ("=?utf-8?b?T3JkZXIgNTY3OA?=", "Order 5678"),
        ("=?utf-8?b?w6k?=", "é"),
        ("=?utf-8?B?T3JkZXI=?= =?utf-8?B?IDU2Nzg?=", "Order 5678"),
        ("=?utf-8?B?T3JkZXI?= and =?utf-8?B?IDU2Nzg?= more", "Order and  5678 more"),
        ("=?iso-8859-1?Q?caf=E9?= =?utf-8?Q?_=C3=A9?=", "café é"),
        ("=?utf-8?x?y?=", "=?utf-8?x?y?="),
        ("a =? b", "a =? b"),
    ] {
        assert_eq!(subject(value), expected, "{value}");
    }
}

#[test]
fn words_cut_within_a_character_are_joined() {
    assert_eq!(subject("=?utf-8?Q?Gr=C3?= =?UTF-8?Q?=BC=C3=9Fe?="), "Grüße");
    assert_eq!(subject("=?utf-8?Q?Gr=C3?=\r\n =?utf-8?B?vMOfZQ?="), "Grüße");
    let data = mail(&[
        "From: =?utf-8?Q?Gr=C3?= =?utf-8?Q?=BC=C3=9Fe?= <a@x.example>",
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--b",
        "Content-Disposition: attachment; filename*0*=utf-8''caf%C3; filename*1*=%A9.pdf",
        "",
        "1",
        "--b",
        "Content-Disposition: attachment; filename=\"=?utf-8?Q?caf=C3?= =?utf-8?Q?=A9.pdf?=\"",
        "",
        "2",
        "--b",
        "Content-Disposition: attachment; filename*0=\"a b\"; filename*1=\"c.pdf\"",
        "",
        "3",
        "--b--",
    ]);
    assert_eq!(data["from"], json!({ "name": "Grüße", "address": "a@x.example" }));
    let names: Vec<&Value> = data["attachments"].as_array().unwrap().iter().map(|file| &file["name"]).collect();
    assert_eq!(names, ["café.pdf", "café.pdf", "a bc.pdf"]);
}

#[test]
fn transfer_encodings_are_decoded_or_noted() {
    let with = |encoding: &str, body: &str| {
        let data =
            mail(&["Content-Type: text/plain; name=f", &format!("Content-Transfer-Encoding: {encoding}"), "", body]);
        (data["attachments"][0]["sizeBytes"].clone(), data["notes"].clone())
    };
    let foreign = json!(["part 1 has characters that are not base64, which are ignored"]);
    assert_eq!(with("base64", "Q2F0"), (json!(3), json!([])));
    assert_eq!(with("base64", "Q2!F0"), (json!(3), foreign.clone()));
    assert_eq!(with("base64", "Q2F0\u{0}IQ==\r\n_____\r\nthe footer of a list"), (json!(4), foreign));
    assert_eq!(with("\"base64\"", "Q2F0").0, 3);
    assert_eq!(with("base64 (comment)", "Q2F0").0, 3);
    assert_eq!(with("x-uuencode", "begin 644 cat.txt\r\n#0V%T\r\n`\r\nend"), (json!(3), json!([])));
    let unknown = json!(["part 1 has an unknown transfer encoding; it is left as sent"]);
    assert_eq!(with("x-other", "Q2F0"), (json!(4), unknown));
}

#[test]
fn odd_addresses_are_read() {
    let from = |value: &str| mail(&[&format!("From: {value}"), "", ""])["from"].clone();
    for (value, name, address) in [
        (r#""john..doe"@bug.example"#, Value::Null, r#""john..doe"@bug.example"#),
        (r#"Ann <"big bug"@x.example>"#, json!("Ann"), r#""big bug"@x.example"#),
        ("<@relay.example:j@x.example>", Value::Null, "j@x.example"),
        ("Ann <@a.example,@b.example:j@x.example>", json!("Ann"), "j@x.example"),
        ("j . d @ x . example", Value::Null, "j.d@x.example"),
    ] {
        assert_eq!(from(value), json!({ "name": name, "address": address }), "{value}");
    }
}

#[test]
fn a_header_block_may_end_without_an_empty_line() {
    let note = json!(["the header fields end without an empty line"]);
    let data = read("message/rfc822", "Subject: s\r\nthis is body\r\n").unwrap();
    assert_eq!((&data["text"], &data["notes"]), (&json!("this is body\n"), &note));
    let data = read("message/rfc822", "Subject: s\r\n \r\nthis is body\r\n").unwrap();
    assert_eq!((&data["subject"], &data["text"]), (&json!("s"), &json!("this is body\n")));
    // A line that is no field is passed over if fields follow.
    let data = read("message/rfc822", "Subject: s\r\nnonsense\r\nTo: a@x.example\r\n\r\ntext").unwrap();
    assert_eq!((&data["text"], &data["to"][0]["address"]), (&json!("text"), &json!("a@x.example")));
    assert_eq!(data["notes"], json!([]));
}

const RAW: &str = "From: a@x.example\r\nSubject: s\r\n\r\ntext";

#[test]
fn webhooks_that_wrap_a_raw_mail_are_opened() {
    let ses = |encoding: &str, content: &str| {
        let message = json!({
            "notificationType": "Received", "content": content, "mail": { "source": "bounce@x.example" },
            "receipt": {
                "recipients": ["orders@shop.example"], "spamVerdict": { "status": "PASS" }, "action": { "encoding": encoding },
            },
        });
        let body = json!({ "Type": "Notification", "TopicArn": "arn:aws:sns:x", "Message": message.to_string() });
        read("application/json", body.to_string())
    };
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, RAW);
    for data in [ses("UTF8", RAW).unwrap(), ses("BASE64", &base64).unwrap()] {
        assert_eq!((&data["provider"], &data["subject"]), (&json!("ses"), &json!("s")));
        let envelope = json!({ "from": "bounce@x.example", "to": ["orders@shop.example"], "helo": null });
        assert_eq!(data["envelope"], envelope);
        assert_eq!(data["providerFields"], json!({ "spamVerdict": { "status": "PASS" } }));
    }
    let sparkpost = json!([{ "msys": { "relay_message": {
        "content": { "email_rfc822": RAW, "email_rfc822_is_base64": false }, "msg_from": "b@x.example",
        "rcpt_to": "orders@shop.example", "webhook_id": "7",
    } } }]);
    let data = read("application/json", sparkpost.to_string()).unwrap();
    assert_eq!((&data["provider"], &data["text"]), (&json!("sparkpost"), &json!("text")));
    assert_eq!(data["providerFields"], json!({ "webhook_id": "7" }));
    let event = json!({ "event": "inbound", "msg": { "raw_msg": RAW, "email": "orders@shop.example" } });
    let events = json!([event, event]).to_string();
    let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("mandrill_events", &events).finish();
    let data = read("application/x-www-form-urlencoded", form).unwrap();
    assert_eq!((&data["provider"], &data["subject"]), (&json!("mandrill"), &json!("s")));
    assert_eq!(data["notes"], json!(["the request contains 2 mails, of which this is the first"]));
}

#[test]
fn a_mail_by_brevo_is_read() {
    let body = json!({ "items": [{
        "Uuid": ["u"], "MessageId": "<1@x.example>", "From": { "Name": "Ann", "Address": "a@x.example" },
        "To": [{ "Name": null, "Address": "orders@shop.example" }], "Cc": [], "ReplyTo": null,
        "Recipients": ["orders@shop.example"], "SentAtDate": "Wed, 11 Feb 1998 11:51:00 GMT", "Subject": "s",
        "RawTextBody": "text\r\n", "RawHtmlBody": null, "ExtractedMarkdownMessage": "text", "SpamScore": 1.5,
        "Headers": { "X-A": ["1", "2"] }, "Attachments": [{ "Name": "x.pdf", "DownloadToken": "t" }],
    }] });
    let data = read("application/json", body.to_string()).unwrap();
    assert_eq!(data["provider"], "brevo");
    assert_eq!(data["from"], json!({ "name": "Ann", "address": "a@x.example" }));
    assert_eq!((&data["messageId"], &data["text"]), (&json!("1@x.example"), &json!("text\n")));
    assert_eq!(data["date"], "1998-02-11T11:51:00.000Z");
    assert_eq!(data["headers"]["x-a"], json!(["1", "2"]));
    assert_eq!(data["notes"], json!(["Brevo keeps 1 attachments; fetch them with their `DownloadToken`"]));
}

#[test]
fn a_webhook_without_a_mail_says_what_is_missing() {
    for (body, why) in [
        (json!({ "TopicArn": "t", "Message": "hello" }), "the message of SNS is not JSON"),
        (json!({ "TopicArn": "t", "Message": "{}" }), "the notification of SES has no `content`"),
        (json!([{ "msys": { "relay_message": { "content": {} } } }]), "the message has no `content.email_rfc822`"),
    ] {
        let error = read("application/json", body.to_string()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

proptest! {
    #[test]
    fn text_in_encoded_words_is_read_however_it_is_cut(text in "[a-zé✓ ]{1,30}", cut in 1_usize..30) {
        let bytes = text.as_bytes();
        let (left, right) = bytes.split_at(cut.min(bytes.len()));
        let word = |bytes: &[u8]| {
            let encode = base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, bytes);
            format!("=?utf-8?B?{encode}?=")
        };
        let value = if right.is_empty() { word(left) } else { format!("{} {}", word(left), word(right)) };
        prop_assert_eq!(subject(&value), text.trim());
    }
}
