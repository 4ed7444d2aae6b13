//! What is printed: the machine, a table of rounds and a summary beside the targets, shaped as Markdown.
//!
//! Ratios are taken within a round, to that round's no-op, and the median of them is shown: the median rate over the
//! median no-op would mix rounds. A missed target is shown but is not an error, because machines are noisy.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Result;
use crate::installation::{Cost, Installation};
use crate::measures::{Round, SqliteRound};
use crate::postgres::PostgresRound;

const FLUSHES: usize = 200;
/// A page of SQLite, so about what a small commit appends to its log.
const FLUSH_BYTES: usize = 4096;

/// Says what the figures were measured on; the flush time is that of the disk under `data`.
pub fn print_machine(data: &Path) -> Result<()> {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let cores = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let flush = measure_flush(data)?.as_micros();
    let model = model.unwrap_or("processor unknown");
    println!("Machine: {model}, {cores} cores, Linux {}, fdatasync of an append {flush} µs (median)\n", kernel.trim());
    Ok(())
}

fn measure_flush(data: &Path) -> Result<Duration> {
    fs::create_dir_all(data)?;
    let path = data.join("flush");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        let started = Instant::now();
        file.write_all(&[0x5A; FLUSH_BYTES])?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    fs::remove_file(path)?;
    times.sort();
    Ok(times[FLUSHES / 2])
}

pub fn print_rounds(rounds: &[Round]) {
    println!("| round | no-op/s | accept/s | orders/s | PostgreSQL: accept/s | orders/s, one node | two nodes |");
    println!("|---|---|---|---|---|---|---|");
    for (index, round) in rounds.iter().enumerate() {
        let (sqlite, postgres) = (round.sqlite.as_ref(), round.postgres.as_ref());
        let figures = [
            Some(round.noop_per_second),
            sqlite.map(|round| round.accept_per_second),
            sqlite.map(|round| round.orders_per_second),
            postgres.map(|round| round.accept_per_second),
            postgres.map(|round| round.orders_per_second),
            postgres.map(|round| round.orders_per_second_of_two),
        ];
        let shown = figures.map(|figure| figure.map_or("–".to_owned(), |figure| format!("{figure:.0}")));
        println!("| {} | {} |", index + 1, shown.join(" | "));
    }
    println!();
}

pub fn print_summary(rounds: &[Round]) {
    println!("| what | median | lowest to highest | to reach | |");
    println!("|---|---|---|---|---|");
    let summary = Summary { rounds: rounds.iter().map(|round| (round.noop_per_second, round)).collect() };
    summary.rate("no-op POST", |round| round.noop_per_second, None);
    let sqlite = rounds.iter().filter_map(|round| Some((round.noop_per_second, round.sqlite.as_ref()?)));
    print_sqlite(&Summary { rounds: sqlite.collect() });
    let postgres = rounds.iter().filter_map(|round| Some((round.noop_per_second, round.postgres.as_ref()?)));
    print_postgres(&Summary { rounds: postgres.collect() });
}

fn print_sqlite(summary: &Summary<'_, SqliteRound>) {
    if summary.rounds.is_empty() {
        return;
    }
    summary.rate("hooks accepted durably", |round| round.accept_per_second, Some(Goal::OfNoop(0.45)));
    summary.rate("whole order workflow, end to end", |round| round.orders_per_second, Some(Goal::OfNoop(0.14)));
    for (share, target, of) in [
        ("p50", None, (|round| round.latency.p50) as fn(&SqliteRound) -> Duration),
        ("p90", None, |round| round.latency.p90),
        ("p99", Some(5.0), |round| round.latency.p99),
        ("p99.9", None, |round| round.latency.p999),
        ("max", None, |round| round.latency.highest),
    ] {
        summary.size(&format!("accept at 1,000/s, {share}"), "ms", 2, target, |round| milliseconds(of(round)));
    }
    let answer = "the order workflow's result as the answer, at 1,000/s";
    summary.size(&format!("{answer}, p50"), "ms", 2, Some(5.0), |round| milliseconds(round.answer_latency.p50));
    summary.size(&format!("{answer}, p99"), "ms", 2, None, |round| milliseconds(round.answer_latency.p99));
    summary.size("no-op at 1,000/s, p50", "ms", 2, None, |round| milliseconds(round.noop_latency.p50));
    summary.size("no-op at 1,000/s, p99", "ms", 2, None, |round| milliseconds(round.noop_latency.p99));
    summary.size("start with 10,000 open runs", "ms", 0, Some(1000.0), |round| milliseconds(round.startup));
    summary.size("memory, idle", "MB", 1, Some(40.0), |round| megabytes(round.idle_bytes));
    summary.size("memory, peak under full load", "MB", 1, Some(200.0), |round| megabytes(round.peak_bytes));
}

