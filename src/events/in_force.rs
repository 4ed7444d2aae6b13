//! What is in force at one moment: which workflows an event starts, and the variables that they use.
//!
//! An [`InForce`] belongs to one moment: a transaction that works with it sees no later change. The catalog makes
//! a new one for each change, and [`CurrentInForce`] is where the newest one is found. Orgs share nothing; a new one
//! shares everything that stayed the same with the one before.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::base::id::Id;
use crate::secrets::vault::Vault;
use crate::workflow::Workflow;

/// A workflow that is in force, with one event that starts it.
#[derive(Clone, Debug)]
pub struct Listener {
    pub workflow: Id,
    pub version: i64,
    /// What starts it: the event that it listens for, or that it was called.
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
    /// The workflow that alone can use it; none if all workflows of the org can.
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
/// one of the two changes. The default holds nothing: no event starts a run.
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
    variables: Arc<Vec<VariableInForce>>,
}

/// The enabled workflows of an org, by what starts them.
#[derive(Clone, Default)]
struct Workflows {
    /// With their names.
    by_id: HashMap<Id, (String, Arc<Workflow>)>,
    /// By workflow id, so that the oldest begins first.
    by_event: HashMap<String, Vec<Listener>>,
    /// By name.
    callable: HashMap<String, Listener>,
    /// How many have a schedule.
    schedules: usize,
}

impl InForce {
    /// Nothing but the vault.
    pub fn new(vault: Vault) -> InForce {
        InForce { orgs: HashMap::new(), vault }
    }

    /// The workflows that listen for the event, oldest first.
    pub fn listeners(&self, org: Id, event: &str) -> &[Listener] {
        let org = self.orgs.get(&org);
        org.and_then(|org| org.workflows.by_event.get(event)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether any workflow of the org listens for the event.
    pub fn is_heard(&self, org: Id, event: &str) -> bool {
        !self.listeners(org, event).is_empty()
    }

    /// The callable workflow with this name or id.
    pub fn callable(&self, org: Id, name_or_id: &str) -> Option<&Listener> {
        let workflows = &self.orgs.get(&org)?.workflows;
        workflows.callable.get(name_or_id).or_else(|| {
            let (name, _) = workflows.by_id.get(&name_or_id.parse().ok()?)?;
            workflows.callable.get(name)
        })
    }

    /// The names of the callable workflows, for suggestions.
    pub fn callable_names(&self, org: Id) -> impl Iterator<Item = &str> {
        let org = self.orgs.get(&org);
        org.into_iter().flat_map(|org| org.workflows.callable.keys().map(String::as_str))
    }

    /// The variable that a workflow means by an id or a name. An id wins over a name, and a workflow's own variable over
    /// the org's of the same name.
    pub fn variable(&self, org: Id, workflow: Id, id_or_name: &str) -> Option<&VariableInForce> {
        let variables = &self.orgs.get(&org)?.variables;
        let usable = || variables.iter().filter(|variable| variable.workflow.is_none_or(|owner| owner == workflow));
        let by_id = usable().find(|variable| variable.id.hex().as_str() == id_or_name);
        let by_name = || usable().filter(|variable| variable.name == id_or_name);
        by_id.or_else(|| by_name().max_by_key(|variable| variable.workflow))
    }

    /// Everything that the org's workflows can use.
    pub fn variables(&self, org: Id) -> &[VariableInForce] {
        self.orgs.get(&org).map(|org| org.variables.as_slice()).unwrap_or_default()
    }

    /// Whether any workflow has a schedule.
    pub fn has_schedules(&self) -> bool {
        self.orgs.values().any(|org| org.workflows.schedules > 0)
    }

    /// Seals whatever holds the values of variables.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The org's part, to change it.
    pub fn org_mut(&mut self, org: Id) -> &mut OrgInForce {
        self.orgs.entry(org).or_default()
    }
}

impl OrgInForce {
    /// Puts a version of a workflow in force, in place of the one before.
    pub fn put_workflow(&mut self, id: Id, name: &str, version: i64, program: &Arc<Workflow>) {
        self.remove_workflow(id);
        let workflows = Arc::make_mut(&mut self.workflows);
        workflows.by_id.insert(id, (name.to_owned(), program.clone()));
        let listener = |event: String| Listener { workflow: id, version, event, program: program.clone() };
        let trigger = &program.trigger;
        workflows.schedules += usize::from(trigger.schedule.is_some());
        if trigger.callable.is_some() {
            workflows.callable.insert(name.to_owned(), listener(call_event(name)));
        }
        if let Some(event) = &trigger.event_name {
            let listeners = workflows.by_event.entry(event.clone()).or_default();
            let place = listeners.partition_point(|other| other.workflow < id);
            listeners.insert(place, listener(event.clone()));
        }
    }

    /// Takes a workflow out of force, if it is in force.
    pub fn remove_workflow(&mut self, id: Id) {
        if !self.workflows.by_id.contains_key(&id) {
            return;
        }
        let workflows = Arc::make_mut(&mut self.workflows);
        let Some((name, program)) = workflows.by_id.remove(&id) else { return };
        workflows.schedules -= usize::from(program.trigger.schedule.is_some());
        workflows.callable.remove(&name);
        if let Some(event) = &program.trigger.event_name
            && let Some(listeners) = workflows.by_event.get_mut(event)
        {
            listeners.retain(|listener| listener.workflow != id);
            if listeners.is_empty() {
                workflows.by_event.remove(event);
            }
        }
    }

    /// Replaces all variables.
    pub fn set_variables(&mut self, variables: Vec<VariableInForce>) {
        self.variables = Arc::new(variables);
    }
}

/// Where the newest [`InForce`] is found; all clones share it.
#[derive(Clone, Default)]
pub struct CurrentInForce(Arc<ArcSwap<InForce>>);

impl CurrentInForce {
    /// With this one as the newest.
    pub fn new(in_force: Arc<InForce>) -> CurrentInForce {
        CurrentInForce(Arc::new(ArcSwap::new(in_force)))
    }

    /// The newest.
    pub fn load(&self) -> Arc<InForce> {
        self.0.load_full()
    }

    /// Puts a newer one in place.
    pub fn store(&self, in_force: Arc<InForce>) {
        self.0.store(in_force);
    }
}
