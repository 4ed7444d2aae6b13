//! What is in effect at one moment: which workflows an event starts, and the variables that they use.
//!
//! An [`InForce`] belongs to one moment: a transaction that uses it sees no later change. The catalog builds a new one
//! for each change, which shares everything unchanged with its predecessor. [`CurrentInForce`] holds the newest one.
//! Orgs share nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::base::id::Id;
use crate::secrets::vault::Vault;
use crate::workflow::Workflow;

/// A workflow in effect, with one event that starts it.
#[derive(Clone, Debug)]
pub struct Listener {
    pub workflow: Id,
    pub version: i64,
    /// The event that starts it: the one that it listens for, or its call.
    pub event: String,
    pub program: Arc<Workflow>,
}

/// The event that a call of a workflow raises.
pub fn call_event(workflow_name: &str) -> String {
    format!("workflow.{workflow_name}.call")
}

/// A variable with its value, which is a secret.
pub struct VariableInForce {
    pub id: Id,
    /// The only workflow that can use it; `None` if all workflows of the org can.
    pub workflow: Option<Id>,
    pub name: String,
    pub value: String,
}

impl fmt::Debug for VariableInForce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("VariableInForce").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The enabled workflows and the variables of all orgs at one moment. A copy shares its content with the original until
/// one of the two changes. The default is empty: no event starts a run.
#[derive(Clone)]
pub struct InForce {
    orgs: HashMap<Id, OrgInForce>,
    vault: Vault,
}

impl Default for InForce {
    fn default() -> InForce {
        InForce::new(Vault::random())
    }
}

/// The enabled workflows and the variables of one org.
#[derive(Clone, Default)]
pub struct OrgInForce {
    workflows: Arc<Workflows>,
    /// Oldest first.
    variables: Arc<Vec<Arc<VariableInForce>>>,
}

/// The enabled workflows of an org, by what starts them.
#[derive(Clone, Default)]
struct Workflows {
    by_id: HashMap<Id, Arc<WorkflowInForce>>,
    /// Oldest workflow first.
    by_event: HashMap<Arc<str>, Arc<[Listener]>>,
    /// By name.
    callable: HashMap<Arc<str>, Arc<Listener>>,
    /// How many have a schedule.
    schedules: usize,
}

struct WorkflowInForce {
    name: Arc<str>,
    version: i64,
    program: Arc<Workflow>,
}

impl InForce {
    /// Without workflows and variables.
    pub fn new(vault: Vault) -> InForce {
        InForce { orgs: HashMap::new(), vault }
    }

    /// The workflows that listen for the event, oldest first.
    pub fn listeners(&self, org: Id, event: &str) -> &[Listener] {
        self.workflows(org).and_then(|workflows| workflows.by_event.get(event)).map(|list| &**list).unwrap_or_default()
    }

    /// Whether any workflow of the org listens for the event.
    pub fn is_heard(&self, org: Id, event: &str) -> bool {
        !self.listeners(org, event).is_empty()
    }

    /// The callable workflow with this name or id.
    pub fn callable(&self, org: Id, name_or_id: &str) -> Option<&Listener> {
        let workflows = self.workflows(org)?;
        let by_name = workflows.callable.get(name_or_id);
        let by_id = || workflows.callable.get(&workflows.by_id.get(&name_or_id.parse().ok()?)?.name);
        by_name.or_else(by_id).map(|listener| &**listener)
    }

    /// The names of the callable workflows, for suggestions.
    pub fn callable_names(&self, org: Id) -> impl Iterator<Item = &str> {
        self.workflows(org).into_iter().flat_map(|workflows| workflows.callable.keys().map(|name| &**name))
    }

    /// The compiled version of a workflow, if it is in effect.
    pub fn program(&self, org: Id, workflow: Id, version: i64) -> Option<&Arc<Workflow>> {
        let in_force = self.workflows(org)?.by_id.get(&workflow)?;
        Some(&in_force.program).filter(|_| in_force.version == version)
    }

    /// The event that a workflow in effect listens for.
    pub fn event_of(&self, org: Id, workflow: Id) -> Option<&str> {
        self.workflows(org)?.by_id.get(&workflow)?.program.trigger.event_name.as_deref()
    }

