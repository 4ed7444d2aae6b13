//! The declarations of tables agree with the tables of both databases, column by column.

use std::collections::{BTreeMap, BTreeSet};

use hookflow::store::migrate::tables::{Kind, NOT_MOVED, TABLES, Table};
use serde_json::Value;

use super::small_source;
use crate::support::postgres::Cluster;
use crate::support::sqlite::Database;

/// For each table, its columns with their types and whether they may be NULL.
type Columns = BTreeMap<String, BTreeSet<(String, String, bool)>>;

/// Columns as a database lists them: table, column, type, and whether NULL is allowed.
fn present<'a>(rows: impl IntoIterator<Item = [&'a Value; 4]>) -> Columns {
    let mut columns = Columns::new();
    for [table, column, kind, is_nullable] in rows {
        let [table, column, kind] = [table, column, kind].map(|value| value.as_str().unwrap().to_owned());
        let is_nullable = is_nullable.as_bool().unwrap_or_else(|| is_nullable == 1);
        columns.entry(table).or_default().insert((column, kind, is_nullable));
    }
    NOT_MOVED.iter().for_each(|table| drop(columns.remove(*table)));
    columns
}

/// Columns as they are declared, with a database's names of the four types.
fn declared(tables: impl Iterator<Item = Table>, [text, integer, bytes, id]: [&str; 4]) -> Columns {
    let mut columns = Columns::new();
    for table in tables {
        let table_columns = table.columns.iter().map(|column| {
            let kind = match column.kind {
                Kind::Text => text,
                Kind::Integer => integer,
                Kind::Bytes => bytes,
                Kind::Id => id,
            };
            (column.name.to_owned(), kind.to_owned(), column.is_nullable)
        });
        columns.insert(table.name.to_owned(), table_columns.collect());
    }
    columns
}

#[test]
fn the_tables_of_postgresql_are_those_that_are_declared() {
    let database = Cluster::shared().database();
    let rows = database.rows(
        "SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, NULL) AS kind, \
           NOT a.attnotnull AS is_nullable \
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
         WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace \
           AND a.attnum > 0 AND NOT a.attisdropped AND c.relname <> '__diesel_schema_migrations'",
    );
    let present = present(rows.iter().map(|row| ["table", "column", "kind", "is_nullable"].map(|name| &row[name])));
    assert_eq!(present, declared(TABLES.iter().map(|table| table.target), ["text", "bigint", "bytea", "text"]));
}

#[test]
fn the_tables_of_sqlite_are_those_that_are_declared() {
    let workspace = small_source();
    let mut database = Database::open(&workspace.path().join("hookflow.db"));
    let rows = database.rows(
        "SELECT json_array(t.name, c.name, c.type, NOT c.\"notnull\") AS row \
         FROM sqlite_schema t, pragma_table_xinfo(t.name) c \
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> '__diesel_schema_migrations'",
    );
    let present = present(rows.iter().map(|row| [0, 1, 2, 3].map(|index| &row[index])));
    assert_eq!(present, declared(TABLES.iter().map(|table| table.source), ["TEXT", "INTEGER", "BLOB", "INTEGER"]));
}

#[test]
fn the_keys_and_partitions_of_postgresql_are_those_that_are_declared() {
    let database = Cluster::shared().database();
    for table in TABLES.iter().map(|table| table.target) {
        let name = table.name;
        let rows = database.rows(&format!(
            "SELECT a.attname AS column FROM pg_index i \
             CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, place) \
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
             WHERE i.indisprimary AND i.indrelid = '{name}'::regclass ORDER BY k.place"
        ));
        let key: Vec<_> = rows.iter().map(|row| row["column"].as_str().unwrap()).collect();
        assert_eq!(key, table.key, "{name}");
        let rows = database.rows(&format!("SELECT pg_get_partkeydef('{name}'::regclass) AS key"));
        assert_eq!(rows[0]["key"].as_str().map(str::to_owned), table.day.map(|day| format!("RANGE ({day})")), "{name}");
    }
}

#[test]
fn a_move_accounts_for_every_column_of_both_databases() {
    for table in &TABLES {
        let names = |table: Table| table.columns.iter().map(|column| column.name).collect::<BTreeSet<&str>>();
        let (source, target) = (names(table.source), names(table.target));
        let made = table.made.iter().map(|(column, _)| *column).collect::<BTreeSet<&str>>();
        let absorbed = table.absorbed.iter().copied().collect::<BTreeSet<&str>>();
        assert!(made.is_subset(&target), "{}", table.name());
        assert!(target.difference(&source).all(|column| made.contains(column)), "{}", table.name());
        assert_eq!(source.difference(&target).copied().collect::<BTreeSet<_>>(), absorbed, "{}", table.name());
    }
}
