//! A SQLite file, opened by the tests themselves.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use serde_json::Value;

/// The file of a server that has stopped, opened for reading only.
pub struct Database(SqliteConnection);

#[derive(QueryableByName)]
struct JsonRow {
    #[diesel(sql_type = Text)]
    row: String,
}

impl Database {
    pub fn open(path: &Path) -> Database {
        let url = format!("file:{}?mode=ro", path.display());
        let mut connection = SqliteConnection::establish(&url).expect("the database can be opened");
        connection.batch_execute("PRAGMA busy_timeout = 60000").expect("a time-out can be set");
        Database(connection)
    }

    /// The rows of a query that returns one column `row` of JSON text.
    pub fn rows(&mut self, sql: &str) -> Vec<Value> {
        let rows: Vec<JsonRow> = diesel::sql_query(sql).load(&mut self.0).expect("the query is valid");
        rows.iter().map(|row| serde_json::from_str(&row.row).expect("the column is JSON")).collect()
    }

    /// SQLite's own check of the whole file.
    ///
    /// # Panics
    /// If it finds anything.
    pub fn check_integrity(&mut self) {
        let rows = self.rows("SELECT json_quote(integrity_check) AS row FROM pragma_integrity_check");
        assert_eq!(rows, ["ok"], "the file is damaged");
    }
}

/// Runs SQL on a file that a server may be using.
pub fn execute(path: &Path, sql: &str) {
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).expect("the database can be opened");
    connection.batch_execute("PRAGMA busy_timeout = 60000").expect("a time-out can be set");
    connection.batch_execute(sql).expect("the SQL is right");
}
