//! Rows from either database whose columns are known only at run time, and their digest.
//!
//! A row's digest is the SHA-256 of its values, one after the other: for NULL a byte 0, for any other value a byte 1
//! and then, for an integer, its eight bytes in big-endian order, and for a text or bytes, their SHA-256. PostgreSQL
//! computes the same by [`digest_in_postgres`], so rows are compared without being sent.

use diesel::QueryableByName;
use diesel::deserialize::{self, FromSql};
use diesel::pg::Pg;
use diesel::row::{Field, NamedRow, Row as DatabaseRow};
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::sqlite::{Sqlite, SqliteType};
use sha2::{Digest, Sha256};

use super::tables::{Column, Kind, MovedTable};

/// A value of a column. Ordered as in the databases, which compare texts byte by byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    /// The approximate size.
    pub fn bytes(&self) -> usize {
        match self {
            Value::Null => 0,
            Value::Integer(_) => 8,
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
        }
    }
}

/// A row, with its values in the order of the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Vec<Value>);

pub type RowDigest = [u8; 32];

impl Row {
    /// # Panics
    /// If the statement does not return an integer there.
    pub fn integer(&self, index: usize) -> i64 {
        match &self.0[index] {
            Value::Integer(integer) => *integer,
            other => panic!("the statement returns an integer and not {other:?}"),
        }
    }

    /// The text at an index; `None` if it is not a text.
    pub fn text(&self, index: usize) -> Option<&str> {
        match &self.0[index] {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The values of the table's key.
    pub fn key(&self, table: &MovedTable) -> Vec<Value> {
        table.target.key.iter().map(|column| self.0[table.position(column)].clone()).collect()
    }

    pub fn digest(&self) -> RowDigest {
        let mut digest = Sha256::new();
        for value in &self.0 {
            digest.update([u8::from(*value != Value::Null)]);
            match value {
                Value::Null => {}
                Value::Integer(integer) => digest.update(integer.to_be_bytes()),
                Value::Text(text) => digest.update(Sha256::digest(text)),
                Value::Bytes(bytes) => digest.update(Sha256::digest(bytes)),
            }
        }
        digest.finalize().into()
    }
}

/// How PostgreSQL computes a row's digest.
pub fn digest_in_postgres(table: &MovedTable) -> String {
    let value = |Column { name, kind, .. }: &Column| {
        let bytes = match kind {
            Kind::Text | Kind::Id => format!("sha256(convert_to({name}, 'UTF8'))"),
            Kind::Integer => format!("int8send({name})"),
            Kind::Bytes => format!("sha256({name})"),
        };
        format!(r"coalesce('\x01'::bytea || {bytes}, '\x00'::bytea)")
    };
    format!("sha256({})", table.target.columns.iter().map(value).collect::<Vec<_>>().join(" || "))
}

impl QueryableByName<Sqlite> for Row {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Row> {
        let value = |index| {
            let field = DatabaseRow::get(row, index).ok_or("the row has fewer fields than it says")?;
            let Some(value) = field.value() else { return Ok(Value::Null) };
            Ok(match value.value_type() {
                None => Value::Null,
                Some(SqliteType::Text) => Value::Text(FromSql::<Text, Sqlite>::from_sql(value)?),
                Some(SqliteType::Binary) => Value::Bytes(FromSql::<Binary, Sqlite>::from_sql(value)?),
                Some(SqliteType::Long) => Value::Integer(FromSql::<BigInt, Sqlite>::from_sql(value)?),
                Some(other) => return Err(format!("hookflow stores nothing of the type {other:?}").into()),
            })
        };
        (0..row.field_count()).map(value).collect::<deserialize::Result<_>>().map(Row)
    }
}

/// PostgreSQL's object ids of the types in use.
mod oid {
    pub const BYTEA: u32 = 17;
    pub const INT8: u32 = 20;
    pub const TEXT: u32 = 25;
}

impl QueryableByName<Pg> for Row {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Row> {
        let value = |index| {
            let field = DatabaseRow::get(row, index).ok_or("the row has fewer fields than it says")?;
            let Some(value) = field.value() else { return Ok(Value::Null) };
            Ok(match value.get_oid().get() {
                oid::TEXT => Value::Text(FromSql::<Text, Pg>::from_sql(value)?),
                oid::BYTEA => Value::Bytes(FromSql::<Binary, Pg>::from_sql(value)?),
                oid::INT8 => Value::Integer(FromSql::<BigInt, Pg>::from_sql(value)?),
                other => return Err(format!("hookflow asks for nothing of the type number {other}").into()),
            })
        };
        (0..row.field_count()).map(value).collect::<deserialize::Result<_>>().map(Row)
    }
}
