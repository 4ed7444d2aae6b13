//! Which database the tests run on, and a look into it past everything that hookflow itself would say.

use std::path::Path;

use serde_json::Value;

use super::postgres::{Sql, TestDatabase};
use super::sqlite::Database;

/// Says on which database the tests run that don't say so themselves: `sqlite`, which is the default, or `postgres`.
const VARIABLE: &str = "HOOKFLOW_TEST_DATABASE";

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
    /// are taken for text.
    pub fn rows(&mut self, table: &str, columns: &[&str]) -> Vec<Value> {
        let names = columns.join(", ");
        match self {
            Look::Sqlite(database) => {
                let text = |column: &&str| match *column {
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

/// Puts the text that was packed in the place of its bytes.
fn unpack(column: &mut Value) {
    let Some(digits) = column.as_str().and_then(|text| text.strip_prefix(PACKED)) else { return };
    let packed = hex::decode(digits).expect("SQLite writes hexadecimal digits");
    let text = lz4_flex::block::decompress_size_prepended(&packed).expect("a step log can be unpacked");
    *column = Value::String(String::from_utf8(text).expect("a step log is text"));
}
