mod encodings;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Content, ContentError, Notes};
use crate::base::json::{PAYLOAD_LEVELS_MAX, is_deeper_than};

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=x";
const XML: &str = "application/xml";

fn read(content_type: &str, body: impl Into<Vec<u8>>) -> Result<Value, ContentError> {
    Ok(read_with_notes(content_type, body)?.0)
}

fn read_with_notes(content_type: &str, body: impl Into<Vec<u8>>) -> Result<(Value, Vec<String>), ContentError> {
    let mut notes = Notes::default();
    let data = Content::of(Some(content_type), None)?.read(&Bytes::from(body.into()), &mut notes)?;
    Ok((data, notes.into_vec()))
}

/// A multipart body, from the headers after `Content-Disposition: form-data; ` and the bytes of each part.
fn parts(parts: &[(&str, &str)]) -> String {
    let part =
        |(head, bytes): &(&str, &str)| format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n{bytes}\r\n");
    parts.iter().map(part).collect::<String>() + "--x--\r\n"
}

#[test]
fn the_mapping_of_what_is_accepted_and_the_words_for_what_is_not() {
    let file = "name=\"f[]\"; filename=\"C:\\\\a \\\"b\\\".txt\"\r\nContent-Type: text/plain";
    let samples = [
        (FORM, "a=1&b=two+words&c=%C3%A9&d&=".trim_end_matches("&=").to_owned()),
        (FORM, "a=1&a=2&a[]=3&b[]=1".to_owned()),
        (FORM, "a[b][c]=1&a[b][d][]=2&a[b][d][]=3".to_owned()),
        (FORM, "items[][sku]=A&items[][qty]=1&items[][sku]=B&items[][qty]=2".to_owned()),
        (FORM, "items[0][sku]=A&items[0][qty]=1&items[1][sku]=B".to_owned()),
        (FORM, "a[1]=x&b[0]=x&c[00]=x&0=x".to_owned()),
        (FORM, "a[][]=1&a[][]=2&b[x]=1&b[x]=2".to_owned()),
        (FORM, "a[=1&b]=2&[c]=3&d[e]f=4&g[h=5&i[[j]]=6".to_owned()),
        (FORM, "a=1&&b=2&".to_owned()),
        (FORM, "a=1&a[b]=2".to_owned()),
        (FORM, "a[b]=1&a=2".to_owned()),
        (FORM, "a[b]=1&a[]=2".to_owned()),
        (FORM, "a=1&a[b]=2&a[c]=3&a=4".to_owned()),
        (FORM, "i[1]=b&i[0]=a&j[0]=a&j[2]=c&answers[3]=x&answers[17]=y".to_owned()),
        (FORM, "a=1&=2".to_owned()),
        (FORM, "ok=1&bad=%FF".to_owned()),
        (FORM, "$serde_json::private::RawValue=1".to_owned()),
        (FORM, format!("a{}=1", "[b]".repeat(19))),
        (FORM, format!("a{}=1", "[b]".repeat(20))),
        ("application/x-www-form-urlencoded; charset=iso-8859-1", "a=%E9".to_owned()),
        (MULTIPART, parts(&[("name=\"a[b]\"", "1"), ("name=\"a[c]\"", "line\r\nline")])),
        (MULTIPART, parts(&[(file, "1"), (file, "2"), ("name=none; filename=\"\"", "")])),
        (MULTIPART, parts(&[("name=a\r\nContent-Type: text/plain; charset=latin1", "plain")])),
        (MULTIPART, "preamble\r\n--x--\r\nepilogue".to_owned()),
        (MULTIPART, parts(&[("filename=a", "1")])),
        (MULTIPART, "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1".to_owned()),
        (MULTIPART, "--x\r\nno header\r\n\r\n1\r\n--x--".to_owned()),
        (MULTIPART, "something else".to_owned()),
        ("multipart/form-data", "--x--".to_owned()),
        (XML, "<a/>".to_owned()),
        (
            XML,
            "<?xml version='1.0'?><!-- c --><o id='7' x:y='&lt;&#233;'>\n<i>a</i><i/> <i k='1'>b</i>t</o>".to_owned(),
        ),
        (XML, "<a>&lt; <![CDATA[<b>]]> &amp;&#x21;</a>".to_owned()),
        (XML, "<s:E xmlns:s='u'><s:B>text</s:B></s:E>".to_owned()),
        (XML, "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>".to_owned()),
        (XML, "<!DOCTYPE cXML SYSTEM \"http://xml.example.com/cXML.dtd\"><a/>".to_owned()),
        (XML, "<a>&b;</a>".to_owned()),
        (XML, "<a k='&b;'/>".to_owned()),
        (XML, "<a>\n  <b></a>".to_owned()),
        (XML, "<a><b>".to_owned()),
        (XML, "</a>".to_owned()),
        (XML, "<a/><b/>".to_owned()),
        (XML, "<a/>text".to_owned()),
        (XML, "text".to_owned()),
        (XML, "<a k='1' k='2'/>".to_owned()),
        (XML, "<a @k='1'/>".to_owned()),
        (XML, "<#text/>".to_owned()),
        (XML, format!("{}{}", "<a>".repeat(41), "</a>".repeat(41))),
        ("image/svg+xml", "<svg/>".to_owned()),
        ("text/plain", "plain \u{e9}".to_owned()),
        ("text/plain; charset=unheard-of", "plain".to_owned()),
        ("text/csv", "\u{feff}a,b".to_owned()),
        ("application/octet-stream", "\u{0}".to_owned()),
        ("text/json", "{}".to_owned()),
        ("application/json; charset=latin1", "{}".to_owned()),
        ("nonsense", "{}".to_owned()),
    ];
    let mut table = String::new();
    for (content_type, body) in samples {
        let becomes = match read_with_notes(content_type, body.clone()) {
            Ok((data, notes)) => {
                format!("{data}{}", notes.iter().map(|note| format!("\n  # {note}")).collect::<String>())
            }
            Err(error) => format!("{error:?}"),
        };
        table += &format!("{content_type}\n  {body:?}\n  -> {becomes}\n");
    }
    insta::assert_snapshot!(table);
}

