//! What an expression is made of, for the checker: the paths that it reads, its plain texts, and where it escapes for
//! HTML.

use serde_json::Value;

use super::{Expr, escape_pointer};

/// A path that an expression reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// JSON pointer relative to the compiled value.
    pub pointer: String,
    /// The names of the path from its root: `steps`, `1`, `id`. For a JSONPath, those before its first other selector.
    pub names: Vec<String>,
}

impl Expr {
    /// The paths from the root that the expression reads.
    pub fn references(&self) -> Vec<Reference> {
        let mut references = Vec::new();
        self.each_part("", &mut |pointer, part| {
            let mut paths = Vec::new();
            match part {
                Expr::Reference(path) => paths.push(path.names()),
                Expr::JsonPath(query) => paths.push(query.leading_names().to_vec()),
                Expr::Function(function) => function.add_paths(&mut paths),
                Expr::Template(template) => template.add_paths(&mut paths),
                Expr::Literal(_) | Expr::Array(_) | Expr::Object(_) | Expr::Invalid(_) => {}
            }
            references.extend(paths.into_iter().map(|names| Reference { pointer: pointer.to_owned(), names }));
        });
        references
    }

    /// The texts in the expression that are not expressions, with pointers.
    pub fn plain_texts(&self) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        self.each_part("", &mut |pointer, part| {
            if let Expr::Literal(value) = part {
                add_texts(value, pointer, &mut texts);
            }
        });
        texts
    }

    /// The pointers of templates that escape a value for HTML. With `as_json`, templates in the form of JSON escape
    /// only values inside of quotes.
    pub fn html_escapes(&self, as_json: bool) -> Vec<String> {
        let mut pointers = Vec::new();
        self.each_part("", &mut |pointer, part| {
            if let Expr::Template(template) = part
                && template.escapes(as_json && pointer.is_empty() && template.is_json())
            {
                pointers.push(pointer.to_owned());
            }
        });
        pointers
    }

    /// The parts of the value that are known before a run: literals, and the objects around them.
    pub fn known_part(&self) -> Option<Value> {
        match self {
            Expr::Literal(value) => Some(value.clone()),
            Expr::Object(fields) => {
                let known = fields.iter().filter_map(|(name, field)| Some((name.clone(), field.known_part()?)));
                Some(Value::Object(known.collect()))
            }
            _ => None,
        }
    }

    /// Calls `visit` for each part that is neither a list nor an object of expressions.
    fn each_part(&self, pointer: &str, visit: &mut impl FnMut(&str, &Expr)) {
        match self {
            Expr::Array(items) => {
                items.iter().enumerate().for_each(|(index, item)| item.each_part(&format!("{pointer}/{index}"), visit));
            }
            Expr::Object(fields) => {
                let below = |name: &str| format!("{pointer}/{}", escape_pointer(name));
                fields.iter().for_each(|(name, field)| field.each_part(&below(name), visit));
            }
            part => visit(pointer, part),
        }
    }
}

fn add_texts(value: &Value, pointer: &str, texts: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => texts.push((pointer.to_owned(), text.clone())),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| add_texts(item, &format!("{pointer}/{index}"), texts));
        }
        Value::Object(fields) => {
            let below = |name: &str| format!("{pointer}/{}", escape_pointer(name));
            fields.iter().for_each(|(name, field)| add_texts(field, &below(name), texts));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
