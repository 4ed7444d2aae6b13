//! Every statement on an org's data names its `org_id`. Where the id of a row is its number, a statement that forgets the
//! org reads and writes the rows of others.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use hookflow::store::Store;
use hookflow::store::migrate::tables::TABLES;
use hookflow::store::sqlite::Sqlite;
use tempfile::TempDir;

use crate::on_postgres::org_id::statement::{faults, touches};
use crate::store::suite;

/// What a process does for all orgs at once: it claims runs, looks for the next one and releases them.
const FOR_ALL_ORGS: [&str; 3] = [
    "SELECT org_id, id, rev FROM runs WHERE due_at IS NOT NULL AND due_at <= ? AND held = 0 ORDER BY due_at, id LIMIT ?",
    "SELECT min(due_at) FROM runs WHERE due_at IS NOT NULL AND due_at > ? AND held = 0",
    "UPDATE runs SET held = 0, due_at = min(due_at, ?), rev = rev + 1 WHERE due_at IS NOT NULL AND held = 1",
];

/// What stores have sent to SQLite.
static SENT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Notes a statement of a store; those of tests themselves come from threads that are named after them.
fn note(event: InstrumentationEvent<'_>) {
    let InstrumentationEvent::StartQuery { query, .. } = event else { return };
    let thread = std::thread::current();
    if thread.name().is_some_and(|name| !name.contains("::") && name != "main") {
        let text = query.to_string();
        let text = text.split_once(" -- binds: ").map_or(text.as_str(), |(text, _)| text);
        SENT.lock().unwrap().insert(text.to_owned());
    }
}

#[test]
fn every_statement_that_touches_an_orgs_data_names_the_org() {
    let instrumentation = || Some(Box::new(note as fn(InstrumentationEvent<'_>)) as Box<dyn Instrumentation>);
    set_default_instrumentation(instrumentation).expect("no test sets another one");
    let (folder, opened) = (TempDir::new().expect("a temporary folder can be made"), Cell::new(0));
    suite(|| {
        opened.set(opened.get() + 1);
        let path = folder.path().join(format!("{}.db", opened.get()));
        Store::new(Arc::new(Sqlite::open(path.to_str().unwrap()).expect("a database can be made")))
    });

    let of_orgs = TABLES.iter().map(|table| table.source);
    let of_orgs = of_orgs.filter(|table| table.columns.iter().any(|column| column.name == "org_id"));
    let tables: BTreeSet<String> = of_orgs.map(|table| table.name.to_owned()).chain(["open_runs".to_owned()]).collect();
    let sent = SENT.lock().unwrap().clone();
    // PostgreSQL's placeholders are others.
    let sent: Vec<&String> = sent.iter().filter(|text| !text.contains('$') && touches(text, &tables)).collect();
    assert!(sent.len() > 100, "only {} statements were noted", sent.len());
    for text in FOR_ALL_ORGS {
        assert!(sent.iter().any(|sent| *sent == text), "an exception that is not sent: {text}");
    }
    let faulty: Vec<String> = sent
        .iter()
        .filter(|text| !FOR_ALL_ORGS.contains(&text.as_str()))
        .flat_map(|text| faults(text, &tables).into_iter().map(move |fault| format!("{fault}: {text}")))
        .collect();
    assert!(faulty.is_empty(), "{faulty:#?}");
}
