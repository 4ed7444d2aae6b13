//! Partitions by day: what is missing is made, rows find their way there, and nothing of that keeps a node from starting.

use std::sync::Arc;

use hookflow::store::Backend;
use hookflow::store::postgres::{PoolSizes, Postgres};
use serde_json::{Value, json};

use crate::support::postgres::{Cluster, TestDatabase};
use crate::support::{Server, ServerBuilder, wait_for};

/// Days without partitions, counted from today.
const OTHER_DAYS: [i64; 3] = [-30, -2, 10];
/// The partitioned tables.
const TABLES: [&str; 5] = ["transactions", "events", "descendants", "runs", "step_log"];

/// Such as `runs_20261123`, for a day counted from today.
fn partition(database: &TestDatabase, table: &str, day: i64) -> String {
    let select = format!("SELECT to_char((now() AT TIME ZONE 'UTC')::date + {day}, 'YYYYMMDD') AS day");
    format!("{table}_{}", database.rows(&select)[0]["day"].as_str().unwrap())
}

fn drop_day(database: &TestDatabase, day: i64) {
    let partitions = TABLES.map(|table| partition(database, table, day));
    database.execute(&format!("DROP TABLE {}", partitions.join(", ")));
}

fn has_day(database: &TestDatabase, table: &str, day: i64) -> bool {
    let name = partition(database, table, day);
    !database.rows(&format!("SELECT FROM pg_class WHERE relname = '{name}' AND relispartition")).is_empty()
}

/// Inserts transactions of a day, counted from today.
fn insert(database: &TestDatabase, day: i64, count: i64) {
    database.execute(&format!(
        "INSERT INTO transactions (org_id, id, hook_id, hook_kind, created_at, headers, raw, run_ids) \
         SELECT 'o', to_hex(extract(epoch FROM now())::bigint + {day} * 86400) || lpad(number::text, 16, '0'), 'h', 'form', \
         number, '[]', '', '[]' FROM generate_series(1, {count}) AS number"
    ));
}

/// How many rows of a table are in which of its partitions.
fn places(database: &TestDatabase, table: &str) -> Vec<(String, i64)> {
    let select =
        format!("SELECT tableoid::regclass::text AS place, count(*) AS rows FROM {table} GROUP BY 1 ORDER BY 1");
    let rows = database.rows(&select);
    let place = |row: &Value| (row["place"].as_str().unwrap().to_owned(), row["rows"].as_i64().unwrap());
    rows.iter().map(place).collect()
}

fn rows_in_default(database: &TestDatabase) -> i64 {
    let counts = TABLES.map(|table| format!("(SELECT count(*) FROM {table}_default)"));
    database.rows(&format!("SELECT {} AS rows", counts.join(" + ")))[0]["rows"].as_i64().unwrap()
}

fn store(database: &TestDatabase) -> Postgres {
    let sizes = PoolSizes { writers: 1, readers: 1 };
    Postgres::open(&database.url().parse().unwrap(), sizes).expect("the database can be opened")
}

fn server(database: &Arc<TestDatabase>) -> ServerBuilder {
    ServerBuilder::new().on_database(database.clone())
}

fn order(server: &Server, id: &str) {
    server.post_hook("orders", &json!({ "orderId": id, "email": format!("{id}@example.com") })).expect(200);
}

