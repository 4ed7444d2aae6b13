//! The same work on PostgreSQL: hooks accepted, and the order workflow on one node and on two that share a database.
//!
//! The cluster is made for the purpose, with the settings that Debian's package comes with, and flushes every commit. It
//! lives beside the SQLite databases, on the same disk, and takes its share of the same processors. Its first rows are
//! not measured: before each measure there are regular customers, and the tables have been vacuumed.

use std::thread;
use std::time::Duration;

use crate::load::{self, Load};
use crate::measures::{Place, check_orders, post, post_over, progress, seed_orders, wait_until_drained};
use crate::server::Server;
use crate::support::postgres::{Cluster, ClusterOptions, TestDatabase};
use crate::{Options, Result};

/// The figures of one round.
pub struct PostgresRound {
    pub accept_per_second: f64,
    pub orders_per_second: f64,
    pub orders_per_second_of_two: f64,
}

/// A cluster on the disk where the SQLite databases are measured.
pub fn start(options: &Options) -> Result<Cluster> {
    std::fs::create_dir_all(&options.data)?;
    // Refused only if it was set before, to this very folder.
    let _ = tempfile::env::override_temp_dir(&options.data);
    Ok(Cluster::start(ClusterOptions { fsync: true, settings: &[("shared_buffers", "128MB")] }))
}

pub fn measure_round(options: &Options, cluster: &Cluster) -> Result<PostgresRound> {
    progress("PostgreSQL: accept");
    let accept_per_second = measure_accept(options, &cluster.database())?;
    progress("one node");
    let orders_per_second = measure_orders(options, &cluster.database(), 1)?;
    progress("two nodes");
    let orders_per_second_of_two = measure_orders(options, &cluster.database(), 2)?;
    Ok(PostgresRound { accept_per_second, orders_per_second, orders_per_second_of_two })
}

fn measure_accept(options: &Options, database: &TestDatabase) -> Result<f64> {
    let place = Place::on(options, database.url())?;
    let server = place.start_bare(options)?;
    let hook = server.create_hook("bench")?;
    let outcome = post(options, &hook, &mut crate::orders::Orders::from_newcomers(), options.duration())?;
    server.stop()?;
    Ok(outcome.per_second())
}

/// Orders per second from the first post to the last completed run, posted in equal parts to each of the nodes.
fn measure_orders(options: &Options, database: &TestDatabase, nodes: usize) -> Result<f64> {
    let places: Vec<Place> = (0..nodes).map(|_| Place::on(options, database.url())).collect::<Result<_>>()?;
    let start = |place: &Place| Server::start(options, place, &options.workflows);
    let servers: Vec<Server> = places.iter().map(start).collect::<Result<_>>()?;
    let (hook, orders) = seed_orders(options, &servers[0])?;
    database.execute("VACUUM ANALYZE");
    let before = servers.iter().map(Server::completed_runs).collect::<Result<Vec<_>>>()?;
    let connections = options.connections / nodes;
    let outcomes: Vec<load::Outcome> = thread::scope(|scope| {
        let posting: Vec<_> = servers
            .iter()
            .map(|server| {
                let (target, mut orders) = (server.same_target(&hook), orders.fork());
                let load: Load = options.duration();
                scope.spawn(move || {
                    post_over(connections, options, &target, &mut orders, load).map_err(|error| error.to_string())
                })
            })
            .collect();
        posting
            .into_iter()
            .map(|thread| thread.join().expect("posting does not panic"))
            .collect::<std::result::Result<_, _>>()
    })?;
    wait_until_drained(&servers[0])?;
    let started = outcomes.iter().map(|outcome| outcome.started).min();
    let elapsed = started.map_or(Duration::MAX, |started| started.elapsed());
    let accepted: u64 = outcomes.iter().map(|outcome| outcome.accepted).sum();
    check_orders(&servers, accepted, &before)?;
    for server in servers {
        server.stop()?;
    }
    Ok(accepted as f64 / elapsed.as_secs_f64())
}
