//! Whether the role has the rights that hookflow needs.
//!
//! Without them the database can be reached, and refuses hooks one by one. hookflow asks for the rights, because the
//! error of a statement could be that of its unit.

use diesel::result::QueryResult;

use super::connection::Connection;
use crate::store::migrate::tables::TABLES;
use crate::store::sql::row::Read;

/// The tables of PostgreSQL that are not moved from SQLite.
const OWN_TABLES: [&str; 4] = ["catalog", "catalog_changes", "nodes", "writers"];
const RIGHTS: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

/// What is missing, as a sentence; `None` if nothing is.
pub(super) fn missing(connection: &mut Connection) -> QueryResult<Option<String>> {
    let tables = TABLES.iter().map(|table| table.name()).chain(OWN_TABLES);
    let tables = tables.map(|table| format!("'{table}'")).collect::<Vec<_>>().join(", ");
    let rights = RIGHTS.map(|right| format!("'{right}'")).join(", ");
    // A table in a schema that the role may not use is not found.
    let select = format!(
        "SELECT t.name || ' ' || r.name AS missing \
         FROM unnest(ARRAY[{tables}]) WITH ORDINALITY AS t (name, place), unnest(ARRAY[{rights}]) AS r (name) \
         WHERE NOT coalesce(has_table_privilege(to_regclass(t.name), r.name), false) ORDER BY t.place"
    );
    let missing: Vec<Read<String>> = connection.load(diesel::sql_query(select))?;
    let Some((table, right)) = missing.first().and_then(|Read(first)| first.split_once(' ')) else { return Ok(None) };
    let others = match missing.len() - 1 {
        0 => String::new(),
        others => format!(", and {others} other rights"),
    };
    Ok(Some(format!(
        "the role has no right to {right} on the table `{table}`{others}; make it the owner of all tables"
    )))
}
