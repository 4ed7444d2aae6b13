//! The shapes of outputs that are known before a run: a hook's transaction, and what actions return.

use serde_json::Value;

use super::spec::{ActionSpec, OutputSpec, ParamKind};
use crate::objects::nearest;

/// The shape of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// Anything.
    Any,
    /// A text, a number or a Boolean: it has no members.
    Scalar,
    List,
    Object(Vec<(String, Shape)>),
}

/// Where a path leaves a shape.
#[derive(Debug, PartialEq)]
pub(super) struct Miss {
    /// The path up to the missing name.
    pub path: String,
    /// A path that exists and is probably meant.
    pub suggestion: Option<String>,
    /// What there is in place of the missing name.
    pub names: Vec<String>,
}

impl Shape {
    /// The shape of values like `sample`; null stands for anything.
    pub fn of_sample(sample: &Value) -> Shape {
        match sample {
            Value::Null => Shape::Any,
            Value::Bool(_) | Value::Number(_) | Value::String(_) => Shape::Scalar,
            Value::Array(_) => Shape::List,
            Value::Object(fields) => {
                Shape::Object(fields.iter().map(|(name, field)| (name.clone(), Shape::of_sample(field))).collect())
            }
        }
    }

    /// The shape of an action's output.
    pub fn of_action(spec: &ActionSpec) -> Shape {
        let field = |output: &OutputSpec| {
            let shape = match output.kind {
                _ if !output.fields.is_empty() => {
                    Shape::Object(output.fields.iter().map(|name| ((*name).to_owned(), Shape::Any)).collect())
                }
                ParamKind::Text | ParamKind::Number | ParamKind::Boolean | ParamKind::Email | ParamKind::Url => {
                    Shape::Scalar
                }
                ParamKind::List => Shape::List,
                _ => Shape::Any,
            };
            (output.name.to_owned(), shape)
        };
        if spec.output.is_empty() { Shape::Any } else { Shape::Object(spec.output.iter().map(field).collect()) }
    }

    /// Where a path into the value leads to nothing, if that is certain.
    pub fn miss(&self, names: &[&str]) -> Option<Miss> {
        let mut shape = self;
        for (index, name) in names.iter().enumerate() {
            let rest = &names[index + 1..];
            shape = match shape {
                Shape::Any => return None,
                Shape::Object(fields) => match fields.iter().find(|(known, _)| known == name) {
                    Some((_, inner)) => inner,
                    None => return Some(miss(fields, &names[..index], name, rest)),
                },
                // `length` is that of a text or of a list.
                Shape::Scalar | Shape::List if *name == "length" && rest.is_empty() => return None,
                Shape::List if name.parse::<usize>().is_ok() => return None,
                Shape::List => {
                    let suggestion = [&names[..index], &["0", name], rest].concat().join(".");
                    return Some(Miss {
                        path: names[..=index].join("."),
                        suggestion: Some(suggestion),
                        names: Vec::new(),
                    });
                }
                Shape::Scalar => {
                    return Some(Miss { path: names[..=index].join("."), suggestion: None, names: Vec::new() });
                }
            };
        }
        None
    }
}

fn miss(fields: &[(String, Shape)], before: &[&str], name: &str, rest: &[&str]) -> Miss {
    let names: Vec<String> = fields.iter().map(|(known, _)| known.clone()).collect();
    let join = |path: &[&str]| [before, path, rest].concat().join(".");
    let near = nearest(name, names.iter().map(String::as_str)).map(|near| join(&[near]));
    // `status` is not far from `response.statusCode`.
    let deeper = || {
        fields.iter().find_map(|(outer, shape)| match shape {
            Shape::Object(inner) => {
                let near = nearest(name, inner.iter().map(|(known, _)| known.as_str()))?;
                Some(join(&[outer.as_str(), near]))
            }
            _ => None,
        })
    };
    Miss { path: [before, &[name]].concat().join("."), suggestion: near.or_else(deeper), names }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_that_lead_nowhere_are_found() {
        let shape = Shape::of_sample(&json!({
            "id": "x", "items": [], "any": null, "response": { "statusCode": 200, "headers": null },
        }));
        for (path, suggestion) in [
            ("response.status", Some("response.statusCode")),
            ("status", Some("response.statusCode")),
            ("idd", Some("id")),
            ("items.sku", Some("items.0.sku")),
            ("id.x", None),
            ("unknown", None),
        ] {
            let names: Vec<&str> = path.split('.').collect();
            let miss = shape.miss(&names).unwrap_or_else(|| panic!("{path}"));
            assert_eq!((miss.path.as_str(), miss.suggestion.as_deref()), (path, suggestion));
        }
        for path in ["id", "id.length", "items.0.sku", "items.length", "any.x.y", "response.headers.x-id"] {
            let names: Vec<&str> = path.split('.').collect();
            assert_eq!(shape.miss(&names), None, "{path}");
        }
    }
}
