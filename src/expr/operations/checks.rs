//! Whether a text looks like what it should be.

use std::borrow::Cow;

use serde_json::Value;

use super::phone;
use crate::expr::inputs::Inputs;
use crate::expr::operation::{Kind, Operation, Parameter, Shown, Trouble};

type Given<'a> = Result<Cow<'a, Value>, Trouble>;

const VALUE: Parameter = Parameter::nullable("value", Kind::Any);
const COUNTRY: Parameter = Parameter::optional("country", Kind::Named("the code of a country", phone::check_country));

pub(super) const ROWS: &[Operation] = &[
    Operation::new("isValidEmailAddress", &[VALUE], is_valid_email_address)
        .shown(Shown::Test)
        .aliases(&["isValidEmail", "validateEmail"]),
    Operation::new("isValidPhoneNumber", &[VALUE, COUNTRY], is_valid_phone_number)
        .shown(Shown::Test)
        .cost(10)
        .aliases(&["isValidPhone", "validatePhone"]),
];

/// The product that we are compatible with asks for `/.+@.+/` and nothing more.
fn is_valid_email_address<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let plausible = |text: &str| {
        let beside = |part: Option<char>| part.is_some_and(|character| !matches!(character, '\n' | '\r'));
        text.match_indices('@')
            .any(|(place, _)| beside(text[..place].chars().next_back()) && beside(text[place + 1..].chars().next()))
    };
    Ok(Cow::Owned(inputs.value(0).as_str().is_some_and(plausible).into()))
}

fn is_valid_phone_number<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let country = inputs.text_or(1, "US")?;
    let valid = match inputs.value(0) {
        Value::String(text) => phone::is_valid(text, &country)?,
        Value::Number(number) => phone::is_valid(&number.to_string(), &country)?,
        _ => false,
    };
    Ok(Cow::Owned(valid.into()))
}
