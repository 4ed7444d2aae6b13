//! Every SQL statement that touches an org's data names its `org_id`, so that the tables can be distributed by it.
//!
//! What is looked at is what a server has logged as sent to it, by the suite for stores and by a journey through hookflow.
//! The sources show that this was everything: each statement in them must be among those sent.

mod sources;
pub(crate) mod statement;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use super::batches::lose_an_address;
use super::store::suite_on;
use crate::support::ServerBuilder;
use crate::support::postgres::{Cluster, ClusterOptions, TestDatabase};
use statement::{faults, normalised, touches};

/// Tables that belong to no org.
const OF_NO_ORG: [&str; 6] = ["__diesel_schema_migrations", "catalog", "catalog_changes", "nodes", "orgs", "writers"];
/// What marks a statement of hookflow's in the log of the server.
const SENT: &str = "hookflow|LOG:  ";

/// The tables with data of orgs, and their partitions.
fn tables(database: &TestDatabase) -> BTreeSet<String> {
    let rows = database.rows(
        "SELECT relname::text AS name, EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'org_id') \
         AS has_org FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace",
    );
    let names = rows.iter().map(|row| (row["name"].as_str().unwrap().to_owned(), row["has_org"] == true));
    let (of_orgs, others): (BTreeSet<_>, BTreeSet<_>) = names.partition(|(_, has_org)| *has_org);
    assert_eq!(others.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), OF_NO_ORG);
    of_orgs.into_iter().map(|(name, _)| name).collect()
}

/// Every different statement that hookflow has sent.
fn sent(log: &str) -> BTreeSet<String> {
    let mut statements = BTreeSet::new();
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(message) = line.strip_prefix(SENT) else { continue };
        // `statement: …`, or `execute NAME: …` for one that was prepared.
        let Some((_, text)) = message.split_once(": ").filter(|(what, _)| is_execution(what)) else { continue };
        let mut text = text.to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with('\t')) {
            text.push('\n');
            text.push_str(more);
        }
        statements.insert(text);
    }
    statements
}

fn is_execution(what: &str) -> bool {
    what == "statement" || what.starts_with("execute ")
}

#[test]
fn every_statement_that_touches_an_orgs_data_names_the_org() {
    let settings = [("log_statement", "all"), ("log_line_prefix", "%a|")];
    let cluster = Cluster::start(ClusterOptions { settings: &settings, ..ClusterOptions::default() });
    suite_on(&cluster);
    lose_an_address(&cluster);
    let database = cluster.database();
    let tables = tables(&database);
    let server = ServerBuilder::new().on_database(std::sync::Arc::new(database)).start();
    let order = json!({ "orderId": "1", "price": "$10.25", "quantity": 2, "email": "ann@example.com" });
    server.run_order(&order);
    server.run_order(&order);
    assert!(server.stop().success());

    let sent = sent(&cluster.log());
    // Migrations and moves between partitions, each of which begins with a comment, concern the rows of all orgs alike.
    let migrations = |text: &&String| text.starts_with("--");
    let of_orgs: Vec<&String> = sent.iter().filter(|text| !migrations(text) && touches(text, &tables)).collect();
    let faulty: Vec<String> = of_orgs
        .iter()
        .flat_map(|text| faults(text, &tables).into_iter().map(move |fault| format!("{fault}: {text}")))
        .collect();
    assert!(faulty.is_empty(), "{faulty:#?}");

    let known: BTreeSet<String> = of_orgs.iter().map(|text| normalised(text)).collect();
    let source =
        |folder: &str| sources::statements(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store").join(folder));
    let written: Vec<(String, String)> = ["sql", "postgres"].iter().flat_map(|folder| source(folder)).collect();
    let concerns_orgs = |text: &str| sources::is_part(text) || touches(text, &tables);
    let written: Vec<&(String, String)> = written.iter().filter(|(text, _)| concerns_orgs(text)).collect();
    let all_sent: BTreeSet<String> = sent.iter().map(|text| normalised(text)).collect();
    let is_sent = |text: &str| {
        // A text may be joined to others, and rows that are inserted together come as columns.
        let together = text.replace("VALUES (", "SELECT * FROM UNNEST(");
        let is_within = |text: &str| all_sent.iter().any(|sent| sent.contains(normalised(text).trim()));
        is_within(text) || is_within(&together)
    };
    println!("{} different statements were sent, {} stand in the sources", known.len(), written.len());
    let unsent: Vec<_> = written.iter().filter(|(text, _)| !is_sent(text)).collect();
    assert!(unsent.is_empty(), "these statements were not sent by anything in this test: {unsent:#?}");
}

#[test]
fn a_statement_that_does_not_name_the_org_is_found() {
    let tables = ["hooks", "runs"].map(str::to_owned).into();
    let faults = |text: &str| faults(text, &tables);
    for good in [
        "SELECT id FROM hooks WHERE org_id = $1 ORDER BY id",
        "SELECT h.id FROM hooks h JOIN runs AS r ON r.org_id = h.org_id AND r.id = h.id WHERE h.org_id = $1",
        "INSERT INTO hooks (org_id, id) VALUES ($1, $2) ON CONFLICT (org_id, id) DO UPDATE SET id = excluded.id",
        "UPDATE hooks SET name = 'runs' WHERE org_id IN (SELECT id FROM orgs) AND owner = $1",
        "WITH due AS (SELECT org_id FROM orgs o CROSS JOIN LATERAL (SELECT id FROM runs WHERE org_id = o.id FOR UPDATE) r) \
         UPDATE runs SET rev = 1 FROM due WHERE runs.org_id = due.org_id RETURNING runs.id",
        "(SELECT id FROM runs WHERE org_id = $1) UNION ALL (SELECT id FROM hooks WHERE org_id = $1) LIMIT 1",
        "UPDATE hooks SET id = $1 WHERE org_id = $2 AND NOT EXISTS (SELECT 1 FROM hooks other WHERE other.org_id = $2)",
    ] {
        assert_eq!(faults(good), [] as [String; 0], "{good}");
    }
    for bad in [
        "SELECT org_id FROM hooks ORDER BY id",
        "SELECT id FROM hooks WHERE id = $1",
        "SELECT h.id FROM hooks h JOIN runs AS r ON r.id = h.id WHERE h.org_id = $1",
        "SELECT h.id FROM hooks h JOIN runs r ON r.org_id = h.org_id WHERE h.id = $1",
        "SELECT h.id FROM hooks h, runs r WHERE h.org_id = $1",
        "INSERT INTO hooks (id) VALUES ($1)",
        "UPDATE hooks SET org_id = $1 WHERE id = $2",
        "UPDATE hooks SET id = $1 WHERE org_id IN (SELECT org_id FROM nodes)",
        "DELETE FROM hooks",
        "SELECT id FROM runs WHERE org_id = $1 UNION ALL SELECT id FROM hooks WHERE id = $1",
        "UPDATE hooks SET id = $1 WHERE org_id = $2 AND NOT EXISTS (SELECT 1 FROM runs other WHERE other.id = $2)",
        "TRUNCATE hooks",
    ] {
        assert!(!faults(bad).is_empty(), "{bad}");
    }
}
