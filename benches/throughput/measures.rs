//! What is measured, one function a figure, and the round that holds them all.
//!
//! Every measure starts its own server on its own new database, on a real disk, and removes both afterwards. All
//! measures of a round follow each other closely, so that a slow minute of the machine hits the yardstick as well.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::histogram::Quantiles;
use crate::installation::{self, Installation};
use crate::load::{self, Load, Outcome, Target};
use crate::oha;
use crate::orders::Orders;
use crate::postgres::{self, PostgresRound};
use crate::server::{Memory, Process, Server};
use crate::support::postgres::Cluster;
use crate::{Database, Options, Result};

/// The order workflow's regular customers; half of the orders are theirs.
const REGULARS: usize = 4_000;
const PACE_PER_SECOND: u32 = 1_000;
const OPEN_RUNS: u64 = 10_000;
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long a backlog may take; a slow server is a figure, a stuck one is an error.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(600);
/// How long the runs of the start-up measure get to reach the step at which they wait.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(3);

/// The figures of one round.
pub struct Round {
    pub noop_per_second: f64,
    pub sqlite: Option<SqliteRound>,
    pub postgres: Option<PostgresRound>,
}

/// What one round measures on SQLite.
pub struct SqliteRound {
    pub accept_per_second: f64,
    pub orders_per_second: f64,
    pub noop_latency: Quantiles,
    pub latency: Quantiles,
    pub answer_latency: Quantiles,
    pub startup: Duration,
    pub idle_bytes: u64,
    pub peak_bytes: u64,
}

pub fn measure_round(options: &Options, noop: &Process, cluster: Option<&Cluster>) -> Result<Round> {
    let noop = noop.target("/v1/hooks/form/69229e4d0a1b2c3d4e000001");
    progress("no-op");
    let noop_per_second = post(options, &noop, &mut Orders::from_newcomers(), options.duration())?.per_second();
    let sqlite = options.measures(Database::Sqlite).then(|| measure_sqlite(options, &noop)).transpose()?;
    let postgres = cluster.map(|cluster| postgres::measure_round(options, cluster)).transpose()?;
    eprintln!("done");
    Ok(Round { noop_per_second, sqlite, postgres })
}

/// A large installation on each database, once: it takes long, and its figures are far from what they are measured by.
pub fn measure_installations(
    options: &Options,
    cluster: Option<&Cluster>,
) -> Result<Vec<(&'static str, Installation)>> {
    let mut measured = Vec::new();
    if options.measures(Database::Sqlite) {
        eprint!("large installation: ");
        measured.push(("SQLite", installation::measure(options, &Place::new(options)?)?));
        eprintln!("done");
    }
    if let Some(cluster) = cluster {
        eprint!("large installation on PostgreSQL: ");
        let database = cluster.database();
        measured.push(("PostgreSQL", installation::measure(options, &Place::on(options, database.url())?)?));
        eprintln!("done");
    }
    Ok(measured)
}

fn measure_sqlite(options: &Options, noop: &Target) -> Result<SqliteRound> {
    let paced = Load::Paced { per_second: PACE_PER_SECOND, duration: options.pace_duration() };
    progress("accept");
    let accept_per_second = measure_accept(options)?;
    progress("orders");
    let (orders_per_second, idle, loaded) = measure_orders(options)?;
    progress("latency");
    let noop_latency = post(options, noop, &mut Orders::from_newcomers(), paced)?.latency.quantiles();
    let latency = measure_latency(options, paced, None)?;
    progress("answers");
    // Looked up, created and answered with: nothing of it can be known before the run has ended.
    let body = json!({ "order": "/#steps.5.id", "orderOfRegular": "/#steps.4.id", "customer": "/#steps.3.id" });
    let answer_latency = measure_latency(options, paced, Some(json!({ "when": "completed", "body": body })))?;
    progress("start");
    let startup = measure_startup(options)?;
    let (idle_bytes, peak_bytes) = (idle.resident, loaded.peak);
    Ok(SqliteRound {
        accept_per_second,
        orders_per_second,
        noop_latency,
        latency,
        answer_latency,
        startup,
        idle_bytes,
        peak_bytes,
    })
}

/// Hooks accepted durably per second, with no workflow listening.
fn measure_accept(options: &Options) -> Result<f64> {
    let place = Place::new(options)?;
    let server = place.start_bare(options)?;
    let hook = server.create_hook("bench")?;
    let outcome = post(options, &hook, &mut Orders::from_newcomers(), options.duration())?;
    server.stop()?;
    Ok(outcome.per_second())
}

/// Orders per second from the first post to the last completed run, and memory before and after.
fn measure_orders(options: &Options) -> Result<(f64, Memory, Memory)> {
    let place = Place::new(options)?;
    let server = Server::start(options, &place, &options.workflows)?;
    let idle = server.memory()?;
    let (hook, mut orders) = seed_orders(options, &server)?;
    let completed_before = [server.completed_runs()?];
    let outcome = post(options, &hook, &mut orders, options.duration())?;
    wait_until_drained(&server)?;
    let elapsed = outcome.started.elapsed();
    check_orders(std::slice::from_ref(&server), outcome.accepted, &completed_before)?;
    let loaded = server.memory()?;
    server.stop()?;
    Ok((outcome.accepted as f64 / elapsed.as_secs_f64(), idle, loaded))
}

