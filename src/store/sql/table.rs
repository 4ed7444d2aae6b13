//! Declarations of tables, from which everything that lists their columns is generated.
//!
//! [`columns!`](columns) declares a table once: its key, and for each column a line with its name, its type and its
//! value in a new row. It comes in two forms. Where a row is a record, each line names the record's field:
//!
//! ```text
//! columns! {
//!     /// Workflows that run by themselves.
//!     schedules (org_id, workflow_id): ScheduleRecord {
//!         org_id: Id = org,
//!         workflow_id: Id = workflow,
//!         #[changes] due_at: Timestamp = due_at,
//!     }
//! }
//! ```
//!
//! Otherwise each line has an expression over the arguments of `insert`, and the module gets a struct `Row` with the
//! columns as its fields:
//!
//! ```text
//! columns! {
//!     /// The digests of the files that were loaded.
//!     files (org_id, name), insert(org: Id, name: &'a str, digest: &'a str) {
//!         org_id: Id = org,
//!         name: String = name,
//!         #[changes] digest: String = digest,
//!     }
//! }
//! ```
//!
//! The macro generates a module with the table's name:
//!
//! | item | what it is |
//! |---|---|
//! | `TABLE` | the [`Table`], for `migrate-store`, and for the test that compares it with the databases |
//! | `NAME` | its name |
//! | `COLUMNS` | `schedules.org_id, schedules.workflow_id, …`: what to SELECT to read a record or `Row` |
//! | `SELECT` | `SELECT {COLUMNS} FROM schedules` |
//! | `INSERT` | `INSERT INTO schedules (…) VALUES (?, …)` |
//! | `UPSERT` | the same with `ON CONFLICT (key) DO UPDATE SET` for the columns that change |
//! | `UPDATE` | `UPDATE schedules SET due_at = ?` for the columns that change, without a `WHERE` |
//! | `insert`, `insert_new`, `upsert` | the statements that add a row: plainly, unless it is in conflict, or in place of another |
//! | `bind` | binds the values of all columns, to `INSERT` or a text that begins with it |
//! | `bind_changes` | binds the values of the columns that change, to a text that begins with `UPDATE` |
//!
//! A column with `#[changes]` is written again after its row was inserted. One of the type [`Apart`](super::cell::Apart) is
//! left out where rows are read. A table with `#[day(id)]` is partitioned in
//! PostgreSQL by the day in that column's ids. Tables that differ between the databases are declared separately, in
//! `sqlite/` and `postgres/`; all others are declared once, beside their statements.

use super::cell::{Cell, Kind};
use super::text::Draft;

/// A table and its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    /// The columns of its primary key.
    pub key: &'static [&'static str],
    /// The column whose ids contain the day that PostgreSQL partitions the table by.
    pub day: Option<&'static str>,
    pub columns: &'static [Column],
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    pub is_nullable: bool,
    /// Whether it is written again after its row was inserted.
    pub changes: bool,
    /// Whether it is read with the others.
    pub is_read: bool,
}

impl Column {
    /// A column of this type.
    pub const fn new<C: Cell>(name: &'static str, changes: bool) -> Column {
        Column { name, kind: C::KIND, is_nullable: C::IS_NULLABLE, changes, is_read: C::IS_READ }
    }
}

impl Table {
    /// `hooks.org_id, hooks.id, …`
    pub const fn select_list(&self) -> Draft {
        let (mut draft, mut index) = (Draft::new(), 0);
        while index < self.columns.len() {
            if self.columns[index].is_read {
                draft = draft.separate(0).add_all(&[self.name, ".", self.columns[index].name]);
            }
            index += 1;
        }
        draft
    }

    /// `INSERT INTO hooks (org_id, id, …) VALUES (?, ?, …)`
    pub const fn insert(&self) -> Draft {
        self.add_places(self.add_names(Draft::new()).add(" VALUES (")).add(")")
    }

    /// `INSERT INTO hooks (org_id, id, …) SELECT * FROM UNNEST(?, ?, …)`, with an array for each column.
    pub const fn insert_many(&self) -> Draft {
        self.add_places(self.add_names(Draft::new()).add(" SELECT * FROM UNNEST(")).add(")")
    }

    /// The same in the order of the first two columns, without the rows that are in conflict with others.
    pub const fn claim_many(&self) -> Draft {
        self.insert_many().add(" ORDER BY 1, 2 ON CONFLICT DO NOTHING")
    }

