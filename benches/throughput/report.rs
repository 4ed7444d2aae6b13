//! What is printed: the machine, a table of rounds and a summary beside the targets, shaped as Markdown.
//!
//! Ratios are taken within a round, to that round's no-op, and the median of them is shown: the median rate over the
//! median no-op would mix rounds. A missed target is shown and no error, because machines are noisy.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Result;
use crate::measures::Round;

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
    println!(
        "| round | no-op/s | accept/s | orders/s | no-op p99 | p50 | p90 | p99 | p99.9 | max | start | idle | peak |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for (index, round) in rounds.iter().enumerate() {
        println!(
            "| {} | {:.0} | {:.0} | {:.0} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {:.1} | {:.1} |",
            index + 1,
            round.noop_per_second,
            round.accept_per_second,
            round.orders_per_second,
            milliseconds(round.noop_latency.p99),
            milliseconds(round.latency.p50),
            milliseconds(round.latency.p90),
            milliseconds(round.latency.p99),
            milliseconds(round.latency.p999),
            milliseconds(round.latency.highest),
            milliseconds(round.startup),
            megabytes(round.idle_bytes),
            megabytes(round.peak_bytes),
        );
    }
    println!("\nLatency at 1,000/s and start in ms, memory in MB.\n");
}

pub fn print_summary(rounds: &[Round]) {
    let summary = Summary { rounds };
    println!("| what | median | lowest to highest | to reach | |");
    println!("|---|---|---|---|---|");
    summary.rate("no-op POST", |round| round.noop_per_second, None);
    summary.rate("hooks accepted durably", |round| round.accept_per_second, Some(0.45));
    summary.rate("whole order workflow, end to end", |round| round.orders_per_second, Some(0.14));
    for (share, target, of) in [
        ("p50", None, (|round| round.latency.p50) as fn(&Round) -> Duration),
        ("p90", None, |round| round.latency.p90),
        ("p99", Some(5.0), |round| round.latency.p99),
        ("p99.9", None, |round| round.latency.p999),
        ("max", None, |round| round.latency.highest),
    ] {
        summary.size(&format!("accept at 1,000/s, {share}"), "ms", 2, target, |round| milliseconds(of(round)));
    }
    summary.size("no-op at 1,000/s, p50", "ms", 2, None, |round| milliseconds(round.noop_latency.p50));
    summary.size("no-op at 1,000/s, p99", "ms", 2, None, |round| milliseconds(round.noop_latency.p99));
    summary.size("start with 10,000 open runs", "ms", 0, Some(1000.0), |round| milliseconds(round.startup));
    summary.size("memory, idle", "MB", 1, Some(40.0), |round| megabytes(round.idle_bytes));
    summary.size("memory, peak under full load", "MB", 1, Some(200.0), |round| megabytes(round.peak_bytes));
}

struct Summary<'a> {
    rounds: &'a [Round],
}

impl Summary<'_> {
    /// A row for a rate, which is judged by its ratio to the no-op of the same round.
    fn rate(&self, what: &str, rate: impl Fn(&Round) -> f64, target: Option<f64>) {
        let (lowest, median, highest) = self.spread(&rate);
        let Some(target) = target else {
            return println!("| {what} | {median:.0}/s | {lowest:.0} to {highest:.0} | | |");
        };
        let (_, ratio, _) = self.spread(|round| rate(round) / round.noop_per_second);
        let verdict = verdict(ratio >= target);
        println!(
            "| {what} | {median:.0}/s, {ratio:.3} of no-op | {lowest:.0} to {highest:.0} | >= {target} of no-op | {verdict} |"
        );
    }

    /// A row for a figure that is the better the smaller.
    fn size(&self, what: &str, unit: &str, digits: usize, target: Option<f64>, size: impl Fn(&Round) -> f64) {
        let (lowest, median, highest) = self.spread(size);
        let goal = target.map_or(String::new(), |target| format!("<= {target} {unit}"));
        let verdict = target.map_or("", |target| verdict(median <= target));
        println!(
            "| {what} | {median:.digits$} {unit} | {lowest:.digits$} to {highest:.digits$} | {goal} | {verdict} |"
        );
    }

    /// Lowest, median and highest of the rounds.
    fn spread(&self, figure: impl Fn(&Round) -> f64) -> (f64, f64, f64) {
        let mut figures: Vec<f64> = self.rounds.iter().map(figure).collect();
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
