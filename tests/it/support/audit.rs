//! What has to be true of the orders of a [`Ledger`] once no run is open: over HTTP, and in the database.
//!
//! Every acknowledged order has exactly one transaction, one completed run and one kobject. One that was not
//! acknowledged has that too, or nothing at all. No address belongs to two customers, and no step is missing from a log.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::database::Look;
use super::orders::Ledger;
use super::random::Random;
use super::server::Server;

/// The steps of a run for a new customer, and for one who is known.
const PATHS: [&[&str]; 2] = [&["1", "2", "3", "5"], &["1", "2", "4"]];
/// How many runs have their step logs read over HTTP; the database shows those of all.
const LOGS_READ: usize = 100;

/// A list over all its pages.
pub fn all_pages(server: &Server, path: &str) -> Vec<Value> {
    let mut entries = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let page = server.get(&path).expect(200);
        entries.extend(page["data"].as_array().unwrap().iter().cloned());
        next = page["links"]["next"].as_str().map(str::to_owned);
    }
    entries
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

/// Collects pairs; a key that comes twice is what the test is looking for.
#[track_caller]
fn unique<V>(what: &str, pairs: impl IntoIterator<Item = (String, V)>) -> HashMap<String, V> {
    let mut map = HashMap::new();
    for (key, value) in pairs {
        assert!(map.insert(key.clone(), value).is_none(), "{what} {key} exists twice");
    }
    map
}

/// Asks the running server.
pub fn check_over_http(server: &Server, ledger: &Ledger, random: &mut Random) {
    let runs = all_pages(server, "/v1/runs?pageSize=500");
    let unfinished: Vec<&Value> = runs.iter().filter(|run| run["attributes"]["status"] != "completed").collect();
    assert!(unfinished.is_empty(), "{unfinished:#?}");
    let transaction_of = |run: &Value| text(&run["relationships"]["transaction"]["data"]["id"]);
    let runs_by_transaction = unique("a run of transaction", runs.iter().map(|run| (transaction_of(run), run)));
    let orders = all_pages(server, "/v1/klasses/order?pageSize=500");
    let orders = unique("order", orders.iter().map(|order| (text(&order["attributes"]["custom"]["orderIdStr"]), ())));
    assert_eq!(orders.len(), runs.len(), "each run has made one order");
    for order in &ledger.orders {
        if let Some(transaction) = &order.transaction {
            assert!(runs_by_transaction.contains_key(transaction), "{order:?} was acknowledged and has no run");
            assert!(orders.contains_key(&order.id), "{order:?} was acknowledged and does not stand anywhere");
        }
    }
    let customers = all_pages(server, "/v1/customers?pageSize=500");
    unique("customer", customers.iter().map(|customer| (address(&customer["attributes"]), ())));
    for _ in 0..LOGS_READ.min(runs.len()) {
        let run = &runs[random.within(0..runs.len())];
        let steps = server.steps(run);
        check_path(&steps.iter().collect::<Vec<_>>());
    }
}

/// The one e-mail address of a customer, as it is compared.
fn address(profile: &Value) -> String {
    let emails = profile["emails"].as_array().expect("a customer has a list of addresses");
    assert_eq!(emails.len(), 1, "{profile}");
    text(&emails[0]["email"]).to_lowercase()
}

/// Whether the run met a new customer.
fn check_path(steps: &[&Value]) -> bool {
    let ids: Vec<&str> = steps.iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert!(PATHS.contains(&ids.as_slice()), "a step is missing or doubled: {ids:?}");
    assert!(steps.iter().all(|step| step["status"] == "completed"), "{steps:#?}");
    // Where several transactions go on at the same time, another run may have been faster: the entry says so.
    let others = |note: &Value| text(&note["message"]).contains("already exists");
    let went_on = |step: &&Value| step["notes"].as_array().is_some_and(|notes| notes.iter().any(others));
    ids == PATHS[0] && !steps.iter().any(went_on)
}

/// Looks into the database of a server that has stopped.
pub fn check_stored(mut database: Look, ledger: &Ledger) {
    database.check_integrity();

    let transactions = database.rows("transactions", &["raw", "id", "run_ids"]);
    let transactions =
        unique("a transaction of order", transactions.iter().map(|row| (text(&json(&row[0])["orderId"]), row)));
    let runs = database.rows("runs", &["transaction_id", "id", "status"]);
    let runs = unique("a run of transaction", runs.iter().map(|row| (text(&row[0]), row)));
    let orders = database.rows("kobjects", &["custom"]);
    let orders = unique("order", orders.iter().map(|row| (text(&json(&row[0])["orderIdStr"]), ())));
    assert_eq!((runs.len(), orders.len()), (transactions.len(), transactions.len()), "runs and orders");
    for (order, transaction) in &transactions {
        let run = runs.get(&text(&transaction[1])).unwrap_or_else(|| panic!("{transaction} has no run"));
        assert_eq!(run[2], "completed", "{run}");
        assert_eq!(json(&transaction[2]), serde_json::json!([run[1]]));
        assert!(orders.contains_key(order), "{order} was run and does not stand anywhere");
    }
    let posted: HashSet<&str> = ledger.orders.iter().map(|order| order.id.as_str()).collect();
    assert!(transactions.keys().all(|order| posted.contains(order.as_str())), "an order that nobody posted");
    for order in ledger.orders.iter().filter(|order| order.transaction.is_some()) {
        let stored = transactions.get(&order.id).map(|row| text(&row[1]));
        assert_eq!(stored, order.transaction, "{order:?} was acknowledged");
    }

    let customers = database.rows("customers", &["profile", "id"]);
    unique("customer", customers.iter().map(|row| (address(&json(&row[0])), ())));
    let customers: HashSet<String> = customers.iter().map(|row| text(&row[1])).collect();
    let made = check_logs(&mut database, runs.len());
    let made: HashSet<String> =
        unique("the making of customer", made.into_iter().map(|id| (id, ()))).into_keys().collect();
    assert_eq!(made, customers, "each customer was made by one run");
}

/// A column that holds JSON.
fn json(column: &Value) -> Value {
    serde_json::from_str(&text(column)).unwrap_or_else(|error| panic!("not JSON ({error}): {column}"))
}

/// All step logs; the customers that runs made.
fn check_logs(database: &mut Look, runs: usize) -> Vec<String> {
    let mut logs: HashMap<String, Vec<Value>> = HashMap::new();
    for segment in database.rows("step_log", &["run_id", "segment", "entries"]) {
        let entries = json(&segment[2]);
        logs.entry(text(&segment[0])).or_default().extend(entries.as_array().unwrap().iter().cloned());
    }
    assert_eq!(logs.len(), runs, "each run has a log");
    let new = logs.values().filter(|steps| check_path(&steps.iter().collect::<Vec<_>>())).map(|steps| &steps[2]);
    // Where runs are executed side by side, another one may have made the customer in the meantime, which is noted.
    let made = new.filter(|step| !step["notes"].to_string().contains("already exists"));
    made.map(|step| text(&step["output"]["id"])).collect()
}
