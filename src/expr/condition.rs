//! Conditions: `{"op": "exists", "values": ["/#steps.2.id"]}`.
//!
//! The values of `and` and `or` are conditions; those of other operators are operands. All operands are evaluated, even
//! if the result is already known, because people read the [`ConditionResult`] in the run's log. A missing operand is
//! null.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::compare::{contains, equal, order, order_dates, truth};
use super::report::brief;
use super::{EvalError, Expr, Fault, Invalid, Mention, Note, Operator, Scope, faults_within, within};
use crate::objects::{kind_of, nearest};

/// The deepest nesting of `and` and `or`.
const DEPTH_MAX: usize = 16;

/// A compiled condition.
#[derive(Clone, Debug)]
pub struct Condition {
    operator: Operator,
    operands: Operands,
}

#[derive(Clone, Debug)]
enum Operands {
    Values(Vec<Expr>),
    Conditions(Vec<Condition>),
    /// The condition is one of a stored document that this version refuses.
    Invalid(Invalid),
}

/// The result of a condition, with its evaluated operands.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ConditionResult {
    pub op: &'static str,
    pub values: Vec<Operand>,
    pub result: bool,
    /// Missing or incomparable values; pointers are relative to this condition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// An evaluated operand: a value, or the result of a condition for `and` and `or`.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Operand {
    Value(Value),
    Condition(ConditionResult),
}

impl Condition {
    /// Compiles a condition.
    ///
    /// # Errors
    /// All faults.
    pub fn compile(value: &Value) -> Result<Condition, Vec<Fault>> {
        compile_at(value, 1)
    }

    /// Compiles a condition of a document that was accepted when it was stored. What this version refuses fails when it
    /// is evaluated.
    pub fn compile_stored(value: &Value) -> Condition {
        Condition::compile(value).unwrap_or_else(|faults| {
            let operands = Operands::Invalid(Invalid::new(value, &faults));
            Condition { operator: Operator::False, operands }
        })
    }

    /// Evaluates the condition. Missing values are noted, except for `exists` and `dne`.
    pub fn evaluate(&self, scope: &Scope) -> Result<ConditionResult, EvalError> {
        let expressions = match &self.operands {
            Operands::Values(expressions) => expressions,
            Operands::Conditions(conditions) => return self.evaluate_all(conditions, scope),
            Operands::Invalid(invalid) => return Err(invalid.error()),
        };
        let mut notes = Vec::new();
        let mut values = Vec::with_capacity(expressions.len());
        for (index, expression) in expressions.iter().enumerate() {
            values.push(match self.operator {
                Operator::Exists | Operator::Dne => expression.peek(scope)?,
                _ => super::evaluate_nested(expression, scope, &mut notes, || format!("values/{index}"))?,
            });
        }
        let result = decide(self.operator, &values).unwrap_or_else(|message| {
            // If a value is missing, there is already a note.
            if notes.is_empty() {
                notes.push(Note {
                    pointer: "/values".to_owned(),
                    expression: self.operator.name().to_owned(),
                    message,
                });
            }
            self.operator == Operator::NotContains
        });
        let operand = |value: Option<Cow<Value>>| Operand::Value(value.map_or(Value::Null, Cow::into_owned));
        let values = values.into_iter().map(operand).collect();
        Ok(ConditionResult { op: self.operator.name(), values, result, notes })
    }

    /// The steps and variables that the condition refers to, with pointers.
    pub fn mentions(&self) -> Vec<Mention> {
        let mentions: Vec<Vec<Mention>> = match &self.operands {
            Operands::Values(expressions) => expressions.iter().map(Expr::mentions).collect(),
            Operands::Conditions(conditions) => conditions.iter().map(Condition::mentions).collect(),
            Operands::Invalid(_) => return Vec::new(),
        };
        let indexed = mentions.into_iter().enumerate();
        let values = indexed.flat_map(|(index, mentions)| within(mentions, &index.to_string())).collect();
        within(values, "values").collect()
    }

    /// The operands with their pointers, and the operator of each.
    pub fn operands(&self) -> Vec<(String, Operator, &Expr)> {
        match &self.operands {
            Operands::Values(values) => {
                let operand = |(index, value)| (format!("/values/{index}"), self.operator, value);
                values.iter().enumerate().map(operand).collect()
            }
            Operands::Conditions(conditions) => {
                let indexed = conditions.iter().enumerate();
                let below = |index: usize, pointer: String| format!("/values/{index}{pointer}");
                indexed
                    .flat_map(|(index, condition)| {
                        condition
                            .operands()
                            .into_iter()
                            .map(move |(pointer, operator, value)| (below(index, pointer), operator, value))
                    })
                    .collect()
            }
            Operands::Invalid(_) => Vec::new(),
        }
    }

