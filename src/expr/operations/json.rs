//! Conversion between values and JSON text.

use std::borrow::Cow;

use serde_json::Value;

use crate::base::json_text::with_long_integers_as_text;
use crate::expr::inputs::Inputs;
use crate::expr::operation::{Need, Operation, OperationError, Output, Parameter, ValueType};
use crate::expr::report::brief;

type OperationResult<'a> = Result<Cow<'a, Value>, OperationError>;

pub(super) const ROWS: &[Operation] = &[
    Operation::new(
        "toJSON",
        &[Parameter { name: "value", value_type: ValueType::Any, need: Need::NullNoted }],
        to_json,
    )
    .output(Output::Raw)
    .aliases(&["json", "toJson", "stringify", "JSONstringify"]),
    Operation::new("parseJSON", &[Parameter::required("text", ValueType::Text)], parse_json).aliases(&[
        "parseJson",
        "fromJSON",
        "fromJson",
        "JSONparse",
    ]),
];

fn to_json<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let mut writer = inputs.writer();
    writer.push_json(inputs.value(0))?;
    Ok(writer.finish())
}

fn parse_json<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let text = inputs.text(0)?;
    // Integers beyond 64 bits keep their digits, as in payloads.
    let (kept, _) = with_long_integers_as_text(text.as_bytes());
    let parsed: Value = serde_json::from_slice(&kept)
        .map_err(|error| OperationError::NoValue(format!("`{}` is not JSON: {error}", brief(&text))))?;
    inputs.meter.charge_value(&parsed)?;
    Ok(Cow::Owned(parsed))
}
