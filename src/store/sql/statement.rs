//! SQL statements with values bound to their question marks.
//!
//! Diesel prepares updates and `sql_query` again at each execution. A [`Statement`] has a fixed text and, through the
//! macro that creates it, a type of its own: diesel caches it by that type and prepares it once per connection, without
//! looking at the text again. The backend writes the placeholders (`?` or `$1`), so both databases share a text.
//!
//! Limits: the text may contain a question mark only as a placeholder.

use std::io::Write;
use std::marker::PhantomData;

use diesel::RunQueryDsl;
use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Untyped};
use diesel::sqlite::Sqlite;

use super::Sql;
use super::cell::Cell;
use super::row::Row;
use super::table::Table;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::error::{StoreError, StoreResult};

/// A value for one placeholder.
#[derive(Debug)]
pub enum Bind<'a> {
    Text(Option<&'a str>),
    Owned(Option<String>),
    /// In the form in which the database stores ids.
    Id(Id),
    Integer(Option<i64>),
    Bytes(Option<&'a [u8]>),
}

/// A statement and its values, ready to be executed. `Site` is a type that stands for its text.
pub struct Statement<'a, Site> {
    operation: &'static str,
    /// The text between its question marks.
    parts: &'static [&'static str],
    binds: Vec<Bind<'a>>,
    site: PhantomData<fn() -> Site>,
}

/// The `Site` of a table's plain INSERT, whose rows may be inserted together.
pub trait Appended: 'static {
    const TABLE: Table;
    /// The INSERT of any number of rows, with an array for each column, between its question marks.
    const INSERT_MANY: &'static [&'static str];
    /// The same for rows that others may have inserted, which it leaves out. It goes by the first two columns, so that
    /// transactions that claim the same don't wait for each other in a circle.
    const CLAIM_MANY: &'static [&'static str];
}

/// Creates a statement: `statement!("reading a hook", hooks::SELECT, " WHERE org_id = ? AND id = ?")`. The first text
/// names the operation in errors; the others, which are constants, are joined.
macro_rules! statement {
    ($operation:expr, $($text:expr),+ $(,)?) => {{
        struct Site;
        // Cut at compile time: diesel walks a statement twice at each execution.
        let parts = $crate::store::sql::text::parts!($crate::store::sql::text::joined!($($text),+));
        $crate::store::sql::statement::Statement::<Site>::new($operation, parts)
    }};
}
pub(in crate::store) use statement;

impl<'a, Site: 'static> Statement<'a, Site> {
    /// For the macros, which give each text its own `Site`.
    pub fn new(operation: &'static str, parts: &'static [&'static str]) -> Statement<'a, Site> {
        Statement { operation, parts, binds: Vec::with_capacity(parts.len() - 1), site: PhantomData }
    }

    /// Binds the next placeholder.
    pub fn bind(mut self, value: impl Into<Bind<'a>>) -> Self {
        self.binds.push(value.into());
        self
    }

    /// Executes it; returns the number of rows that it changed.
    ///
    /// # Errors
    /// [`StoreError::Unstorable`] if a text contains the character U+0000, which PostgreSQL can't store.
    pub fn execute(self, sql: &mut impl Sql) -> StoreResult<usize> {
        self.check_texts()?;
        sql.execute(self)
    }

    /// Executes the INSERT of a row that can't be in conflict with another, before the next [`Sql::settle`] of its
    /// table or the commit.
    ///
    /// # Errors
    /// As [`Statement::execute`].
    pub fn append(self, sql: &mut impl Sql) -> StoreResult<()>
    where
        Site: Appended,
    {
        self.check_texts()?;
        sql.append(self)
    }

    /// Executes the INSERT of a row that is new as far as this transaction knows, as [`Statement::append`] does. See
    /// [`Sql::claim`].
    ///
    /// # Errors
    /// As [`Statement::execute`].
    pub fn claim(self, sql: &mut impl Sql) -> StoreResult<()>
    where
        Site: Appended,
    {
        self.check_texts()?;
        sql.claim(self)
    }

    /// Executes it; returns its rows.
    pub fn load<R: Row>(self, sql: &mut impl Sql) -> StoreResult<Vec<R>> {
        // No text with this character is ever stored, so nothing can match it.
        if self.check_texts().is_err() {
            return Ok(Vec::new());
        }
        sql.load(self)
    }

    /// Executes it; returns its first row.
    pub fn first<R: Row>(self, sql: &mut impl Sql) -> StoreResult<Option<R>> {
        Ok(self.load(sql)?.into_iter().next())
    }

    /// The operation that errors name.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The values, for the database to put them into its own form.
    pub fn binds_mut(&mut self) -> &mut [Bind<'a>] {
        &mut self.binds
    }

    /// Whether values may be stored, and not only be compared with.
    pub fn stores(&self) -> bool {
        self.parts.first().is_some_and(|start| start.starts_with("INSERT") || start.starts_with("UPDATE"))
    }

    /// The values, in the order of the question marks.
    pub fn into_binds(self) -> Vec<Bind<'a>> {
        self.binds
    }

    fn check_texts(&self) -> StoreResult<()> {
        match holds_nul(&self.binds) {
            true => Err(StoreError::Unstorable { operation: self.operation }),
            false => Ok(()),
        }
    }
}

