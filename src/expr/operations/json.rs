//! Operations between values and their JSON text.

use std::borrow::Cow;

use serde_json::Value;

use crate::expr::inputs::Inputs;
use crate::expr::operation::{Kind, Need, Operation, Parameter, Shown, Trouble};
use crate::expr::report::brief;

type Given<'a> = Result<Cow<'a, Value>, Trouble>;

pub(super) const ROWS: &[Operation] = &[
    Operation::new("toJSON", &[Parameter { name: "value", kind: Kind::Any, need: Need::NullNoted }], to_json)
        .shown(Shown::AsIs)
        .aliases(&["json", "toJson", "stringify", "JSONstringify"]),
    Operation::new("parseJSON", &[Parameter::required("text", Kind::Text)], parse_json).aliases(&[
        "parseJson",
        "fromJSON",
        "fromJson",
        "JSONparse",
    ]),
];

fn to_json<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let mut writer = inputs.writer();
    writer.push_json(inputs.value(0))?;
    Ok(writer.finish())
}

fn parse_json<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let text = inputs.text(0)?;
    let parsed: Value = serde_json::from_str(&text)
        .map_err(|error| Trouble::Nothing(format!("`{}` is not JSON: {error}", brief(&text))))?;
    inputs.meter.charge_value(&parsed)?;
    Ok(Cow::Owned(parsed))
}