    /// The INSERT; if there is a row with the same key, it replaces the columns that change.
    pub const fn upsert(&self) -> Draft {
        let (mut draft, mut index) = (self.insert().add(" ON CONFLICT ("), 0);
        let mut start = draft.len();
        while index < self.key.len() {
            draft = draft.separate(start).add(self.key[index]);
            index += 1;
        }
        (draft, index) = (draft.add(") DO UPDATE SET "), 0);
        start = draft.len();
        while index < self.columns.len() {
            let Column { name, changes, .. } = self.columns[index];
            if changes {
                draft = draft.separate(start).add_all(&[name, " = excluded.", name]);
            }
            index += 1;
        }
        draft
    }

    /// `UPDATE hooks SET title = ?, …`
    pub const fn update(&self) -> Draft {
        let (mut draft, mut index) = (Draft::new().add_all(&["UPDATE ", self.name, " SET "]), 0);
        let start = draft.len();
        while index < self.columns.len() {
            if self.columns[index].changes {
                draft = draft.separate(start).add(self.columns[index].name).add(" = ?");
            }
            index += 1;
        }
        draft
    }

    const fn add_names(&self, draft: Draft) -> Draft {
        let (mut draft, mut index) = (draft.add_all(&["INSERT INTO ", self.name, " ("]), 0);
        let start = draft.len();
        while index < self.columns.len() {
            draft = draft.separate(start).add(self.columns[index].name);
            index += 1;
        }
        draft.add(")")
    }

    const fn add_places(&self, draft: Draft) -> Draft {
        let (start, mut draft, mut index) = (draft.len(), draft, 0);
        while index < self.columns.len() {
            draft = draft.separate(start).add("?");
            index += 1;
        }
        draft
    }
}

/// Declares a table; see the module's description.
macro_rules! columns {
    // A row is a record.
    (
        $(#[doc = $doc:literal])*
        $(#[day($day:ident)])?
        $table:ident ($($key:ident),+): $record:ident {
            $($(#[$flag:ident])? $column:ident: $type:ty = $field:ident),+ $(,)?
        }
    ) => {
        $crate::store::sql::table::columns! {
            @module [$($doc)*] [$($day)?] $table ($($key)+) (record: &'a $record)
            { $([$($flag)?] $column: $type = &record.$field),+ }
            {}
        }

        impl $crate::store::sql::row::Row for $record {
            fn read(cells: &mut impl $crate::store::sql::row::Cells) -> diesel::deserialize::Result<$record> {
                Ok($record {
                    $($field: $crate::store::sql::row::read_column::<$type>(
                        cells,
                        concat!(stringify!($table), ".", stringify!($column)),
                    )?),+
                })
            }
        }
    };
    // A row is inserted from arguments, and read as the struct `Row`.
    (
        $(#[doc = $doc:literal])*
        $(#[day($day:ident)])?
        $table:ident ($($key:ident),+), insert($($argument:ident: $argument_type:ty),+ $(,)?) {
            $($(#[$flag:ident])? $column:ident: $type:ty = $value:expr),+ $(,)?
        }
    ) => {
        $crate::store::sql::table::columns! {
            @module [$($doc)*] [$($day)?] $table ($($key)+) ($($argument: $argument_type),+)
            { $([$($flag)?] $column: $type = $value),+ }
            {
                pub struct Row {
                    $(pub $column: $type),+
                }

                impl $crate::store::sql::row::Row for Row {
                    fn read(cells: &mut impl $crate::store::sql::row::Cells) -> diesel::deserialize::Result<Row> {
                        Ok(Row {
                            $($column: $crate::store::sql::row::read_column::<$type>(
                                cells,
                                concat!(stringify!($table), ".", stringify!($column)),
                            )?),+
                        })
                    }
                }
            }
        }
    };
    (
        @module [$($doc:literal)*] [$($day:ident)?] $table:ident ($($key:ident)+)
        ($($argument:ident: $argument_type:ty),+)
        { $([$($flag:ident)?] $column:ident: $type:ty = $value:expr),+ }
        { $($more:item)* }
    ) => {
        $(#[doc = $doc])*
        #[allow(dead_code, reason = "not every table needs everything that is made of its declaration")]
        pub(in crate::store) mod $table {
            #[allow(unused_imports, reason = "a declaration may use nothing but what every module can see")]
            use super::*;
            use $crate::store::sql::statement::Statement;

            pub const NAME: &str = stringify!($table);
            pub const TABLE: $crate::store::sql::table::Table = $crate::store::sql::table::Table {
                name: NAME,
                key: &[$(stringify!($key)),+],
                day: $crate::store::sql::table::columns!(@day $($day)?),
                columns: &[$($crate::store::sql::table::Column::new::<$type>(
                    stringify!($column),
                    $crate::store::sql::table::columns!(@changes $($flag)?),
                )),+],
            };
            pub const COLUMNS: &str = $crate::store::sql::text::finished!(TABLE.select_list());
            pub const SELECT: &str = $crate::store::sql::text::joined!("SELECT ", COLUMNS, " FROM ", NAME);
            pub const INSERT: &str = $crate::store::sql::text::finished!(TABLE.insert());
            pub const UPSERT: &str = $crate::store::sql::text::finished!(TABLE.upsert());
            pub const UPDATE: &str = $crate::store::sql::text::finished!(TABLE.update());

            /// Stands for [`INSERT`].
            pub struct Insert;

            impl $crate::store::sql::statement::Appended for Insert {
                const TABLE: $crate::store::sql::table::Table = TABLE;
                const INSERT_MANY: &'static [&'static str] =
                    $crate::store::sql::text::parts!($crate::store::sql::text::finished!(TABLE.insert_many()));
                const CLAIM_MANY: &'static [&'static str] =
                    $crate::store::sql::text::parts!($crate::store::sql::text::finished!(TABLE.claim_many()));
            }

            /// Stands for [`INSERT`] with `ON CONFLICT DO NOTHING`.
            pub struct InsertNew;

            /// Stands for [`UPSERT`].
            pub struct Upsert;

            pub fn insert<'a>(operation: &'static str, $($argument: $argument_type),+) -> Statement<'a, Insert> {
                bind(Statement::new(operation, $crate::store::sql::text::parts!(INSERT)), $($argument),+)
            }

            pub fn insert_new<'a>(operation: &'static str, $($argument: $argument_type),+) -> Statement<'a, InsertNew> {
                const SQL: &str = $crate::store::sql::text::joined!(INSERT, " ON CONFLICT DO NOTHING");
                bind(Statement::new(operation, $crate::store::sql::text::parts!(SQL)), $($argument),+)
            }

            pub fn upsert<'a>(operation: &'static str, $($argument: $argument_type),+) -> Statement<'a, Upsert> {
                bind(Statement::new(operation, $crate::store::sql::text::parts!(UPSERT)), $($argument),+)
            }

            pub fn bind<'a, Site: 'static>(
                statement: Statement<'a, Site>,
                $($argument: $argument_type),+
            ) -> Statement<'a, Site> {
                statement$(.bind($value))+
            }

            #[allow(unused_variables, reason = "what never changes may be the only thing that an argument is for")]
            pub fn bind_changes<'a, Site: 'static>(
                statement: Statement<'a, Site>,
                $($argument: $argument_type),+
            ) -> Statement<'a, Site> {
                $(let statement = if $crate::store::sql::table::columns!(@changes $($flag)?) {
                    statement.bind($value)
                } else {
                    statement
                };)+
                statement
            }

            $($more)*
        }
    };
    (@day) => { None };
    (@day $day:ident) => { Some(stringify!($day)) };
    (@changes) => { false };
    (@changes changes) => { true };
}
pub(in crate::store) use columns;

