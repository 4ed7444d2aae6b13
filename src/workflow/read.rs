//! Reads a workflow document into an outline: its parts, typed, each still with its position.
//!
//! Both users of a document share the outline. [`super::model`] turns one without errors into a runnable workflow; the
//! checkers search it for mistakes that a run would otherwise trip over, and point at the right position. Broken parts
//! are reported and left out, so that reading always continues to the end.
//!
//! A stored document was valid when it was saved and has to keep working, so it must never fail because of a check that
//! is newer than it. Expressions go through [`compile_expr`] and [`compile_condition`], which accept everything in a
//! stored document; what this version refuses fails when a run gets there.

use std::collections::HashMap;

use serde_json::Value;

use super::concurrency::Concurrency;
use super::findings::{Anchor, Finding, Findings, JsonNode};
use super::input_schema::InputSchema;
use super::model::ErrorAction;
use super::schedule::Schedule;
use crate::expr::{Condition, Expr, Fault};

/// The most steps in a workflow.
pub const STEPS_MAX: usize = 1_000;
/// The most transitions of a step.
pub const TRANSITIONS_MAX: usize = 50;
/// The most error cases of a step.
pub const ERROR_CASES_MAX: usize = 20;
/// The longest step id, in characters.
pub const ID_MAX: usize = 128;

/// The id that always refers to the trigger's output.
pub(super) const TRIGGER_ID: &str = "1";

/// Keys of Kustomer's documents that are ignored here, without an error.
const TOLERATED: [&str; 7] = ["appVersion", "errorCases", "logging", "replaces", "description", "displayName", "_id"];

/// A workflow document, once read.
pub(super) struct Outline<'a> {
    pub name: Option<(&'a str, JsonNode<'a>)>,
    pub description: Option<&'a str>,
    pub enabled: bool,
    pub trigger: Option<TriggerOutline<'a>>,
    /// The response of a callable workflow; the inner option is `None` if it is broken.
    pub response: Option<Option<Expr>>,
    /// How many of its runs are active at a time; the inner option is `None` if it is broken.
    pub concurrency: Option<Option<Concurrency>>,
    pub steps: Vec<StepOutline<'a>>,
    /// Steps by id; the first one for a duplicate id.
    pub indexes: HashMap<&'a str, usize>,
}

pub(super) struct TriggerOutline<'a> {
    pub id: Option<&'a str>,
    /// Without the prefix `kustomer.`.
    pub event_name: Option<(&'a str, JsonNode<'a>)>,
    /// The inputs, if it can be called.
    pub callable: Option<InputSchema>,
    /// When it runs on its own; the inner option is `None` if it is broken.
    pub schedule: Option<Option<Schedule>>,
    pub transitions: Vec<TransitionOutline<'a>>,
}

pub(super) struct StepOutline<'a> {
    pub node: JsonNode<'a>,
    pub id: Option<&'a str>,
    pub name: Option<&'a str>,
    /// `meta.parked`: the step may be unreachable.
    pub parked: bool,
    /// Without the prefix `kustomer.`.
    pub action: Option<(&'a str, JsonNode<'a>)>,
    pub params: Vec<ParamOutline<'a>>,
    /// The param `condition`, if it is a valid condition.
    pub condition: Option<Condition>,
    pub transitions: Vec<TransitionOutline<'a>>,
    pub error_cases: Vec<ErrorCaseOutline>,
}

/// What to do when the action has failed; broken parts are `None`.
pub(super) struct ErrorCaseOutline {
    /// `Some(None)` if it always applies.
    pub condition: Option<Option<Condition>>,
    pub action: Option<ErrorAction>,
}

pub(super) struct ParamOutline<'a> {
    pub name: &'a str,
    pub node: JsonNode<'a>,
    pub expr: Option<Expr>,
}

pub(super) struct TransitionOutline<'a> {
    pub node: JsonNode<'a>,
    pub target: Option<(&'a str, JsonNode<'a>)>,
    /// The step that `target` names. If the name is misspelled, the likely target, so that the steps after it do not
    /// all seem unreachable.
    pub target_index: Option<usize>,
    pub name: Option<&'a str>,
    pub condition: Option<(Condition, JsonNode<'a>)>,
}

impl TriggerOutline<'_> {
    /// Whether `id` names the trigger.
    pub fn is(&self, id: &str) -> bool {
        id == TRIGGER_ID || self.id == Some(id)
    }
}

