//! What has to be true of external calls once no run is open: in the logs of the runs, and at the peer.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use crate::support::peer::Peer;
use crate::support::postgres::TestDatabase;

/// The attempts of each order's call, as its run's log has them.
fn logged(database: &TestDatabase) -> HashMap<String, Vec<Value>> {
    let rows = database.rows(
        "SELECT convert_from(transactions.raw, 'UTF8')::jsonb ->> 'orderId' AS \"order\", entry -> 'attempts' AS attempts \
         FROM step_log JOIN runs ON runs.id = step_log.run_id \
         JOIN transactions ON transactions.id = runs.transaction_id \
         CROSS JOIN LATERAL jsonb_array_elements(step_log.entries::jsonb) AS entry WHERE entry ? 'attempts'",
    );
    let mut logged = HashMap::new();
    for row in rows {
        let order = row["order"].as_str().expect("an order has an id").to_owned();
        let attempts = row["attempts"].as_array().expect("attempts are a list").clone();
        assert!(logged.insert(order.clone(), attempts).is_none(), "the call of order {order} is logged twice");
    }
    logged
}

/// The keys of the calls that the peer received of each order.
fn received(peer: &Peer) -> HashMap<String, Vec<String>> {
    let mut keys: HashMap<String, Vec<String>> = HashMap::new();
    for call in peer.received() {
        let body: Value = serde_json::from_str(&call.body).expect("calls have JSON bodies");
        let key = call.header("idempotency-key").expect("every call has a key").to_owned();
        keys.entry(body["order"].as_str().expect("an order has an id").to_owned()).or_default().push(key);
    }
    keys
}

/// Every call was made, always with the same key, and never more often than its log has attempts. So a call with one
/// attempt, whose node was neither killed nor paused over it, was made exactly once.
pub fn check_calls(database: &TestDatabase, peer: &Peer) {
    let (logged, received) = (logged(database), received(peer));
    let mut keys = HashSet::new();
    let (mut once, mut cut_off) = (0, 0);
    for (order, attempts) in &logged {
        let calls = received.get(order).unwrap_or_else(|| panic!("the peer never heard of order {order}"));
        assert!(calls.iter().all(|key| *key == calls[0]), "order {order} was told of under several keys: {calls:?}");
        assert!(keys.insert(&calls[0]), "two runs shared a key");
        assert!(calls.len() <= attempts.len(), "order {order}: {} calls, but {attempts:#?}", calls.len());
        check_attempts(attempts);
        once += usize::from(attempts.len() == 1);
        cut_off += attempts.iter().filter(|attempt| attempt["status"] == "unknown").count();
    }
    assert!(received.keys().all(|order| logged.contains_key(order)), "a call was made for an order that is not stored");
    println!("{} calls were logged, {once} of them with one attempt; {cut_off} attempts were cut off", logged.len());
    assert!(once > 0 && cut_off > 0, "a storm that cuts no call off shows nothing");
}

/// Each attempt but the last was made again for a reason.
fn check_attempts(attempts: &[Value]) {
    assert!((1..).zip(attempts).all(|(number, attempt)| attempt["number"] == json!(number)), "{attempts:#?}");
    let (last, before) = attempts.split_last().expect("a call has an attempt");
    assert_eq!((&last["status"], &last["statusCode"]), (&json!("answered"), &json!(200)), "{attempts:#?}");
    for attempt in before {
        let was_refused = attempt["statusCode"] == 503 && attempt["retryAt"].is_string();
        let was_lost = attempt["status"] == "unknown" || attempt["status"] == "failed";
        assert!(was_refused || was_lost, "{attempts:#?}");
    }
}
