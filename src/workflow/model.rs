//! A workflow that can be run: everything compiled, every target resolved to an index.
//!
//! A workflow is made from an [`Outline`] without errors; whether that came from a file being checked or from the
//! store makes no difference. Stored documents are read with the same rules except that unknown keys are no problem,
//! since an older version may have known them.

use std::collections::HashMap;

use serde_json::Value;

use super::concurrency::Concurrency;
use super::diagnostic::Diagnostic;
use super::findings::{Findings, Node};
use super::input_schema::InputSchema;
use super::read::{ErrorCaseOutline, Outline, StepOutline, TransitionOutline, TriggerOutline};
use super::schedule::Schedule;
use crate::expr::{Condition, Expr, Mention, Subject};

/// A workflow, ready to run.
#[derive(Debug)]
pub struct Workflow {
    pub name: String,
    pub description: Option<String>,
    /// True unless the document says otherwise.
    pub enabled: bool,
    pub trigger: Trigger,
    /// What it answers when it is called; without, the output of the step that was executed last.
    pub response: Option<Expr>,
    /// How many of its runs go on at a time; without, any number.
    pub concurrency: Option<Concurrency>,
    pub steps: Vec<Step>,
    /// The ids and names of the variables that it refers to.
    pub variables: Vec<String>,
    indexes: HashMap<String, usize>,
}

/// What starts a workflow.
#[derive(Debug)]
pub struct Trigger {
    pub id: String,
    /// Without the prefix `kustomer.`; a callable or scheduled workflow may have none.
    pub event_name: Option<String>,
    /// What it takes, if it can be called.
    pub callable: Option<InputSchema>,
    /// When it runs by itself.
    pub schedule: Option<Schedule>,
    pub transitions: Vec<Transition>,
}

/// One step; one without an action only branches.
#[derive(Debug)]
pub struct Step {
    pub id: String,
    /// `meta.displayName`.
    pub name: Option<String>,
    /// Without the prefix `kustomer.`.
    pub action: Option<String>,
    pub params: Vec<(String, Expr)>,
    /// The param `condition`, of actions that judge the items of a list.
    pub condition: Option<Condition>,
    /// In the order in which they are tried; the first that holds is taken.
    pub transitions: Vec<Transition>,
    /// Tried in order when the action has failed; if none holds, the run fails.
    pub error_cases: Vec<ErrorCase>,
}

/// What to do when an action has failed.
#[derive(Debug)]
pub struct ErrorCase {
    /// `/#error.…` is the failure. Without a condition it always holds.
    pub condition: Option<Condition>,
    pub action: ErrorAction,
}

/// How a run goes on after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorAction {
    /// As if the step had completed, without an output.
    Continue,
    /// The step is executed again after a while, a few times.
    RetryAction,
    /// The run begins anew with its trigger after a while, a few times.
    RetryWorkflow,
    /// The run fails.
    Stop,
}

impl ErrorAction {
    /// How each is spelt.
    pub const WORDS: [(&'static str, ErrorAction); 4] = [
        ("continue", ErrorAction::Continue),
        ("retry-action", ErrorAction::RetryAction),
        ("retry-workflow", ErrorAction::RetryWorkflow),
        ("stop-processing", ErrorAction::Stop),
    ];

    /// What happens, in a few words.
    pub fn summary(self) -> &'static str {
        match self {
            ErrorAction::Continue => "The run goes on as if the step had completed, without an output.",
            ErrorAction::RetryAction => "The step is executed again after a while, a few times.",
            ErrorAction::RetryWorkflow => "The run begins anew after a while, a few times.",
            ErrorAction::Stop => "The run fails.",
        }
    }

    pub fn parse(word: &str) -> Option<ErrorAction> {
        ErrorAction::WORDS.iter().find(|(spelt, _)| *spelt == word).map(|(_, action)| *action)
    }
}

/// A way from the trigger or a step to a step.
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
    /// Builds the model from a stored document, tolerant of what an older version let through: keys, actions, events
    /// and klasses are not judged, nor is the shape of the graph.
    ///
    /// # Errors
    /// Why it cannot be run at all. The diagnostics have pointers, but no file, line and column.
    pub fn compile(document: &Value) -> Result<Workflow, Vec<Diagnostic>> {
        let mut findings = Findings::new(false);
        let outline = Outline::read(&Node::root(document), &mut findings);
        let workflow = outline.and_then(Workflow::build).filter(|_| !findings.has_errors());
        workflow.ok_or_else(|| findings.into_diagnostics("", None))
    }

    /// The model of `outline`; `None` if reading it found errors that left something out.
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

    /// The step at `index`, which comes from a transition or from [`Workflow::step_index`] of this workflow.
    ///
    /// # Panics
    /// If the index is from elsewhere and too high.
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
    /// Whether the document gives it this param.
    pub fn has_param(&self, name: &str) -> bool {
        self.params.iter().any(|(given, _)| given == name)
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
