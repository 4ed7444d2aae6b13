use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::base::json::{PAYLOAD_LEVELS_MAX, is_deeper_than};
use crate::content::{Content, ContentError, Envelope, Notes};

const RAW: &str = "message/rfc822";
const FORM: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data; boundary=xYz";

fn content(content_type: &str) -> Content<'_> {
    Content::of_mail(Some(content_type), None, None).unwrap()
}

fn read(content_type: &str, body: impl Into<Vec<u8>>) -> Result<Value, ContentError> {
    content(content_type).read(&Bytes::from(body.into()), &mut Notes::default())
}

/// Parses a raw mail from its lines.
fn mail(lines: &[&str]) -> Value {
    read(RAW, lines.join("\r\n")).unwrap()
}

/// A multipart body, from the name, further headers and bytes of each part.
fn parts(parts: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, head, bytes) in parts {
        let head = format!("--xYz\r\nContent-Disposition: form-data; name=\"{name}\"{head}\r\n\r\n");
        body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
    }
    [&body[..], b"--xYz--\r\n"].concat()
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Executes the example in `docs/mail.md`.
#[test]
fn the_documented_mail_becomes_the_documented_data() {
    let page = include_str!("../../../docs/mail.md");
    let block = |language: &str| page.split_once(&format!("```{language}\n")).unwrap().1.split_once("\n```").unwrap().0;
    let expected: Value = serde_json::from_str(block("json")).unwrap();
    for mail in [block("mail").to_owned(), block("mail").replace('\n', "\r\n")] {
        let data = read(RAW, mail).unwrap();
        assert_eq!(data, expected, "{data:#}");
        assert!(data.as_object().unwrap().keys().eq(expected.as_object().unwrap().keys()));
    }
}

