//! Rows from either database, read cell by cell from left to right.
//!
//! A [`Row`] is a record, the `Row` of a declared table, one [`Cell`], or a tuple of rows side by side. The statements
//! that read records list the columns in the order of the declaration; with debug assertions, the names of the columns
//! are compared as well.

use std::fmt;
use std::marker::PhantomData;

use diesel::QueryableByName;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::row::{Field, NamedRow, Row as DatabaseRow};
use diesel::sql_types::{BigInt, Binary, Text};

use super::cell::Cell;
use crate::base::id::Id;

/// What a statement returns.
pub trait Row: Sized + Send + 'static {
    /// # Errors
    /// If a cell holds something else.
    fn read(cells: &mut impl Cells) -> deserialize::Result<Self>;
}

/// The cells of a row. Each call reads the next one; `None` is NULL.
pub trait Cells {
    fn text(&mut self) -> deserialize::Result<Option<String>>;
    fn integer(&mut self) -> deserialize::Result<Option<i64>>;
    fn bytes(&mut self) -> deserialize::Result<Option<Vec<u8>>>;
    fn id(&mut self) -> deserialize::Result<Option<Id>>;
    /// The name of the next cell.
    fn name(&self) -> Option<String>;
}

/// A stored value that is not valid in its column.
#[derive(Debug)]
pub struct Unreadable {
    /// The table and the column: `hooks.kind`.
    pub column: &'static str,
    pub detail: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` can't be read: {}", self.column, self.detail)
    }
}

impl std::error::Error for Unreadable {}

/// Reads the next cell, which is a column of a declared table: `hooks.kind`.
///
/// # Errors
/// [`Unreadable`].
pub fn read_column<C: Cell>(cells: &mut impl Cells, column: &'static str) -> deserialize::Result<C> {
    if !C::IS_READ {
        return C::read(cells);
    }
    debug_assert_eq!(cells.name().as_deref(), column.split_once('.').map(|(_, name)| name), "{column}");
    C::read(cells).map_err(|error| Unreadable { column, detail: error.to_string() }.into())
}

impl<C: Cell + Send + 'static> Row for C {
    fn read(cells: &mut impl Cells) -> deserialize::Result<C> {
        <C as Cell>::read(cells)
    }
}

macro_rules! side_by_side {
    ($($row:ident),+) => {
        impl<$($row: Row),+> Row for ($($row,)+) {
            fn read(cells: &mut impl Cells) -> deserialize::Result<Self> {
                Ok(($($row::read(cells)?,)+))
            }
        }
    };
}

side_by_side!(A, B);
side_by_side!(A, B, C);
side_by_side!(A, B, C, D);

/// A row for diesel.
pub struct Read<R>(pub R);

impl<DB, R> QueryableByName<DB> for Read<R>
where
    R: Row,
    DB: Backend,
    String: FromSql<Text, DB>,
    i64: FromSql<BigInt, DB>,
    Vec<u8>: FromSql<Binary, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> deserialize::Result<Read<R>> {
        R::read(&mut CellsOf { row, next: 0, database: PhantomData }).map(Read)
    }
}

/// The cells of a row of either database.
struct CellsOf<'r, R, DB> {
    row: &'r R,
    next: usize,
    database: PhantomData<DB>,
}

impl<'a, R: NamedRow<'a, DB>, DB: Backend> CellsOf<'_, R, DB> {
    fn read<T: FromSql<ST, DB>, ST>(&mut self) -> deserialize::Result<Option<T>> {
        let field = DatabaseRow::get(self.row, self.next).ok_or("the row has fewer columns than are read")?;
        self.next += 1;
        field.value().map(T::from_sql).transpose()
    }
}

impl<'a, R, DB> Cells for CellsOf<'_, R, DB>
where
    R: NamedRow<'a, DB>,
    DB: Backend,
    String: FromSql<Text, DB>,
    i64: FromSql<BigInt, DB>,
    Vec<u8>: FromSql<Binary, DB>,
{
    fn text(&mut self) -> deserialize::Result<Option<String>> {
        self.read::<String, Text>()
    }

    fn integer(&mut self) -> deserialize::Result<Option<i64>> {
        self.read::<i64, BigInt>()
    }

    fn bytes(&mut self) -> deserialize::Result<Option<Vec<u8>>> {
        self.read::<Vec<u8>, Binary>()
    }

    fn id(&mut self) -> deserialize::Result<Option<Id>> {
        let text = self.read::<String, Text>()?;
        Ok(text.map(|text| text.parse()).transpose()?)
    }

    fn name(&self) -> Option<String> {
        DatabaseRow::get(self.row, self.next)?.field_name().map(str::to_owned)
    }
}
