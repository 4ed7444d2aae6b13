//! Operations that put texts into other alphabets and get them out again.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use crate::expr::inputs::Inputs;
use crate::expr::operation::{Kind, Operation, Parameter, Shown, Trouble};
use crate::expr::report::brief;

type Given<'a> = Result<Cow<'a, Value>, Trouble>;

const VALUE: Parameter = Parameter::required("value", Kind::Any);
const TEXT: Parameter = Parameter::required("text", Kind::Text);

pub(super) const ROWS: &[Operation] = &[
    Operation::new("urlencode", &[VALUE], |inputs| percent_encode(inputs, &UNRESERVED)).shown(Shown::AsIs),
    Operation::new("encodeURIComponent", &[VALUE], |inputs| percent_encode(inputs, &COMPONENT)).shown(Shown::AsIs),
    Operation::new("encodeURI", &[VALUE], |inputs| percent_encode(inputs, &ADDRESS)).shown(Shown::AsIs),
    Operation::new("decodeURIComponent", &[TEXT], percent_decode).aliases(&["urldecode", "decodeURI"]),
    Operation::new("base64Encode", &[TEXT], base64_encode).shown(Shown::AsIs).aliases(&[
        "base64",
        "encodeBase64",
        "toBase64",
        "btoa",
    ]),
    Operation::new("base64Decode", &[TEXT], base64_decode).aliases(&["decodeBase64", "fromBase64", "atob"]),
];

/// All but what is never of any meaning in an address.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// As JavaScript does it.
const COMPONENT: AsciiSet = UNRESERVED.remove(b'!').remove(b'~').remove(b'\'').remove(b'(').remove(b')');

/// As JavaScript does it: an address stays one.
const ADDRESS: AsciiSet = COMPONENT
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

fn percent_encode<'a>(inputs: &mut Inputs<'a, '_>, kept: &'static AsciiSet) -> Given<'a> {
    let mut text = inputs.writer();
    text.push_shown(inputs.value(0))?;
    let mut writer = inputs.writer();
    for part in utf8_percent_encode(text.as_str(), kept) {
        writer.push(part)?;
    }
    Ok(writer.finish())
}

fn percent_decode<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let text = inputs.text(0)?;
    match percent_decode_str(&text).decode_utf8() {
        Ok(decoded) => Ok(Cow::Owned(decoded.into())),
        Err(_) => Err(Trouble::Nothing(format!("`{}` is not percent-encoded text", brief(&text)))),
    }
}

fn base64_encode<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    Ok(Cow::Owned(base64::engine::general_purpose::STANDARD.encode(&*inputs.text(0)?).into()))
}

/// Reads both alphabets, with or without padding.
fn base64_decode<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let text = inputs.text(0)?;
    let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    let decoded = GeneralPurpose::new(&alphabet, LENIENT).decode(text.trim());
    match decoded.map(String::from_utf8) {
        Ok(Ok(decoded)) => Ok(Cow::Owned(decoded.into())),
        _ => Err(Trouble::Nothing(format!("`{}` is not a text in Base64", brief(&text)))),
    }
}
