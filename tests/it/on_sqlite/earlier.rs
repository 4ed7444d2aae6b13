//! A file of an earlier version.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::bare;
use crate::support::earlier::{self, Fixture};
use crate::support::peer::Peer;
use crate::support::random::Random;
use crate::support::sqlite::{Database, execute};
use crate::support::wait_for;

#[test]
fn a_file_of_an_earlier_version_opens_with_everything_in_it_and_its_runs_go_on() {
    opens(Fixture::Sqlite);
}

#[test]
fn a_file_with_drafts_secrets_numbers_and_links_opens_with_them() {
    opens(Fixture::SqliteWithMore);
}

fn opens(fixture: Fixture) {
    let peer = Peer::answering("200 OK", "{}");
    let builder = bare();
    earlier::unpack(fixture, &builder, &peer);
    let server = earlier::server(builder).start();
    earlier::check(fixture, &server, &peer);
    let workspace = server.directory();
    assert!(server.stop().success());
    earlier::check_stored(&workspace);
}

/// How many rows some tables get, of an org that does not exist.
const ROWS: usize = 20_000;

/// How many tables have yet to be copied because their ids are texts; `None` before that has begun.
fn former_tables(path: &Path) -> Option<usize> {
    let mut database = Database::open(path);
    let rows = database.rows("SELECT json_quote(name) AS row FROM sqlite_schema WHERE type = 'table'");
    let has = |name: &str| rows.iter().any(|row| row == name);
    has("small_ids").then(|| rows.iter().filter(|row| row.as_str().unwrap().starts_with("text_")).count())
}

/// A command that opens the file, and so converts it, and then fails.
fn convert(folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookflow"));
    command.args(["migrate-store", "--from", "sqlite:hookflow.db", "--to", "postgres://a@127.0.0.1:1/none"]);
    command.current_dir(folder).env_clear().stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the program starts")
}

#[test]
fn a_conversion_that_is_killed_again_and_again_is_complete_in_the_end() {
    let mut random = Random::for_test("conversion");
    let peer = Peer::answering("200 OK", "{}");
    let builder = bare();
    earlier::unpack(Fixture::SqliteWithMore, &builder, &peer);
    let path = builder.directory().join("hookflow.db");
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})");
    execute(
        &path,
        &format!(
            "{numbers} INSERT INTO customers (org_id, id, profile, created_at, updated_at, rev) \
               SELECT '65000000bbbbbbbbbb000001', printf('%08x%016x', 1700000000 + i, i), '{{}}', i, i, 1 FROM n; \
             {numbers} INSERT INTO step_log (org_id, run_id, segment, entries) \
               SELECT '65000000bbbbbbbbbb000001', printf('%08x%016x', 1700000000 + i, i), 0, printf('[%d]', i) FROM n"
        ),
    );
    for left in [26, 20, 8, 4, 1, 1] {
        let mut child = convert(builder.directory());
        wait_for("tables to be copied", || {
            let has_ended = child.try_wait().expect("the child can be asked").is_some();
            (has_ended || former_tables(&path).is_some_and(|former| former <= left)).then_some(())
        });
        // Somewhere in the next table.
        (0..random.within(0..5)).for_each(|_| {
            former_tables(&path);
        });
        let _ = child.kill();
        child.wait().expect("the child ends");
        println!("killed with {:?} tables left", former_tables(&path));
    }
    let server = earlier::server(builder).start();
    earlier::check(Fixture::SqliteWithMore, &server, &peer);
    let workspace = server.directory();
    assert!(server.stop().success());
    earlier::check_stored(&workspace);
    let mut database = Database::open(&path);
    for (table, sum) in [("customers", "sum(created_at)"), ("step_log", "sum(substr(entries, 2) + 0)")] {
        let of_org = "(SELECT org_id FROM customers WHERE created_at = 1)";
        let sql = format!("SELECT json_array(count(*), {sum}) AS row FROM {table} WHERE org_id = {of_org}");
        assert_eq!(database.rows(&sql), [json!([ROWS, ROWS * (ROWS + 1) / 2])], "{table}");
    }
}
