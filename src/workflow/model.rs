//! A runnable workflow: everything compiled, every target resolved to an index.
//!
//! A workflow is built from an [`Outline`] without errors, whether that came from a file being checked or from the
//! store. Stored documents are read by the same rules, except that unknown keys are accepted: an older version may have
//! known them.

use std::collections::HashMap;

use serde_json::Value;

use super::concurrency::Concurrency;
use super::diagnostic::Diagnostic;
use super::findings::{Findings, JsonNode};
use super::input_schema::InputSchema;
use super::read::{ErrorCaseOutline, Outline, StepOutline, TransitionOutline, TriggerOutline};
use super::schedule::Schedule;
use crate::expr::{Condition, Expr, Mention, Subject};

/// A workflow, ready to run.
#[derive(Debug)]
pub struct Workflow {
    pub name: String,
    pub description: Option<String>,
    /// Defaults to true.
    pub enabled: bool,
    pub trigger: Trigger,
    /// The response to a call; defaults to the output of the last executed step.
    pub response: Option<Expr>,
    /// How many of its runs are active at a time; unlimited if `None`.
    pub concurrency: Option<Concurrency>,
    pub steps: Vec<Step>,
    /// The ids and names of the variables it refers to.
    pub variables: Vec<String>,
    indexes: HashMap<String, usize>,
}

/// What starts a workflow.
#[derive(Debug)]
pub struct Trigger {
    pub id: String,
    /// Without the prefix `kustomer.`; optional for callable and scheduled workflows.
    pub event_name: Option<String>,
    /// The inputs, if it can be called.
    pub callable: Option<InputSchema>,
    /// When it runs on its own.
    pub schedule: Option<Schedule>,
    pub transitions: Vec<Transition>,
}

/// One step; without an action, it only branches.
#[derive(Debug)]
pub struct Step {
    pub id: String,
    /// `meta.displayName`.
    pub name: Option<String>,
    /// Without the prefix `kustomer.`.
    pub action: Option<String>,
    pub params: Vec<(String, Expr)>,
    /// The param `condition` of actions that test the items of a list.
    pub condition: Option<Condition>,
    /// In evaluation order; the first whose condition holds is taken.
    pub transitions: Vec<Transition>,
    /// Tried in order when the action has failed; if none applies, the run fails.
    pub error_cases: Vec<ErrorCase>,
}

/// What to do when an action has failed.
#[derive(Debug)]
pub struct ErrorCase {
    /// `/#error.…` refers to the failure. Without a condition, the case always applies.
    pub condition: Option<Condition>,
    pub action: ErrorAction,
}

/// How a run continues after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorAction {
    /// As if the step had completed, without output.
    Continue,
    /// Executes the step again after a delay, a few times.
    RetryAction,
    /// Restarts the run from its trigger after a delay, a few times.
    RetryWorkflow,
    /// Fails the run.
    Stop,
}

impl ErrorAction {
    /// How each action is spelled.
    pub const WORDS: [(&'static str, ErrorAction); 4] = [
        ("continue", ErrorAction::Continue),
        ("retry-action", ErrorAction::RetryAction),
        ("retry-workflow", ErrorAction::RetryWorkflow),
        ("stop-processing", ErrorAction::Stop),
    ];

    /// What happens, in one sentence.
    pub fn summary(self) -> &'static str {
        match self {
            ErrorAction::Continue => "Continues as if the step had completed, without output.",
            ErrorAction::RetryAction => "Executes the step again after a delay, a few times.",
            ErrorAction::RetryWorkflow => "Restarts the run after a delay, a few times.",
            ErrorAction::Stop => "Fails the run.",
        }
    }

    pub fn parse(word: &str) -> Option<ErrorAction> {
        ErrorAction::WORDS.iter().find(|(spelling, _)| *spelling == word).map(|(_, action)| *action)
    }
}

/// A connection from the trigger or a step to a step.
#[derive(Debug)]
pub struct Transition {
    /// Index into the workflow's steps.
    pub target: usize,
    pub target_id: String,
    /// `meta.name`.
    pub name: Option<String>,
    pub condition: Condition,
}

impl Workflow {
    /// Builds the model from a stored document, accepting what an older version accepted: keys, actions, events and
    /// klasses are not checked, nor is the shape of the graph, and an expression that this version refuses fails when it
    /// is evaluated. A finding alone is no reason to refuse the document, only a part that is missing or unreadable.
    ///
    /// # Errors
    /// Why it cannot be run at all. The diagnostics have pointers, but no file, line or column.
    pub fn compile(document: &Value) -> Result<Workflow, Vec<Diagnostic>> {
        let mut findings = Findings::new(false);
        let outline = Outline::read(&JsonNode::root(document), &mut findings);
        let workflow = outline.and_then(Workflow::build);
        workflow.ok_or_else(|| findings.into_diagnostics("", None))
    }

