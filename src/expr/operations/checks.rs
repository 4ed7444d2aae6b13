//! E-mail addresses and phone numbers.

use std::borrow::Cow;

use serde_json::Value;

use crate::expr::inputs::Inputs;
use crate::expr::operation::{Operation, OperationError, Output, Parameter, ValueType, describe};
use crate::objects::phone::{self, DEFAULT_COUNTRY};

type OperationResult<'a> = Result<Cow<'a, Value>, OperationError>;

const VALUE: Parameter = Parameter::nullable("value", ValueType::Any);
const COUNTRY: Parameter = Parameter::optional("country", ValueType::Named("a country code", phone::check_country));

/// Parsing a phone number tries the patterns of its country.
const PHONE_COST: usize = 40;

pub(super) const ROWS: &[Operation] = &[
    Operation::new("isValidEmailAddress", &[VALUE], is_valid_email_address)
        .output(Output::Boolean)
        .aliases(&["isValidEmail", "validateEmail"]),
    Operation::new("isValidPhoneNumber", &[VALUE, COUNTRY], is_valid_phone_number)
        .output(Output::Boolean)
        .cost(PHONE_COST)
        .aliases(&["isValidPhone", "validatePhone"]),
    Operation::new("toE164", &[Parameter::required("value", ValueType::Text), COUNTRY], to_e164)
        .cost(PHONE_COST)
        .aliases(&["e164", "internationalPhoneNumber"]),
];

/// Matches `/.+@.+/`, for compatibility with Kustomer.
fn is_valid_email_address<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let is_plausible = |text: &str| {
        let is_filled = |side: Option<char>| side.is_some_and(|character| !matches!(character, '\n' | '\r'));
        text.match_indices('@').any(|(index, _)| {
            is_filled(text[..index].chars().next_back()) && is_filled(text[index + 1..].chars().next())
        })
    };
    Ok(Cow::Owned(inputs.value(0).as_str().is_some_and(is_plausible).into()))
}

fn is_valid_phone_number<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let country = inputs.text_or(1, DEFAULT_COUNTRY)?;
    let valid = match inputs.value(0) {
        Value::String(text) => phone::is_valid_phone(text, &country)?,
        Value::Number(number) => phone::is_valid_phone(&number.to_string(), &country)?,
        _ => false,
    };
    Ok(Cow::Owned(valid.into()))
}

/// The number in international form, without its extension.
fn to_e164<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let (text, country) = (inputs.text(0)?, inputs.text_or(1, DEFAULT_COUNTRY)?);
    let invalid = || {
        let number = describe(&Value::from(&*text));
        OperationError::NoValue(format!("{number} is not a phone number of the country `{country}`"))
    };
    // A number in international form says its country itself.
    let number = match text.trim_start().starts_with('+') {
        true => phone::international_of_any_country(&text),
        false => phone::international(&text, &country)?,
    };
    number.map(|number| Cow::Owned(number.into())).ok_or_else(invalid)
}