impl<'a> Outline<'a> {
    /// Reads `node`; `None` if it cannot be a workflow at all.
    pub fn read(node: &JsonNode<'a>, findings: &mut Findings) -> Option<Outline<'a>> {
        if !findings.object(node) {
            return None;
        }
        let keys = ["name", "description", "enabled", "trigger", "steps", "response", "concurrency", "meta", "$schema"];
        findings.keys(node, &keys, &TOLERATED);
        check_error_cases_are_on_steps(node, findings);
        let mut outline = Outline {
            name: findings.required_text(node, "name"),
            description: findings.text(node, "description"),
            enabled: findings.boolean(node, "enabled").unwrap_or(true),
            trigger: findings.required(node, "trigger").and_then(|trigger| TriggerOutline::read(&trigger, findings)),
            response: read_response(node, findings),
            concurrency: None,
            steps: Vec::new(),
            indexes: HashMap::new(),
        };
        let concurrency = node.get("concurrency");
        outline.concurrency = concurrency.map(|node| Concurrency::read(&node, outline.trigger.as_ref(), findings));
        findings.required(node, "steps")?;
        let steps = findings.list(node, "steps");
        if steps.len() > STEPS_MAX {
            findings.error(node.below("steps"), format!("more than {STEPS_MAX} steps"));
            return None;
        }
        outline.steps = steps.iter().filter_map(|step| StepOutline::read(step, findings)).collect();
        outline.indexes = outline.index_steps(findings);
        outline.resolve_targets(findings);
        Some(outline)
    }

    /// The event that it listens for.
    pub fn event_name(&self) -> Option<&'a str> {
        self.trigger.as_ref()?.event_name.as_ref().map(|(name, _)| *name)
    }

    /// The ids of the steps.
    pub fn step_ids(&self) -> impl Iterator<Item = &'a str> {
        self.steps.iter().filter_map(|step| step.id)
    }

    /// Resolves the target of each transition.
    fn resolve_targets(&mut self, findings: &mut Findings) {
        let indexes = &self.indexes;
        let ids: Vec<&str> = self.step_ids().collect();
        let trigger_id = self.trigger.as_ref().and_then(|trigger| trigger.id);
        let of_trigger = self.trigger.iter_mut().flat_map(|trigger| &mut trigger.transitions);
        let of_steps = self.steps.iter_mut().flat_map(|step| &mut step.transitions);
        for transition in of_trigger.chain(of_steps) {
            let Some((target, node)) = &transition.target else { continue };
            transition.target_index = indexes.get(target).copied();
            if transition.target_index.is_some() {
                continue;
            }
            if *target == TRIGGER_ID || trigger_id == Some(target) {
                findings.error(&node.pointer, "a transition cannot lead to the trigger");
                continue;
            }
            let nearest = findings.nearest(target, ids.iter().copied()).filter(|_| !findings.are_of_stored());
            transition.target_index = nearest.and_then(|nearest| indexes.get(nearest).copied());
            findings.error(&node.pointer, findings.unknown("step", target, ids.iter().copied()));
        }
    }

    /// Maps ids to steps, the first of each id; reports duplicate ids.
    fn index_steps(&self, findings: &mut Findings) -> HashMap<&'a str, usize> {
        let mut indexes = HashMap::new();
        for (index, step) in self.steps.iter().enumerate() {
            let Some(id) = step.id else { continue };
            let pointer = step.node.below("id");
            if id == TRIGGER_ID || self.trigger.as_ref().is_some_and(|trigger| trigger.is(id)) {
                findings.error(pointer, format!("`{id}` is the id of the trigger"));
            } else if let Some(first) = indexes.get(id) {
                let first: &StepOutline<'_> = &self.steps[*first];
                let help = format!("first used at {}", first.node.pointer);
                findings.add(Finding::error(pointer, format!("duplicate step id `{id}`")).help(help));
            } else {
                indexes.insert(id, index);
            }
        }
        indexes
    }
}

