//! Rows as SQLite returns them, before their ids are read: only the store knows which ids its integers stand for.

use diesel::QueryableByName;
use diesel::deserialize::{self, FromSql};
use diesel::row::{Field, NamedRow, Row as DatabaseRow};
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::sqlite::{Sqlite, SqliteType};

use super::keys::KeySpace;
use crate::base::id::Id;
use crate::store::sql::row::Cells;

enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A row, with its values in the order of the statement.
pub struct RawRow {
    values: Vec<Value>,
    /// The names of the columns, which only debug assertions compare.
    names: Vec<String>,
}

impl QueryableByName<Sqlite> for RawRow {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<RawRow> {
        let count = row.field_count();
        let (mut values, mut names) = (Vec::with_capacity(count), Vec::new());
        for index in 0..count {
            let field = DatabaseRow::get(row, index).ok_or("the row has fewer fields than it says")?;
            if cfg!(debug_assertions) {
                names.push(field.field_name().unwrap_or_default().to_owned());
            }
            let Some(value) = field.value() else {
                values.push(Value::Null);
                continue;
            };
            values.push(match value.value_type() {
                None => Value::Null,
                Some(SqliteType::Text) => Value::Text(FromSql::<Text, Sqlite>::from_sql(value)?),
                Some(SqliteType::Binary) => Value::Bytes(FromSql::<Binary, Sqlite>::from_sql(value)?),
                Some(SqliteType::Long) => Value::Integer(FromSql::<BigInt, Sqlite>::from_sql(value)?),
                Some(other) => return Err(format!("hookflow stores nothing of the type {other:?}").into()),
            });
        }
        Ok(RawRow { values, names })
    }
}

impl RawRow {
    /// The row's cells, whose ids are those of a key space.
    pub fn cells(self, keys: &KeySpace) -> RawCells<'_> {
        RawCells { values: self.values.into_iter(), names: self.names, keys }
    }
}

pub struct RawCells<'k> {
    values: std::vec::IntoIter<Value>,
    names: Vec<String>,
    keys: &'k KeySpace,
}

impl RawCells<'_> {
    fn next(&mut self) -> deserialize::Result<Value> {
        Ok(self.values.next().ok_or("the row has fewer columns than are read")?)
    }
}

impl Cells for RawCells<'_> {
    fn text(&mut self) -> deserialize::Result<Option<String>> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            _ => Err("it is not a text".into()),
        }
    }

    fn integer(&mut self) -> deserialize::Result<Option<i64>> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Integer(integer) => Ok(Some(integer)),
            _ => Err("it is not an integer".into()),
        }
    }

    fn bytes(&mut self) -> deserialize::Result<Option<Vec<u8>>> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Bytes(bytes) => Ok(Some(bytes)),
            _ => Err("it is not bytes".into()),
        }
    }

    fn id(&mut self) -> deserialize::Result<Option<Id>> {
        let Some(key) = self.integer()? else { return Ok(None) };
        let id = self.keys.id(key).ok_or_else(|| format!("no id has the integer {key}"))?;
        Ok(Some(id))
    }

    fn name(&self) -> Option<String> {
        self.names.get(self.names.len().checked_sub(self.values.len())?).cloned()
    }
}
