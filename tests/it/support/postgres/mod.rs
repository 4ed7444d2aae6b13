//! PostgreSQL clusters of the tests' own, made from the programs that Debian's package `postgresql` installs.
//!
//! Nothing on the machine is touched: each cluster has a folder and a port of its own, and is gone when the test process
//! has ended, however it ended. Most tests share one cluster and have a database each ([`Cluster::shared`],
//! [`Cluster::database`]); those that crash it, stop it or replicate it start their own ([`Cluster::start`]).

mod database;
mod programs;
mod sql;
mod watchdog;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use super::ports::free_port;
use super::wait_for;
pub use database::TestDatabase;
use programs::Programs;
pub use sql::Sql;
use watchdog::Watchdog;

/// The owner of everything in a cluster.
const USER: &str = "postgres";
/// How often another port is tried if another process was faster.
const PORTS_TRIED: usize = 10;

/// How to set a cluster up.
#[derive(Clone, Copy, Default)]
pub struct ClusterOptions<'a> {
    /// Whether it flushes what it writes. Without, it is faster and still outlives its own crashes, but not the machine's.
    pub fsync: bool,
    /// Lines of `postgresql.conf`, beside those that every cluster has.
    pub settings: &'a [(&'a str, &'a str)],
}

/// A running cluster; stopped and removed when dropped.
pub struct Cluster {
    directory: PathBuf,
    port: u16,
    /// Of its one user, over TCP. The socket in the cluster's folder asks for none.
    password: String,
    /// What it calls itself when it follows another cluster.
    name: String,
    /// Whether there is a template to make databases from. Held while it is copied, which suffers no other session there.
    template: Mutex<bool>,
    _watchdog: Watchdog,
}

/// Where a session finds its database: a socket that asks for no password.
#[derive(Clone)]
struct Address {
    directory: PathBuf,
    port: u16,
    password: String,
}

