//! Rows that are inserted by one statement, which also records the progress of the table.
//!
//! Because it is one statement, it does both or neither, wherever the process is killed. Its text does not depend on
//! the number of rows, so it is prepared once for each table.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};

use super::marker::show_key;
use super::row::{Row, Value};
use super::tables::{Column, Kind, MovedTable};

/// The size of a chunk in rows and in bytes, whichever is reached first.
const ROWS: i64 = 500;
const BYTES: usize = 4 << 20;

/// Rows of one table, as columns.
pub struct Chunk {
    pub table: &'static MovedTable,
    columns: Vec<Cells>,
    pub rows: i64,
    /// The size of the texts and bytes.
    bytes: usize,
    /// The key of the last row, and its form in the marker.
    last: Vec<Value>,
    reached: String,
}

enum Cells {
    Texts(Vec<Option<String>>),
    Integers(Vec<Option<i64>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Chunk {
    pub fn new(table: &'static MovedTable) -> Chunk {
        let cells = |column: &Column| match column.kind {
            Kind::Text | Kind::Id => Cells::Texts(Vec::new()),
            Kind::Integer => Cells::Integers(Vec::new()),
            Kind::Bytes => Cells::Bytes(Vec::new()),
        };
        Chunk {
            table,
            columns: table.target.columns.iter().map(cells).collect(),
            rows: 0,
            bytes: 0,
            last: Vec::new(),
            reached: String::new(),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Row) {
        self.last = row.key(self.table);
        self.rows += 1;
        for (cells, value) in self.columns.iter_mut().zip(row.0) {
            self.bytes += value.bytes();
            match (cells, value) {
                (Cells::Texts(texts), Value::Text(text)) => texts.push(Some(text)),
                (Cells::Texts(texts), Value::Null) => texts.push(None),
                (Cells::Integers(integers), Value::Integer(integer)) => integers.push(Some(integer)),
                (Cells::Integers(integers), Value::Null) => integers.push(None),
                (Cells::Bytes(all), Value::Bytes(bytes)) => all.push(Some(bytes)),
                (Cells::Bytes(all), Value::Null) => all.push(None),
                (_, other) => unreachable!("SQLite keeps to the types of its columns, so this is not {other:?}"),
            }
        }
    }

    pub fn is_full(&self) -> bool {
        self.rows >= ROWS || self.bytes >= BYTES
    }

    /// Returns this chunk ready to be inserted, and leaves an empty one.
    pub fn take(&mut self) -> Chunk {
        let mut chunk = std::mem::replace(self, Chunk::new(self.table));
        chunk.reached = show_key(&chunk.last);
        chunk
    }
}

impl QueryFragment<Pg> for Chunk {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let names = self.table.columns().collect::<Vec<_>>().join(", ");
        let table = self.table.name();
        out.push_sql(&format!("WITH copied AS (INSERT INTO {table} ({names}) SELECT * FROM UNNEST("));
        for (index, cells) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push_sql(", ");
            }
            match cells {
                Cells::Texts(texts) => out.push_bind_param::<Array<Nullable<Text>>, _>(texts)?,
                Cells::Integers(integers) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(integers)?,
                Cells::Bytes(bytes) => out.push_bind_param::<Array<Nullable<Binary>>, _>(bytes)?,
            }
        }
        out.push_sql(")) UPDATE store_migration_tables SET rows = rows + ");
        out.push_bind_param::<BigInt, _>(&self.rows)?;
        out.push_sql(", last_key = ");
        out.push_bind_param::<Text, _>(&self.reached)?;
        out.push_sql(" WHERE name = ");
        out.push_bind_param::<Text, str>(table)
    }
}

impl QueryId for Chunk {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