    /// The conditions that compare literals only, so that they never change: their pointers, and what they say.
    pub fn constants(&self) -> Vec<(String, String)> {
        let values = match &self.operands {
            Operands::Values(values) => values,
            Operands::Conditions(conditions) => {
                let below = |(index, condition): (usize, &Condition)| {
                    let constants = condition.constants().into_iter();
                    constants
                        .map(move |(pointer, message)| (format!("/values/{index}{pointer}"), message))
                        .collect::<Vec<_>>()
                };
                return conditions.iter().enumerate().flat_map(below).collect();
            }
            Operands::Invalid(_) => return Vec::new(),
        };
        let literals: Vec<&Value> = values.iter().filter_map(Expr::as_literal).collect();
        let name = self.operator.name();
        let message = match (self.operator, literals.as_slice()) {
            // Editors write "in any case" as a test of `true`.
            (Operator::True | Operator::False, _) => return Vec::new(),
            (Operator::Exists, [value]) if **value == Value::Bool(true) || **value == "true" => return Vec::new(),
            (Operator::Exists, [value]) if !value.is_null() => format!("`{name}` of a literal always holds"),
            (Operator::Dne, [value]) if !value.is_null() => format!("`{name}` of a literal never holds"),
            (_, literals) if literals.len() == values.len() => {
                format!("`{name}` compares literals, so its result is always the same")
            }
            _ => return Vec::new(),
        };
        vec![("/values".to_owned(), message)]
    }

    /// Whether this is `{"op": "true", "values": [true]}`, which always holds.
    pub fn is_always(&self) -> bool {
        let Operands::Values(values) = &self.operands else { return false };
        self.operator == Operator::True && values.first().and_then(Expr::as_literal) == Some(&Value::Bool(true))
    }

    fn evaluate_all(&self, conditions: &[Condition], scope: &Scope) -> Result<ConditionResult, EvalError> {
        let results = conditions.iter().map(|condition| condition.evaluate(scope)).collect::<Result<Vec<_>, _>>()?;
        let mut holds = results.iter().map(|judgement| judgement.result);
        let result = match self.operator {
            Operator::And => holds.all(|result| result),
            _ => holds.any(|result| result),
        };
        let values = results.into_iter().map(Operand::Condition).collect();
        Ok(ConditionResult { op: self.operator.name(), values, result, notes: Vec::new() })
    }
}

/// Applies an operator to its operands; the error says what can't be compared.
fn decide(operator: Operator, values: &[Option<Cow<Value>>]) -> Result<bool, String> {
    const NULL: &Value = &Value::Null;
    let value = |index: usize| values.get(index).and_then(Option::as_deref).unwrap_or(NULL);
    let (left, right) = (value(0), value(1));
    let ordered = |holds: fn(Ordering) -> bool| order(left, right).map(holds);
    let is_truth = |expected: bool| match truth(left) {
        Some(truth) => Ok(truth == expected),
        None => Err(format!("{} is neither true nor false", kind_of(left))),
    };
    match operator {
        Operator::Exists => Ok(!left.is_null()),
        Operator::Dne => Ok(left.is_null()),
        Operator::True => is_truth(true),
        Operator::False => is_truth(false),
        Operator::Eq => Ok(equal(left, right)),
        Operator::Neq => Ok(!equal(left, right)),
        Operator::Gt => ordered(Ordering::is_gt),
        Operator::Gte => ordered(Ordering::is_ge),
        Operator::Lt => ordered(Ordering::is_lt),
        Operator::Lte => ordered(Ordering::is_le),
        Operator::LtDate => order_dates(left, right).map(Ordering::is_lt),
        Operator::GtDate => order_dates(left, right).map(Ordering::is_gt),
        Operator::Contains => contains(left, right),
        Operator::NotContains => contains(left, right).map(|contained| !contained),
        Operator::And | Operator::Or => Err("its values must be conditions".to_owned()),
    }
}

