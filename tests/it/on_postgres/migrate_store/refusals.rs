//! Every reason not to copy has a clear error, and both databases stay unchanged.

use serde_json::json;

use super::{expect_refusal, expect_success, migrate, on_target, small_source, verify};
use crate::support::database::Kind;
use crate::support::postgres::{Cluster, TestDatabase};
use crate::support::program::{hookflow, refusal};
use crate::support::sqlite::execute;
use crate::support::{ServerBuilder, workspace::Workspace};

fn is_unmarked(target: &TestDatabase) -> bool {
    target.rows("SELECT to_regclass('store_migration') IS NULL AS unmarked")[0]["unmarked"] == true
}

/// Makes a finished copy an unfinished one.
fn interrupt(target: &TestDatabase) {
    target.execute(
        "UPDATE store_migration SET finished_at = NULL; DELETE FROM step_log; \
         UPDATE store_migration_tables SET rows = 0, last_key = NULL WHERE name = 'step_log'",
    );
}

#[test]
fn a_file_that_is_not_there_is_not_made() {
    let (workspace, target) = (Workspace::new(), Cluster::shared().database());
    let said = migrate(workspace.path(), &target);
    assert_eq!(expect_refusal(&said), "error: the source file `hookflow.db` does not exist");
    assert_eq!(std::fs::read_dir(workspace.path()).unwrap().count(), 1, "only the folder of workflows is there");
}

