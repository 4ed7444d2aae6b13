//! Rows that are inserted together: many of one kind, by one statement.
//!
//! What units append to a table is kept as columns until the table is settled or the transaction ends. The statement's
//! text does not depend on how many rows there are (`INSERT … SELECT * FROM UNNEST($1, $2, …)`), so it is prepared once.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};

use crate::store::sql::Table;
use crate::store::sql::statement::Bind;

/// The values of one column.
enum Column {
    Texts(Vec<Option<String>>),
    Integers(Vec<Option<i64>>),
    Bytes(Vec<Vec<u8>>),
}

/// The rows of one INSERT.
pub(super) struct Bulk {
    pub(super) table: Table,
    /// What an error says failed.
    pub(super) operation: &'static str,
    /// The INSERT for one row, with question marks.
    sql: &'static str,
    columns: Vec<Column>,
}

/// Adds a row to those of its statement.
pub(super) fn add(
    bulks: &mut Vec<Bulk>,
    table: Table,
    operation: &'static str,
    (sql, binds): (&'static str, Vec<Bind<'_>>),
) {
    // The texts are constants, one for each place in the source: the same text is the same statement.
    let present = bulks.iter_mut().find(|bulk| std::ptr::eq(bulk.sql, sql) && bulk.columns.len() == binds.len());
    match present {
        Some(bulk) => bulk.columns.iter_mut().zip(binds).for_each(|(column, bind)| column.push(bind)),
        None => bulks.push(Bulk { table, operation, sql, columns: binds.into_iter().map(Column::new).collect() }),
    }
}

impl Column {
    fn new(first: Bind<'_>) -> Column {
        let mut column = match first {
            Bind::Text(_) | Bind::Owned(_) | Bind::Id(_) => Column::Texts(Vec::new()),
            Bind::Integer(_) => Column::Integers(Vec::new()),
            Bind::Bytes(_) => Column::Bytes(Vec::new()),
        };
        column.push(first);
        column
    }

    fn push(&mut self, bind: Bind<'_>) {
        match (self, bind) {
            (Column::Texts(texts), Bind::Text(text)) => texts.push(text.map(str::to_owned)),
            (Column::Texts(texts), Bind::Owned(text)) => texts.push(text),
            (Column::Texts(texts), Bind::Id(hex)) => texts.push(Some(hex.as_str().to_owned())),
            (Column::Integers(integers), Bind::Integer(integer)) => integers.push(integer),
            (Column::Bytes(all), Bind::Bytes(bytes)) => all.push(bytes.to_vec()),
            _ => unreachable!("a statement binds values of the same types each time"),
        }
    }
}

impl QueryFragment<Pg> for Bulk {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let (head, tail) = self.sql.split_once("VALUES (").expect("an appended statement is INSERT … VALUES (…)");
        out.push_sql(head);
        out.push_sql("SELECT * FROM UNNEST(");
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push_sql(", ");
            }
            match column {
                Column::Texts(texts) => out.push_bind_param::<Array<Nullable<Text>>, _>(texts)?,
                Column::Integers(integers) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(integers)?,
                Column::Bytes(bytes) => out.push_bind_param::<Array<Binary>, _>(bytes)?,
            }
        }
        out.push_sql(&tail[tail.find(')').expect("the list of values ends")..]);
        Ok(())
    }
}

impl QueryId for Bulk {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