impl<'a> TriggerOutline<'a> {
    fn read(node: &JsonNode<'a>, findings: &mut Findings) -> Option<TriggerOutline<'a>> {
        if !findings.object(node) {
            return None;
        }
        findings.keys(node, &["id", "eventName", "callable", "schema", "schedule", "transitions", "meta"], &TOLERATED);
        check_error_cases_are_on_steps(node, findings);
        let callable = findings.boolean(node, "callable").unwrap_or(false);
        let callable = callable.then(|| InputSchema::read(node.get("schema").map(|schema| schema.value)));
        let schedule = node.get("schedule").map(|schedule| Schedule::read(&schedule, findings));
        let event_name = match callable.is_some() || schedule.is_some() {
            true => {
                let name = node.get("eventName").and_then(|name| Some((findings.as_text(&name)?, name)));
                name.filter(|(name, _)| !is_own_call(without_prefix(name)))
            }
            false => findings.required_text(node, "eventName"),
        };
        Some(TriggerOutline {
            id: read_id(node, findings),
            event_name: event_name.map(|(name, node)| (without_prefix(name), node)),
            callable,
            schedule,
            transitions: read_transitions(node, findings),
        })
    }
}

impl<'a> StepOutline<'a> {
    /// `None` if `node` is not an object.
    fn read(node: &JsonNode<'a>, findings: &mut Findings) -> Option<StepOutline<'a>> {
        if !findings.object(node) {
            return None;
        }
        findings.keys(node, &["id", "action", "params", "transitions", "errorCases", "meta"], &TOLERATED);
        let action = node.get("action").and_then(|action| Some((findings.as_text(&action)?, action)));
        Some(StepOutline {
            node: node.clone(),
            id: read_id(node, findings),
            name: label(node, "displayName"),
            parked: node.value.pointer("/meta/parked") == Some(&Value::Bool(true)),
            action: action.map(|(action, node)| (without_prefix(action), node)),
            params: read_params(node, findings),
            condition: node.value.pointer("/params/condition").and_then(|value| read_item_condition(value, findings)),
            transitions: read_transitions(node, findings),
            error_cases: read_error_cases(node, findings),
        })
    }
}

fn read_id<'a>(node: &JsonNode<'a>, findings: &mut Findings) -> Option<&'a str> {
    let (id, node) = findings.required_text(node, "id")?;
    if id.is_empty() || id.contains('.') || id.chars().count() > ID_MAX {
        let message = format!("an id has 1 to {ID_MAX} characters and no dots");
        findings.add(Finding::error(node.pointer, message).help("references such as `/#steps.2.id` are split at dots"));
        return None;
    }
    Some(id)
}

/// `response.value`; `response.schema` is documentation for callers and is not checked.
fn read_response(node: &JsonNode<'_>, findings: &mut Findings) -> Option<Option<Expr>> {
    let response = node.get("response").filter(|response| findings.object(response))?;
    let value = response.get("value")?;
    Some(compile_expr(&value, findings))
}

fn read_params<'a>(node: &JsonNode<'a>, findings: &mut Findings) -> Vec<ParamOutline<'a>> {
    let Some(params) = node.get("params") else { return Vec::new() };
    findings.object(&params);
    let read = |(name, node): (&'a str, JsonNode<'a>)| {
        let expr = compile_expr(&node, findings);
        ParamOutline { name, node, expr }
    };
    params.members().map(read).collect()
}

fn read_transitions<'a>(node: &JsonNode<'a>, findings: &mut Findings) -> Vec<TransitionOutline<'a>> {
    let transitions = findings.list(node, "transitions");
    if transitions.len() > TRANSITIONS_MAX {
        findings.error(node.below("transitions"), format!("more than {TRANSITIONS_MAX} transitions"));
    }
    transitions.into_iter().filter_map(|transition| TransitionOutline::read(transition, findings)).collect()
}

fn read_error_cases(node: &JsonNode<'_>, findings: &mut Findings) -> Vec<ErrorCaseOutline> {
    let cases = findings.list(node, "errorCases");
    if cases.len() > ERROR_CASES_MAX {
        findings.error(node.below("errorCases"), format!("more than {ERROR_CASES_MAX} error cases"));
    }
    if let Some(first) = cases.first().filter(|_| node.get("action").is_none()) {
        let message = "`errorCases` on a step without an action, which cannot fail";
        findings.add(Finding::warning(&first.pointer, message));
    }
    cases.into_iter().filter_map(|case| ErrorCaseOutline::read(&case, findings)).collect()
}