    /// The variable that an id or a name in a workflow refers to. An id wins over a name, and a workflow's own variable
    /// over the org's of the same name.
    pub fn variable(&self, org: Id, workflow: Id, id_or_name: &str) -> Option<&VariableInForce> {
        let variables = &self.orgs.get(&org)?.variables;
        let usable = || variables.iter().filter(|variable| variable.workflow.is_none_or(|owner| owner == workflow));
        let by_id = usable().find(|variable| variable.id.hex().as_str() == id_or_name);
        let by_name = || usable().filter(|variable| variable.name == id_or_name);
        by_id.or_else(|| by_name().max_by_key(|variable| variable.workflow)).map(|variable| &**variable)
    }

    /// All variables of the org and its workflows, oldest first.
    pub fn variables(&self, org: Id) -> impl Iterator<Item = &VariableInForce> {
        self.orgs.get(&org).into_iter().flat_map(|org| org.variables.iter().map(|variable| &**variable))
    }

    /// Whether any workflow has a schedule.
    pub fn has_schedules(&self) -> bool {
        self.orgs.values().any(|org| org.workflows.schedules > 0)
    }

    /// Seals values that contain variables.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    fn workflows(&self, org: Id) -> Option<&Workflows> {
        self.orgs.get(&org).map(|org| &*org.workflows)
    }

    /// The org's part, to change it.
    pub fn org_mut(&mut self, org: Id) -> &mut OrgInForce {
        self.orgs.entry(org).or_default()
    }
}

impl OrgInForce {
    /// Puts a version of a workflow into effect, in place of the current one.
    pub fn put_workflow(&mut self, id: Id, name: &str, version: i64, program: &Arc<Workflow>) {
        self.remove_workflow(id);
        let workflows = Arc::make_mut(&mut self.workflows);
        let listener = |event: String| Listener { workflow: id, version, event, program: program.clone() };
        let (name, trigger): (Arc<str>, _) = (name.into(), &program.trigger);
        workflows.schedules += usize::from(trigger.schedule.is_some());
        if trigger.callable.is_some() {
            workflows.callable.insert(name.clone(), Arc::new(listener(call_event(&name))));
        }
        if let Some(event) = &trigger.event_name {
            let mut listeners = workflows.by_event.get(event.as_str()).map(|list| list.to_vec()).unwrap_or_default();
            let place = listeners.partition_point(|other| other.workflow < id);
            listeners.insert(place, listener(event.clone()));
            workflows.by_event.insert(event.as_str().into(), listeners.into());
        }
        workflows.by_id.insert(id, Arc::new(WorkflowInForce { name, version, program: program.clone() }));
    }

    /// Removes a workflow, if it is in effect.
    pub fn remove_workflow(&mut self, id: Id) {
        if !self.workflows.by_id.contains_key(&id) {
            return;
        }
        let workflows = Arc::make_mut(&mut self.workflows);
        let Some(before) = workflows.by_id.remove(&id) else { return };
        workflows.schedules -= usize::from(before.program.trigger.schedule.is_some());
        // The name may be that of another workflow by now.
        if workflows.callable.get(&before.name).is_some_and(|listener| listener.workflow == id) {
            workflows.callable.remove(&before.name);
        }
        if let Some(event) = before.program.trigger.event_name.as_deref()
            && let Some(listeners) = workflows.by_event.remove(event)
        {
            let others: Arc<[Listener]> = listeners.iter().filter(|other| other.workflow != id).cloned().collect();
            if !others.is_empty() {
                workflows.by_event.insert(event.into(), others);
            }
        }
    }

    /// Puts a variable into effect, in place of the one with its id.
    pub fn put_variable(&mut self, variable: VariableInForce) {
        let variables = Arc::make_mut(&mut self.variables);
        match variables.binary_search_by_key(&variable.id, |other| other.id) {
            Ok(index) => variables[index] = Arc::new(variable),
            Err(index) => variables.insert(index, Arc::new(variable)),
        }
    }

    /// Removes a variable, if it is in effect.
    pub fn remove_variable(&mut self, id: Id) {
        if let Ok(index) = self.variables.binary_search_by_key(&id, |other| other.id) {
            Arc::make_mut(&mut self.variables).remove(index);
        }
    }
}

/// A handle to the newest [`InForce`], shared by all clones.
#[derive(Clone, Default)]
pub struct CurrentInForce(Arc<ArcSwap<InForce>>);

impl CurrentInForce {
    /// A handle to this one.
    pub fn new(in_force: Arc<InForce>) -> CurrentInForce {
        CurrentInForce(Arc::new(ArcSwap::new(in_force)))
    }

    /// The newest.
    pub fn load(&self) -> Arc<InForce> {
        self.0.load_full()
    }

    /// Replaces the newest.
    pub fn store(&self, in_force: Arc<InForce>) {
        self.0.store(in_force);
    }
}