/// Latency at a fixed pace, while the order workflow runs on everything that is accepted; the answers wait for that if
/// the hook is to give such an `answer`.
fn measure_latency(options: &Options, paced: Load, answer: Option<Value>) -> Result<Quantiles> {
    let place = Place::new(options)?;
    let server = Server::start(options, &place, &options.workflows)?;
    let (hook, mut orders) = seed_orders(options, &server)?;
    if let Some(answer) = answer {
        server.change_hook("orders", &json!({ "answer": answer }))?;
    }
    let completed_before = [server.completed_runs()?];
    let outcome = post(options, &hook, &mut orders, paced)?;
    wait_until_drained(&server)?;
    check_orders(std::slice::from_ref(&server), outcome.accepted, &completed_before)?;
    server.stop()?;
    Ok(outcome.latency.quantiles())
}

/// Time from starting the process to ready, with 10,000 runs that wait to call a server that is not there.
fn measure_startup(options: &Options) -> Result<Duration> {
    let place = Place::new(options)?;
    let server = place.start_bare(options)?;
    let hook = server.create_hook("bench")?;
    server.create_workflow(&json!({
        "name": "bench-open-runs",
        "trigger": {
            "id": "1", "eventName": "hooks.form.bench.receive",
            "transitions": [{ "target": "2", "condition": { "op": "true", "values": [true] } }]
        },
        "steps": [{
            "id": "2", "action": "rest-api.json",
            "params": { "uri": "http://127.0.0.1:1/", "method": "POST", "data": "/#steps.1.attributes.data" }
        }]
    }))?;
    let outcome = post(options, &hook, &mut Orders::from_newcomers(), Load::Exactly(OPEN_RUNS))?;
    let posted = Instant::now();
    while server.has_runs("queued")? && posted.elapsed() < SETTLE_TIME_MAX {
        thread::sleep(POLL_INTERVAL);
    }
    server.stop()?;
    let server = place.start_bare(options)?;
    if outcome.accepted < OPEN_RUNS || server.has_runs("failed")? || server.has_runs("completed")? {
        eprintln!("NOTE: not all of {OPEN_RUNS} runs were open at the start that was timed; its figure flatters");
    }
    let startup = server.ready_after;
    server.stop()?;
    Ok(startup)
}

/// Finds the shipped order hook, makes its regular customers and lets that come to rest.
pub fn seed_orders(options: &Options, server: &Server) -> Result<(Target, Orders)> {
    let hook = server.find_hook("orders")?;
    let mut orders = Orders::with_regulars(REGULARS);
    post(options, &hook, &mut orders, Load::Exactly(REGULARS as u64))?;
    wait_until_drained(server)?;
    Ok((hook, orders))
}

/// Posts over all connections, and reports what was not accepted.
pub fn post(options: &Options, target: &Target, orders: &mut Orders, load: Load) -> Result<Outcome> {
    post_over(options.connections, options, target, orders, load)
}

/// The same over so many connections. A full queue (503) may happen under load; any other refusal means that something
/// else was measured than was meant.
pub fn post_over(
    connections: usize,
    options: &Options,
    target: &Target,
    orders: &mut Orders,
    load: Load,
) -> Result<Outcome> {
    let outcome = match (&options.oha, load) {
        (Some(oha), Load::During(duration)) => oha::run(oha, &options.data, target, orders, (duration, connections))?,
        _ => load::run(target, orders, load, connections)?,
    };
    if !outcome.refused.is_empty() {
        eprintln!("NOTE: {} accepted, refused by status: {:?}", outcome.accepted, outcome.refused);
    }
    if outcome.accepted == 0 || outcome.refused.keys().any(|status| *status != 503) {
        return Err("the server refused what it should have accepted".into());
    }
    Ok(outcome)
}

pub fn wait_until_drained(server: &Server) -> Result<()> {
    let started = Instant::now();
    // In the order in which a run moves on, so that none is missed between two questions.
    while server.has_runs("queued")? || server.has_runs("running")? || server.has_runs("waiting")? {
        if started.elapsed() > DRAIN_TIME_MAX {
            return Err("runs are still open after ten minutes".into());
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// Every accepted order must have become a completed run; a rate of lost orders is worth nothing. `before` is how many
/// runs each server had completed.
pub fn check_orders(servers: &[Server], accepted: u64, before: &[Option<u64>]) -> Result<()> {
    let mut completed = 0;
    for (server, before) in servers.iter().zip(before) {
        if server.has_runs("failed")? {
            return Err("runs have FAILED".into());
        }
        let after = server.completed_runs()?.ok_or("/metrics has no hookflow_runs_finished_total")?;
        completed += after - before.unwrap_or(0);
    }
    match completed == accepted {
        true => Ok(()),
        false => Err(format!("{accepted} orders were accepted but {completed} COMPLETED").into()),
    }
}

/// A new directory for one server and its database, removed when dropped.
pub struct Place {
    pub directory: TempDir,
    pub database_url: String,
    no_workflows: PathBuf,
}

impl Place {
    fn new(options: &Options) -> Result<Place> {
        fs::create_dir_all(&options.data)?;
        let directory = tempfile::tempdir_in(&options.data)?;
        let database_url = format!("sqlite:{}", directory.path().join("hookflow.db").display());
        Place::in_directory(directory, database_url)
    }

    /// A directory for a server on a database that is somewhere else.
    pub fn on(options: &Options, database_url: String) -> Result<Place> {
        Place::in_directory(tempfile::tempdir_in(&options.data)?, database_url)
    }

    fn in_directory(directory: TempDir, database_url: String) -> Result<Place> {
        let no_workflows = directory.path().join("workflows");
        fs::create_dir(&no_workflows)?;
        Ok(Place { directory, database_url, no_workflows })
    }

    /// Starts hookflow here without any workflow file.
    pub fn start_bare(&self, options: &Options) -> Result<Server> {
        Server::start(options, self, &self.no_workflows)
    }
}

pub fn progress(what: &str) {
    eprint!("{what} … ");
}