/// Whether a text holds the character U+0000.
fn holds_nul(binds: &[Bind<'_>]) -> bool {
    binds.iter().any(|bind| match bind {
        Bind::Text(Some(text)) => text.as_bytes().contains(&0),
        Bind::Owned(Some(text)) => text.as_bytes().contains(&0),
        _ => false,
    })
}

impl<DB, Site> QueryFragment<DB> for Statement<'_, Site>
where
    DB: Backend,
    Option<String>: ToSql<Nullable<Text>, DB>,
    for<'b> Option<&'b str>: ToSql<Nullable<Text>, DB>,
    Option<i64>: ToSql<Nullable<BigInt>, DB>,
    Id: ToSql<Text, DB>,
    for<'b> Option<&'b [u8]>: ToSql<Nullable<Binary>, DB>,
    DB: diesel::sql_types::HasSqlType<Text>
        + diesel::sql_types::HasSqlType<BigInt>
        + diesel::sql_types::HasSqlType<Binary>,
{
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        debug_assert_eq!(self.parts.len(), self.binds.len() + 1, "{}", self.parts.join("?"));
        walk(self.parts, &self.binds, out)
    }
}

/// Writes a text with its values. It is not a part of the statement, so that it is compiled once for each database and not
/// once for each site.
fn walk<'b, DB>(parts: &[&str], binds: &'b [Bind<'_>], mut out: AstPass<'_, 'b, DB>) -> QueryResult<()>
where
    DB: Backend,
    Option<String>: ToSql<Nullable<Text>, DB>,
    for<'t> Option<&'t str>: ToSql<Nullable<Text>, DB>,
    Option<i64>: ToSql<Nullable<BigInt>, DB>,
    Id: ToSql<Text, DB>,
    for<'t> Option<&'t [u8]>: ToSql<Nullable<Binary>, DB>,
    DB: diesel::sql_types::HasSqlType<Text>
        + diesel::sql_types::HasSqlType<BigInt>
        + diesel::sql_types::HasSqlType<Binary>,
{
    let (first, others) = parts.split_first().unwrap_or((&"", &[]));
    out.push_sql(first);
    for (bind, part) in binds.iter().zip(others) {
        match bind {
            Bind::Text(text) => out.push_bind_param::<Nullable<Text>, _>(text)?,
            Bind::Owned(text) => out.push_bind_param::<Nullable<Text>, _>(text)?,
            Bind::Id(id) => out.push_bind_param::<Text, _>(id)?,
            Bind::Integer(integer) => out.push_bind_param::<Nullable<BigInt>, _>(integer)?,
            Bind::Bytes(bytes) => out.push_bind_param::<Nullable<Binary>, _>(bytes)?,
        }
        out.push_sql(part);
    }
    Ok(())
}

impl ToSql<Text, Pg> for Id {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.hex().as_str().as_bytes())?;
        Ok(IsNull::No)
    }
}

impl ToSql<Text, Sqlite> for Id {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.to_string());
        Ok(IsNull::No)
    }
}

impl<Site: 'static> QueryId for Statement<'_, Site> {
    type QueryId = Site;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<Site> Query for Statement<'_, Site> {
    type SqlType = Untyped;
}

impl<C, Site> RunQueryDsl<C> for Statement<'_, Site> {}

impl<'a> From<&'a str> for Bind<'a> {
    fn from(text: &'a str) -> Self {
        Bind::Text(Some(text))
    }
}

impl<'a> From<Option<&'a str>> for Bind<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Bind::Text(text)
    }
}

impl<'a, C: Cell> From<&'a C> for Bind<'a> {
    fn from(cell: &'a C) -> Self {
        cell.bind()
    }
}

impl From<String> for Bind<'_> {
    fn from(text: String) -> Self {
        Bind::Owned(Some(text))
    }
}

impl From<Option<String>> for Bind<'_> {
    fn from(text: Option<String>) -> Self {
        Bind::Owned(text)
    }
}

impl From<Id> for Bind<'_> {
    fn from(id: Id) -> Self {
        Bind::Id(id)
    }
}

impl From<Option<Id>> for Bind<'_> {
    fn from(id: Option<Id>) -> Self {
        id.map_or(Bind::Text(None), Bind::from)
    }
}

impl From<Timestamp> for Bind<'_> {
    fn from(moment: Timestamp) -> Self {
        Bind::Integer(Some(moment.0))
    }
}

impl From<Option<Timestamp>> for Bind<'_> {
    fn from(moment: Option<Timestamp>) -> Self {
        Bind::Integer(moment.map(|moment| moment.0))
    }
}

impl From<i64> for Bind<'_> {
    fn from(integer: i64) -> Self {
        Bind::Integer(Some(integer))
    }
}

impl From<Option<i64>> for Bind<'_> {
    fn from(integer: Option<i64>) -> Self {
        Bind::Integer(integer)
    }
}

impl<'a> From<Option<&'a [u8]>> for Bind<'a> {
    fn from(bytes: Option<&'a [u8]>) -> Self {
        Bind::Bytes(bytes)
    }
}

impl<'a> From<&'a [u8]> for Bind<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Bind::Bytes(Some(bytes))
    }
}
