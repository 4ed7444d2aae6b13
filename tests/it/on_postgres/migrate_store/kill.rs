//! The command is killed at random moments, and goes on where it was until everything is there, once.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use hookflow::store::migrate::tables::{MovedTable, TABLES};
use serde_json::Value;

use super::{expect_refusal, expect_success, migrate, on_target, small_source, verify};
use crate::crash::rounds;
use crate::support::database::Look;
use crate::support::postgres::{Cluster, ClusterOptions, TestDatabase};
use crate::support::program::{Said, refusal};
use crate::support::random::Random;
use crate::support::wait_for;
use crate::support::workspace::Workspace;

/// How many rows each of the large tables gets.
const ROWS: usize = 10_000;
const DAYS: usize = 20;

/// A source with many rows, made out of those of one order.
fn large_source() -> Arc<Workspace> {
    let workspace = small_source();
    for (name, id) in [("transactions", "id"), ("runs", "id"), ("step_log", "run_id"), ("kobjects", "id")] {
        let table = TABLES.iter().find(|table| table.name() == name).expect("the table is listed");
        add_rows(&workspace, table, id, ROWS, DAYS);
    }
    workspace
}

/// Copies the one row of a table, under ids of several days before that of the order.
fn add_rows(workspace: &Workspace, table: &MovedTable, id: &str, rows: usize, days: usize) {
    let name = table.source.name;
    let columns: Vec<&str> = table.source.columns.iter().map(|column| column.name).collect();
    // As SQLite stores the ids with these seconds since 2020, the counter `i`, and zeros between them.
    let made = format!("((212163200 - 86400 * (i % {days})) << 32) + (i << 8)");
    let values = columns.iter().map(|column| if *column == id { &made } else { *column });
    let values = values.collect::<Vec<_>>().join(", ");
    workspace.execute(&format!(
        "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {rows}) \
         INSERT INTO {name} ({}) SELECT {values} FROM numbers, {name}",
        columns.join(", ")
    ));
}

fn start(folder: &Path, target: &TestDatabase) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookflow"));
    command.args(["migrate-store", "--from", "sqlite:hookflow.db", "--to", &target.url()]);
    command.current_dir(folder).env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

fn is_begun(target: &TestDatabase) -> bool {
    target.rows("SELECT to_regclass('store_migration') IS NOT NULL AS begun")[0]["begun"] == true
}

fn is_finished(target: &TestDatabase) -> bool {
    is_begun(target) && target.rows("SELECT finished_at FROM store_migration")[0]["finished_at"].is_number()
}

/// How many rows were copied so far.
fn copied(target: &TestDatabase) -> usize {
    if !is_begun(target) {
        return 0;
    }
    target.rows("SELECT sum(rows)::bigint AS copied FROM store_migration_tables")[0]["copied"].as_u64().unwrap()
        as usize
}

#[test]
fn a_copy_that_is_killed_again_and_again_is_complete_in_the_end() {
    let mut random = Random::for_test("migrate-store");
    let workspace = large_source();
    let target = Cluster::shared().empty_database();
    let total = 4 * ROWS;
    let rounds = rounds(6);
    for round in 0..rounds {
        let wanted = total * round / rounds + random.within(0..total / rounds);
        let mut child = start(workspace.path(), &target);
        wait_for("rows to be copied", || (copied(&target) >= wanted).then_some(()));
        child.kill().expect("the child can be killed");
        child.wait().expect("the child ends");
        println!("round {round}: killed with {} rows copied", copied(&target));
        if is_finished(&target) {
            // The machine was too busy for the kill to come in time.
            break;
        }
        if round == rounds / 2 {
            assert_eq!(
                refusal(on_target(&workspace, &target)),
                "error: the database contains an unfinished copy by `hookflow migrate-store`; run that command \
                 again to complete it"
            );
            assert_eq!(
                expect_refusal(&verify(workspace.path(), &target)),
                "error: the copy is unfinished; run the same command without --verify-only"
            );
        }
    }
    match is_finished(&target) {
        true => expect_success(&verify(workspace.path(), &target)),
        false => {
            let said = migrate(workspace.path(), &target);
            expect_success(&said);
            assert!(said.errors.contains("copied before"), "{}", said.errors);
        }
    }
    compare(&workspace, &target);
    assert_eq!(target.rows("SELECT id FROM runs_default"), [] as [Value; 0]);
    let server = on_target(&workspace, &target).start();
    assert_eq!(server.get("/v1/runs?pageSize=500").expect(200)["data"].as_array().map(Vec::len), Some(500));
}

#[test]
fn a_copy_goes_on_after_a_crash_of_the_target() {
    let mut random = Random::for_test("migrate-store and a crash");
    let workspace = large_source();
    let cluster = Cluster::start(ClusterOptions::default());
    let target = cluster.empty_database();
    let child = start(workspace.path(), &target);
    let wanted = random.within(1..2 * ROWS);
    wait_for("rows to be copied", || (copied(&target) >= wanted).then_some(()));
    cluster.restart_immediately();
    let said = Said::new(&child.wait_with_output().expect("the child ends"));
    println!("crashed with {} rows copied", copied(&target));
    let error = expect_refusal(&said);
    let start = "error: the copy is incomplete; run the same command again to continue it: ";
    assert!(error.starts_with(start), "{error}");
    expect_success(&migrate(workspace.path(), &target));
    compare(&workspace, &target);
}

#[test]
fn rows_of_long_ago_share_a_partition() {
    let workspace = small_source();
    let table = TABLES.iter().find(|table| table.name() == "transactions").expect("the table is listed");
    add_rows(&workspace, table, "id", 402, 402);
    let target = Cluster::shared().empty_database();
    expect_success(&migrate(workspace.path(), &target));
    let partitions = target.rows("SELECT tableoid::regclass::text AS name FROM transactions ORDER BY id");
    let names: Vec<&str> = partitions.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 403);
    assert_eq!(names[0], names[1]);
    assert_eq!(names[1], names[2].replace("transactions_", "transactions_before_"));
    assert!(names[2..403].is_sorted_by(|earlier, later| earlier < later), "each day has its own: {names:?}");
    compare(&workspace, &target);
}

/// Compares all columns of all tables past everything that the command says.
fn compare(workspace: &Workspace, target: &TestDatabase) {
    let (mut source, mut copy) = (workspace.look(), Look::database(target));
    for table in TABLES.iter().filter(|table| table.name() != "open_runs") {
        let columns: Vec<&str> = table.columns().collect();
        let sorted = |look: &mut Look| {
            let mut rows: Vec<String> = look.rows(table.source.name, &columns).iter().map(Value::to_string).collect();
            rows.sort_unstable();
            rows
        };
        let (source, copy) = (sorted(&mut source), sorted(&mut copy));
        assert_eq!(source.len(), copy.len(), "{}", table.name());
        let different = source.iter().zip(&copy).find(|(source, copy)| source != copy);
        assert_eq!(different, None, "{}", table.name());
    }
}
