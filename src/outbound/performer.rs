//! Performs effects of all kinds.

use super::{Client, Effect, EffectFailure, EffectOutcome, FailureKind, Mailer};
use crate::base::id::Id;

/// Performs effects; clones share connections and tokens.
#[derive(Clone)]
pub struct Performer {
    http: Client,
    mail: Option<Mailer>,
}

impl Performer {
    /// If `mail` is `None`, mails are refused.
    pub fn new(http: Client, mail: Option<Mailer>) -> Performer {
        Performer { http, mail }
    }

    /// Performs the effect once.
    pub async fn perform(&self, org: Id, effect: &Effect) -> EffectOutcome {
        let outcome = match effect {
            Effect::Http(request) => {
                self.http.call(org, request).await.map(|response| EffectOutcome::Response(Box::new(response)))
            }
            Effect::Mail(mail) => match &self.mail {
                Some(mailer) => mailer.send(mail).await.map(EffectOutcome::Receipt),
                None => {
                    let message = "no mail server is configured: start hookflow with --smtp-url";
                    Err(EffectFailure::new(FailureKind::Refused, message))
                }
            },
        };
        outcome.unwrap_or_else(EffectOutcome::Failure)
    }
}