impl ErrorCaseOutline {
    /// `None` if `node` is not an object.
    fn read(node: &JsonNode<'_>, findings: &mut Findings) -> Option<ErrorCaseOutline> {
        if !findings.object(node) {
            return None;
        }
        findings.keys(node, &["condition", "errorAction", "meta"], &["_id"]);
        let condition = match findings.required(node, "condition") {
            // Editors write "in any case" as an `and` or `or` of nothing.
            Some(condition) if condition.value.get("values") == Some(&Value::Array(Vec::new())) => Some(None),
            Some(condition) => compile_condition(&condition, findings).map(Some),
            None => None,
        };
        let action = findings.required(node, "errorAction").filter(|action| findings.object(action));
        let action = action.and_then(|action| findings.required_text(&action, "type"));
        let action = action.and_then(|(word, node)| {
            let action = ErrorAction::parse(word);
            if action.is_none() {
                findings.error(
                    &node.pointer,
                    findings.unknown("error action", word, ErrorAction::WORDS.map(|(word, _)| word)),
                );
            }
            action
        });
        Some(ErrorCaseOutline { condition, action })
    }
}

impl<'a> TransitionOutline<'a> {
    /// `None` if `node` is not an object.
    fn read(node: JsonNode<'a>, findings: &mut Findings) -> Option<TransitionOutline<'a>> {
        if !findings.object(&node) {
            return None;
        }
        findings.keys(&node, &["target", "condition", "meta"], &["_id"]);
        let target = findings.required_text(&node, "target");
        let condition = node.get("condition");
        if condition.is_none() {
            let help = r#"to take the transition always: "condition": {"op": "true", "values": [true]}"#;
            findings.add(Finding::error(&node.pointer, "missing `condition`").help(help));
        }
        let condition = condition.and_then(|condition| Some((compile_condition(&condition, findings)?, condition)));
        let name = label(&node, "name");
        Some(TransitionOutline { node, target, target_index: None, name, condition })
    }
}

/// Compiles the expression at `node`; `None` if it has faults, which are reported.
pub(super) fn compile_expr(node: &JsonNode<'_>, findings: &mut Findings) -> Option<Expr> {
    match findings.are_of_stored() {
        true => Some(Expr::compile_stored(node.value)),
        false => Expr::compile(node.value).map_err(|faults| report(faults, node, findings)).ok(),
    }
}

/// Compiles the condition at `node`; `None` if it has faults, which are reported.
fn compile_condition(node: &JsonNode<'_>, findings: &mut Findings) -> Option<Condition> {
    match findings.are_of_stored() {
        true => Some(Condition::compile_stored(node.value)),
        false => Condition::compile(node.value).map_err(|faults| report(faults, node, findings)).ok(),
    }
}

/// The param `condition`, which is a condition for some actions and any value for others; [`super::check_step`] reports
/// its faults.
fn read_item_condition(value: &Value, findings: &Findings) -> Option<Condition> {
    let is_written_as_one = || value.get("op").is_some();
    let stored = || (findings.are_of_stored() && is_written_as_one()).then(|| Condition::compile_stored(value));
    Condition::compile(value).ok().or_else(stored)
}

/// Reports faults at their positions below `node`.
fn report(faults: Vec<Fault>, node: &JsonNode<'_>, findings: &mut Findings) {
    for fault in faults {
        let finding = Finding::error(format!("{}{}", node.pointer, fault.pointer), fault.message);
        findings.add(match fault.help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }
}

/// A label from `meta`; `meta` is free-form, so other values are not errors.
fn label<'a>(node: &JsonNode<'a>, key: &str) -> Option<&'a str> {
    node.value.get("meta")?.get(key)?.as_str()
}

/// `workflow.<id>.call`, which Kustomer's callable workflows have as their event.
fn is_own_call(event: &str) -> bool {
    event.strip_prefix("workflow.").is_some_and(|rest| rest.ends_with(".call"))
}

/// The name of an action or event without the prefix of Kustomer's exports, as in `kustomer.customer.create`.
fn without_prefix(name: &str) -> &str {
    name.strip_prefix("kustomer.").unwrap_or(name)
}

/// Error cases belong to actions, which only steps have; elsewhere editors leave an empty list.
fn check_error_cases_are_on_steps(node: &JsonNode<'_>, findings: &mut Findings) {
    if !findings.list(node, "errorCases").is_empty() {
        let finding = Finding::warning(node.below("errorCases"), "`errorCases` apply to steps only");
        findings.add(finding.at(Anchor::Key));
    }
}