    /// Builds the model from `outline`; `None` if reading it left out something broken.
    pub(super) fn build(outline: Outline<'_>) -> Option<Workflow> {
        let steps: Vec<Step> = outline.steps.into_iter().map(Step::build).collect::<Option<_>>()?;
        let mut workflow = Workflow {
            name: outline.name?.0.to_owned(),
            description: outline.description.map(str::to_owned),
            enabled: outline.enabled,
            trigger: Trigger::build(outline.trigger?)?,
            variables: Vec::new(),
            response: match outline.response {
                Some(response) => Some(response?),
                None => None,
            },
            concurrency: match outline.concurrency {
                Some(concurrency) => Some(concurrency?),
                None => None,
            },
            indexes: steps.iter().enumerate().map(|(index, step)| (step.id.clone(), index)).collect(),
            steps,
        };
        workflow.variables = workflow.mentioned_variables();
        Some(workflow)
    }

    fn mentioned_variables(&self) -> Vec<String> {
        let params = self.steps.iter().flat_map(|step| &step.params).map(|(_, expr)| expr);
        let exprs = params.chain(&self.response).flat_map(Expr::mentions);
        let transitions = self.steps.iter().flat_map(|step| &step.transitions).chain(&self.trigger.transitions);
        let cases = self.steps.iter().flat_map(|step| &step.error_cases);
        let conditions = transitions.map(|transition| &transition.condition);
        let conditions = conditions.chain(cases.filter_map(|case| case.condition.as_ref()));
        let mentions = exprs.chain(conditions.flat_map(Condition::mentions));
        let variable = |mention: Mention| match mention.subject {
            Subject::Variable(variable) => Some(variable),
            Subject::Step(_) | Subject::Item => None,
        };
        let mut variables: Vec<String> = mentions.filter_map(variable).collect();
        variables.sort();
        variables.dedup();
        variables
    }

    /// The step at `index`, which must come from a transition or from [`Workflow::step_index`] of this workflow.
    ///
    /// # Panics
    /// If the index comes from elsewhere and is out of range.
    pub fn step(&self, index: usize) -> &Step {
        &self.steps[index]
    }

    /// The index of the step with this id; the trigger is not a step.
    pub fn step_index(&self, id: &str) -> Option<usize> {
        self.indexes.get(id).copied()
    }
}

impl Trigger {
    fn build(outline: TriggerOutline<'_>) -> Option<Trigger> {
        Some(Trigger {
            id: outline.id?.to_owned(),
            event_name: match outline.callable.is_some() || outline.schedule.is_some() {
                true => outline.event_name.map(|(name, _)| name.to_owned()),
                false => Some(outline.event_name?.0.to_owned()),
            },
            callable: outline.callable,
            schedule: match outline.schedule {
                Some(schedule) => Some(schedule?),
                None => None,
            },
            transitions: outline.transitions.into_iter().map(Transition::build).collect::<Option<_>>()?,
        })
    }
}

impl Step {
    /// Whether the document sets this param.
    pub fn has_param(&self, name: &str) -> bool {
        self.params.iter().any(|(param, _)| param == name)
    }

    fn build(outline: StepOutline<'_>) -> Option<Step> {
        Some(Step {
            id: outline.id?.to_owned(),
            name: outline.name.map(str::to_owned),
            action: outline.action.map(|(action, _)| action.to_owned()),
            params: (outline.params.into_iter())
                .map(|param| Some((param.name.to_owned(), param.expr?)))
                .collect::<Option<_>>()?,
            condition: outline.condition,
            transitions: outline.transitions.into_iter().map(Transition::build).collect::<Option<_>>()?,
            error_cases: outline.error_cases.into_iter().map(ErrorCase::build).collect::<Option<_>>()?,
        })
    }
}

impl ErrorCase {
    fn build(outline: ErrorCaseOutline) -> Option<ErrorCase> {
        Some(ErrorCase { condition: outline.condition?, action: outline.action? })
    }
}

impl Transition {
    fn build(outline: TransitionOutline<'_>) -> Option<Transition> {
        Some(Transition {
            target: outline.target_index?,
            target_id: outline.target?.0.to_owned(),
            name: outline.name.map(str::to_owned),
            condition: outline.condition?.0,
        })
    }
}
