//! Runs whose first stretch can't be written: their transaction is kept all the same, and they are queued.
//!
//! Triggers in the database make it refuse what a defect in the engine or in an action might ask of it.

use hookflow::base::json::PAYLOAD_LEVELS_MAX;
use serde_json::{Value, json};

use crate::support::database::Kind;
use crate::support::peer::Peer;
use crate::support::server::{is_open, send};
use crate::support::{Server, ServerBuilder, always, ids, workflow};

/// Has the database refuse rows of which the condition, on `NEW`, is true.
fn refuse(server: &Server, table: &str, condition: &str) {
    let directory = server.directory();
    directory.execute(&match directory.kind() {
        Kind::Sqlite => format!(
            "CREATE TRIGGER refused_{table} BEFORE INSERT ON {table} WHEN {condition} \
             BEGIN SELECT RAISE(ABORT, 'refused'); END"
        ),
        Kind::Postgres => format!(
            "CREATE SEQUENCE refusals_of_{table}; \
             CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 IF {condition} THEN PERFORM nextval('refusals_of_{table}'); RAISE EXCEPTION 'refused'; END IF; \
                 RETURN NEW; END $$; \
             CREATE TRIGGER refused_{table} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_{table}()"
        ),
    });
}

fn allow(server: &Server, table: &str) {
    let directory = server.directory();
    directory.execute(&match directory.kind() {
        Kind::Sqlite => format!("DROP TRIGGER refused_{table}"),
        Kind::Postgres => format!("DROP TRIGGER refused_{table} ON {table}"),
    });
}

/// Has the database refuse runs that have begun in the transaction in which their hook is stored.
fn refuse_begun_runs(server: &Server) {
    match server.directory().kind() {
        // Runs that are only queued are at 0, and are updated from then on.
        Kind::Sqlite => refuse(server, "runs", "NEW.rev > 0"),
        // Runs that end are inserted a second time, and may be by then.
        Kind::Postgres => {
            let comes_along = "NEW.rev > 0 AND NOT EXISTS (SELECT FROM transactions WHERE id = NEW.transaction_id \
                AND pg_xact_status(xmin::text::xid8) = 'committed')";
            refuse(server, "runs", comes_along);
            refuse(server, "open_runs", comes_along);
        }
    }
}

/// The transactions of the hook `orders`, newest first.
fn transactions(server: &Server) -> Value {
    let hook = server.hook("orders")["links"]["self"].as_str().unwrap().to_owned();
    server.get(&format!("{hook}/transactions")).expect(200)
}

#[test]
fn a_run_that_can_not_begin_with_its_transaction_begins_after_it() {
    let server = Server::start();
    refuse_begun_runs(&server);
    let run = server.run_order(&json!({ "orderId": "1", "email": "ann@example.com" }));
    assert_eq!(run["attributes"]["status"], "completed", "{run:#}");
    assert_eq!(server.steps(&run).len(), 4);
    assert_eq!(ids(&transactions(&server)), [&run["relationships"]["transaction"]["data"]["id"]]);
    assert_eq!(ids(&server.get("/v1/runs").expect(200)), [&run["id"]]);
    assert_eq!(ids(&server.get("/v1/customers/email=ann@example.com/timeline").expect(200)).len(), 1);
    match server.directory().kind() {
        Kind::Sqlite => drop(server.wait_for_log("runs are queued instead of begun hook=orders")),
        // A unit that was rolled back is tried again by the store itself. What a sequence counts is not rolled back.
        Kind::Postgres => {
            let refused = server.directory().postgres().rows("SELECT is_called FROM refusals_of_runs");
            assert_eq!(refused, [json!({ "is_called": true })]);
        }
    }
    assert!(!server.errors().contains("the run can't continue"), "{}", server.errors());
}

