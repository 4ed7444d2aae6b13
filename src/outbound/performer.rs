//! What performs effects, of whatever kind.

use super::{Client, Effect, Failure, FailureKind, Mailer, Outcome};
use crate::base::id::Id;

/// Performs effects; clones share connections and tokens.
#[derive(Clone)]
pub struct Performer {
    http: Client,
    mail: Option<Mailer>,
}

impl Performer {
    /// Without a mailer, mails are refused.
    pub fn new(http: Client, mail: Option<Mailer>) -> Performer {
        Performer { http, mail }
    }

    /// Performs the effect, once, and says how it ended.
    pub async fn perform(&self, org: Id, effect: &Effect) -> Outcome {
        let outcome = match effect {
            Effect::Http(request) => self.http.call(org, request).await.map(|answer| Outcome::Answer(Box::new(answer))),
            Effect::Mail(mail) => match &self.mail {
                Some(mailer) => mailer.send(mail).await.map(Outcome::Receipt),
                None => {
                    let message = "there is no mail server: start hookflow with --smtp-url";
                    Err(Failure::new(FailureKind::Refused, message))
                }
            },
        };
        outcome.unwrap_or_else(Outcome::Failure)
    }
}
