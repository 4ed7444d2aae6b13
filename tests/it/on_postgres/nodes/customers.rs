//! Orders of the same new customer that arrive at two nodes at once make one customer.

use std::sync::Barrier;

use serde_json::Value;

use super::brake::{At, Brake};
use super::{database, named};
use crate::support::audit::{all_pages, check_over_http, check_stored};
use crate::support::database::Kind;
use crate::support::orders::Ledger;
use crate::support::random::Random;
use crate::support::{Server, ServerBuilder};

/// How many new customers order at both nodes.
const ROUNDS: usize = 60;

/// Two nodes with the shipped workflow, whose sessions are all named `node`.
fn two_nodes() -> [Server; 2] {
    let one = named(ServerBuilder::new().on(Kind::Postgres), "node").start();
    let other = named(ServerBuilder::node_beside(&one), "node").start();
    [one, other]
}

/// Posts at all nodes at the same moment, `rounds` times; each customer orders once at each node.
fn post_at_once(nodes: &[Server], rounds: std::ops::Range<usize>) -> Ledger {
    let barrier = Barrier::new(nodes.len());
    let post = |(number, node): (usize, &Server)| {
        let (mut ledger, hook_url) = (Ledger::default(), node.hook_url("orders"));
        for round in rounds.clone() {
            let email = format!("customer-{round}@example.com");
            barrier.wait();
            let status = ledger.post(node, &hook_url, &format!("{round}-{number}"), &email);
            assert_eq!(status, Some(200));
        }
        ledger
    };
    let ledgers: Vec<Ledger> = std::thread::scope(|scope| {
        let posting: Vec<_> = nodes.iter().enumerate().map(|node| scope.spawn(move || post(node))).collect();
        posting.into_iter().map(|posting| posting.join().expect("a posting thread does not panic")).collect()
    });
    Ledger { orders: ledgers.into_iter().flat_map(|ledger| ledger.orders).collect() }
}

/// The runs that did not find the customer, and then continued with the one that another run created.
fn losers(server: &Server) -> Vec<Value> {
    let notes = |run: &Value| {
        let steps = server.steps(run);
        let create = steps.iter().find(|step| step["id"] == "3")?;
        let message = create["notes"].get(0)?["message"].clone();
        assert_eq!(message, "a customer with this e-mail address already exists; using it");
        assert_eq!(create["notes"][0]["pointer"], "/emails/0");
        assert!(create["output"]["id"].is_string(), "{create:#}");
        Some(run.clone())
    };
    all_pages(server, "/v1/runs?pageSize=500").iter().filter_map(notes).collect()
}

/// Each customer has the orders of all nodes on its timeline, and no other.
fn check_timelines(server: &Server, customers: usize, orders_each: usize) {
    let found = all_pages(server, "/v1/customers?pageSize=500");
    assert_eq!(found.len(), customers);
    for customer in found {
        let timeline = customer["relationships"]["timeline"]["links"]["self"].as_str().unwrap();
        let orders = all_pages(server, timeline);
        let email = customer["attributes"]["emails"][0]["email"].as_str().unwrap();
        let of_the_customer = |order: &Value| order["attributes"]["data"]["email"] == email;
        assert!(orders.len() == orders_each && orders.iter().all(of_the_customer), "{email}: {orders:#?}");
    }
}

#[test]
fn orders_of_new_customers_at_two_nodes_at_once_make_one_customer_each() {
    let nodes = two_nodes();
    let ledger = post_at_once(&nodes, 0..ROUNDS);
    nodes[0].wait_for_runs();
    check_timelines(&nodes[1], ROUNDS, 2);
    check_over_http(&nodes[1], &ledger, &mut Random::for_test("customers at two nodes"));
    println!("{} of {ROUNDS} customers were looked for in vain by both runs", losers(&nodes[0]).len());
    let directory = nodes[0].directory();
    nodes.into_iter().for_each(|node| assert!(node.stop().success()));
    check_stored(directory.look(), &ledger);
}

#[test]
fn the_run_that_comes_second_goes_on_with_the_customer_of_the_first() {
    let nodes = two_nodes();
    let database = database(&nodes[0]);
    // Both have looked for the customer, and found none, before either makes it.
    let brake = Brake::put(&database, At::Insert("customer_emails"), "node");
    let ledger = std::thread::scope(|scope| {
        let posting = scope.spawn(|| post_at_once(&nodes, 0..1));
        brake.wait_for_all_held(2);
        brake.release();
        posting.join().expect("the posting threads do not panic")
    });
    nodes[1].wait_for_runs();
    // The run that came second was executed again, and has found the customer.
    assert_eq!(losers(&nodes[0]), [] as [Value; 0]);
    check_timelines(&nodes[0], 1, 2);
    let directory = nodes[0].directory();
    nodes.into_iter().for_each(|node| assert!(node.stop().success()));
    check_stored(directory.look(), &ledger);
}