impl Cluster {
    /// The one that the tests of this process share. It does not flush; each test has a database of its own there.
    pub fn shared() -> &'static Cluster {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Cluster::start(ClusterOptions::default()))
    }

    /// A cluster of the caller's own.
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or does not start; the message says what it said.
    pub fn start(options: ClusterOptions<'_>) -> Cluster {
        let mut cluster = Cluster::new(format!("{:016x}", getrandom::u64().expect("the system has random numbers")));
        let programs = Programs::found();
        let password_file = cluster.directory.join("password");
        std::fs::write(&password_file, &cluster.password).expect("a file can be written");
        let mut initdb = programs.command("initdb", &cluster.directory);
        initdb.arg("--pgdata").arg(cluster.data()).arg("--pwfile").arg(password_file);
        initdb.args(["--username", USER, "--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8"]);
        // Text is compared as people do it, so that a statement which relies on the order of bytes has to say so.
        let by_people = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"];
        initdb.args(if programs.version >= 15 { &by_people[..] } else { &by_people[..1] });
        programs::run(initdb.arg("--no-sync"));
        cluster.configure("postgresql.conf", options);
        cluster.start_on_a_free_port();
        cluster
    }

    /// A folder for a cluster, which goes with the process.
    fn new(password: String) -> Cluster {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let folder = tempfile::Builder::new().prefix("hookflow-postgres-").tempdir().expect("a folder can be made");
        let directory = folder.keep();
        Programs::found().own(&directory);
        let watchdog = Watchdog::start(&directory);
        let name = format!("cluster_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        Cluster { directory, port: 0, password, name, template: Mutex::new(false), _watchdog: watchdog }
    }

    fn configure(&self, file: &str, options: ClusterOptions<'_>) {
        let switch = if options.fsync { "on" } else { "off" };
        let own = [
            ("listen_addresses", "127.0.0.1"),
            ("max_connections", "400"),
            ("shared_buffers", "64MB"),
            ("log_statement", "none"),
            // A standby that was away for a while finds what it missed.
            ("wal_keep_size", "256MB"),
            ("fsync", switch),
            ("full_page_writes", switch),
        ];
        let line = |(name, value): &(&str, &str)| format!("{name} = '{}'\n", value.replace('\'', "''"));
        self.append(file, &own.iter().chain(options.settings).map(line).collect::<String>());
    }

    fn append(&self, file: &str, text: &str) {
        use std::io::Write;
        let path = self.data().join(file);
        let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("the cluster has this file");
        file.write_all(format!("\n{text}").as_bytes()).expect("a file can be written");
    }

    fn start_on_a_free_port(&mut self) {
        for _ in 0..PORTS_TRIED {
            self.port = free_port();
            match self.try_start() {
                Ok(()) => return,
                Err(said) if self.log().contains("Address already in use") => println!("port {}: {said}", self.port),
                Err(said) => panic!("PostgreSQL does not start: {said}\n{}", self.log()),
            }
        }
        panic!("no port is free for PostgreSQL");
    }

    fn try_start(&self) -> Result<(), String> {
        let mut start = Programs::found().command("pg_ctl", &self.directory);
        start.args(["start", "--wait", "--silent", "--pgdata"]).arg(self.data());
        start.arg("--log").arg(self.directory.join("log"));
        let socket = self.directory.display();
        start.arg("--options").arg(format!("-p {} -k {socket} -c cluster_name={}", self.port, self.name));
        programs::try_run(&mut start)
    }

    fn stop(&self, mode: &str) {
        let mut stop = Programs::found().command("pg_ctl", &self.directory);
        programs::run(stop.args(["stop", "--wait", "--silent", "--mode", mode, "--pgdata"]).arg(self.data()));
    }

    /// Disconnects everybody, rolls back what is open, and stops.
    pub fn stop_fast(&self) {
        self.stop("fast");
    }

    /// Stops without tidying up, as a crash does.
    pub fn stop_immediately(&self) {
        self.stop("immediate");
    }

    /// Starts after a stop, where it was before.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&self) {
        self.try_start().unwrap_or_else(|said| panic!("PostgreSQL does not start again: {said}\n{}", self.log()));
    }

    /// Crashes, and recovers.
    pub fn restart_immediately(&self) {
        self.stop_immediately();
        self.start_again();
    }

    /// A cluster that follows this one, from where it is now.
    pub fn standby(&self) -> Cluster {
        let mut standby = Cluster::new(self.password.clone());
        let source = format!(
            "host={} port={} user={USER} application_name={}",
            self.directory.display(),
            self.port,
            standby.name
        );
        let mut copy = Programs::found().command("pg_basebackup", &standby.directory);
        copy.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--dbname", &source, "--pgdata"]);
        programs::run(copy.arg(standby.data()));
        // Once promoted, it must not wait for standbys of the one it followed.
        standby.append("postgresql.auto.conf", "synchronous_standby_names = ''\n");
        standby.template = Mutex::new(*self.template.lock().expect("the template was made"));
        standby.start_on_a_free_port();
        wait_for("the standby to follow", || (self.follower(&standby, "state")? == "streaming").then_some(()));
        standby
    }

    /// Has every commit wait for this standby; returns when that is in force.
    pub fn make_synchronous(&self, standby: &Cluster) {
        let session = self.session();
        session.execute(&format!("ALTER SYSTEM SET synchronous_standby_names = '{}'", standby.name));
        session.execute("SELECT pg_reload_conf()");
        wait_for("the standby to be synchronous", || (self.follower(standby, "sync_state")? == "sync").then_some(()));
    }

    /// A column of `pg_stat_replication` for a standby, if it is connected.
    fn follower(&self, standby: &Cluster, column: &str) -> Option<serde_json::Value> {
        let sql = format!("SELECT {column} FROM pg_stat_replication WHERE application_name = '{}'", standby.name);
        self.session().rows(&sql).first_mut().map(|row| row[column].take())
    }

    /// Turns a standby into a primary; returns when it takes writes.
    pub fn promote(&self) {
        let mut promote = Programs::found().command("pg_ctl", &self.directory);
        programs::run(promote.args(["promote", "--wait", "--silent", "--pgdata"]).arg(self.data()));
    }

    /// Where it listens on 127.0.0.1; the same for as long as it lives.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database, with everything that it takes to log in.
    pub fn url(&self, database: &str) -> String {
        self.address().url(self.port, database)
    }

    /// A session in the database `postgres`, for what concerns the whole cluster.
    pub fn session(&self) -> Sql {
        self.address().connect("postgres").expect("the cluster runs")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    fn address(&self) -> Address {
        Address { directory: self.directory.clone(), port: self.port, password: self.password.clone() }
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }
}

impl Address {
    fn url(&self, port: u16, database: &str) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{port}/{database}?sslmode=disable", self.password)
    }

    fn connect(&self, database: &str) -> Result<Sql, tokio_postgres::Error> {
        let mut config = tokio_postgres::Config::new();
        config.host_path(&self.directory).port(self.port).user(USER).dbname(database);
        Sql::connect(&config)
    }
}
