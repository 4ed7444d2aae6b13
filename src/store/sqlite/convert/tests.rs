//! A database of texts becomes one of integers, whatever happens meanwhile.

use std::path::Path;

use diesel_migrations::MigrationHarness;

use super::super::open::MIGRATIONS;
use super::*;
use crate::store::Backend;
use crate::store::sqlite::Sqlite;

/// The migration after which rows have to be copied.
const RENAMES: &str = "20261201000030";

#[derive(QueryableByName)]
struct Shown {
    #[diesel(sql_type = Text)]
    row: String,
}

/// A database as it is right after the migration in SQL, with runs of many processes in two orgs.
fn former_database(path: &Path) -> SqliteConnection {
    use diesel::migration::{Migration, MigrationSource};
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection.batch_execute("PRAGMA journal_mode = WAL").unwrap();
    assert!(connection.applied_migrations().unwrap().is_empty());
    let migrations: Vec<Box<dyn Migration<diesel::sqlite::Sqlite>>> = MIGRATIONS.migrations().unwrap();
    let name = |migration: &dyn Migration<diesel::sqlite::Sqlite>| migration.name().version().to_string();
    for migration in migrations.iter().filter(|migration| name(migration.as_ref()).as_str() < RENAMES) {
        connection.run_migration(migration.as_ref()).unwrap();
    }
    connection.batch_execute(&former_rows()).unwrap();
    let renames = migrations.iter().find(|migration| name(migration.as_ref()) == RENAMES).unwrap();
    connection.run_migration(renames.as_ref()).unwrap();
    connection
}

/// Two orgs with a hook; 400 processes, each for a minute, some at the same time; a transaction, a customer and a
/// log for each of three ids of theirs; one id of a clock that was never set, and one of 2093.
fn former_rows() -> String {
    let ids = "WITH RECURSIVE starts(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM starts WHERE i < 399), \
               ids(id, org, n) AS (SELECT printf('%08x%010x%06x', 1700000000 + i * 50 + j * 29, 1000 + i * 7919 % 400, j), \
                 printf('%024x', 1 + i % 2), i * 3 + j FROM starts, (SELECT 0 AS j UNION SELECT 1 UNION SELECT 2)) ";
    let log = "SELECT org, id, 0, '[' || n || ']', NULL FROM ids";
    format!(
        "INSERT INTO orgs VALUES (printf('%024x', 1), 'one', 1), (printf('%024x', 2), 'two', 2); \
         INSERT INTO hooks (org_id, id, kind, name, title, hash, status, created_at, updated_at) \
           SELECT id, '65000000aaaaaaaaaa00000' || name, 'form', 'orders', '', name, 'enabled', 1, 1 \
           FROM (SELECT id, iif(name = 'one', 1, 2) AS name FROM orgs); \
         {ids} INSERT INTO transactions (org_id, id, hook_id, hook_kind, created_at, headers, raw, run_ids) \
           SELECT org, id, '65000000aaaaaaaaaa000001', 'form', n, '[]', x'00ff', '[]' FROM ids; \
         {ids} INSERT INTO customers (org_id, id, profile, created_at, updated_at, rev) SELECT org, id, '{{}}', n, n, 1 FROM ids; \
         INSERT INTO customers (org_id, id, profile, created_at, updated_at, rev) VALUES \
           (printf('%024x', 1), '00000abcaaaaaaaaaa000001', '{{}}', 0, 0, 1), (printf('%024x', 1), 'e7000000aaaaaaaaaa000001', '{{}}', 0, 0, 1); \
         {ids} INSERT INTO step_log (org_id, run_id, segment, entries, packed) {log};"
    )
}

