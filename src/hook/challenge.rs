//! Set-up challenges: requests by which a vendor verifies that the owner of a URL wants its webhooks.
//!
//! This module selects the challenge that a hook answers: its verification scheme's, or the one in its settings. The
//! door knows the challenges' protocols.

use serde_json::Value;

use crate::objects::{Problem, unknown};
use crate::signature::Scheme;

/// The vendor that sends the challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    Asana,
    Braintree,
    /// Any sender that follows the CloudEvents specification for webhooks.
    CloudEvents,
    Dropbox,
    EventGrid,
    GitHub,
    Meta,
    Microsoft,
    Monday,
    Okta,
    Slack,
    Strava,
    Trello,
    Twitter,
    /// Any hub that follows W3C WebSub, such as YouTube's.
    WebSub,
    Zoom,
}

impl Challenge {
    /// The names in a hook's settings, in the order of the variants.
    pub const NAMES: [(&'static str, Challenge); 16] = [
        ("asana", Challenge::Asana),
        ("braintree", Challenge::Braintree),
        ("cloudevents", Challenge::CloudEvents),
        ("dropbox", Challenge::Dropbox),
        ("event_grid", Challenge::EventGrid),
        ("github", Challenge::GitHub),
        ("meta", Challenge::Meta),
        ("microsoft", Challenge::Microsoft),
        ("monday", Challenge::Monday),
        ("okta", Challenge::Okta),
        ("slack", Challenge::Slack),
        ("strava", Challenge::Strava),
        ("trello", Challenge::Trello),
        ("twitter", Challenge::Twitter),
        ("websub", Challenge::WebSub),
        ("zoom", Challenge::Zoom),
    ];

    /// The name in a hook's settings.
    pub fn as_str(self) -> &'static str {
        Challenge::NAMES[self as usize].0
    }

    /// The default for a verification scheme.
    pub fn default_for(scheme: Option<&Scheme>) -> Option<Challenge> {
        match scheme?.name() {
            "braintree" => Some(Challenge::Braintree),
            "dropbox" => Some(Challenge::Dropbox),
            "github" | "github_sha1" => Some(Challenge::GitHub),
            "meta" => Some(Challenge::Meta),
            "microsoft_graph" => Some(Challenge::Microsoft),
            "monday" => Some(Challenge::Monday),
            "slack" => Some(Challenge::Slack),
            "twitter" => Some(Challenge::Twitter),
            "zoom" => Some(Challenge::Zoom),
            _ => None,
        }
    }

    /// Reads a vendor's name, or `false`.
    ///
    /// # Errors
    /// One problem.
    pub fn read(scheme: Option<&Scheme>, value: &Value) -> Result<Option<Challenge>, Vec<Problem>> {
        let problem = |message: String| Err(vec![Problem::new("", message)]);
        let name = match value {
            Value::Bool(false) => return Ok(None),
            Value::String(name) => name,
            _ => {
                return problem(
                    "expected a vendor whose challenges the hook answers, such as `microsoft`, or false".to_owned(),
                );
            }
        };
        let Some((name, challenge)) = Challenge::NAMES.into_iter().find(|(known, _)| known == name) else {
            return problem(unknown("challenge", name, Challenge::NAMES.map(|(known, _)| known)));
        };
        let needs_secret = matches!(challenge, Challenge::Braintree | Challenge::Twitter | Challenge::Zoom);
        if needs_secret && scheme.is_none_or(|scheme| scheme.name() != name) {
            let verification = format!("{{\"scheme\": \"{name}\"}}");
            return problem(format!("the answer needs a secret of the hook; set `verification` to {verification}"));
        }
        Ok(Some(challenge))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_variants_are_in_the_same_order() {
        for (index, (name, challenge)) in Challenge::NAMES.into_iter().enumerate() {
            assert_eq!((challenge as usize, challenge.as_str()), (index, name));
        }
    }
}