#[test]
fn empty_bodies_are_null() {
    let types = [FORM, MULTIPART, XML, "application/json", "application/x-ndjson", "text/plain", "image/png", ""];
    for content_type in types {
        assert_eq!(read(content_type, ""), Ok(Value::Null), "{content_type}");
    }
    let nothing = Content::of(None, None).unwrap().read(&Bytes::new(), &mut Notes::default());
    assert_eq!(nothing, Ok(Value::Null));
}

#[test]
fn character_encodings_are_supported() {
    assert_eq!(read("text/plain; charset=latin1", b"caf\xE9"), Ok(json!("café")));
    assert_eq!(read("text/plain ; charset=latin1 ;", b"caf\xE9"), Ok(json!("café")));
    for charset in ["utf8", "UTF-8", "\"utf-8\"", "us-ascii", "latin1", "none", ""] {
        let mark = "\u{FEFF}{\"a\":\"é\"}";
        assert_eq!(read(&format!("application/json; charset={charset}"), mark), Ok(json!({ "a": "é" })), "{charset}");
    }
    assert_eq!(read("application/json; charset=latin1", b"\"caf\xE9\""), Ok(json!("café")));
    assert_eq!(read("application/json", b"{\0}\0"), Ok(json!({})));
    assert_eq!(read("text/plain", b"\xFF\xFEh\0i\0"), Ok(json!("hi")));
    assert_eq!(read(XML, b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xE9</a>"), Ok(json!({ "a": "é" })));
    assert_eq!(read("text/xml; charset=latin1", b"<a>\xE9</a>"), Ok(json!({ "a": "é" })));
    assert_eq!(read(FORM, b"a=\xC3\xA9"), Ok(json!({ "a": "é" })));
}

#[test]
fn invalid_characters_are_replaced_with_a_note() {
    let form = "field 1: characters that are not valid UTF-8 are replaced by \u{fffd}";
    let body = "the body: characters that are not valid UTF-8 are replaced by \u{fffd}";
    let cut = "incomplete characters (lone surrogates) are replaced by \u{fffd}";
    for (content_type, bytes, expected, note) in [
        (FORM, &b"n=Jos%E9"[..], json!({ "n": "Jos\u{fffd}" }), form),
        ("text/plain", b"caf\xE9", json!("caf\u{fffd}"), body),
        (XML, b"<a>\xE9</a>", json!({ "a": "\u{fffd}" }), body),
        ("application/json", b"\"\xE9\"", json!("\u{fffd}"), body),
        ("application/json", br#"{"v":"cut \ud83d"}"#, json!({ "v": "cut \u{fffd}" }), cut),
        ("application/json", br#"{"v":"\udc00x"}"#, json!({ "v": "\u{fffd}x" }), cut),
    ] {
        assert_eq!(read_with_notes(content_type, bytes), Ok((expected, vec![note.to_owned()])), "{content_type}");
    }
}

#[test]
fn json_is_read_whatever_follows_its_name() {
    for content_type in [
        "application/json; utf-8",
        "application/json, application/json",
        "application/json;;charset=utf-8",
        "application/json charset=utf-8",
        "application/json:charset=UTF-8",
        "json",
        "text/json",
        "application/x-json",
        "application/csp-report",
        "application/x-amz-json-1.1",
        "application/vnd.api+json; profile=\"x\"",
        "*/*; charset=UTF-8",
        " ",
    ] {
        assert_eq!(
            read_with_notes(content_type, "{\"v\":\"café\"}"),
            Ok((json!({ "v": "café" }), vec![])),
            "{content_type}"
        );
    }
    for content_type in ["application/javascript", "application/jso", "nonsense", "application/octet-stream"] {
        let (data, notes) = read_with_notes(content_type, " {\"v\":1}").unwrap();
        assert_eq!((data, notes.len()), (json!({ "v": 1 }), 1), "{content_type}");
    }
}

#[test]
fn one_document_per_line_is_a_list() {
    let expected = Ok(json!([{ "a": 1 }, { "a": 2 }]));
    for content_type in ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/json"] {
        assert_eq!(read(content_type, "{\"a\":1}\n\r\n{\"a\":2}\r\n"), expected, "{content_type}");
    }
    assert_eq!(read("application/json-seq", "\x1E{\"a\":1}\n\x1E{\"a\":2}\n"), expected);
    assert_eq!(read("application/x-ndjson", "{\"a\":1}"), Ok(json!([{ "a": 1 }])));
    let malformed = read("application/x-ndjson", "{}\n{").unwrap_err().to_string();
    assert!(malformed.contains("document 2"), "{malformed}");
}

#[test]
fn integers_beyond_64_bits_keep_their_digits() {
    let (data, notes) = read_with_notes("application/json", "[123456789012345678901, 18446744073709551615]").unwrap();
    assert_eq!(data, json!(["123456789012345678901", u64::MAX]));
    assert_eq!(notes, ["integers beyond 64 bits are kept as text"]);
}

#[test]
fn forms_are_read_in_the_encoding_that_they_name() {
    for (content_type, body) in [
        (FORM, "name=Jos%E9&charset=windows-1252"),
        (FORM, "_charset_=iso-8859-1&name=Jos%E9"),
        ("application/x-www-form-urlencoded; charset=windows-1252", "name=Jos%E9"),
        (FORM, "name=Jos%C3%A9&charset=windows-1252"),
    ] {
        assert_eq!(read(content_type, body).unwrap()["name"], "José", "{body}");
    }
    assert_eq!(read(FORM, "name=%E9%D4%CF&charset=KOI8_R").unwrap()["name"], "Ито");
    let in_latin_1 = |head: &str| [head.as_bytes(), b"\r\n\r\nJos\xE9\r\n--x--"].concat();
    let head = "--x\r\nContent-Disposition: form-data; name=n";
    let named = format!("{}{head}", parts(&[("name=_charset_", "iso-8859-1")]).replace("--x--\r\n", ""));
    assert_eq!(read(MULTIPART, in_latin_1(&named)).unwrap()["n"], "José");
    assert_eq!(read("multipart/form-data; boundary=x; charset=latin1", in_latin_1(head)).unwrap()["n"], "José");
    assert_eq!(read(MULTIPART, in_latin_1(head)).unwrap()["n"], "Jos\u{fffd}");
}

#[test]
fn json_that_is_posted_as_a_form_is_json() {
    let expected = json!({ "v": 1, "w": "a=b&c" });
    for body in [
        "{\"v\":1,\"w\":\"a=b&c\"}",
        "%7B%22v%22%3A1%2C%22w%22%3A%22a%3Db%26c%22%7D",
        "%7B%22v%22:1,%22w%22:%22a%3Db%26c%22%7D=",
    ] {
        let (data, notes) = read_with_notes(FORM, body).unwrap();
        assert_eq!((data, notes.len()), (expected.clone(), 1), "{body}");
    }
    let long = format!("[\"{}\"]", "x".repeat(2_000));
    assert!(read(FORM, long).is_ok());
    assert_eq!(read(FORM, "{a}=1"), Ok(json!({ "{a}": "1" })));
}

#[test]
fn parts_are_files_however_they_are_named() {
    let file = |name: Value| {
        json!({ "f": { "name": name, "contentType": "image/jpeg", "sizeBytes": 3, "part": 1,
            "sha256": "e69c83e2db4ef1c01ca10aee3ca1fb8eb93ff4abe4e0acc50bcb5fc8a4a9b1ff" } })
    };
    for (head, name) in [
        (&b"name=f"[..], Value::Null),
        (b"name=f; filename*=UTF-8''na%C3%AFve.jpg", json!("naïve.jpg")),
        (b"name=f; filename=\"caf\xE9.jpg\"", json!("café.jpg")),
    ] {
        let start = b"--x\r\nContent-Disposition: form-data; ";
        let body = [start, head, b"\r\nContent-Type: image/jpeg\r\n\r\n\xFF\xD8\xFF\r\n--x--"].concat();
        let mut data = read(MULTIPART, body.clone()).unwrap();
        let mut expected = file(name);
        expected["f"]["sha256"] = data["f"]["sha256"].take();
        data["f"]["sha256"] = expected["f"]["sha256"].clone();
        assert_eq!(data, expected);
        let content = Content::of(Some(MULTIPART), None).unwrap();
        assert_eq!(&content.file(&body.into(), 1).unwrap().unwrap().bytes[..], b"\xFF\xD8\xFF");
    }
}

#[test]
fn boundaries_are_found_however_they_are_written() {
    for (header, boundary) in [
        ("boundary=----=_Part_0_12.34", "----=_Part_0_12.34"),
        ("boundary=====1626===", "====1626==="),
        ("boundary=x, charset=utf-8", "x"),
        ("charset=utf-8", "unnamed"),
    ] {
        let body = parts(&[("name=a", "1")]).replace("--x", &format!("--{boundary}"));
        assert_eq!(read(&format!("multipart/form-data; {header}"), body), Ok(json!({ "a": "1" })), "{header}");
    }
}

#[test]
fn text_in_other_bodies_can_be_read() {
    let text = |body: &[u8]| read("application/yaml", body).unwrap()["text"].take();
    assert_eq!(text(b"a: 1\n"), json!("a: 1\n"));
    assert_eq!(text(b"a\0"), Value::Null);
    assert_eq!(text(b"\xFF"), Value::Null);
    assert_eq!(text(&vec![b'a'; super::described::TEXT_BYTES_MAX + 1]), Value::Null);
}

#[test]
fn named_members_of_xml_and_forms_are_always_lists() {
    let lists = ["item".to_owned(), "tag".to_owned()];
    let read = |content_type: &str, body: &'static str| {
        let content = Content::of(Some(content_type), None).unwrap().with_lists(&lists);
        content.read(&Bytes::from(body), &mut Notes::default()).unwrap()
    };
    assert_eq!(read(XML, "<o><item k='1'/></o>"), json!({ "o": { "item": [{ "@k": "1" }] } }));
    assert_eq!(read(XML, "<o><item/><item/></o>"), json!({ "o": { "item": ["", ""] } }));
    assert_eq!(read(FORM, "tag=viper&size=S"), json!({ "tag": ["viper"], "size": "S" }));
    assert_eq!(read("application/json", "{\"tag\":1}"), json!({ "tag": 1 }));
}

#[test]
fn element_counts_are_limited() {
    let fields = |count: usize| vec!["a=1"; count].join("&");
    assert!(read(FORM, fields(1_000)).is_ok());
    assert_eq!(read(FORM, fields(1_001)).unwrap_err().to_string(), "the form has more than 1000 fields");
    let of = |count: usize| parts(&vec![("name=a", "1"); count]);
    assert!(read(MULTIPART, of(1_000)).is_ok());
    assert_eq!(read(MULTIPART, of(1_001)).unwrap_err().to_string(), "the body has more than 1000 parts");
    let elements = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count));
    assert!(read(XML, elements(19_999)).is_ok());
    assert!(matches!(read(XML, elements(20_000)), Err(ContentError::TooLarge(_))));
    let attributes: String = (0..20_000).map(|index| format!(" a{index}=''")).collect();
    assert!(matches!(read(XML, format!("<a{attributes}/>")), Err(ContentError::TooLarge(_))));
    let long = "a".repeat(1_001);
    for (content_type, body) in
        [(FORM, format!("{long}=1")), (XML, format!("<{long}/>")), (XML, format!("<a {long}='1'/>"))]
    {
        assert!(matches!(read(content_type, body), Err(ContentError::TooLarge(_))), "{content_type}");
    }
}

