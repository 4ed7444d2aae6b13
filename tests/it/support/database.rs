//! Which database the tests run on, and a look into it past everything that hookflow itself would say.

use std::path::Path;

use serde_json::Value;

use super::postgres::{Sql, TestDatabase};
use super::sqlite::Database;

/// Says on which database the tests run that don't say so themselves: `sqlite`, which is the default, or `postgres`.
const VARIABLE: &str = "HOOKFLOW_TEST_DATABASE";

/// Columns whose names look as if they held ids.
const NO_IDS: [&str; 2] = ["external_id", "key_id"];

/// What stands before bytes that SQLite keeps packed.
const PACKED: &str = "packed: ";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    /// # Panics
    /// When the variable says something else; nothing should pass because of a typo.
    pub fn of_this_run() -> Kind {
        match std::env::var(VARIABLE).as_deref() {
            Err(std::env::VarError::NotPresent) | Ok("sqlite") => Kind::Sqlite,
            Ok("postgres") => Kind::Postgres,
            other => panic!("{VARIABLE} is `sqlite` or `postgres`, not {other:?}"),
        }
    }
}

/// The database of a server that has stopped.
pub enum Look {
    Sqlite(Database),
    Postgres(Sql),
}

impl Look {
    /// Into a SQLite file.
    pub fn file(path: &Path) -> Look {
        Look::Sqlite(Database::open(path))
    }

    pub fn database(database: &TestDatabase) -> Look {
        Look::Postgres(database.session())
    }

    /// Some columns of a table, each row as a list, sorted by them. The table `runs` has all runs, ended or not; bytes
    /// are taken for text, and ids are shown as text.
    pub fn rows(&mut self, table: &str, columns: &[&str]) -> Vec<Value> {
        let names = columns.join(", ");
        match self {
            Look::Sqlite(database) => {
                let table = if table == "step_log" { "step_logs" } else { table };
                let is_id = |column: &str| column == "id" || column.ends_with("_id") && !NO_IDS.contains(&column);
                let text = |column: &&str| match *column {
                    column if is_id(column) => id_of(&format!("{table}.{column}")),
                    "entries" => format!("iif(packed IS NULL, entries, '{PACKED}' || hex(packed))"),
                    column => format!("CAST({column} AS TEXT)"),
                };
                let row = columns.iter().map(text).collect::<Vec<_>>().join(", ");
                let mut rows = database.rows(&format!("SELECT json_array({row}) AS row FROM {table} ORDER BY {names}"));
                rows.iter_mut().flat_map(|row| row.as_array_mut().unwrap()).for_each(unpack);
                rows
            }
            Look::Postgres(session) => {
                let text = |column: &&str| match *column {
                    "raw" => "convert_from(raw, 'UTF8')".to_owned(),
                    column => format!("{column}::text"),
                };
                let row = columns.iter().map(text).collect::<Vec<_>>().join(", ");
                let from = match table {
                    "runs" => format!("(SELECT {names} FROM runs UNION ALL SELECT {names} FROM open_runs) AS runs"),
                    table => table.to_owned(),
                };
                let query = format!("SELECT jsonb_build_array({row}) AS row FROM {from} ORDER BY {names}");
                session.rows(&query).iter_mut().map(|row| row["row"].take()).collect()
            }
        }
    }

    /// The database's own check of everything it stores.
    ///
    /// # Panics
    /// If it finds anything.
    pub fn check_integrity(&mut self) {
        match self {
            Look::Sqlite(database) => database.check_integrity(),
            Look::Postgres(session) => {
                session.execute("CREATE EXTENSION IF NOT EXISTS amcheck");
                // The first is about tables, and returns what it finds; the second compares each index with its table,
                // and fails.
                let public = "relnamespace = 'public'::regnamespace";
                let found = session.rows(&format!(
                    "SELECT relname, found.* FROM pg_class, verify_heapam(oid, check_toast => true) AS found \
                     WHERE relkind = 'r' AND {public}"
                ));
                assert!(found.is_empty(), "a table is damaged: {found:#?}");
                session
                    .rows(&format!("SELECT bt_index_check(oid, true) FROM pg_class WHERE relkind = 'i' AND {public}"));
                let twice = session.rows("SELECT id FROM runs JOIN open_runs USING (org_id, id)");
                assert!(twice.is_empty(), "runs that have ended and have not: {twice:?}");
            }
        }
    }
}

/// The text of an id that SQLite stores as an integer, as `src/store/sqlite/keys.rs` describes.
fn id_of(column: &str) -> String {
    let second = format!("(({column} >> 32) + 1577836800)");
    format!(
        "CASE WHEN {column} IS NULL THEN NULL WHEN {column} BETWEEN 1 AND 4294967295 THEN (SELECT lower(hex(s.id)) FROM small_ids s WHERE s.number = {column}) \
         ELSE printf('%08x%s%06x', {second}, iif({column} & 255, (SELECT lower(hex(p.random)) FROM id_processes p \
           WHERE p.number = {column} & 255 AND {second} BETWEEN p.first_second AND p.last_second), '0000000000'), \
           ({column} >> 8) & 16777215) END"
    )
}

/// Puts the text that was packed in the place of its bytes.
fn unpack(column: &mut Value) {
    let Some(digits) = column.as_str().and_then(|text| text.strip_prefix(PACKED)) else { return };
    let packed = hex::decode(digits).expect("SQLite writes hexadecimal digits");
    let text = lz4_flex::block::decompress_size_prepended(&packed).expect("a step log can be unpacked");
    *column = Value::String(String::from_utf8(text).expect("a step log is text"));
}
