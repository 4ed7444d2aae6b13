//! The list of what is moved names every table and every column of both databases.

use std::collections::{BTreeMap, BTreeSet};

use hookflow::store::migrate::tables::{ABSORBED, Kind, NOT_MOVED, TABLES};

use super::small_source;
use crate::support::postgres::Cluster;
use crate::support::sqlite::Database;

/// The names and types of columns, by table.
type Columns = BTreeMap<String, BTreeSet<(String, String)>>;

fn columns<'a>(rows: impl IntoIterator<Item = [&'a str; 3]>) -> Columns {
    let mut columns = Columns::new();
    for [table, column, kind] in rows {
        columns.entry(table.into()).or_default().insert((column.into(), kind.into()));
    }
    columns
}

/// What the list says, with the names that types have in a database; `source` for the tables of SQLite.
fn listed(source: bool, types: [&str; 3]) -> Columns {
    let mut listed = Columns::new();
    for table in &TABLES {
        let name = if source { table.source } else { table.name };
        for (column, kind) in table.columns() {
            let [text, integer, bytes] = types;
            let kind = match kind {
                Kind::Text => text,
                Kind::Integer => integer,
                Kind::Bytes => bytes,
            };
            // What SQLite has not is made of something else.
            let is_made = table.made.iter().any(|(made, expression)| *made == column && *expression == "NULL");
            if !(source && is_made) {
                listed.entry(name.into()).or_default().insert((column.into(), kind.into()));
            }
        }
    }
    listed
}

#[test]
fn the_list_of_tables_is_that_of_postgresql() {
    let database = Cluster::shared().database();
    let rows = database.rows(
        "SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, NULL) AS kind \
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
         WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace \
           AND a.attnum > 0 AND NOT a.attisdropped AND c.relname <> '__diesel_schema_migrations'",
    );
    let rows: Vec<_> =
        rows.iter().map(|row| ["table", "column", "kind"].map(|name| row[name].as_str().unwrap())).collect();
    let mut present = columns(rows);
    NOT_MOVED.iter().for_each(|table| drop(present.remove(*table).expect("a table that is not moved is there")));
    assert_eq!(present, listed(false, ["text", "bigint", "bytea"]));
}

#[test]
fn the_list_of_tables_is_that_of_sqlite() {
    let workspace = small_source();
    let mut database = Database::open(&workspace.path().join("hookflow.db"));
    let rows = database.rows(
        "SELECT json_array(t.name, c.name, c.type) AS row FROM sqlite_schema t, pragma_table_xinfo(t.name) c \
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> '__diesel_schema_migrations'",
    );
    let rows = rows.iter().map(|row| [0, 1, 2].map(|index| row[index].as_str().unwrap()));
    let mut present = columns(rows);
    NOT_MOVED.iter().for_each(|table| drop(present.remove(*table)));
    for (table, column) in ABSORBED {
        let columns = present.get_mut(table).expect("a table whose column is absorbed is there");
        let before = columns.len();
        columns.retain(|(present, _)| present != column);
        assert_eq!(columns.len() + 1, before, "{table} has no column {column}");
    }
    assert_eq!(present, listed(true, ["TEXT", "INTEGER", "BLOB"]));
}

#[test]
fn rows_are_known_by_the_keys_of_both_databases() {
    let database = Cluster::shared().database();
    for table in &TABLES {
        let rows = database.rows(&format!(
            "SELECT a.attname AS column FROM pg_index i \
             CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, place) \
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
             WHERE i.indisprimary AND i.indrelid = '{}'::regclass ORDER BY k.place",
            table.name
        ));
        let key: Vec<_> = rows.iter().map(|row| row["column"].as_str().unwrap()).collect();
        assert_eq!(key, table.key, "{}", table.name);
    }
}
