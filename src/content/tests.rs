use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Content, ContentError};
use crate::base::json::{PAYLOAD_LEVELS_MAX, is_deeper_than};

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=x";
const XML: &str = "application/xml";

fn read(content_type: &str, body: impl Into<Vec<u8>>) -> Result<Value, ContentError> {
    Content::of(Some(content_type), None)?.read(&Bytes::from(body.into()))
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
        let becomes =
            read(content_type, body.clone()).map_or_else(|error| format!("{error:?}"), |data| data.to_string());
        table += &format!("{content_type}\n  {body:?}\n  -> {becomes}\n");
    }
    insta::assert_snapshot!(table);
}

#[test]
fn empty_bodies_are_null_except_json() {
    for content_type in [FORM, MULTIPART, XML, "text/plain", "application/octet-stream"] {
        assert_eq!(read(content_type, ""), Ok(Value::Null), "{content_type}");
    }
    assert_eq!(Content::of(None, None).unwrap().read(&Bytes::new()), Ok(Value::Null));
    assert!(matches!(read("application/json", ""), Err(ContentError::MalformedJson(_))));
}

#[test]
fn character_encodings_are_supported() {
    assert_eq!(read("text/plain; charset=latin1", b"caf\xE9"), Ok(json!("café")));
    assert_eq!(read("text/plain ; charset=latin1 ;", b"caf\xE9"), Ok(json!("café")));
    for charset in ["utf8", "UTF-8", "\"utf-8\"", "us-ascii"] {
        let mark = "\u{FEFF}{\"a\":\"é\"}";
        assert_eq!(read(&format!("application/json; charset={charset}"), mark), Ok(json!({ "a": "é" })), "{charset}");
    }
    assert_eq!(read("text/plain", b"\xFF\xFEh\0i\0"), Ok(json!("hi")));
    assert_eq!(read("text/plain", b"caf\xE9").unwrap_err().to_string(), "the text is not valid UTF-8 at byte 4");
    assert_eq!(read(XML, b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xE9</a>"), Ok(json!({ "a": "é" })));
    assert_eq!(read("text/xml; charset=latin1", b"<a>\xE9</a>"), Ok(json!({ "a": "é" })));
    assert_eq!(read(FORM, b"a=\xC3\xA9"), Ok(json!({ "a": "é" })));
}

#[test]
fn element_counts_are_limited() {
    let fields = |count: usize| vec!["a=1"; count].join("&");
    assert!(read(FORM, fields(1_000)).is_ok());
    assert_eq!(read(FORM, fields(1_001)).unwrap_err().to_string(), "the form has more than 1000 fields");
    let of = |count: usize| parts(&vec![("name=a", "1"); count]);
    assert!(read(MULTIPART, of(100)).is_ok());
    assert_eq!(read(MULTIPART, of(101)).unwrap_err().to_string(), "the body has more than 100 parts");
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

/// [`TEXT`] in brotli.
const BROTLI: &str = "0b06807b2261223a5b312c322c335d7d03";
/// Ten million spaces, in brotli.
const BROTLI_BOMB: &str = "cbffff3ff82540e2b14020f7fe2fff2c31f04b00c46111808e2306";
const TEXT: &[u8] = br#"{"a":[1,2,3]}"#;

/// The bytes in each encoding.
fn encoded(bytes: &[u8]) -> [(&'static str, Vec<u8>); 4] {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes).unwrap();
    zlib.write_all(bytes).unwrap();
    deflate.write_all(bytes).unwrap();
    let gzip = gzip.finish().unwrap();
    [
        ("gzip", gzip.clone()),
        ("X-GZip", gzip),
        ("deflate", zlib.finish().unwrap()),
        ("deflate", deflate.finish().unwrap()),
    ]
}

fn inflate(encoding: &str, bytes: &[u8], bytes_max: usize) -> Result<Option<Bytes>, ContentError> {
    Content::of(None, Some(encoding))?.inflate(bytes, bytes_max)
}

#[test]
fn content_encodings_are_undone() {
    for (encoding, bytes) in encoded(TEXT).into_iter().chain([("br", hex::decode(BROTLI).unwrap())]) {
        assert_eq!(inflate(encoding, &bytes, TEXT.len()).unwrap().as_deref(), Some(TEXT), "{encoding}");
        let short = inflate(encoding, &bytes[..bytes.len() - 3], TEXT.len());
        assert!(matches!(short, Err(ContentError::Malformed(_))), "{encoding}: {short:?}");
        let small = inflate(encoding, &bytes, TEXT.len() - 1);
        assert_eq!(small, Err(ContentError::TooLarge("the inflated body is larger than 12 bytes".into())));
        assert!(matches!(inflate(encoding, b"neither", 100), Err(ContentError::Malformed(_))), "{encoding}");
        assert_eq!(inflate(encoding, b"", 100), Ok(None));
    }
    assert_eq!(inflate("identity", TEXT, 1), Ok(None));
    for unknown in ["zstd", "gzip, gzip", "compress"] {
        assert!(matches!(inflate(unknown, TEXT, 100), Err(ContentError::Unsupported(_))), "{unknown}");
    }
}

#[test]
fn decompression_bombs_stop_at_the_limit() {
    let bomb = vec![b' '; 10_000_000];
    for (encoding, bytes) in encoded(&bomb).into_iter().chain([("br", hex::decode(BROTLI_BOMB).unwrap())]) {
        assert!(bytes.len() < 50_000);
        assert!(matches!(inflate(encoding, &bytes, 4_000_000), Err(ContentError::TooLarge(_))), "{encoding}");
    }
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
        kind in prop::sample::select(vec![FORM, MULTIPART, XML, "text/plain", "text/plain; charset=utf-16", "image/png"]),
        encoding in prop::sample::select(vec!["identity", "gzip", "deflate", "br"]),
    ) {
        let content = Content::of(Some(kind), Some(encoding)).unwrap();
        let Ok(inflated) = content.inflate(&bytes, 10_000) else { return Ok(()) };
        let body = inflated.unwrap_or_else(|| bytes.into());
        let _ = content.file(&body, 1);
        if let Ok(data) = content.read(&body) {
            prop_assert!(!is_deeper_than(&data, PAYLOAD_LEVELS_MAX));
            prop_assert_eq!(serde_json::from_str::<Value>(&data.to_string()).unwrap(), data);
        }
    }

    /// Any headers are handled, because senders control them too.
    #[test]
    fn any_headers_are_handled(content_type in ".{0,80}", encoding in ".{0,20}") {
        let _ = Content::of(Some(&content_type), None);
        let _ = Content::of(None, Some(&encoding));
    }

    /// Serialising an object of strings as a form and parsing it returns the object.
    #[test]
    fn plain_forms_round_trip(fields in prop::collection::btree_map("[a-z %&=+é]{1,10}", ".{0,20}", 1..10)) {
        let form: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        prop_assert_eq!(read(FORM, form).unwrap(), json!(fields));
    }
}
