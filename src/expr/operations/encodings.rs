//! Percent and Base64 encoding.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use crate::expr::inputs::Inputs;
use crate::expr::operation::{Operation, OperationError, Output, Parameter, ValueType};
use crate::expr::report::brief;

type OperationResult<'a> = Result<Cow<'a, Value>, OperationError>;

const VALUE: Parameter = Parameter::required("value", ValueType::Any);
const TEXT: Parameter = Parameter::required("text", ValueType::Text);

pub(super) const ROWS: &[Operation] = &[
    Operation::new("urlencode", &[VALUE], |inputs| percent_encode(inputs, &UNRESERVED)).output(Output::Raw),
    Operation::new("encodeURIComponent", &[VALUE], |inputs| percent_encode(inputs, &COMPONENT)).output(Output::Raw),
    Operation::new("encodeURI", &[VALUE], |inputs| percent_encode(inputs, &FULL_URL)).output(Output::Raw),
    Operation::new("decodeURIComponent", &[TEXT], percent_decode).aliases(&["urldecode", "decodeURI"]),
    Operation::new("base64Encode", &[TEXT], base64_encode).output(Output::Raw).aliases(&[
        "base64",
        "encodeBase64",
        "toBase64",
        "btoa",
    ]),
    Operation::new("base64Decode", &[TEXT], base64_decode).aliases(&["decodeBase64", "fromBase64", "atob"]),
];

/// All characters that may have a meaning in a URL.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// As in JavaScript.
const COMPONENT: AsciiSet = UNRESERVED.remove(b'!').remove(b'~').remove(b'\'').remove(b'(').remove(b')');

/// As in JavaScript: a URL stays a URL.
const FULL_URL: AsciiSet = COMPONENT
    .remove(b';')
    .remove(b'/')
    .remove(b'?')
    .remove(b':')
    .remove(b'@')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b',')
    .remove(b'#');

fn percent_encode<'a>(inputs: &mut Inputs<'a, '_>, escapes: &'static AsciiSet) -> OperationResult<'a> {
    let mut text = inputs.writer();
    text.push_shown(inputs.value(0))?;
    let mut writer = inputs.writer();
    for part in utf8_percent_encode(text.as_str(), escapes) {
        writer.push(part)?;
    }
    Ok(writer.finish())
}

fn percent_decode<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let text = inputs.text(0)?;
    match percent_decode_str(&text).decode_utf8() {
        Ok(decoded) => Ok(Cow::Owned(decoded.into())),
        Err(_) => Err(OperationError::NoValue(format!("`{}` is not percent-encoded text", brief(&text)))),
    }
}

fn base64_encode<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    Ok(Cow::Owned(base64::engine::general_purpose::STANDARD.encode(&*inputs.text(0)?).into()))
}

/// Accepts both alphabets, with or without padding.
fn base64_decode<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let text = inputs.text(0)?;
    let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    let decoded = GeneralPurpose::new(&alphabet, LENIENT).decode(text.trim());
    match decoded.map(String::from_utf8) {
        Ok(Ok(decoded)) => Ok(Cow::Owned(decoded.into())),
        _ => Err(OperationError::NoValue(format!("`{}` is not Base64-encoded text", brief(&text)))),
    }
}
