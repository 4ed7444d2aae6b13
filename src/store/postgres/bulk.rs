//! Rows of one table that are inserted by one statement.
//!
//! Rows that units append to a table are kept as columns until the table is settled or the transaction ends. The text
//! of the statement does not depend on the number of rows (`INSERT … SELECT * FROM UNNEST($1, $2, …)`), so it is
//! prepared once. Rows that others may insert first are claimed: those that were are left out, which the number of
//! inserted rows shows.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};

use crate::store::sql::cell::Kind;
use crate::store::sql::statement::{Appended, Bind, Statement};
use crate::store::sql::table::Table;

/// The values of one column.
enum Values {
    Texts(Vec<Option<String>>),
    Integers(Vec<Option<i64>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

/// The rows that have yet to be inserted into a table.
pub(super) struct Bulk {
    pub(super) table: Table,
    /// The operation that errors name.
    pub(super) operation: &'static str,
    /// The INSERT, between its question marks.
    parts: &'static [&'static str],
    columns: Vec<Values>,
    /// For each claimed row, the unit that claims it. A table's rows are either all claimed or all appended.
    claimants: Option<Vec<usize>>,
}

/// Adds a row to those of its table; `claimant` is the unit that claims it.
pub(super) fn add<Site: Appended>(bulks: &mut Vec<Bulk>, statement: Statement<'_, Site>, claimant: Option<usize>) {
    let index = bulks.iter().position(|bulk| bulk.table.name == Site::TABLE.name).unwrap_or_else(|| {
        let columns = Site::TABLE.columns.iter().map(|column| Values::new(column.kind)).collect();
        let (table, operation) = (Site::TABLE, statement.operation());
        let parts = if claimant.is_some() { Site::CLAIM_MANY } else { Site::INSERT_MANY };
        bulks.push(Bulk { table, operation, parts, columns, claimants: claimant.map(|_| Vec::new()) });
        bulks.len() - 1
    });
    let bulk = &mut bulks[index];
    bulk.columns.iter_mut().zip(statement.into_binds()).for_each(|(values, bind)| values.push(bind));
    bulk.claimants.iter_mut().for_each(|claimants| claimants.extend(claimant));
}

impl Bulk {
    /// Whether rows were left out, if so many were inserted.
    pub(super) fn is_short_of(&self, inserted: usize) -> bool {
        self.claimants.as_ref().is_some_and(|claimants| inserted < claimants.len())
    }

    /// The units that have claimed rows.
    pub(super) fn claimants(&self) -> &[usize] {
        self.claimants.as_deref().unwrap_or_default()
    }

    /// The texts of a column.
    pub(super) fn texts(&self, column: usize) -> &[Option<String>] {
        match self.columns.get(column) {
            Some(Values::Texts(texts)) => texts,
            _ => &[],
        }
    }
}

impl Values {
    fn new(kind: Kind) -> Values {
        match kind {
            Kind::Text | Kind::Id => Values::Texts(Vec::new()),
            Kind::Integer => Values::Integers(Vec::new()),
            Kind::Bytes => Values::Bytes(Vec::new()),
        }
    }

    fn push(&mut self, bind: Bind<'_>) {
        match (self, bind) {
            (Values::Texts(texts), Bind::Text(text)) => texts.push(text.map(str::to_owned)),
            (Values::Texts(texts), Bind::Owned(text)) => texts.push(text),
            (Values::Texts(texts), Bind::Id(id)) => texts.push(Some(id.to_string())),
            (Values::Integers(integers), Bind::Integer(integer)) => integers.push(integer),
            (Values::Bytes(all), Bind::Bytes(bytes)) => all.push(bytes.map(<[u8]>::to_vec)),
            _ => unreachable!("a column is bound to values of its type"),
        }
    }
}

impl QueryFragment<Pg> for Bulk {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let (first, others) = self.parts.split_first().unwrap_or((&"", &[]));
        out.push_sql(first);
        for (values, part) in self.columns.iter().zip(others) {
            match values {
                Values::Texts(texts) => out.push_bind_param::<Array<Nullable<Text>>, _>(texts)?,
                Values::Integers(integers) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(integers)?,
                Values::Bytes(bytes) => out.push_bind_param::<Array<Nullable<Binary>>, _>(bytes)?,
            }
            out.push_sql(part);
        }
        Ok(())
    }
}

impl QueryId for Bulk {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