#[test]
fn parts_are_texts_or_attachments() {
    let data = mail(&[
        "Content-Type: multipart/mixed; boundary=outer",
        "",
        "a preamble",
        "--outer  ",
        "Content-Type: multipart/alternative; boundary=outer-inner",
        "",
        "--outer-inner",
        "",
        "first",
        "--outer-inner",
        "Content-Type: TEXT/HTML",
        "",
        "<b>first</b>",
        "--outer-inner--",
        "--outer",
        "Content-Type: image/png; name=\"=?utf-8?q?caf=C3=A9.png?=\"",
        "Content-ID: <image@here>",
        "Content-Transfer-Encoding: BASE64",
        "",
        "iVBORw0K",
        "Ggo=",
        "--outer",
        "Content-Disposition: attachment; filename*=utf-8''%C3%A9.txt",
        "",
        "attached",
        "--outer",
        "Content-Type: message/rfc822",
        "",
        "Subject: within",
        "Content-Type: multipart/mixed; boundary=x",
        "",
        "--x",
        "--outer",
        "",
        "last",
        "--outer--",
        "an epilogue",
    ]);
    assert_eq!((&data["text"], &data["html"]), (&json!("first\nlast"), &json!("<b>first</b>")));
    let told = |attachment: &Value| {
        ["part", "name", "contentType", "sizeBytes", "contentId", "inline"].map(|key| attachment[key].clone())
    };
    let attachments: Vec<_> = data["attachments"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(
        json!(attachments),
        json!([
            [3, "café.png", "image/png", 8, "image@here", true],
            [4, "é.txt", "text/plain", 8, null, false],
            [5, null, "message/rfc822", 65, null, false],
        ])
    );
    assert_eq!(data["notes"], json!([]));
}

#[test]
fn attachments_are_found_by_part_number() {
    let raw = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: a/b\n\
               Content-Transfer-Encoding: base64\n\nAP8=\n--b--";
    let bodies = [
        (RAW, raw.as_bytes().to_vec()),
        (FORM, form(&[("recipient", "a@b"), ("body-mime", raw)]).into_bytes()),
        (PARTS, parts(&[("envelope", "", b"{}"), ("email", "", raw.as_bytes())])),
        ("application/json", json!({ "FromFull": {}, "MessageID": "", "RawEmail": raw }).to_string().into_bytes()),
    ];
    for (content_type, body) in bodies {
        let body = Bytes::from(body);
        let file = content(content_type).file(&body, 2).unwrap().unwrap();
        assert_eq!(
            (&file.name[..], file.content_type.as_deref(), &file.bytes[..]),
            ("part-2", Some("a/b"), &[0, 255][..])
        );
        for other in [0, 1, 3] {
            assert_eq!(content(content_type).file(&body, other), Ok(None), "{content_type}");
        }
    }
}

#[test]
fn malformed_parts_are_read_with_a_note() {
    let odd = |head: &str, body: &str| {
        let data = read(RAW, [head.as_bytes(), b"\r\n\r\n", body.as_bytes()].concat()).unwrap();
        (data["text"].clone(), data["notes"].clone())
    };
    let noted = |text: &str, note: &str| (json!(text), json!([note]));
    assert_eq!(
        odd("Content-Transfer-Encoding: base64", "bm8gYmFz!ZTY0"),
        noted("no base64", "part 1 has characters that are not base64, which are ignored")
    );
    assert_eq!(
        odd("Content-Type: text/plain; charset=klingon", "é"),
        noted("é", "part 1 has an unknown charset; it is read as UTF-8")
    );
    assert_eq!(
        odd("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable", "=FF"),
        noted("\u{fffd}", "part 1 contains invalid characters, which are replaced by \u{fffd}")
    );
    let plain = |text: &str| (json!(text), json!([]));
    assert_eq!(odd("Content-Type: text/plain; charset=us-ascii", "é"), plain("é"));
    assert_eq!(odd("Content-Type: nonsense", "text"), plain("text"));
    assert_eq!(odd("Content-Type: multipart/mixed; boundary=b", "no boundary"), plain("no boundary"));
    assert_eq!(odd("Content-Type: multipart/mixed; boundary=b", "--b\r\n\r\nno end"), plain("no end"));
    assert_eq!(
        odd("Date: yesterday\r\nno field\r\n: no name", "text"),
        noted("no field\n: no name\n\ntext", "the header fields end without an empty line")
    );
}

#[test]
fn json_ld_is_read_from_the_html_alone() {
    let html = |html: &str| {
        let data = read(RAW, format!("Content-Type: text/html\n\n{html}")).unwrap();
        (data["jsonLd"].clone(), data["notes"].clone())
    };
    let block = |json: &str| format!("<script type=\"application/ld+json\">{json}</script>");
    let (found, notes) = html(&format!(
        "<!-- {} --><script TYPE='Application/LD+JSON; charset=utf-8' data-key=k>\n[1, \"<b>&amp;\"]</SCRIPT>\
         <script>var a = '<script type=\"application/ld+json\">';</script>{}{}{}<script type=\"application/ld+json\">2",
        block("0"),
        block("{]"),
        block(&format!("{}{}", "[".repeat(51), "]".repeat(51))),
        block(&format!("\"{}\"", "a".repeat(256 * 1024))),
    ));
    assert_eq!(found, json!([[1, "<b>&amp;"]]));
    assert_eq!(
        notes,
        json!([
            "JSON-LD block 2 is dropped: it is not valid JSON: key must be a string at line 1 column 2",
            "JSON-LD block 3 is dropped: it nests deeper than 50 levels",
            "JSON-LD block 4 is dropped: it is longer than 262144 bytes",
        ])
    );
    let (found, notes) = html(&block("1").repeat(51));
    assert_eq!(found.as_array().unwrap().len(), 50);
    assert_eq!(notes, json!(["JSON-LD blocks after the first 50 are dropped"]));
}

#[test]
fn mails_over_a_limit_are_rejected() {
    let too_large = |body: String, limit: &str| match read(RAW, body) {
        Err(ContentError::TooLarge(detail)) => assert!(detail.contains(limit), "{detail}"),
        other => panic!("{limit}: {other:?}"),
    };
    let boundaries =
        |count: usize| format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(count));
    assert_eq!(read(RAW, boundaries(200)).unwrap()["text"].as_str().unwrap().len(), 400);
    too_large(boundaries(201), "200 parts");
    too_large("a:\n".repeat(2_001), "2000 of header fields");
    too_large(format!("a: {}\n", "b".repeat(256 * 1024)), "262144 bytes of header fields");
    too_large(boundaries(3).replace("\n\n", &format!("\na: {}\n\n", "b".repeat(100_000))), "262144 bytes of header");
    too_large(format!("To: {}\n", "a@b,".repeat(2_001)), "2000 addresses");
    let nested = |levels: usize| -> String {
        (0..levels).map(|level| format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n")).collect()
    };
    assert!(read(RAW, nested(20)).is_ok());
    assert_eq!(read(RAW, nested(21)), Err(ContentError::TooDeep("the mail nests deeper than 20 levels".into())));
    let long = format!("Content-Type: text/html; {}\n\ntext", "a=b;".repeat(4 * 1024));
    assert_eq!(read(RAW, long).unwrap()["text"], json!("text"));
    // Decoding each word could take time proportional to the rest of the value.
    let words = "=?utf-8?q?".repeat(20_000);
    assert_eq!(read(RAW, format!("Subject: {words}\n")).unwrap()["subject"], json!(words));
}

#[test]
fn mailgun_webhooks_are_parsed() {
    let headers = json!([
        ["Received", "from mail.example.org"],
        ["Received", "by 10.0.0.1"],
        ["From", "\"Ann B.\" <ann@example.org>"],
        ["Date", "Wed, 11 Oct 2017 18:31:04 -0700"],
        ["Message-Id", "<1@example.org>"],
        ["Subject", "Hello"],
        ["To", "in@example.com, o@example.com"],
    ])
    .to_string();
    let fields = [
        ("recipient", "in@example.com"),
        ("sender", "bounce@example.org"),
        ("from", "\"Ann B.\" <ann@example.org>"),
        ("subject", "Hello"),
        ("Subject", "Hello"),
        ("Received", "from mail.example.org"),
        ("timestamp", "1461261330"),
        ("token", "t"),
        ("signature", "s"),
        ("body-plain", "text\r\n> quote"),
        ("body-html", "<b>text</b>"),
        ("stripped-text", "text"),
        ("stripped-html", "<b>text</b>"),
        ("message-headers", &headers),
    ];
    insta::assert_json_snapshot!("mailgun", read(FORM, form(&fields)).unwrap());
    let mut with_files: Vec<(&str, &str, &[u8])> =
        fields.iter().map(|(name, value)| (*name, "", value.as_bytes())).collect();
    with_files.extend([
        ("attachment-count", "", &b"2"[..]),
        ("content-id-map", "", br#"{"<image>":"attachment-2"}"#),
        ("attachment-1", "; filename=\"a.txt\"\r\nContent-Type: text/plain", b"1"),
        ("attachment-2", "; filename=\"b.png\"\r\nContent-Type: image/png", b"22"),
    ]);
    let body = Bytes::from(parts(&with_files));
    let data = content(PARTS).read(&body, &mut Notes::default()).unwrap();
    let told = |attachment: &Value| ["part", "name", "contentId", "inline"].map(|key| attachment[key].clone());
    let attachments: Vec<_> = data["attachments"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(json!(attachments), json!([[17, "a.txt", null, false], [18, "b.png", "image", true]]));
    assert_eq!(content(PARTS).file(&body, 18).unwrap().unwrap().bytes, "22");
    assert_eq!(content(PARTS).file(&body, 1), Ok(None));
}

#[test]
fn mailgun_may_omit_the_list_of_headers() {
    let fields =
        [("recipient", "in@example.com"), ("body-plain", "text"), ("From", "a@b"), ("Subject", "Hello\r\nTo: x@y")];
    let data = read(FORM, form(&fields)).unwrap();
    assert_eq!(data["headers"], json!({ "from": ["a@b"], "subject": ["Hello  To: x@y"] }));
    assert_eq!(data["providerFields"], json!({}));
    let stored = [&fields[..], &[("attachments", "[]")]].concat();
    let note = "Mailgun stored the attachments; use a forwarding route to receive them";
    assert_eq!(read(FORM, form(&stored)).unwrap()["notes"], json!([note]));
}

#[test]
fn sendgrid_webhooks_are_parsed() {
    let body = Bytes::from(parts(&[
        (
            "headers",
            "",
            b"From: =?cp850?q?Jos=82?= <jose@example.org>\nSubject: =?utf-8?q?=C3=A9?=\nMessage-ID: <1@x>\n",
        ),
        ("from", "", b"Jos\x82 <jose@example.org>"),
        ("subject", "", "é".as_bytes()),
        ("text", "", b"inbound\x92s text\x85"),
        ("html", "", b"<p>\xbfs\xed?</p>"),
        ("envelope", "", br#"{"to":["in@example.com"],"from":"bounce@example.org"}"#),
        ("charsets", "", br#"{"from":"cp850","html":"iso-8859-1","subject":"UTF-8","text":"windows-1252"}"#),
        ("attachments", "", b"1"),
        ("attachment-info", "", br#"{"attachment1":{"filename":"i.png","type":"image/png","content-id":"i"}}"#),
        ("attachment1", "; filename=\"i.png\"\r\nContent-Type: image/png", b"1"),
        ("SPF", "", b"pass"),
        ("dkim", "", b"{@example.org : pass}"),
        ("spam_score", "", b"1.7"),
    ]));
    insta::assert_json_snapshot!("sendgrid", content(PARTS).read(&body, &mut Notes::default()).unwrap());
    assert_eq!(content(PARTS).file(&body, 10).unwrap().unwrap().bytes, "1");
}

#[test]
fn postmark_webhooks_are_parsed() {
    let document = json!({
        "FromName": "Ann B.", "From": "ann@example.org", "FromFull": { "Email": "ann@example.org", "Name": "Ann B.", "MailboxHash": "" },
        "To": "in@example.com", "ToFull": [{ "Email": "in@example.com", "Name": "", "MailboxHash": "7" }],
        "CcFull": [{ "Email": "cc@example.com", "Name": "Cc", "MailboxHash": "" }], "BccFull": [],
        "OriginalRecipient": "in+7@example.com", "ReplyTo": "Re <re@example.org>", "Subject": "Hello",
        "MessageID": "22c74902-a0c1-4511-804f2-341342852c90", "MessageStream": "inbound", "MailboxHash": "7", "Tag": "",
        "Date": "Wed, 11 Oct 2017 18:31:04 -0700", "TextBody": "text", "HtmlBody": "<b>text</b>", "StrippedTextReply": "",
        "Headers": [
            { "Name": "Return-Path", "Value": "<bounce@example.org>" }, { "Name": "Message-ID", "Value": "<1@example.org>" },
            { "Name": "X-Spam-Score", "Value": "1.7" },
        ],
        "Attachments": [{ "Name": "a.txt", "Content": "AP8=", "ContentType": "text/plain", "ContentLength": 2, "ContentID": "" }],
    });
    let body = Bytes::from(document.to_string());
    insta::assert_json_snapshot!("postmark", content("application/json").read(&body, &mut Notes::default()).unwrap());
    assert_eq!(content("application/json").file(&body, 1).unwrap().unwrap().bytes, &[0, 255][..]);
    assert_eq!(content("application/json").file(&body, 2), Ok(None));
}

/// If a webhook contains a raw mail, only the envelope and further fields come from the provider.
#[test]
fn providers_may_include_the_raw_mail() {
    let raw = "From: a@example.org\r\nSubject: raw\r\n\r\ncaf\u{e9}";
    let envelope = r#"{"to":["in@example.com"],"from":"bounce@example.org"}"#;
    let postmark = json!({
        "FromFull": { "Email": "other@example.org" }, "MessageID": "7", "Subject": "other", "RawEmail": raw,
        "OriginalRecipient": "in@example.com", "Headers": [{ "Name": "Return-Path", "Value": "<bounce@example.org>" }],
    });
    let samples = [
        (
            "mailgun",
            FORM,
            form(&[("sender", "bounce@example.org"), ("recipient", "in@example.com"), ("body-mime", raw)]).into(),
        ),
        (
            "sendgrid",
            PARTS,
            parts(&[("email", "", raw.as_bytes()), ("subject", "", b"other"), ("envelope", "", envelope.as_bytes())]),
        ),
        ("postmark", "application/json", postmark.to_string().into_bytes()),
    ];
    let plain = read(RAW, raw).unwrap();
    for (provider, content_type, body) in samples {
        let mut data: Value = read(content_type, body).unwrap();
        assert_eq!(data["provider"], provider);
        assert_eq!(data["envelope"], json!({ "from": "bounce@example.org", "to": ["in@example.com"], "helo": null }));
        for key in ["provider", "envelope", "providerFields"] {
            data[key] = plain[key].clone();
        }
        assert_eq!(data, plain, "{provider}");
    }
}

#[test]
fn a_raw_mail_may_have_an_envelope() {
    let envelope = Envelope { from: None, to: vec!["a@b".into()], helo: Some("mx".into()) };
    let content = Content::of_mail(Some(RAW), None, Some(envelope)).unwrap();
    let data = content.read(&Bytes::from("A: b"), &mut Notes::default()).unwrap();
    assert_eq!(data["envelope"], json!({ "from": null, "to": ["a@b"], "helo": "mx" }));
}

#[test]
fn other_bodies_are_rejected_with_the_supported_formats() {
    let samples = [
        (FORM, form(&[("subject", "a"), ("from", "b")])),
        (PARTS, "--xYz--".into()),
        ("application/json", r#"{"From":"a@b"}"#.into()),
        ("application/json", "[]".into()),
    ];
    for (content_type, body) in samples {
        let refused = read(content_type, body.clone()).unwrap_err();
        assert!(
            matches!(&refused, ContentError::Malformed(detail) if detail.contains("message/rfc822")),
            "{body}: {refused}"
        );
    }
    for content_type in [Some("text/plain"), Some("image/png"), Some("application/xml"), None] {
        let refused = Content::of_mail(content_type, None, None).map(drop).unwrap_err();
        assert!(matches!(&refused, ContentError::Unsupported(detail) if detail.contains("Postmark")), "{refused}");
    }
    for body in ["", "\r\n", "no header", "two lines\r\nand no header"] {
        assert!(matches!(read(RAW, body), Err(ContentError::Malformed(_))), "{body:?}");
    }
    for (content_type, body) in [(FORM, ""), (PARTS, ""), ("application/json", "")] {
        assert!(read(content_type, body).is_err());
    }
    let broken = [("message-headers", "{}"), ("message-headers", "[[1,2]]"), ("content-id-map", "no")];
    for (name, value) in broken {
        let fields = [("recipient", "a@b"), ("body-plain", "text"), (name, value)];
        assert!(read(FORM, form(&fields)).unwrap_err().to_string().contains(name));
    }
}

/// Nearly valid bytes of a mail.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        &b"From: "[..],
        b"To: ",
        b"Subject: ",
        b"Date: ",
        b"Message-ID: ",
        b"References: ",
        b"X: ",
        b"a",
        b"@",
        b"<",
        b">",
        b",",
        b";",
        b":",
        b"(",
        b")",
        b"\"",
        b"\\",
        b" ",
        b"\t",
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"=?",
        b"?=",
        b"=?utf-8?q?",
        b"=?utf-7?b?",
        b"=?iso-2022-jp?B?",
        b"+2D0-",
        b"=",
        b"=FF",
        b"=3D",
        b"_",
        b"YWJj",
        b"Content-Type: ",
        b"multipart/mixed; boundary=b",
        b"multipart/digest; boundary=b",
        b"text/html",
        b"text/plain; charset=",
        b"utf-7",
        b"utf-16",
        b"message/rfc822",
        b"; name*0*=utf-8''%C3",
        b"; name*1=\"x\"",
        b"Content-Disposition: attachment; filename=",
        b"Content-ID: ",
        b"Content-Transfer-Encoding: ",
        b"base64",
        b"quoted-printable",
        b"--b",
        b"--",
        b"\r\n--b\r\n",
        b"\r\n--b--\r\n",
        b"<script type=application/ld+json>",
        b"{\"a\":[1]}",
        b"</script>",
        b"<!--",
        b"-->",
        b"Wed, 11 Oct 2017 18:31:04 -0700",
        b"99",
        b"\xFF",
        b"\0",
        "é".as_bytes(),
        b"$serde_json::private::RawValue",
    ]);
    prop::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// Any bytes, raw or from a provider, are either an error, or a payload that can be stored and read back.
    #[test]
    fn no_bytes_do_harm(bytes in prop_oneof![4 => pieces(), 1 => prop::collection::vec(any::<u8>(), 0..300)], way in 0..6) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (content_type, body) = match way {
            0 => (FORM, form(&[("recipient", "a"), ("body-plain", &text), ("From", &text), (&text, "a")]).into_bytes()),
            1 => (PARTS, parts(&[("envelope", "", b"{}"), ("headers", "", &bytes), ("html", "", &bytes), ("a", "; filename=a", &bytes)])),
            2 => ("application/json", json!({
                "FromFull": { "Email": text }, "MessageID": text, "Date": text, "ReplyTo": text, "HtmlBody": text,
                "Headers": [{ "Name": text, "Value": text }], "Attachments": [{ "Content": text }],
            }).to_string().into_bytes()),
            _ => (RAW, bytes),
        };
        let body = Bytes::from(body);
        for part in 0..5 {
            let _ = content(content_type).file(&body, part);
        }
        if let Ok(data) = content(content_type).read(&body, &mut Notes::default()) {
            prop_assert!(!is_deeper_than(&data, PAYLOAD_LEVELS_MAX));
            prop_assert_eq!(serde_json::from_str::<Value>(&data.to_string()).unwrap(), data);
        }
    }
}
