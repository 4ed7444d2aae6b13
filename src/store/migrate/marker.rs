//! The marker of a move in the target: that it is in progress, from where, and how far it is.
//!
//! The command creates these tables, and they remain. No server starts on a database whose move is unfinished: a server
//! registers itself first and then looks for the marker, while the command writes the marker first and then looks for
//! processes, so that one of them sees the other.

use diesel::result::QueryResult;

use super::row::{Row, Value};
use super::tables::MovedTable;
use crate::store::postgres::connection::Connection;
use crate::store::sql::statement::statement;

/// A move into a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The file, for people.
    pub source: String,
    /// The first org of the source, and the digest of its content: what identifies the source.
    pub org: String,
    pub digest: String,
    /// When the move started. Runs that were held are due then at the latest.
    pub moment: i64,
    pub is_finished: bool,
}

/// The progress of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    pub rows: u64,
    /// The key of the last row.
    pub last: Option<Vec<Value>>,
}

/// The move into this database, if there was one.
pub fn read(connection: &mut Connection) -> QueryResult<Option<Marker>> {
    const PRESENT: &str = "SELECT to_regclass('store_migration')::text";
    const SQL: &str = "SELECT source, org_id, digest, moment, finished_at FROM store_migration";
    let present: Vec<Row> = connection.load(statement!("looking for a move", PRESENT))?;
    if present.iter().all(|row| row.text(0).is_none()) {
        return Ok(None);
    }
    let rows: Vec<Row> = connection.load(statement!("reading the move", SQL))?;
    let text = |row: &Row, index| row.text(index).unwrap_or_default().to_owned();
    Ok(rows.first().map(|row| Marker {
        source: text(row, 0),
        org: text(row, 1),
        digest: text(row, 2),
        moment: row.integer(3),
        is_finished: row.0[4] != Value::Null,
    }))
}

/// Records that a move starts.
pub fn begin(connection: &mut Connection, marker: &Marker) -> QueryResult<()> {
    const SQL: &str = "INSERT INTO store_migration (source, org_id, digest, moment) VALUES (?, ?, ?, ?)";
    connection.run(
        "BEGIN; \
         CREATE TABLE store_migration (source text NOT NULL, org_id text NOT NULL, digest text NOT NULL, \
           moment bigint NOT NULL, finished_at bigint); \
         CREATE TABLE store_migration_tables (name text NOT NULL PRIMARY KEY, rows bigint NOT NULL, last_key text)",
    )?;
    let insert = statement!("beginning the move", SQL);
    connection.execute(insert.bind(&marker.source).bind(&marker.org).bind(&marker.digest).bind(marker.moment))?;
    for table in &super::tables::TABLES {
        const TABLE: &str = "INSERT INTO store_migration_tables (name, rows) VALUES (?, 0)";
        connection.execute(statement!("beginning the move", TABLE).bind(table.name()))?;
    }
    connection.run("COMMIT")
}

/// Removes the record that a move has started.
pub fn withdraw(connection: &mut Connection) -> QueryResult<()> {
    connection.run("DROP TABLE store_migration, store_migration_tables")
}

pub fn reached(connection: &mut Connection, table: &MovedTable) -> QueryResult<Reached> {
    const SQL: &str = "SELECT rows, last_key FROM store_migration_tables WHERE name = ?";
    let rows: Vec<Row> = connection.load(statement!("reading how far a table has come", SQL).bind(table.name()))?;
    let Some(row) = rows.first() else { return Ok(Reached::default()) };
    let last = row.text(1).map(parse_key).transpose()?;
    Ok(Reached { rows: row.integer(0).unsigned_abs(), last })
}

/// Records that the move is complete. Processes that connect notice that the catalog has changed.
pub fn finish(connection: &mut Connection, now: i64) -> QueryResult<()> {
    connection.run(&format!(
        "BEGIN; UPDATE catalog SET revision = revision + 1; UPDATE store_migration SET finished_at = {now}; COMMIT"
    ))
}

/// A key as a JSON list.
pub fn show_key(key: &[Value]) -> String {
    let json = |value: &Value| match value {
        Value::Integer(integer) => serde_json::Value::from(*integer),
        Value::Text(text) => serde_json::Value::from(text.as_str()),
        other => unreachable!("a key has no {other:?}"),
    };
    serde_json::Value::Array(key.iter().map(json).collect()).to_string()
}

fn parse_key(text: &str) -> QueryResult<Vec<Value>> {
    let refuse = || diesel::result::Error::DeserializationError(format!("`{text}` is no key").into());
    let values: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|_| refuse())?;
    let value = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => Ok(Value::Text(text.clone())),
        other => other.as_i64().map(Value::Integer).ok_or_else(refuse),
    };
    values.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_as_text() {
        let key = vec![Value::Text("6a\"ß\\".into()), Value::Integer(-3), Value::Text(String::new())];
        assert_eq!(parse_key(&show_key(&key)).unwrap(), key);
        assert!(parse_key("[1.5]").is_err() && parse_key("{}").is_err());
    }
}
