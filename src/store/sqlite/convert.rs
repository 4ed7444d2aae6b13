//! Copies the rows of databases whose ids are texts into tables whose ids are integers.
//!
//! A migration in SQL has renamed the former tables and created the new ones. First, everything that the ids need is
//! put into the key space, in one transaction. Then each table is copied in a transaction of its own, compared with the
//! former one row by row and value by value, and the former one is dropped. A process that is killed meanwhile leaves
//! some tables copied and the others as they were, and the next start continues.
//!
//! Limits: the file needs room for its largest table once more; SQLite uses the space of a dropped table for what comes
//! next.

use std::sync::Arc;
use std::time::Instant;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::SqliteConnection;

use super::keys::KeySpace;
use crate::base::id::Id;

/// A table as it was before.
struct FormerTable {
    name: &'static str,
    /// The columns that identify a row in the new table.
    key: &'static [&'static str],
    ids: &'static [&'static str],
}

const fn former(name: &'static str, key: &'static [&'static str], ids: &'static [&'static str]) -> FormerTable {
    FormerTable { name, key, ids }
}

/// The tables in the order in which they are copied: that of the key space's small ids first.
const TABLES: [FormerTable; 26] = [
    former("orgs", &["id"], &["id"]),
    former("hooks", &["org_id", "id"], &["org_id", "id"]),
    former("workflows", &["org_id", "id"], &["org_id", "id"]),
    former("api_keys", &["org_id", "id"], &["org_id", "id"]),
    former("refusals", &["org_id", "hook_id", "reason"], &["org_id", "hook_id"]),
    former("refused_requests", &["org_id", "hook_id", "id"], &["org_id", "hook_id", "id"]),
    former("klasses", &["org_id", "name"], &["org_id", "id"]),
    former("files", &["org_id", "name"], &["org_id"]),
    former("workflow_versions", &["org_id", "workflow_id", "version"], &["org_id", "workflow_id"]),
    former("workflow_drafts", &["org_id", "workflow_id"], &["org_id", "workflow_id"]),
    former("schedules", &["org_id", "workflow_id"], &["org_id", "workflow_id"]),
    former("seen_keys", &["org_id", "hook_id", "key_digest"], &["org_id", "hook_id", "transaction_id"]),
    former("hook_secrets", &["org_id", "id"], &["org_id", "id", "hook_id"]),
    former("variables", &["org_id", "id"], &["org_id", "id", "workflow_id"]),
    former("secret_keys", &["org_id"], &["org_id"]),
    former("descendants", &["org_id", "root_id"], &["org_id", "root_id"]),
    former("customer_phones", &["org_id", "phone", "customer_id"], &["org_id", "customer_id"]),
    former("customer_emails", &["org_id", "email"], &["org_id", "customer_id"]),
    former("kobject_links", &["org_id", "kobject_id", "related_id"], &["org_id", "kobject_id", "related_id"]),
    former("entities", &["org_id", "kind", "id"], &["org_id", "id", "customer_id", "conversation_id"]),
    former("events", &["id"], &["org_id", "id", "run_id"]),
    former("customers", &["id"], &["org_id", "id"]),
    former("kobjects", &["id"], &["org_id", "id", "customer_id"]),
    former("transactions", &["id"], &["org_id", "id", "hook_id"]),
    former(
        "runs",
        &["id"],
        &["org_id", "id", "workflow_id", "transaction_id", "event_id", "replay_of", "parent_id", "root_id"],
    ),
    former("step_log", &["run_id", "segment"], &["org_id", "run_id"]),
];

/// The columns whose ids are those of orgs, hooks and workflows.
const SMALL: [&str; 3] = ["org_id", "hook_id", "workflow_id"];

#[diesel::declare_sql_function]
extern "SQL" {
    /// The integer of an id that is going to be stored; NULL if the text is no id.
    fn id_key(text: Nullable<Text>) -> Nullable<BigInt>;
    /// The id of an integer that is stored.
    fn id_text(key: Nullable<BigInt>) -> Nullable<Text>;
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// The ids of one process in one column.
#[derive(QueryableByName)]
struct OfProcess {
    #[diesel(sql_type = Text)]
    first: String,
    #[diesel(sql_type = Text)]
    last: String,
}

/// Why the rows can't be copied.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    #[error(transparent)]
    Database(#[from] diesel::result::Error),
    #[error(
        "of the {former} rows of the table `{table}`, {copied} were copied, and {equal} of those are as they were; the \
         table is unchanged"
    )]
    Different { table: &'static str, former: i64, copied: i64, equal: i64 },
}

/// Makes the functions `id_key` and `id_text` known to a connection.
pub fn register_functions(connection: &mut SqliteConnection, keys: &Arc<KeySpace>) -> QueryResult<()> {
    let space = keys.clone();
    let parse = |text: Option<String>| text?.parse::<Id>().ok();
    id_key_utils::register_impl(connection, move |text: Option<String>| parse(text).map(|id| space.admit(id)))?;
    let space = keys.clone();
    id_text_utils::register_impl(connection, move |key: Option<i64>| Some(space.id(key?)?.to_string()))
}

/// Copies what has yet to be copied.
///
/// # Errors
/// [`ConvertError`]; then all tables that were not copied are as before.
pub fn convert(connection: &mut SqliteConnection) -> Result<(), ConvertError> {
    let former = remaining(connection)?;
    if former.is_empty() {
        return Ok(());
    }
    let keys = Arc::new(KeySpace::load(connection)?);
    register_functions(connection, &keys)?;
    admit_ids(connection, &keys, &former)?;
    for table in former {
        connection.immediate_transaction(|connection| copy(connection, &keys, table))?;
        keys.stored();
    }
    Ok(())
}

/// The former tables that are still there.
fn remaining(connection: &mut SqliteConnection) -> QueryResult<Vec<&'static FormerTable>> {
    const SQL: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'text\\_%' ESCAPE '\\'";
    let present: Vec<Name> = diesel::sql_query(SQL).load(connection)?;
    let is_present = |table: &&FormerTable| present.iter().any(|present| present.name[5..] == *table.name);
    Ok(TABLES.iter().filter(is_present).collect())
}

/// Puts the ids of orgs, hooks and workflows, and the processes of all others, into the key space, unless they were
/// before. Processes in the order of time share numbers best.
fn admit_ids(
    connection: &mut SqliteConnection,
    keys: &KeySpace,
    tables: &[&'static FormerTable],
) -> Result<(), ConvertError> {
    if tables.len() < TABLES.len() {
        return Ok(());
    }
    let small: Vec<Name> = diesel::sql_query(
        "SELECT id AS name FROM (SELECT id FROM text_orgs UNION SELECT id FROM text_hooks \
         UNION SELECT id FROM text_workflows) ORDER BY id",
    )
    .load(connection)?;
    small.iter().filter_map(|row| row.name.parse().ok()).for_each(|id| keys.admit_small(id));
    let mut processes: std::collections::BTreeMap<[u8; 5], (u32, u32)> = std::collections::BTreeMap::new();
    for table in tables {
        for column in table.ids.iter().filter(|column| !SMALL.contains(column)) {
            for OfProcess { first, last } in of_processes(connection, table.name, column)? {
                let (Ok(first), Ok(last)) = (first.parse::<Id>(), last.parse::<Id>()) else { continue };
                let (first, last) = (first.parts(), last.parts());
                let span = processes.entry(first.process).or_insert((first.seconds, last.seconds));
                *span = (span.0.min(first.seconds), span.1.max(last.seconds));
            }
        }
    }
    let mut spans: Vec<_> = processes.into_iter().map(|(process, (first, last))| (first, last, process)).collect();
    spans.sort_unstable();
    spans.into_iter().for_each(|(first, last, process)| keys.admit_process(process, first, last));
    connection.immediate_transaction(|connection| keys.store(connection))?;
    keys.stored();
    Ok(())
}

/// The first and the last id of each process in a column.
fn of_processes(connection: &mut SqliteConnection, table: &str, column: &str) -> QueryResult<Vec<OfProcess>> {
    let sql = format!(
        "SELECT min({column}) AS first, max({column}) AS last FROM text_{table} WHERE {column} IS NOT NULL \
         AND length({column}) = 24 GROUP BY substr({column}, 9, 10)"
    );
    diesel::sql_query(sql).load(connection)
}

/// Copies one table, compares it, and drops the former one.
fn copy(connection: &mut SqliteConnection, keys: &KeySpace, table: &'static FormerTable) -> Result<(), ConvertError> {
    let (started, name) = (Instant::now(), table.name);
    let former = count(connection, &format!("text_{name}"))?;
    if former > 0 {
        log::info!(table = name, rows = former; "storing the ids of a table as integers");
        let columns = columns(connection, name)?;
        let is_id = |column: &str| table.ids.contains(&column);
        let new = |column: &String| if is_id(column) { format!("id_key({column})") } else { column.clone() };
        let (names, values) = (columns.join(", "), columns.iter().map(new).collect::<Vec<_>>().join(", "));
        connection.batch_execute(&format!("INSERT INTO {name} ({names}) SELECT {values} FROM text_{name}"))?;
        let copied = count(connection, name)?;
        let equal = count(connection, &equal_rows(table, &columns))?;
        if (copied, equal) != (former, former) {
            return Err(ConvertError::Different { table: name, former, copied, equal });
        }
        keys.store(connection)?;
        let seconds = started.elapsed().as_secs();
        log::info!(table = name, rows = former, seconds; "the ids of the table are integers, and all rows are equal");
    }
    connection.batch_execute(&format!("DROP TABLE text_{name}"))?;
    Ok(())
}

fn count(connection: &mut SqliteConnection, from: &str) -> QueryResult<i64> {
    let count: Count = diesel::sql_query(format!("SELECT count(*) AS count FROM {from}")).get_result(connection)?;
    Ok(count.count)
}

fn columns(connection: &mut SqliteConnection, table: &str) -> QueryResult<Vec<String>> {
    let columns: Vec<Name> =
        diesel::sql_query(format!("SELECT name FROM pragma_table_info('text_{table}')")).load(connection)?;
    Ok(columns.into_iter().map(|column| column.name).collect())
}

/// The rows that are the same in both tables.
fn equal_rows(table: &FormerTable, columns: &[String]) -> String {
    let is_id = |column: &str| table.ids.contains(&column);
    let same_key = table.key.iter().map(|column| match is_id(column) {
        true => format!("new.{column} = id_key(old.{column})"),
        false => format!("new.{column} = old.{column}"),
    });
    let same = columns.iter().map(|column| match is_id(column) {
        true => format!("id_text(new.{column}) IS old.{column}"),
        false => format!("new.{column} IS old.{column}"),
    });
    let (same_key, same) = (same_key.collect::<Vec<_>>().join(" AND "), same.collect::<Vec<_>>().join(" AND "));
    let name = table.name;
    format!("text_{name} AS old CROSS JOIN {name} AS new ON {same_key} WHERE {same}")
}

#[cfg(test)]
mod tests;
