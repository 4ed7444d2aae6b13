//! Confirms subscriptions to topics of Amazon SNS, which sends notifications only to addresses that ask for them.
//!
//! A hook that names its topics confirms their subscriptions itself: it calls the address in the verified message, which
//! must be Amazon's. If the call fails, the sender gets 503 and repeats the message. A confirmation counts as an
//! answered challenge and creates no transaction.

use actix_web::HttpResponse;
use serde_json::json;

use super::Door;
use super::refusal::{Reason, Refusal};
use crate::catalog::HookInForce;
use crate::outbound::{Effect, EffectOutcome, HttpRequest, ResponseFormat};
use crate::signature::VerifiedRequest;

const TIMEOUT_MS: u64 = 5_000;

/// The address that confirms the subscription which a message asks for; `None` if it asks for none.
pub fn confirmation_url(in_force: &HookInForce, verified: &VerifiedRequest) -> Option<String> {
    in_force.gate.scheme()?.confirmation_url(verified.body())
}

/// Confirms a subscription.
///
/// # Errors
/// If the topic's service does not answer.
pub async fn confirm(door: &Door, in_force: &HookInForce, url: String) -> Result<HttpResponse, Refusal> {
    let call = HttpRequest {
        method: "GET".to_owned(),
        uri: url,
        headers: Vec::new(),
        body: None,
        timeout_ms: TIMEOUT_MS,
        auth: None,
        redirects: 0,
        reading: ResponseFormat::Text,
    };
    let failure = match door.published_keys.perform(in_force.hook.org, &Effect::Http(Box::new(call))).await {
        EffectOutcome::Response(response) if response.status_code == 200 => None,
        EffectOutcome::Response(response) => Some(format!("the response has status {}", response.status_code)),
        EffectOutcome::Failure(failure) => Some(failure.message),
        EffectOutcome::Receipt(_) => Some("not an HTTP response".to_owned()),
    };
    let hook = in_force.hook.name.as_str();
    if let Some(cause) = failure {
        log::error!(hook, err = cause.as_str(); "the subscription can't be confirmed");
        let detail = "the subscription cannot be confirmed at the moment; try again";
        return Err(Refusal::new(Reason::KeysUnavailable, detail));
    }
    door.refusals.add_challenge(&in_force.hook);
    log::info!(hook; "confirmed a subscription to a topic");
    Ok(HttpResponse::Ok().json(json!({ "confirmed": true })))
}
