//! The SQLite side: a file that no server uses, read row by row in the order of keys.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use diesel::connection::{DefaultLoadingMode, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::error::MigrateError;
use super::row::{Row, Value};
use super::tables::{Kind, MovedTable};
use crate::store::sqlite::convert::register_functions;
use crate::store::sqlite::open::{self, OpenError};
use crate::store::sqlite::packed::unpack;

/// The database that is copied.
pub struct Source {
    connection: SqliteConnection,
    pub path: String,
    /// The first org, which identifies the database.
    pub org: String,
    /// When the move started.
    pub moment: i64,
    /// Keeps servers from starting.
    _lock: File,
}

impl Source {
    /// Locks the file, which is never created, and brings its tables up to date.
    pub fn open(path: &str, moment: i64) -> Result<Source, MigrateError> {
        if !Path::new(path).exists() {
            return Err(MigrateError::NoSource(path.into()));
        }
        let lock = open::lock(path).map_err(|error| match error {
            OpenError::InUse(path) => MigrateError::SourceInUse(path),
            error => error.into(),
        })?;
        check_tables(path)?;
        let (mut connection, keys) = open::writer(path)?;
        let failed = |source| MigrateError::Read { table: "orgs", source };
        register_functions(&mut connection, &keys).map_err(failed)?;
        // Tables are sorted as texts of ids, which takes about the room of the largest one.
        connection.batch_execute("PRAGMA temp_store = FILE").map_err(failed)?;
        let first = "SELECT min(id_text(id)) FROM orgs";
        let orgs = diesel::sql_query(first).load::<Row>(&mut connection).map_err(failed)?;
        let org = orgs.first().and_then(|row| row.text(0)).ok_or_else(|| MigrateError::EmptySource(path.into()))?;
        let shown = std::fs::canonicalize(path).map_or_else(|_| path.into(), |path| path.display().to_string());
        Ok(Source { connection, path: shown, org: org.into(), moment, _lock: lock })
    }

    pub fn count(&mut self, table: &'static MovedTable) -> Result<u64, MigrateError> {
        let sql = format!("SELECT count(*) FROM {} WHERE {}", table.from, table.only);
        let rows = diesel::sql_query(sql).load::<Row>(&mut self.connection);
        let rows = rows.map_err(|source| MigrateError::Read { table: table.name(), source })?;
        Ok(rows.first().map_or(0, |row| row.integer(0).unsigned_abs()))
    }

    /// Passes on the rows after `after`, in their form for PostgreSQL, until there are no more or `take` stops.
    pub fn read(
        &mut self,
        table: &'static MovedTable,
        after: Option<&[Value]>,
        mut take: impl FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), MigrateError> {
        let failed = |source| MigrateError::Read { table: table.name(), source };
        let columns = table.columns().map(|name| table.expression(name, self.moment)).collect::<Vec<_>>();
        let key = table.target.key.iter().map(|name| table.expression(name, self.moment)).collect::<Vec<_>>();
        let (columns, key) = (columns.join(", "), key.join(", "));
        let places = vec!["?"; after.map_or(0, <[Value]>::len)].join(", ");
        let beyond = if after.is_some() { format!(" AND ({key}) > ({places})") } else { String::new() };
        let (source, only) = (table.from, table.only);
        let sql = format!("SELECT {columns} FROM {source} WHERE {only}{beyond} ORDER BY {key}");
        let mut query = diesel::sql_query(sql).into_boxed::<Sqlite>();
        for value in after.unwrap_or_default() {
            query = match value {
                Value::Integer(integer) => query.bind::<BigInt, _>(*integer),
                Value::Text(text) => query.bind::<Text, _>(text.clone()),
                other => unreachable!("a key has no {other:?}"),
            };
        }
        for row in query.load_iter::<Row, DefaultLoadingMode>(&mut self.connection).map_err(failed)? {
            let mut row = row.map_err(failed)?;
            // A text that is stored as bytes is compressed.
            for (column, value) in table.target.columns.iter().zip(&mut row.0) {
                if let (Kind::Text, Value::Bytes(packed)) = (column.kind, &*value) {
                    let text = unpack(packed).map_err(|source| MigrateError::Unpack { table: table.name(), source })?;
                    *value = Value::Text(text);
                }
            }
            if take(row).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// The file of another program must not get hookflow's tables.
fn check_tables(path: &str) -> Result<(), MigrateError> {
    let refuse = |reason: String| OpenError::Open { path: path.into(), reason };
    let mut connection = SqliteConnection::establish(path).map_err(|error| refuse(error.to_string()))?;
    let found = diesel::sql_query("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'orgs'");
    let found: Vec<Row> = found.load(&mut connection).map_err(|error| refuse(error.to_string()))?;
    if found.is_empty() { Err(MigrateError::NotHookflow(path.into())) } else { Ok(()) }
}