fn print_postgres(summary: &Summary<'_, PostgresRound>) {
    if summary.rounds.is_empty() {
        return;
    }
    summary.rate("PostgreSQL: hooks accepted durably", |round| round.accept_per_second, None);
    let orders = "PostgreSQL: whole order workflow";
    summary.rate(&format!("{orders}, one node"), |round| round.orders_per_second, Some(Goal::PerSecond(2_000.0)));
    summary.rate(&format!("{orders}, two nodes"), |round| round.orders_per_second_of_two, None);
}

/// The table of a large installation.
pub fn print_installation(database: &str, figures: &Installation) {
    println!("\n{database}: {} hooks and {} workflows\n", figures.hooks, figures.hooks / 2);
    println!("| what | time | processor time | to reach | |");
    println!("|---|---|---|---|---|");
    let cost = |what: &str, Cost { wall, processor }: Cost, target: Option<f64>| {
        let goal = target.map_or(String::new(), |target| format!("<= {target:.0} ms"));
        let verdict = target.map_or("", |target| verdict(milliseconds(wall) <= target));
        let (wall, processor) = (milliseconds(wall), milliseconds(processor));
        println!("| {what} | {wall:.1} ms | {processor:.1} ms | {goal} | {verdict} |");
    };
    cost("first start", figures.first_start, Some(20_000.0));
    cost("next start, nothing changed", figures.next_start, None);
    cost("POST /v1/keys, median", figures.key, Some(5.0));
    cost("POST /v1/hooks, median", figures.hook, None);
    cost("POST /v1/workflows, median", figures.workflow, None);
    let [quiet, description, file] = figures.slowest.map(milliseconds);
    println!("| slowest hook while nothing changes | {quiet:.1} ms | | | |");
    let slowest = |what: &str, time: f64| {
        println!("| slowest hook while {what} | {time:.1} ms | | <= 50 ms | {} |", verdict(time <= 50.0));
    };
    slowest("one description in a file changes", description);
    slowest("a file with 750 new declarations is loaded", file);
    let (resident, peak) = (megabytes(figures.memory.resident), megabytes(figures.memory.peak));
    println!("| memory after the next start | {resident:.0} MB, peak {peak:.0} MB | | | |");
}

/// The goal for a rate.
#[derive(Clone, Copy)]
enum Goal {
    OfNoop(f64),
    PerSecond(f64),
}

/// The rounds, each with the rate of its no-op.
struct Summary<'a, R> {
    rounds: Vec<(f64, &'a R)>,
}

impl<R> Summary<'_, R> {
    /// A row for a rate, shown beside its ratio to the no-op of the same round.
    fn rate(&self, what: &str, rate: impl Fn(&R) -> f64, goal: Option<Goal>) {
        let (lowest, median, highest) = self.spread(|_, round| rate(round));
        let (_, ratio, _) = self.spread(|noop, round| rate(round) / noop);
        let (target, verdict) = match goal {
            None => (String::new(), ""),
            Some(Goal::OfNoop(target)) => (format!(">= {target} of no-op"), verdict(ratio >= target)),
            Some(Goal::PerSecond(target)) => (format!(">= {target}/s"), verdict(median >= target)),
        };
        println!(
            "| {what} | {median:.0}/s, {ratio:.3} of no-op | {lowest:.0} to {highest:.0} | {target} | {verdict} |"
        );
    }

    /// A row for a figure that is the better the smaller.
    fn size(&self, what: &str, unit: &str, digits: usize, target: Option<f64>, size: impl Fn(&R) -> f64) {
        let (lowest, median, highest) = self.spread(|_, round| size(round));
        let goal = target.map_or(String::new(), |target| format!("<= {target} {unit}"));
        let verdict = target.map_or("", |target| verdict(median <= target));
        println!(
            "| {what} | {median:.digits$} {unit} | {lowest:.digits$} to {highest:.digits$} | {goal} | {verdict} |"
        );
    }

    /// Lowest, median and highest of the rounds.
    fn spread(&self, figure: impl Fn(f64, &R) -> f64) -> (f64, f64, f64) {
        let mut figures: Vec<f64> = self.rounds.iter().map(|(noop, round)| figure(*noop, round)).collect();
        figures.sort_by(f64::total_cmp);
        let last = figures.len() - 1;
        (figures[0], (figures[last / 2] + figures[last.div_ceil(2)]) / 2.0, figures[last])
    }
}

fn verdict(reached: bool) -> &'static str {
    if reached { "ok" } else { "MISSED" }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
