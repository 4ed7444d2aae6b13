//! Set-up challenges: requests by which a vendor finds out whether the owner of an address wants its deliveries.
//!
//! What each asks and how it is answered is the door's. Here is which one a hook answers: the one of the vendor whose
//! scheme it verifies by, or one that it names.

use serde_json::Value;

use crate::objects::{Problem, unknown};
use crate::signature::Scheme;

/// Whose challenge it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    Asana,
    /// Of whoever keeps to the CloudEvents specification for webhooks.
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
    Zoom,
}

impl Challenge {
    /// How each is spelt.
    pub const NAMES: [(&'static str, Challenge); 14] = [
        ("asana", Challenge::Asana),
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
        ("zoom", Challenge::Zoom),
    ];

    /// What it is called.
    pub fn as_str(self) -> &'static str {
        Challenge::NAMES[self as usize].0
    }

    /// What holds for a hook that says nothing of it.
    pub fn of_scheme(scheme: Option<&Scheme>) -> Option<Challenge> {
        match scheme?.name() {
            "dropbox" => Some(Challenge::Dropbox),
            "github" | "github_sha1" => Some(Challenge::GitHub),
            "meta" => Some(Challenge::Meta),
            "slack" => Some(Challenge::Slack),
            "twitter" => Some(Challenge::Twitter),
            "zoom" => Some(Challenge::Zoom),
            _ => None,
        }
    }

    /// Reads a vendor's name, or `false`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(scheme: Option<&Scheme>, value: &Value) -> Result<Option<Challenge>, Vec<Problem>> {
        let problem = |message: String| Err(vec![Problem::new("", message)]);
        let word = match value {
            Value::Bool(false) => return Ok(None),
            Value::String(word) => word,
            _ => return problem("expected whose challenges are answered, such as `microsoft`, or false".to_owned()),
        };
        let Some((word, challenge)) = Challenge::NAMES.into_iter().find(|(known, _)| known == word) else {
            return problem(unknown("challenge", word, Challenge::NAMES.map(|(known, _)| known)));
        };
        let needs_secret = matches!(challenge, Challenge::Twitter | Challenge::Zoom);
        if needs_secret && scheme.is_none_or(|scheme| scheme.name() != word) {
            let verification = format!("{{\"scheme\": \"{word}\"}}");
            return problem(format!(
                "it is answered with a secret of the hook; its verification has to be {verification}"
            ));
        }
        Ok(Some(challenge))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_challenge_has_its_own_word() {
        for (index, (word, challenge)) in Challenge::NAMES.into_iter().enumerate() {
            assert_eq!((challenge as usize, challenge.as_str()), (index, word));
        }
    }
}
