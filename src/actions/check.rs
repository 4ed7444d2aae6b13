//! What can be known of a step's params before it runs.
//!
//! The checker asks with the params that are known; those that are computed in a run are only named. The code that reads
//! the params in a run judges them here, too, so both apply the same rules.

use serde_json::{Map, Value};

use super::{customer, flow, http, mail};
use crate::objects::Problem;

/// The problems of an action's known params.
pub fn check(action: &str, known: &Map<String, Value>, computed: &[&str]) -> Vec<Problem> {
    let problems = match action {
        "rest-api.json" | "rest-api.generic" | "graphql.query" => http::check(known.clone()),
        "mail.send" => mail::check(known.clone()),
        "delay" => flow::check_delay(known),
        "customer.create" | "customer.update" => customer::check(known.clone()),
        _ => Vec::new(),
    };
    let is_known = |problem: &Problem| {
        let name = problem.pointer.split('/').nth(1).unwrap_or_default();
        known.contains_key(name) || !computed.iter().any(|computed| solves(computed, name))
    };
    problems.into_iter().filter(is_known).collect()
}

/// Whether the value of one param may solve a problem that is reported for another one.
fn solves(computed: &str, reported: &str) -> bool {
    const ALTERNATIVES: [(&str, &str); 2] = [("html", "text"), ("until", "for")];
    computed == reported || ALTERNATIVES.contains(&(computed, reported))
}