/// Everything in some tables, in the order of the rows' texts.
fn shown(connection: &mut SqliteConnection, prefix: &str, id: fn(&str) -> String) -> Vec<String> {
    let tables = [
        ("orgs", vec!["id"], "name"),
        ("transactions", vec!["org_id", "id", "hook_id"], "created_at || hex(raw)"),
        ("customers", vec!["org_id", "id"], "profile || created_at"),
        ("step_log", vec!["org_id", "run_id"], "segment || entries"),
    ];
    let mut all = Vec::new();
    for (table, ids, rest) in tables {
        let ids = ids.into_iter().map(id).collect::<Vec<_>>().join(" || ' ' || ");
        let sql = format!("SELECT '{table} ' || {ids} || ' ' || {rest} AS row FROM {prefix}{table} ORDER BY 1");
        all.extend(diesel::sql_query(sql).load::<Shown>(connection).unwrap().into_iter().map(|shown| shown.row));
    }
    all
}

fn shown_before(connection: &mut SqliteConnection) -> Vec<String> {
    shown(connection, "text_", str::to_owned)
}

/// The same in a database that is converted.
fn shown_after(path: &Path) -> Vec<String> {
    Sqlite::open(path.to_str().unwrap()).unwrap().close();
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    assert!(remaining(&mut connection).unwrap().is_empty());
    let keys = Arc::new(KeySpace::load(&mut connection).unwrap());
    register_functions(&mut connection, &keys).unwrap();
    shown(&mut connection, "", |column| format!("id_text({column})"))
}

#[test]
fn all_rows_are_there_and_processes_share_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("former.db");
    let mut connection = former_database(&path);
    let before = shown_before(&mut connection);
    assert_eq!(before.len(), 2 + 3 * 1_200 + 2);
    drop(connection);
    assert_eq!(shown_after(&path), before);
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let numbers = count(&mut connection, "(SELECT DISTINCT number FROM id_processes)").unwrap();
    assert!(numbers <= 4, "400 processes and one with a clock that was not set have {numbers} numbers");
    assert_eq!(count(&mut connection, "small_ids").unwrap(), 5, "two orgs, two hooks, and an id of 2093");
}

#[test]
fn a_conversion_that_is_cut_off_anywhere_continues() {
    let folder = tempfile::tempdir().unwrap();
    for tables in 0..=TABLES.len() {
        let path = folder.path().join(format!("{tables}.db"));
        let mut connection = former_database(&path);
        let before = shown_before(&mut connection);
        let keys = Arc::new(KeySpace::load(&mut connection).unwrap());
        register_functions(&mut connection, &keys).unwrap();
        let former = remaining(&mut connection).unwrap();
        if tables > 0 {
            admit_ids(&mut connection, &keys, &former).unwrap();
        }
        for table in &former[..tables.saturating_sub(1)] {
            connection.immediate_transaction(|connection| copy(connection, &keys, table)).unwrap();
            keys.stored();
        }
        // In the middle of the next table.
        connection.batch_execute("BEGIN").unwrap();
        if let Some(next) = former.get(tables.saturating_sub(1)) {
            copy(&mut connection, &keys, next).unwrap();
        }
        drop(connection);
        assert_eq!(shown_after(&path), before, "cut off at table {tables}");
    }
}

#[test]
fn rows_that_differ_stop_the_conversion_and_leave_the_table_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("former.db");
    let mut connection = former_database(&path);
    let spoil = "CREATE TRIGGER spoil AFTER INSERT ON customers WHEN new.created_at = 7 \
                 BEGIN UPDATE customers SET profile = '{\"changed\":true}' WHERE id = new.id; END";
    connection.batch_execute(spoil).unwrap();
    let former = count(&mut connection, "text_customers").unwrap();
    let error = convert(&mut connection).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "of the {former} rows of the table `customers`, {former} were copied, and {} of those are as they were; the \
             table is unchanged",
            former - 1
        )
    );
    assert_eq!(count(&mut connection, "customers").unwrap(), 0);
    assert_eq!(count(&mut connection, "text_customers").unwrap(), former);
    connection.batch_execute("DROP TRIGGER spoil").unwrap();
    convert(&mut connection).unwrap();
    assert_eq!(count(&mut connection, "customers").unwrap(), former);
}