#[test]
fn a_run_that_can_not_be_advanced_fails_alone() {
    let customer = |email: &str| json!([{ "id": "2", "action": "customer.create", "params": { "email": email } }]);
    let (good, bad) = (workflow("good", customer("good@example.com")), workflow("bad", customer("bad@example.com")));
    let builder = ServerBuilder::bare();
    let bundle = json!({ "hooks": [{ "name": "orders", "type": "form" }], "workflows": [bad, good] });
    builder.write_workflow("bundle.json", &bundle.to_string());
    let server = builder.start();
    refuse(&server, "customer_emails", "NEW.email = 'bad@example.com'");
    server.post_hook("orders", &json!({})).expect(200);
    let runs = server.wait_for_runs();
    let run_of = |name: &str| runs.iter().find(|run| run["attributes"]["workflow"] == name).expect("both have run");
    assert_eq!(run_of("good")["attributes"]["status"], "completed");
    let (failed, error) = (run_of("bad"), &run_of("bad")["attributes"]["error"]);
    assert_eq!((&failed["attributes"]["status"], &error["code"]), (&json!("failed"), &json!("engine_error")));
    assert_eq!(server.steps(failed), [] as [Value; 0], "what can't be written leaves nothing");
    assert_eq!((ids(&transactions(&server)).len(), runs.len()), (1, 2));
    server.get("/v1/customers/email=good@example.com").expect(200);
    server.get("/v1/customers/email=bad@example.com").expect(404);

    allow(&server, "customer_emails");
    let again = server.call("POST", &format!("/v1/runs/{}/replay", failed["id"].as_str().unwrap()), Value::Null);
    let again = again.expect(201)["data"]["id"].as_str().unwrap().to_owned();
    let again = server.wait_for_run(&again, |status| !is_open(status));
    assert_eq!(again["attributes"]["status"], "completed", "{again:#}");
    server.get("/v1/customers/email=bad@example.com").expect(200);
}

#[test]
fn runs_that_are_only_queued_take_turns_too_and_one_that_can_not_be_advanced_makes_room() {
    let steps = json!([
        { "id": "2", "action": "delay", "params": { "for": 0.1 }, "transitions": [always("3")] },
        { "id": "3", "action": "customer.create", "params": { "email": "/#steps.1.attributes.data.email" } },
    ]);
    let mut limited = workflow("limited", steps);
    limited["concurrency"] = json!({ "limit": 1 });
    let builder = ServerBuilder::bare();
    let bundle = json!({ "hooks": [{ "name": "orders", "type": "form" }], "workflows": [limited] });
    builder.write_workflow("bundle.json", &bundle.to_string());
    let server = builder.start();
    refuse_begun_runs(&server);
    refuse(&server, "customer_emails", "NEW.email = 'bad@example.com'");
    for email in ["ann@example.com", "bad@example.com", "bob@example.com", "bad@example.com", "cid@example.com"] {
        server.post_hook("orders", &json!({ "email": email })).expect(200);
    }
    let mut runs = server.wait_for_runs();
    runs.reverse();
    let statuses: Vec<&Value> = runs.iter().map(|run| &run["attributes"]["status"]).collect();
    assert_eq!(statuses, ["completed", "failed", "completed", "failed", "completed"]);
    for pair in runs.windows(2) {
        let (finished, started) = (&pair[0]["attributes"]["finishedAt"], &pair[1]["attributes"]["startedAt"]);
        assert!(finished.as_str() <= started.as_str(), "{finished} and {started}");
    }
}

#[test]
fn a_payload_nested_as_deep_as_is_taken_is_kept_and_does_not_stop_the_workflow() {
    let peer = Peer::answering("200 OK", "{}");
    let params = json!({ "uri": peer.url("/"), "method": "POST", "data": "/#steps.1.attributes.data" });
    let server = ServerBuilder::with_steps(json!([{ "id": "2", "action": "rest-api.json", "params": params }])).start();
    let body = "[".repeat(PAYLOAD_LEVELS_MAX) + &"]".repeat(PAYLOAD_LEVELS_MAX);
    let request = server.request("POST", &server.hook_url("orders")).header("content-type", "application/json");
    let answer = send(request.body(body)).expect(200);
    server.get(answer["data"]["links"]["self"].as_str().unwrap()).expect(200);
    let runs = server.wait_for_runs();
    assert_eq!(runs[0]["attributes"]["status"], "completed", "{runs:#?}");
    assert_eq!(server.steps(&runs[0]).len(), 2);
    let next = server.run_order(&json!({}));
    assert_eq!(next["attributes"]["status"], "completed", "{next:#}");
}
