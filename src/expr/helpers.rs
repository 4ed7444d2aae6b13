//! The helpers that templates may call, and the one registry that holds them.
//!
//! Beside Handlebars' own there are `json` (any value as JSON, never HTML-escaped) and `urlencode`. Two more are put
//! into templates by [`super::template`] and cannot be written: `text` shows a value, a list or an object as JSON
//! where Handlebars would write `[object]`, and `length` is a length where Handlebars would fail.

use std::borrow::Cow;
use std::sync::LazyLock;

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderError, ScopedJson,
};
use handlebars::{RenderErrorReason, html_escape};
use serde_json::Value;

/// The helpers that a template may call. `log` is not among them: expressions are pure.
pub(super) const HELPERS: [&str; 18] = [
    "if",
    "unless",
    "each",
    "with",
    "lookup",
    "raw",
    "eq",
    "ne",
    "gt",
    "gte",
    "lt",
    "lte",
    "and",
    "or",
    "not",
    "len",
    "json",
    "urlencode",
];

pub(super) const TEXT: &str = "text";
pub(super) const LENGTH: &str = "length";

/// What every template is rendered with.
pub(super) static REGISTRY: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    let mut registry = Handlebars::new();
    registry.unregister_helper("log");
    registry.register_helper("json", Box::new(json_helper));
    registry.register_helper("urlencode", Box::new(urlencode_helper));
    registry.register_helper(TEXT, Box::new(text_helper));
    registry.register_helper(LENGTH, Box::new(LengthHelper));
    registry
});

/// A value as a template shows it: null is nothing, lists and objects are JSON.
pub(super) fn show(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

fn argument<'a>(helper: &'a Helper, name: &'static str) -> Result<&'a Value, RenderError> {
    let value = helper.param(0).map(|parameter| parameter.value());
    value.ok_or_else(|| RenderErrorReason::ParamNotFoundForIndex(name, 0).into())
}

fn json_helper(
    helper: &Helper,
    _: &Handlebars,
    _: &Context,
    _: &mut RenderContext,
    output: &mut dyn Output,
) -> HelperResult {
    Ok(output.write(&argument(helper, "json")?.to_string())?)
}

fn urlencode_helper(
    helper: &Helper,
    _: &Handlebars,
    _: &Context,
    _: &mut RenderContext,
    output: &mut dyn Output,
) -> HelperResult {
    for part in url::form_urlencoded::byte_serialize(show(argument(helper, "urlencode")?).as_bytes()) {
        // `+` means a space in a query only, `%20` everywhere.
        output.write(if part == "+" { "%20" } else { part })?;
    }
    Ok(())
}

fn text_helper(
    helper: &Helper,
    _: &Handlebars,
    _: &Context,
    render: &mut RenderContext,
    output: &mut dyn Output,
) -> HelperResult {
    let text = show(argument(helper, TEXT)?);
    let written = if render.is_disable_escape() { output.write(&text) } else { output.write(&html_escape(&text)) };
    Ok(written?)
}

struct LengthHelper;

impl HelperDef for LengthHelper {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let length = match argument(helper, LENGTH)? {
            Value::Array(items) => Value::from(items.len()),
            Value::String(text) => Value::from(text.chars().count()),
            Value::Object(fields) => fields.get(LENGTH).cloned().unwrap_or_default(),
            _ => Value::Null,
        };
        Ok(ScopedJson::Derived(length))
    }
}