#[cfg(test)]
mod tests {
    use crate::base::id::Id;
    use crate::store::sql::cell::Apart;

    columns! {
        /// A table of no database.
        parcels (org_id, id), insert(org: Id, parcel: (i64, Option<&'a str>)) {
            org_id: Id = org,
            id: i64 = parcel.0,
            #[changes] note: Option<String> = parcel.1,
            #[changes] weight: i64 = 5,
            picture: Apart<Vec<u8>> = None::<&[u8]>,
        }
    }

    #[test]
    fn texts_list_the_columns_of_the_declaration() {
        assert_eq!(parcels::COLUMNS, "parcels.org_id, parcels.id, parcels.note, parcels.weight");
        assert_eq!(parcels::SELECT, format!("SELECT {} FROM parcels", parcels::COLUMNS));
        assert_eq!(parcels::INSERT, "INSERT INTO parcels (org_id, id, note, weight, picture) VALUES (?, ?, ?, ?, ?)");
        assert_eq!(parcels::UPDATE, "UPDATE parcels SET note = ?, weight = ?");
        let upsert = " ON CONFLICT (org_id, id) DO UPDATE SET note = excluded.note, weight = excluded.weight";
        assert_eq!(parcels::UPSERT, format!("{}{upsert}", parcels::INSERT));
        const MANY: &str = crate::store::sql::text::finished!(parcels::TABLE.insert_many());
        assert_eq!(MANY, "INSERT INTO parcels (org_id, id, note, weight, picture) SELECT * FROM UNNEST(?, ?, ?, ?, ?)");
        let nullable = parcels::TABLE.columns.iter().filter(|column| column.is_nullable).map(|column| column.name);
        assert_eq!(nullable.collect::<Vec<_>>(), ["note", "picture"]);
    }
}