fn compile_at(value: &Value, depth: usize) -> Result<Condition, Vec<Fault>> {
    let fields = value.as_object().ok_or_else(|| {
        let fault = Fault::new(format!("a condition must be an object, not {}", kind_of(value)));
        vec![fault.help(r#"write {"op": "exists", "values": ["/#steps.2.id"]}"#)]
    })?;
    if depth > DEPTH_MAX {
        return Err(vec![Fault::new(format!("conditions nest at most {DEPTH_MAX} levels deep"))]);
    }
    let mut faults = unknown_keys(fields);
    let operator = read_operator(fields).map_err(|fault| faults.push(fault)).ok();
    let values = read_values(fields).map_err(|fault| faults.push(fault)).ok();
    if let (Some(operator), Some(values)) = (operator, values) {
        faults.extend(check_count(operator, values.len()));
        match compile_operands(operator, values, depth) {
            Ok(operands) if faults.is_empty() => return Ok(Condition { operator, operands }),
            Ok(_) => {}
            Err(found) => faults.extend(faults_within(found, "values")),
        }
    }
    Err(faults)
}

fn unknown_keys(fields: &Map<String, Value>) -> Vec<Fault> {
    const KEYS: [&str; 2] = ["op", "values"];
    let unknown = fields.keys().filter(|key| !KEYS.contains(&key.as_str()));
    let fault = |key: &String| {
        let help = nearest(key, KEYS).map(|suggestion| format!("did you mean `{suggestion}`?"));
        let fault = Fault::new(format!("unknown key `{}` in a condition", brief(key)));
        let help = help.unwrap_or_else(|| "a condition has `op` and `values`".to_owned());
        faults_within(vec![fault.help(help)], key)
    };
    unknown.flat_map(fault).collect()
}

fn read_operator(fields: &Map<String, Value>) -> Result<Operator, Fault> {
    let names = || Operator::ALL.iter().map(|(name, _)| *name);
    let Some(value) = fields.get("op") else {
        return Err(Fault::new("a condition requires `op`").help(names().collect::<Vec<_>>().join(", ")));
    };
    let at_op = |fault: Fault| Fault { pointer: "/op".to_owned(), ..fault };
    let Value::String(name) = value else {
        return Err(at_op(Fault::new(format!("`op` must be a string, not {}", kind_of(value)))));
    };
    Operator::parse(name).ok_or_else(|| {
        let help = match Operator::meant_by(name).or_else(|| nearest(name, names())) {
            Some(suggestion) => format!("did you mean `{suggestion}`?"),
            None => format!("the operators are {}", names().collect::<Vec<_>>().join(", ")),
        };
        at_op(Fault::new(format!("unknown operator `{}`", brief(name))).help(help))
    })
}

fn read_values(fields: &Map<String, Value>) -> Result<&[Value], Fault> {
    match fields.get("values") {
        Some(Value::Array(values)) => Ok(values),
        Some(other) => {
            let message = format!("`values` must be a list, not {}", kind_of(other));
            Err(Fault { pointer: "/values".to_owned(), ..Fault::new(message) })
        }
        None => Err(Fault::new("a condition requires `values`")),
    }
}

fn check_count(operator: Operator, count: usize) -> Option<Fault> {
    let [least, most] = operator.counts();
    let expected = match operator.counts() {
        Operator::MANY => "at least one condition",
        Operator::ONE => "one value",
        _ => "two values",
    };
    let fault = || Fault::new(format!("`{}` takes {expected}, not {count}", operator.name()));
    (!(least..=most).contains(&count)).then(|| Fault { pointer: "/values".to_owned(), ..fault() })
}

/// Compiles the entries of `values`; pointers of faults are relative to it.
fn compile_operands(operator: Operator, values: &[Value], depth: usize) -> Result<Operands, Vec<Fault>> {
    match operator {
        Operator::And | Operator::Or => {
            compile_each(values, |value| compile_at(value, depth + 1)).map(Operands::Conditions)
        }
        // Some editors leave a second operand behind, which is ignored.
        _ if operator.counts() == Operator::ONE => {
            compile_each(values.get(..1).unwrap_or_default(), Expr::compile).map(Operands::Values)
        }
        _ => compile_each(values, Expr::compile).map(Operands::Values),
    }
}

fn compile_each<T>(values: &[Value], compile: impl Fn(&Value) -> Result<T, Vec<Fault>>) -> Result<Vec<T>, Vec<Fault>> {
    let mut compiled = Vec::new();
    let mut faults = Vec::new();
    for (index, value) in values.iter().enumerate() {
        match compile(value) {
            Ok(operand) => compiled.push(operand),
            Err(found) => faults.extend(faults_within(found, &index.to_string())),
        }
    }
    if faults.is_empty() { Ok(compiled) } else { Err(faults) }
}

#[cfg(test)]
mod tests;
