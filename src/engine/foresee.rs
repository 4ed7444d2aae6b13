//! What a run's first steps are going to look up, for databases that look up the same for many runs together.
//!
//! This is a hint, so it does only what costs little: it looks at the steps that the trigger leads to, whatever their
//! conditions are, and only at params that are plain references.
//!
//! Limits: [`STEPS_MAX`] steps; addresses of at most [`EMAIL_MAX`] bytes.

use super::Loaded;
use crate::actions;
use crate::base::id::Id;
use crate::expr::Expr;
use crate::objects::customer::email_key;

/// How many steps are looked at.
const STEPS_MAX: usize = 4;
/// The longest address that is looked up ahead.
const EMAIL_MAX: usize = 1_024;

/// The addresses by which the first steps look up customers, with their orgs, for [`crate::store::Unit::emails`].
pub fn emails(loaded: &Loaded) -> Vec<(Id, String)> {
    let Loaded { run, workflow, scope, .. } = loaded;
    let steps = workflow.trigger.transitions.iter().take(STEPS_MAX).map(|transition| workflow.step(transition.target));
    let emails = steps.filter_map(|step| {
        let param = actions::email_param(step.action.as_deref()?)?;
        let (_, expression) = step.params.iter().find(|(name, _)| name == param)?;
        let Expr::Reference(_) = expression else { return None };
        let value = expression.resolve(scope, "", &mut Vec::new()).ok()??;
        let email = value.as_str().filter(|email| email.len() <= EMAIL_MAX)?;
        Some((run.org, email_key(email)))
    });
    emails.collect()
}
