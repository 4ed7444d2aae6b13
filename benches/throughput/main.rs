//! The benchmark: how fast the release build of hookflow is, beside a no-op handler of the same web server.
//!
//! `cargo bench --bench throughput -- [--quick | --rounds 5 --seconds 4 --connections 64] [--oha PATH]`
//!
//! It starts the real program on new databases on a real disk and posts orders to it from the same machine. The load
//! generator takes its share of the processors from hookflow and from the no-op. It is [`load`], which takes little, and for closed loops
//! [`oha`], if there is one. What is measured is in [`measures`]. Every figure is the median of several rounds. It fails on
//! errors, never on a figure.
//!
//! Limits: Linux only, since memory and machine are read from `/proc`. PostgreSQL's programs have to be installed for what
//! is measured on it.

mod histogram;
mod installation;
mod load;
mod measures;
mod noop;
mod oha;
mod orders;
mod postgres;
mod report;
mod server;
#[allow(dead_code, reason = "the tests need more of it than a benchmark does")]
mod support;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use load::Load;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

// As in hookflow itself, so that the no-op differs from it in nothing but the work.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures hookflow beside a no-op server.
#[derive(Parser)]
struct Options {
    /// How often everything is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long each closed-loop load lasts
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Connections that post at the same time
    #[arg(long, default_value_t = 512)]
    connections: usize,
    /// Drive closed loops by this oha instead of the generator built in
    #[arg(long)]
    oha: Option<PathBuf>,
    /// Only what is measured on this database
    #[arg(long)]
    only: Option<Database>,
    /// Only the large installation, which is measured once and not in rounds
    #[arg(long)]
    only_installation: bool,
    /// One short round: does everything still work?
    #[arg(long)]
    quick: bool,
    /// The program to measure, to compare builds
    #[arg(long, default_value = env!("CARGO_BIN_EXE_hookflow"))]
    hookflow: PathBuf,
    /// The folder with orders.json
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/workflows"))]
    workflows: PathBuf,
    /// Where databases are made while measuring; must be on a real disk, not in memory
    #[arg(long, default_value_os_t = default_data())]
    data: PathBuf,
    #[arg(long, hide = true)]
    noop_server: bool,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

impl Options {
    fn measures(&self, database: Database) -> bool {
        self.only.is_none_or(|only| only == database)
    }

    fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds }
    }

    fn duration(&self) -> Load {
        Load::During(Duration::from_secs(if self.quick { 1 } else { self.seconds }))
    }

    fn pace_duration(&self) -> Duration {
        Duration::from_secs(if self.quick { 2 } else { 10 })
    }
}

/// `bench-data` in cargo's target directory: the temporary directory of the system may well be memory.
fn default_data() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_hookflow")).ancestors().nth(2);
    target.unwrap_or(Path::new("target")).join("bench-data")
}

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench && !options.noop_server {
        // `cargo test --all-targets` runs benchmarks without this flag, and means only to see that they build.
        println!("nothing measured; say `cargo bench --bench throughput`, or pass --bench");
        return ExitCode::SUCCESS;
    }
    match if options.noop_server { noop::serve() } else { measure(&options) } {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nERROR: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<()> {
    report::print_machine(&options.data)?;
    let generator = if options.oha.is_some() { "oha" } else { "the benchmark itself" };
    println!("Closed loops: {} connections, driven by {generator}\n", options.connections);
    let noop = server::Process::start_noop()?;
    let cluster = options.measures(Database::Postgres).then(|| postgres::start(options)).transpose()?;
    let mut rounds = Vec::new();
    let count = if options.only_installation { 0 } else { options.rounds() };
    for number in 1..=count {
        eprint!("round {number} of {count}: ");
        rounds.push(measures::measure_round(options, &noop, cluster.as_ref())?);
    }
    let installations = measures::measure_installations(options, cluster.as_ref())?;
    if count > 0 {
        report::print_rounds(&rounds);
        report::print_summary(&rounds);
    }
    installations.iter().for_each(|(database, figures)| report::print_installation(database, figures));
    Ok(())
}