/// The value of a gauge, if it is there.
fn rows_metric(server: &Server, table: &str) -> Option<i64> {
    let metrics = server.get_without_key("/metrics").text;
    let name = format!("hookflow_default_partition_rows{{table=\"{table}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).map(|rows| rows.parse().expect("a number"))
}

#[test]
fn rows_of_a_day_without_a_partition_move_to_one() {
    let database = Arc::new(Cluster::shared().database());
    let first = server(&database).start();
    drop_day(&database, 0);
    for id in ["1", "2", "3"] {
        order(&first, id);
    }
    first.wait_for_runs();
    assert_eq!(rows_in_default(&database), 9, "three transactions, runs and logs");
    let directory = first.directory();
    assert!(first.stop().success());

    let second = ServerBuilder::in_directory(directory).start();
    order(&second, "4");
    wait_for("the default partitions to be empty", || (rows_in_default(&database) == 0).then_some(()));
    assert_eq!(second.wait_for_runs().len(), 4);
    assert_eq!(places(&database, "runs"), [(partition(&database, "runs", 0), 4)]);
    assert_eq!(places(&database, "step_log"), [(partition(&database, "step_log", 0), 4)]);
    wait_for("the metric", || (rows_metric(&second, "runs") == Some(0)).then_some(()));
    let log = second.errors();
    assert!(log.contains("rows were moved out of a default partition"), "{log}");
    assert!(!log.contains("rows are in the default partition"), "{log}");
}

#[test]
fn a_node_starts_while_others_read_the_default_partitions() {
    let database = Arc::new(Cluster::shared().database());
    let first = server(&database).start();
    drop_day(&database, 0);
    order(&first, "1");
    first.wait_for_runs();
    let directory = first.directory();
    assert!(first.stop().success());
    drop_day(&database, 7);

    // What `pg_dump` holds, to its end.
    let dump = database.session();
    dump.execute(&format!("BEGIN; LOCK TABLE {} IN ACCESS SHARE MODE", TABLES.join(", ")));
    let second = ServerBuilder::in_directory(directory).start();
    order(&second, "2");
    second.wait_for_runs();
    let log = second.wait_for_log("for want of one of their day");
    assert!(log.lines().any(|line| line.contains("ERROR") && line.contains("table=runs")), "{log}");
    assert!(rows_metric(&second, "transactions") >= Some(1), "{log}");
    second.wait_for_log("can't create the partitions of the coming days");
    assert!(!has_day(&database, "runs", 7));
    order(&second, "3");
    second.wait_for_runs();

    dump.execute("COMMIT");
    let store = store(&database);
    store.tend_partitions().expect("nothing is in the way");
    store.close();
    assert_eq!(rows_in_default(&database), 0);
    assert!(has_day(&database, "runs", 7));
    assert_eq!(second.wait_for_runs().len(), 3);
    assert_eq!(places(&database, "transactions"), [(partition(&database, "transactions", 0), 3)]);
}

#[test]
fn rows_of_other_days_get_partitions_of_their_own() {
    let database = Cluster::shared().database();
    for day in OTHER_DAYS {
        insert(&database, day, 5);
    }
    // A node that starts leaves them to the leader.
    let store = store(&database);
    assert_eq!(rows_in_default(&database), 15);
    store.tend_partitions().expect("nothing is in the way");
    let days = OTHER_DAYS.map(|day| (partition(&database, "transactions", day), 5));
    assert_eq!(places(&database, "transactions"), days);
    // They are partitions like all others.
    for day in OTHER_DAYS {
        database.execute(&format!("DELETE FROM {}", partition(&database, "transactions", day)));
        insert(&database, day, 1);
    }
    assert_eq!(rows_in_default(&database), 0);
    store.close();
    let indexes = |table: &str| {
        let select = format!("SELECT indexdef AS def FROM pg_indexes WHERE tablename = '{table}' ORDER BY 1");
        let shape = |row: &Value| row["def"].as_str().unwrap().split(" USING ").nth(1).unwrap().to_owned();
        let mut shapes: Vec<String> = database.rows(&select).iter().map(shape).collect();
        shapes.sort();
        shapes
    };
    assert_eq!(indexes(&partition(&database, "transactions", 10)), indexes("transactions_default"));
}

#[test]
fn a_day_that_can_not_be_moved_does_not_keep_the_next_from_its_partition() {
    let database = Cluster::shared().database();
    let store = store(&database);
    drop_day(&database, 0);
    drop_day(&database, 1);
    // More than are moved before the day is over: hooks would wait.
    insert(&database, 0, 100_001);
    let refused = store.tend_partitions().expect_err("they are not moved");
    let refused = hookflow::store::chain(&refused);
    assert!(refused.contains("100001 rows of today are in transactions_default"), "{refused}");
    assert_eq!(rows_in_default(&database), 100_001);
    assert!(!has_day(&database, "transactions", 0) && has_day(&database, "transactions", 1));
    assert!(has_day(&database, "runs", 0), "another table");
    store.close();
}
