//! Workflows that run by themselves, on a real server.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::program::hookflow;
use crate::support::{Server, ServerBuilder, always, wait_for};

/// A server whose only workflow runs by this schedule.
fn server(schedule: Value) -> Server {
    let builder = ServerBuilder::bare();
    builder.write_workflow("scheduled.json", &scheduled(schedule).to_string());
    builder.start()
}

fn scheduled(schedule: Value) -> Value {
    let steps = json!([{ "id": "2", "action": "value.set", "params": { "value": "/#steps.1.scheduledAt" } }]);
    let trigger = json!({ "id": "1", "schedule": schedule, "transitions": [always("2")] });
    json!({ "name": "scheduled", "trigger": trigger, "steps": steps })
}

fn attributes(server: &Server) -> Value {
    let link = server.workflow("scheduled")["links"]["self"].as_str().unwrap().to_owned();
    server.get(&link).expect(200)["data"]["attributes"].take()
}

/// Stops the server, puts all due times back, and starts another one.
fn come_back_after(server: Server, seconds: i64) -> Server {
    let directory = server.directory();
    assert!(server.stop().success());
    directory.execute(&format!("UPDATE schedules SET due_at = due_at - {}", seconds * 1_000_000));
    ServerBuilder::in_directory(directory).start()
}

#[test]
fn a_workflow_runs_by_itself_once_for_each_due_time() {
    let server = server(json!({ "every": "1s" }));
    let runs = wait_for("three runs", || {
        let runs = server.get("/v1/runs?status=completed").expect(200)["data"].as_array().unwrap().clone();
        (runs.len() >= 3).then_some(runs)
    });
    let outputs: Vec<Value> = runs.iter().map(|run| server.steps(run)[0]["output"].clone()).collect();
    let due: BTreeSet<&str> = outputs.iter().map(|output| output["scheduledAt"].as_str().unwrap()).collect();
    assert_eq!(due.len(), runs.len(), "{outputs:#?}");
    assert!(due.iter().all(|due| due.ends_with(".000Z")), "{due:?}");
    assert!(outputs.iter().all(|output| output["firedAt"].as_str() >= output["scheduledAt"].as_str()));
    assert_eq!(server.steps(&runs[0])[1]["output"]["value"], outputs[0]["scheduledAt"]);

    let link = server.workflow("scheduled")["links"]["self"].as_str().unwrap().to_owned();
    server.call("PATCH", &link, json!({ "enabled": false })).expect(200);
    let shown = server.get(&link).expect(200)["data"]["attributes"].take();
    assert_eq!((&shown["nextRunAt"], &shown["upcomingRuns"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_schedule_that_can_not_start_its_run_delays_no_other() {
    let server = server(json!({ "every": "1s" }));
    let mut broken = scheduled(json!({ "every": "1s" }));
    (broken["name"], broken["steps"][0]["id"]) = (json!("broken"), json!("gone"));
    broken["trigger"]["transitions"] = json!([always("gone")]);
    server.create("/v1/workflows", broken);
    let directory = server.directory();
    assert!(server.stop().success());
    // As if this version could not compile a document that an earlier one accepted.
    directory.execute(
        "UPDATE workflow_versions SET document = replace(document, '\"target\":\"gone\"', '\"target\":\"no\"')",
    );
    directory.execute("UPDATE schedules SET due_at = due_at - 60000000");
    let server = ServerBuilder::in_directory(directory).start();
    let ended =
        || server.get("/v1/runs?status=completed&workflow=scheduled").expect(200)["data"].as_array().unwrap().len();
    let before = ended();
    wait_for("two more runs", || (ended() >= before + 2).then_some(()));
    let log = server.wait_for_log("1 of the due schedules could not start their runs");
    assert_eq!(log.matches("could not start their runs").count(), 1, "{log}");
    assert!(log.contains("unknown step `no`"), "{log}");
}

#[test]
fn missed_due_times_get_one_run() {
    let server = server(json!({ "cron": "0 3 1 * *", "timeZone": "Europe/Paris" }));
    let next = attributes(&server)["nextRunAt"].clone();
    assert_eq!(attributes(&server)["upcomingRuns"].as_array().unwrap().len(), 3);
    server.wait_for_log("workflow scheduled: version 1 is in effect; it runs next at ");
    // Two months and more: whatever day it is, at least two first days of a month have passed.
    let server = come_back_after(server, 70 * 86_400);
    let runs = wait_for("the run", || Some(server.wait_for_runs()).filter(|runs| !runs.is_empty()));
    let [run] = runs.as_slice() else { panic!("{runs:#?}") };
    let trigger = server.steps(run)[0]["output"].clone();
    assert!(trigger["missed"].as_i64().unwrap() >= 1, "{trigger}");
    let shown = attributes(&server);
    assert_eq!((&shown["nextRunAt"], &shown["lastRunAt"]), (&next, &trigger["scheduledAt"]));
    let server = come_back_after(server, 0);
    assert_eq!(attributes(&server)["lastRunAt"], trigger["scheduledAt"]);
    assert_eq!(server.wait_for_runs().len(), 1);
}

#[test]
fn missed_due_times_get_no_run_if_so_configured() {
    let server = server(json!({ "cron": "0 3 1 1 *", "catchUp": "none" }));
    let next = attributes(&server)["nextRunAt"].clone();
    let server = come_back_after(server, 400 * 86_400);
    wait_for("the next year", || (attributes(&server)["nextRunAt"] == next).then_some(()));
    assert_eq!(server.wait_for_runs(), [] as [Value; 0]);
    assert_eq!(attributes(&server)["lastRunAt"], Value::Null);
}

#[test]
fn checking_a_file_shows_when_its_workflow_runs_next() {
    let folder = tempfile::tempdir().unwrap();
    let check = |schedule: Value| {
        std::fs::write(folder.path().join("file.json"), scheduled(schedule).to_string()).unwrap();
        hookflow(folder.path(), &["check", "file.json"])
    };
    let said = check(json!({ "cron": "0 9 29 2 *", "timeZone": "Asia/Tokyo" }));
    let line = said.output.lines().next().unwrap();
    let times = line.strip_prefix("scheduled runs next at ").unwrap_or_else(|| panic!("{}", said.output));
    let times: Vec<&str> = times.split(", ").collect();
    assert!(times.len() == 3 && times.iter().all(|time| time.ends_with("-02-29T00:00:00.000Z")), "{times:?}");
    let wrong = check(json!({ "cron": "0 25 * * *" }));
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.output.starts_with("error: not a cron pattern: "), "{}", wrong.output);
}

#[test]
fn a_new_version_keeps_the_due_time_unless_its_schedule_differs() {
    let server = server(json!({ "every": "2h" }));
    let link = server.workflow("scheduled")["links"]["self"].as_str().unwrap().to_owned();
    let directory = server.directory();
    directory.execute("UPDATE schedules SET due_at = due_at + 3600000000");
    let moved = attributes(&server)["nextRunAt"].clone();
    let mut same = scheduled(json!({ "every": "120m" }));
    same["description"] = json!("another version");
    server.call("PUT", &link, same).expect(200);
    assert_eq!(attributes(&server)["nextRunAt"], moved);
    server.call("PUT", &link, scheduled(json!({ "every": "4h" }))).expect(200);
    assert_ne!(attributes(&server)["nextRunAt"], moved);
    server.call("PUT", &link, scheduled(json!({ "every": "4 hours" }))).expect(422);
}
