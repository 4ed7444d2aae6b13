//! SQL as it is written, with values bound to its question marks.
//!
//! Diesel prepares a statement anew each time for updates and for `sql_query`. A [`Statement`] has a fixed text and, by
//! the macro that makes it, a type of its own: diesel may cache it, is not even asked for its text when it has, and
//! prepares it once per connection. The placeholders are written by the backend (`?` or `$1`), which lets both databases
//! share a text.
//!
//! Limits: the text may hold a question mark only as a placeholder.

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Untyped};
use diesel::{QueryableByName, RunQueryDsl};
use std::marker::PhantomData;

use super::{Sql, Table};
use crate::base::id::{Hex, Id};
use crate::base::time::Timestamp;
use crate::store::error::{StoreError, StoreResult};

/// A value for one placeholder.
#[derive(Debug)]
pub enum Bind<'a> {
    Text(Option<&'a str>),
    Owned(Option<String>),
    Id(Hex),
    Integer(Option<i64>),
    Bytes(&'a [u8]),
}

/// A statement and its values, ready to be executed. `Site` is a type that stands for its text.
pub struct Statement<'a, Site> {
    operation: &'static str,
    sql: &'static str,
    /// The text between its question marks.
    parts: &'static [&'static str],
    binds: Vec<Bind<'a>>,
    site: PhantomData<fn() -> Site>,
}

/// Starts a statement: `statement!("reading a customer", "SELECT …")`. The first text is what an error says failed.
macro_rules! statement {
    ($operation:expr, $sql:expr) => {{
        struct Site;
        // A constant, so that one `Site` can't come to stand for two texts.
        const TEXT: &str = $sql;
        // Cut at compile time: diesel walks a statement twice each time that it is executed.
        const PARTS: usize = $crate::store::sql::statement::count_parts(TEXT);
        const CUT: [&str; PARTS] = $crate::store::sql::statement::cut(TEXT);
        $crate::store::sql::statement::Statement::<Site>::new($operation, TEXT, &CUT)
    }};
}
pub(in crate::store) use statement;

/// How many parts the question marks of a text cut it into.
pub const fn count_parts(text: &str) -> usize {
    let (mut parts, mut index) = (1, 0);
    while index < text.len() {
        parts += (text.as_bytes()[index] == b'?') as usize;
        index += 1;
    }
    parts
}

/// The parts of a text between its question marks.
pub const fn cut<const PARTS: usize>(text: &'static str) -> [&'static str; PARTS] {
    let (mut parts, mut part, mut rest, mut index) = ([""; PARTS], 0, text, 0);
    while index < rest.len() {
        if rest.as_bytes()[index] == b'?' {
            parts[part] = rest.split_at(index).0;
            rest = rest.split_at(index + 1).1;
            (part, index) = (part + 1, 0);
        } else {
            index += 1;
        }
    }
    parts[part] = rest;
    parts
}

impl<'a, Site: 'static> Statement<'a, Site> {
    /// For the macro, which gives every text a `Site` of its own.
    pub fn new(operation: &'static str, sql: &'static str, parts: &'static [&'static str]) -> Statement<'a, Site> {
        Statement { operation, sql, parts, binds: Vec::with_capacity(parts.len() - 1), site: PhantomData }
    }

    /// Binds the next placeholder.
    pub fn bind(mut self, value: impl Into<Bind<'a>>) -> Self {
        self.binds.push(value.into());
        self
    }

    /// Executes it; the number of rows that it changed.
    ///
    /// # Errors
    /// [`StoreError::Unstorable`] if a text holds the character U+0000, which PostgreSQL can't keep.
    pub fn execute(self, sql: &mut impl Sql) -> StoreResult<usize> {
        self.check_texts()?;
        sql.execute(self)
    }

    /// Executes an INSERT of one row that nothing can stand in the way of, before the next [`Sql::settle`] of its table
    /// or the commit.
    ///
    /// # Errors
    /// As [`Statement::execute`].
    pub fn append(self, sql: &mut impl Sql, table: Table) -> StoreResult<()> {
        self.check_texts()?;
        sql.append(self, table)
    }

    /// Executes it; the rows that it returns.
    pub fn load<S, R>(self, sql: &mut S) -> StoreResult<Vec<R>>
    where
        S: Sql,
        R: QueryableByName<S::Backend> + Send + 'static,
    {
        // No text with this character is ever stored, so nothing can match it.
        if self.check_texts().is_err() {
            return Ok(Vec::new());
        }
        sql.load(self)
    }

    /// Executes it; the first row that it returns.
    pub fn first<S, R>(self, sql: &mut S) -> StoreResult<Option<R>>
    where
        S: Sql,
        R: QueryableByName<S::Backend> + Send + 'static,
    {
        Ok(self.load(sql)?.into_iter().next())
    }

    /// What an error says failed.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The text, and the values in the order of its question marks.
    pub fn into_parts(self) -> (&'static str, Vec<Bind<'a>>) {
        (self.sql, self.binds)
    }

    fn check_texts(&self) -> StoreResult<()> {
        let holds_nul = |bind: &Bind<'_>| match bind {
            Bind::Text(Some(text)) => text.as_bytes().contains(&0),
            Bind::Owned(Some(text)) => text.as_bytes().contains(&0),
            _ => false,
        };
        match self.binds.iter().any(holds_nul) {
            true => Err(StoreError::Unstorable { operation: self.operation }),
            false => Ok(()),
        }
    }
}

impl<DB, Site> QueryFragment<DB> for Statement<'_, Site>
where
    DB: Backend,
    Option<String>: ToSql<Nullable<Text>, DB>,
    for<'b> Option<&'b str>: ToSql<Nullable<Text>, DB>,
    Option<i64>: ToSql<Nullable<BigInt>, DB>,
    str: ToSql<Text, DB>,
    for<'b> &'b [u8]: ToSql<Binary, DB>,
    DB: diesel::sql_types::HasSqlType<Text>
        + diesel::sql_types::HasSqlType<BigInt>
        + diesel::sql_types::HasSqlType<Binary>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let (first, others) = self.parts.split_first().unwrap_or((&"", &[]));
        out.push_sql(first);
        debug_assert_eq!(others.len(), self.binds.len(), "{}", self.sql);
        for (bind, part) in self.binds.iter().zip(others) {
            match bind {
                Bind::Text(text) => out.push_bind_param::<Nullable<Text>, _>(text)?,
                Bind::Owned(text) => out.push_bind_param::<Nullable<Text>, _>(text)?,
                Bind::Id(hex) => out.push_bind_param::<Text, _>(hex.as_str())?,
                Bind::Integer(integer) => out.push_bind_param::<Nullable<BigInt>, _>(integer)?,
                Bind::Bytes(bytes) => out.push_bind_param::<Binary, _>(bytes)?,
            }
            out.push_sql(part);
        }
        Ok(())
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

impl<'a> From<&'a String> for Bind<'a> {
    fn from(text: &'a String) -> Self {
        Bind::Text(Some(text))
    }
}

impl<'a> From<&'a Option<String>> for Bind<'a> {
    fn from(text: &'a Option<String>) -> Self {
        Bind::Text(text.as_deref())
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
        Bind::Id(id.hex())
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

impl<'a> From<&'a [u8]> for Bind<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Bind::Bytes(bytes)
    }
}