#[test]
fn files_are_found_by_part_number() {
    let body =
        Bytes::from(parts(&[("name=a", "1"), ("name=f; filename=x.bin\r\nContent-Type: image/png", "\u{0}\r\n")]));
    let content = Content::of(Some(MULTIPART), None).unwrap();
    let file = content.file(&body, 2).unwrap().unwrap();
    assert_eq!(
        (file.name.as_str(), file.content_type.as_deref(), &file.bytes[..]),
        ("x.bin", Some("image/png"), &b"\0\r\n"[..])
    );
    for other in [0, 1, 3] {
        assert_eq!(content.file(&body, other), Ok(None));
    }
    assert_eq!(Content::of(Some(XML), None).unwrap().file(&body, 2), Ok(None));
}

/// Nearly valid bytes of each format.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "a",
        "[",
        "]",
        "[]",
        "[b]",
        "=",
        "&",
        "%",
        "%41",
        "%ff",
        "+",
        "0",
        "1",
        "--x",
        "--",
        "\r\n",
        "\r\n\r\n",
        "\n",
        " ",
        ":",
        "Content-Disposition: form-data; ",
        "name=",
        "filename=",
        "\"",
        "\\",
        "Content-Type: text/plain; charset=",
        "utf-8",
        "<",
        ">",
        "/>",
        "</",
        "<a>",
        "</a>",
        "<a ",
        "{",
        "}",
        "123456789012345678901",
        "\\ud800",
        "'",
        "&lt;",
        "&#0;",
        "&#xD800;",
        "<!DOCTYPE",
        "<![CDATA[",
        "]]>",
        "<?xml ",
        "encoding='utf-16'",
        "é",
        "\u{feff}",
        "\0",
        "$serde_json::private::RawValue",
        "$serde_json::private::Number",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Any bytes are either an error, or a payload that can be stored and read back.
    #[test]
    fn any_bytes_are_handled(
        bytes in prop_oneof![pieces(), prop::collection::vec(any::<u8>(), 0..300)],
        kind in prop::sample::select(vec![
            FORM, MULTIPART, "multipart/form-data", XML, "text/plain", "text/plain; charset=utf-16", "image/png",
            "application/json", "application/x-ndjson",
        ]),
        encoding in prop::sample::select(vec!["identity", "gzip", "deflate", "br", "zstd", "zstd, gzip"]),
    ) {
        let content = Content::of(Some(kind), Some(encoding)).unwrap();
        let mut notes = Notes::default();
        let Ok(inflated) = content.inflate(&bytes, 10_000, &mut notes) else { return Ok(()) };
        let body = inflated.unwrap_or_else(|| bytes.into());
        let _ = content.file(&body, 1);
        if let Ok(data) = content.read(&body, &mut notes) {
            prop_assert!(!is_deeper_than(&data, PAYLOAD_LEVELS_MAX));
            prop_assert_eq!(serde_json::from_str::<Value>(&data.to_string()).unwrap(), data);
        }
    }

    /// Any headers are handled, because senders control them too.
    #[test]
    fn any_headers_are_handled(content_type in ".{0,80}", encoding in ".{0,20}") {
        let content = Content::of(Some(&content_type), None);
        prop_assert!(content.is_ok());
        let _ = Content::of(None, Some(&encoding));
    }

    /// Serialising an object of strings as a form and parsing it returns the object.
    #[test]
    fn plain_forms_round_trip(fields in prop::collection::btree_map("[a-z %&=+é]{1,10}", ".{0,20}", 1..10)) {
        let form: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        prop_assert_eq!(read(FORM, form).unwrap(), json!(fields));
    }
}
