//! Edge cases of operations, beyond the examples in `docs/language.md`.

use serde_json::{Value, json};

use crate::base::time::Timestamp;
use crate::expr::operation::Need;
use crate::expr::{Expr, Scope};

fn run(function: &str, value: &Value) -> Result<Value, String> {
    let mut scope = Scope::new();
    scope.set_moment(Timestamp::parse("2024-02-29T12:00:00Z").unwrap(), 7);
    scope.set_step("1", value.clone());
    let mut notes = Vec::new();
    let function = Expr::compile(&json!(format!("/#fn:{function}"))).unwrap_or_else(|faults| panic!("{faults:?}"));
    let value = function.resolve(&scope, "", &mut notes).map_err(|error| error.to_string())?;
    value.ok_or_else(|| notes.remove(0).message)
}

#[test]
fn names_are_unique() {
    let mut names: Vec<&str> = super::names().collect();
    names.sort_unstable();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn optional_parameters_come_last() {
    for operation in super::all() {
        let needs = operation.parameters.iter().map(|parameter| parameter.need);
        let optional: Vec<bool> = needs.map(|need| need == Need::Optional).collect();
        assert!(optional.is_sorted(), "{}", operation.name);
        assert!(!operation.variadic || !operation.parameters.is_empty(), "{}", operation.name);
    }
}

#[test]
fn operations_return_values() {
    for (function, value, expected) in [
        ("parseInt,steps.1", json!("42"), json!(42)),
        ("parseInt,steps.1", json!(" -42.9 EUR"), json!(-42)),
        ("parseInt,steps.1", json!(3.99), json!(3)),
        ("parseInt,steps.1", json!("+7"), json!(7)),
        ("parseInt,steps.1", json!(u64::MAX), json!(u64::MAX)),
        ("parseFloat,steps.1", json!("12.50 EUR"), json!(12.5)),
        ("parseFloat,steps.1", json!(".5"), json!(0.5)),
        ("parseFloat,steps.1", json!("1e3x"), json!(1000)),
        ("parseFloat,steps.1", json!("1ex"), json!(1)),
        ("parseFloat,steps.1", json!("42 EUR"), json!(42)),
        ("parseFloat,steps.1", json!(100.0), json!(100)),
        ("parseFloat,steps.1", json!("18446744073709551615"), json!(u64::MAX)),
        ("parseInt,steps.1", json!("18446744073709551615"), json!(u64::MAX)),
        ("toFixed,steps.1,2", json!(u64::MAX), json!("18446744073709551615.00")),
        ("parseFloat,steps.1", json!(7), json!(7)),
        ("parseBool,steps.1", json!(" Yes "), json!(true)),
        ("parseBool,steps.1", json!(0), json!(false)),
        ("math,steps.1,+,0.2", json!(0.1), json!(0.3)),
        ("math,steps.1,*,3", json!("19.99"), json!(59.97)),
        ("math,steps.1,/,4", json!(10), json!(2.5)),
        ("math,steps.1,/,5", json!(10), json!(2)),
        ("math,steps.1,%,3", json!(-7), json!(-1)),
        ("math,steps.1,/,3,2", json!(10), json!(3.33)),
        ("math,steps.1,-,1", json!(i64::MIN), json!(-9.22337203685478e18)),
        ("math,steps.1,+,1", json!(i64::MAX), json!(9_223_372_036_854_775_808_u64)),
        ("round,steps.1,2", json!(1.005), json!(1.01)),
        ("round,steps.1", json!(-2.5), json!(-3)),
        ("round,steps.1,15", json!(1e300), json!(1e300)),
        ("floor,steps.1", json!(-2.1), json!(-3)),
        ("ceil,steps.1", json!("2.1"), json!(3)),
        ("abs,steps.1", json!(i64::MIN), json!(9_223_372_036_854_775_808_u64)),
        ("toFixed,steps.1,2", json!(3), json!("3.00")),
        ("toFixed,steps.1,2", json!(1.005), json!("1.01")),
        ("toFixed,steps.1", json!(1.5), json!("2")),
        ("capitalize,steps.1", json!("ärger ÄRGER"), json!("Ärger ÄRGER")),
        ("replace,steps.1,a,bb", json!("aXa"), json!("bbXbb")),
        ("replace,steps.1,'',bb", json!("aXa"), json!("aXa")),
        ("split,steps.1,''", json!("a,é"), json!(["a", ",", "é"])),
        ("split,steps.1", json!("a,é"), json!(["a", "é"])),
        ("substring,steps.1,1,3", json!("häus"), json!("äu")),
        ("substring,steps.1,-2", json!("häus"), json!("us")),
        ("substring,steps.1,3,1", json!("häus"), json!("")),
        ("substring,steps.1,-9,99", json!("häus"), json!("häus")),
        ("escapeRegExp,steps.1", json!("a.b*(c)"), json!("a\\.b\\*\\(c\\)")),
        ("length,steps.1", json!({ "a": 1, "length": 9 }), json!(2)),
        ("join,steps.1", json!(["a", null, 1, [2]]), json!("a,,1,[2]")),
        ("map,steps.1,a.b", json!([{ "a": { "b": 1 } }, { "a.b": 2 }, 3]), json!([1, 2, null])),
        ("sum,steps.1", json!([0.1, "0.2", 1]), json!(1.3)),
        ("sum,steps.1,n", json!([]), json!(0)),
        ("lookup,steps.1,a b", json!({ "a b": 1 }), json!(1)),
        ("lookup,steps.1,x", json!(null), json!(null)),
        ("parseJSON,steps.1", json!(" {\"a\":[1]} "), json!({ "a": [1] })),
        ("toJSON,steps.1", json!({ "a": "\"" }), json!(r#"{"a":"\""}"#)),
        ("eq,steps.1,'7'", json!(7), json!(true)),
        ("ne,steps.1,7", json!([7]), json!(true)),
        ("lt,steps.1,10", json!("9"), json!(true)),
        ("and,steps.1,1,x", json!([]), json!(false)),
        ("or,steps.1,0,x", json!(""), json!(true)),
        ("not,steps.1", json!({}), json!(false)),
        ("contains,steps.1,b", json!(["a", "b"]), json!(true)),
        ("startsWith,steps.1,a", json!("abc"), json!(true)),
        ("default,steps.1.x,steps.1.y,z", json!({ "y": "" }), json!("z")),
        ("exists,steps.1", json!(null), json!(false)),
        ("dateDiff,days,steps.1", json!("2024-02-27"), json!(2)),
        ("date,month,1", json!(0), json!("2024-01-29T12:00:00.000Z")),
        ("date,hours,-1,steps.1,HH:mm,Asia/Tokyo", json!(0), json!("10:00")),
        ("dateFormat,steps.1", json!("2017-12-22"), json!("2017-12-22T00:00:00.000Z")),
        ("dateFormat,steps.1", json!("9999-12-31"), json!("9999-12-31T00:00:00.000Z")),
        ("dateFormat,steps.1", json!("1355517523.000005"), json!("2012-12-14T20:38:43.000Z")),
        ("dateFormat,steps.1,'D, M',Asia/Tokyo", json!("2017-12-22T20:00:00Z"), json!("23, 12")),
        ("dateFormat,steps.1,'D' M, YY", json!("2017-12-22"), json!("'22' 12, 17")),
        (
            "parseDate,steps.1,DD.MM.YYYY HH:mm,Europe/Berlin",
            json!("31.12.2024 01:00"),
            json!("2024-12-31T00:00:00.000Z"),
        ),
        ("parseDate,steps.1,YYYYMMDD", json!(20_240_229), json!("2024-02-29T00:00:00.000Z")),
        ("inBusinessHours", json!(0), json!(true)),
        ("inBusinessHours,steps.1", json!("2024-03-02T12:00:00Z"), json!(false)),
        ("urlencode,steps.1", json!("a b&ü!"), json!("a%20b%26%C3%BC%21")),
        ("encodeURIComponent,steps.1", json!("a b&ü!"), json!("a%20b%26%C3%BC!")),
        ("encodeURI,steps.1", json!("http://x/a b?c=ü#d"), json!("http://x/a%20b?c=%C3%BC#d")),
        ("decodeURIComponent,steps.1", json!("a%20b%26%C3%BC+"), json!("a b&ü+")),
        ("base64Decode,steps.1", json!("w7w_"), json!("ü?")),
        ("base64Decode,steps.1", json!("YQ"), json!("a")),
        ("hash,MD5,steps.1", json!(""), json!("d41d8cd98f00b204e9800998ecf8427e")),
        ("hash,SHA-1,steps.1", json!("abc"), json!("a9993e364706816aba3e25717850c26c9cd0d89d")),
        (
            "hmac,sha256,key,steps.1",
            json!("The quick brown fox jumps over the lazy dog"),
            json!("f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"),
        ),
        ("hmac,sha1,'',steps.1,base64", json!(""), json!("+9sdGxiqbAgyS31ktx+3Y3BpDh0=")),
        ("isValidEmailAddress,steps.1", json!("a@b"), json!(true)),
        ("isValidEmailAddress,steps.1", json!("@b@"), json!(false)),
        ("isValidEmailAddress,steps.1", json!("a\n@b"), json!(false)),
        ("isValidEmailAddress,steps.2", json!(7), json!(false)),
        ("isValidPhoneNumber,steps.1", json!(2_125_550_123_i64), json!(true)),
        ("isValidPhoneNumber,steps.1,DE", json!("+49 30 901820"), json!(true)),
        ("toE164,steps.1", json!("(212) 555-0123"), json!("+12125550123")),
        ("toE164,steps.1", json!("+49 30 901820"), json!("+4930901820")),
        ("toE164,steps.1,DE", json!("030 901820"), json!("+4930901820")),
    ] {
        assert_eq!(run(function, &value), Ok(expected), "{function} of {value}");
    }
}

#[test]
fn missing_results_have_reasons() {
    for (function, value, message) in [
        ("parseInt,steps.1", json!("x1"), "`x1` does not start with a number"),
        ("parseFloat,steps.1", json!("-.e1"), "`-.e1` does not start with a number"),
        ("parseInt,steps.1", json!([1]), "a list is not a number"),
        ("parseBool,steps.1", json!("maybe"), "the string `maybe` is neither true nor false"),
        ("math,steps.1,%,0", json!(1), "1 cannot be divided by zero"),
        ("math,steps.1,*,1e300", json!(1e300), "the result is too large"),
        ("round,steps.1,99", json!(1), "decimals must be from 0 to 15, not 99"),
        ("toUpper,steps.1", json!(null), "`toUpper` expects a string, not null"),
        ("first,steps.1", json!([]), "the list is empty"),
        ("sum,steps.1", json!(["x"]), "the string `x` is not a number"),
        (
            "gt,steps.1,1",
            json!("x"),
            "cannot compare the string `x` with the number 1: expected two numbers or two strings",
        ),
        ("parseJSON,steps.1", json!("{"), "`{` is not JSON: EOF while parsing an object at line 1 column 1"),
        (
            "dateFormat,steps.1",
            json!("soon"),
            "the string `soon` is not a date; `parseDate` reads a date in a given format",
        ),
        (
            "parseDate,steps.1,DD.MM.YYYY",
            json!("31.02.2024"),
            "`31.02.2024` is not a date in the format `DD.MM.YYYY`: there is no such date",
        ),
        ("date,days,1.5", json!(0), "`date` expects an integer, not 1.5"),
        ("date,years,steps.1", json!(99_999), "99999 years are out of range"),
        ("base64Decode,steps.1", json!("//79"), "`//79` is not Base64-encoded text"),
        ("decodeURIComponent,steps.1", json!("%FF"), "`%FF` is not percent-encoded text"),
        ("hash,steps.1,x", json!("sha3"), "unknown algorithm `sha3`; expected one of sha256, sha512, sha1, md5"),
        ("randomId,steps.1", json!(0), "the size must be from 1 to 128, not 0"),
        ("toE164,steps.1,DE", json!("soon"), "the string `soon` is not a phone number of the country `DE`"),
        (
            "isValidPhoneNumber,steps.1,steps.1",
            json!("ZZ"),
            "unknown country `ZZ`; expected a code such as `US`, `GB` or `44`",
        ),
    ] {
        assert_eq!(run(function, &value), Err(message.to_owned()), "{function} of {value}");
    }
}

#[test]
fn random_ids_are_derived_from_the_seed() {
    let mut scope = Scope::new();
    let template = Expr::compile(&json!(["{{randomId}} {{randomId size=3}}", "{{randomId}}"])).unwrap();
    let mut resolve = |seed| {
        scope.set_moment(Timestamp(0), seed);
        template.resolve(&scope, "", &mut Vec::new()).unwrap().unwrap()
    };
    let (first, again, other) = (resolve(1), resolve(1), resolve(2));
    assert!(first == again && first != other && first[0].as_str().unwrap()[..10] != *first[1].as_str().unwrap());
    assert_eq!(first[0].as_str().unwrap().len(), 14);
}

#[test]
fn results_are_limited() {
    let long = json!("a".repeat(2048));
    let error = run("replace,steps.1,a,steps.1", &long).unwrap_err();
    assert_eq!(error, "`/#fn:replace,steps.1,a,steps.1` is too expensive: a string of more than 1048576 bytes");
    let many = json!({ "list": vec![0; 100_001] });
    let error = run("join,steps.1.list", &many).unwrap_err();
    assert_eq!(
        error,
        "`/#fn:join,steps.1.list` is too expensive: more than 100000 template parts, loop iterations and calls"
    );
}