#[test]
fn a_file_of_another_program_is_left_as_it_is() {
    let (workspace, target) = (Workspace::new(), Cluster::shared().database());
    let path = workspace.path().join("hookflow.db");
    execute(&path, "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine')");
    let before = std::fs::read(&path).unwrap();
    let said = migrate(workspace.path(), &target);
    assert_eq!(
        expect_refusal(&said),
        "error: `hookflow.db` is not a hookflow database: it has none of hookflow's tables"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_a_server_uses_is_refused() {
    let server = ServerBuilder::new().on(Kind::Sqlite).start();
    let target = Cluster::shared().database();
    let workspace = server.directory();
    assert_eq!(
        expect_refusal(&migrate(workspace.path(), &target)),
        "error: a hookflow process uses the database `hookflow.db`; stop it, and don't start it again"
    );
    assert!(server.stop().success());
    expect_success(&migrate(workspace.path(), &target));
}

#[test]
fn databases_of_the_wrong_kind_are_refused() {
    let workspace = Workspace::new();
    let run = |from: &str, to: &str| {
        let said = hookflow(workspace.path(), &["migrate-store", "--from", from, "--to", to]);
        assert_eq!(said.code, Some(2), "{}", said.errors);
        said.errors.lines().next().expect("it says something").to_owned()
    };
    assert_eq!(
        run("sqlite:a.db", "sqlite:b.db"),
        "error: --to must be `postgres://USER@HOST/DATABASE`, not `sqlite:b.db`: the target must be PostgreSQL"
    );
    assert_eq!(
        run("postgres://app:secret@a/b", "postgres://app:secret@c/d"),
        "error: --from must be `sqlite:PATH`, not `postgres://app:•••@a:5432/b`: only SQLite databases can be copied"
    );
    assert_eq!(
        run("sqlite:a.db", "mysql://app:secret@c/d"),
        "error: invalid value 'mysql:…' for '--to <URL>': unknown scheme `mysql:`; write `sqlite:PATH` or \
         `postgres://USER@HOST/DATABASE`"
    );
    assert!(std::fs::read_dir(workspace.path()).unwrap().count() == 1, "nothing was made");
}

#[test]
fn a_target_that_a_server_has_worked_on_is_refused() {
    let (workspace, target) = (small_source(), Cluster::shared().database());
    assert!(on_target(&workspace, &target).start().stop().success());
    let before = target.rows("SELECT * FROM orgs");
    assert_eq!(
        expect_refusal(&migrate(workspace.path(), &target)),
        "error: the target is not empty: its table `orgs` has rows; copy to an empty database on which no server has started"
    );
    assert_eq!(target.rows("SELECT * FROM orgs"), before);
    assert!(is_unmarked(&target));
    assert_eq!(
        expect_refusal(&verify(workspace.path(), &target)),
        "error: the target has no copy made by `hookflow migrate-store`, so there is nothing to verify"
    );
}

#[test]
fn a_target_that_a_process_works_on_is_refused() {
    let (workspace, target) = (small_source(), Cluster::shared().database());
    let node = |seconds_ago: u32| {
        target.execute(&format!(
            "DELETE FROM nodes; INSERT INTO nodes SELECT 'a', 'elsewhere:1', now, now FROM \
             (SELECT (extract(epoch FROM now()) * 1000000)::bigint - {seconds_ago} * 1000000::bigint AS now) clock"
        ));
    };
    node(0);
    assert_eq!(
        expect_refusal(&migrate(workspace.path(), &target)),
        "error: a hookflow process uses the target (elsewhere:1); stop it first"
    );
    assert!(is_unmarked(&target));
    // A node that died long ago does not count.
    node(3600);
    expect_success(&migrate(workspace.path(), &target));
}

#[test]
fn a_text_that_postgresql_can_not_store_is_found_before_anything_is_copied() {
    let (workspace, target) = (small_source(), Cluster::shared().database());
    workspace.execute("UPDATE kobjects SET title = 'a' || char(0) || 'b'");
    let said = migrate(workspace.path(), &target);
    let error = expect_refusal(&said);
    let start = "error: PostgreSQL can't store the character U+0000, and the SQLite database has texts with it in 1 row; the \
                 first is in the column `title` of the table `kobjects`, in the row with the key [\"";
    assert!(error.starts_with(start), "{error}");
    assert!(is_unmarked(&target));
    assert!(target.rows("SELECT id FROM orgs").is_empty());
    // What it says to do helps.
    let from = error.find("UPDATE ").expect("it says what to do");
    let until = error.find("; then run this again").expect("it says what to do");
    workspace.execute(&error[from..until]);
    expect_success(&migrate(workspace.path(), &target));
    assert_eq!(target.rows("SELECT title FROM kobjects"), [json!({ "title": "a" })]);
}

#[test]
fn a_finished_copy_is_not_made_again() {
    let (workspace, target) = (small_source(), Cluster::shared().database());
    expect_success(&migrate(workspace.path(), &target));
    assert_eq!(
        expect_refusal(&migrate(workspace.path(), &target)),
        "error: the copy is already complete; use --verify-only to compare the databases again"
    );
}

#[test]
fn a_copy_is_only_completed_from_where_it_began() {
    let (workspace, target) = (small_source(), Cluster::shared().database());
    expect_success(&migrate(workspace.path(), &target));
    interrupt(&target);
    let other = small_source();
    let error = expect_refusal(&migrate(other.path(), &target)).to_owned();
    let source = workspace.path().canonicalize().unwrap().join("hookflow.db");
    let expected = format!(
        "error: the target contains an unfinished copy of another database, `{}`; copy to an empty database",
        source.display()
    );
    assert_eq!(error, expected);
    // It may be found elsewhere in the meantime.
    std::fs::rename(&source, other.path().join("hookflow.db")).unwrap();
    expect_success(&migrate(other.path(), &target));
}

#[test]
fn a_source_that_a_server_worked_on_in_the_meantime_is_refused() {
    let (workspace, target) = (small_source(), Cluster::shared().database());
    expect_success(&migrate(workspace.path(), &target));
    interrupt(&target);
    let error = refusal(on_target(&workspace, &target));
    assert!(error.contains("unfinished copy"), "{error}");
    assert!(target.rows("SELECT id FROM nodes").is_empty(), "a server that does not start leaves nothing");
    let server = ServerBuilder::in_directory(workspace.clone()).start();
    server.run_order(&json!({ "orderId": "2", "email": "ann@example.com" }));
    assert!(server.stop().success());
    let error = expect_refusal(&migrate(workspace.path(), &target)).to_owned();
    assert!(error.contains("hookflow.db` was changed after a part of it was copied"), "{error}");
}

#[test]
fn a_difference_is_reported_with_its_table_and_key() {
    let (workspace, target) = (small_source(), Cluster::shared().database());
    expect_success(&migrate(workspace.path(), &target));
    target.execute("UPDATE kobjects SET title = 'Another'; DELETE FROM customer_emails; INSERT INTO files VALUES ('a', 'b', 'c', 1)");
    let said = verify(workspace.path(), &target);
    assert_eq!(said.code, Some(1), "{}", said.errors);
    let line =
        |table: &str| said.output.lines().find(|line| line.starts_with(&format!("{table} "))).unwrap().to_owned();
    let id = target.rows("SELECT org_id, id FROM kobjects")[0].clone();
    let kobject = format!("DIFFERENT, first at the key [{},\"order\",{}]", id["org_id"], id["id"]);
    assert!(line("kobjects").ends_with(&kobject), "{}", said.output);
    let email = format!("1  DIFFERENT, 0 rows in PostgreSQL, first at the key [{},\"ann@example.com\"]", id["org_id"]);
    assert!(line("customer_emails").ends_with(&email), "{}", said.output);
    assert!(line("files").contains("2 rows in PostgreSQL, first at the key"), "{}", said.output);
    assert!(line("runs").contains("equal: "), "{}", said.output);
    // One that finds out at the end of copying leaves the copy unfinished.
    target.execute("UPDATE store_migration SET finished_at = NULL");
    let said = migrate(workspace.path(), &target);
    assert_eq!(said.code, Some(1), "{}", said.errors);
    assert!(said.output.contains("servers refuse to use the copy"), "{}", said.output);
    assert!(refusal(on_target(&workspace, &target)).contains("unfinished copy"));
}
