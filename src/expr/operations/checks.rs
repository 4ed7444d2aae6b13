//! Checks of e-mail addresses and phone numbers.

use std::borrow::Cow;

use serde_json::Value;

use super::phone;
use crate::expr::inputs::Inputs;
use crate::expr::operation::{Operation, OperationError, Output, Parameter, ValueType};

type OperationResult<'a> = Result<Cow<'a, Value>, OperationError>;

const VALUE: Parameter = Parameter::nullable("value", ValueType::Any);
const COUNTRY: Parameter = Parameter::optional("country", ValueType::Named("a country code", phone::check_country));

pub(super) const ROWS: &[Operation] = &[
    Operation::new("isValidEmailAddress", &[VALUE], is_valid_email_address)
        .output(Output::Boolean)
        .aliases(&["isValidEmail", "validateEmail"]),
    Operation::new("isValidPhoneNumber", &[VALUE, COUNTRY], is_valid_phone_number)
        .output(Output::Boolean)
        .cost(10)
        .aliases(&["isValidPhone", "validatePhone"]),
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
    let country = inputs.text_or(1, "US")?;
    let valid = match inputs.value(0) {
        Value::String(text) => phone::is_valid(text, &country)?,
        Value::Number(number) => phone::is_valid(&number.to_string(), &country)?,
        _ => false,
    };
    Ok(Cow::Owned(valid.into()))
}
