//! Counters of this process, in Prometheus text format.
//!
//! They start at zero with the process. Label values come from the code, never from senders.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

static ACCEPTED: AtomicU64 = AtomicU64::new(0);
static COMPLETED: AtomicU64 = AtomicU64::new(0);
static FAILED: AtomicU64 = AtomicU64::new(0);
static CANCELLED: AtomicU64 = AtomicU64::new(0);
static COMMITS: AtomicU64 = AtomicU64::new(0);
static UNITS: AtomicU64 = AtomicU64::new(0);
static DUPLICATES: AtomicU64 = AtomicU64::new(0);
static CHALLENGES: AtomicU64 = AtomicU64::new(0);
static REFUSED: [AtomicU64; 32] = [const { AtomicU64::new(0) }; 32];
static CONNECTIONS_REFUSED: AtomicU64 = AtomicU64::new(0);
/// By table, since the leader's last look.
static ROWS_IN_DEFAULT: Mutex<BTreeMap<&str, i64>> = Mutex::new(BTreeMap::new());
static JOBS: Mutex<BTreeMap<&str, JobRuns>> = Mutex::new(BTreeMap::new());

/// How a run of a background job can end.
const JOB_OUTCOMES: [&str; 4] = ["succeeded", "failed", "timed_out", "panicked"];

/// The runs of one background job.
#[derive(Default)]
struct JobRuns {
    /// In the order of [`JOB_OUTCOMES`].
    by_outcome: [u64; JOB_OUTCOMES.len()],
    time: Duration,
}

/// Counts an accepted transaction.
pub fn transaction_accepted() {
    ACCEPTED.fetch_add(1, Ordering::Relaxed);
}

/// Counts a duplicate request.
pub fn duplicate_received() {
    DUPLICATES.fetch_add(1, Ordering::Relaxed);
}

/// Counts an answered setup challenge.
pub fn challenge_answered() {
    CHALLENGES.fetch_add(1, Ordering::Relaxed);
}

/// Counts a run that ended; `status` is `completed`, `failed` or `cancelled`.
pub fn run_finished(status: &'static str) {
    let counter = match status {
        "failed" => &FAILED,
        "cancelled" => &CANCELLED,
        _ => &COMPLETED,
    };
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Counts a commit shared by this many units of work.
pub fn committed(units: usize) {
    COMMITS.fetch_add(1, Ordering::Relaxed);
    UNITS.fetch_add(units as u64, Ordering::Relaxed);
}

/// Counts a refused request; `index` is that of the reason in the list passed to [`render`].
pub fn request_refused(index: usize) {
    REFUSED[index.min(REFUSED.len() - 1)].fetch_add(1, Ordering::Relaxed);
}

/// Counts a refused connection.
pub fn connection_refused() {
    CONNECTIONS_REFUSED.fetch_add(1, Ordering::Relaxed);
}

/// Notes how many rows of a table are in its default partition.
pub fn rows_in_default_partition(table: &'static str, rows: i64) {
    rows_in_default().insert(table, rows);
}

fn rows_in_default() -> MutexGuard<'static, BTreeMap<&'static str, i64>> {
    ROWS_IN_DEFAULT.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Has a background job appear, before it has run.
pub fn job_started(job: &'static str) {
    jobs().entry(job).or_default();
}

/// Counts a run of a background job; `outcome` is `succeeded`, `failed`, `timed_out` or `panicked`.
pub fn job_ran(job: &'static str, outcome: &str, time: Duration) {
    let mut jobs = jobs();
    let runs = jobs.entry(job).or_default();
    let counts = JOB_OUTCOMES.iter().zip(&mut runs.by_outcome);
    counts.filter(|(word, _)| **word == outcome).for_each(|(_, count)| *count += 1);
    runs.time += time;
}

fn jobs() -> MutexGuard<'static, BTreeMap<&'static str, JobRuns>> {
    JOBS.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// All counters as Prometheus text.
pub fn render(reasons: &[&str]) -> String {
    let mut text = String::new();
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let mut family = |name: &str, help: &str, samples: Vec<(String, u64)>| {
        write_family(&mut text, name, help, samples);
    };
    family(
        "hookflow_transactions_accepted_total",
        "Requests to hooks that were stored and acknowledged.",
        vec![(String::new(), read(&ACCEPTED))],
    );
    family(
        "hookflow_requests_duplicate_total",
        "Duplicate requests to hooks.",
        vec![(String::new(), read(&DUPLICATES))],
    );
    family(
        "hookflow_challenges_answered_total",
        "Setup challenges of vendors that were answered.",
        vec![(String::new(), read(&CHALLENGES))],
    );
    let refused = reasons.iter().zip(&REFUSED);
    family(
        "hookflow_requests_refused_total",
        "Requests to hooks that were refused, by reason.",
        refused.map(|(reason, counter)| (format!("{{reason=\"{reason}\"}}"), read(counter))).collect(),
    );
    family(
        "hookflow_connections_refused_total",
        "Connections closed because their client had too many.",
        vec![(String::new(), read(&CONNECTIONS_REFUSED))],
    );
    let finished = [("completed", &COMPLETED), ("failed", &FAILED), ("cancelled", &CANCELLED)];
    family(
        "hookflow_runs_finished_total",
        "Runs that ended, by status.",
        finished.iter().map(|(status, counter)| (format!("{{status=\"{status}\"}}"), read(counter))).collect(),
    );
    family("hookflow_store_commits_total", "Commits of the database.", vec![(String::new(), read(&COMMITS))]);
    family(
        "hookflow_store_units_total",
        "Units of work that were committed; several may share a commit.",
        vec![(String::new(), read(&UNITS))],
    );
    render_jobs(&mut text);
    render_partitions(&mut text);
    text
}

fn render_jobs(text: &mut String) {
    let jobs = jobs();
    let runs = jobs.iter().flat_map(|(job, runs)| {
        let counts = JOB_OUTCOMES.iter().zip(runs.by_outcome);
        counts.map(move |(outcome, count)| (format!("{{job=\"{job}\",outcome=\"{outcome}\"}}"), count))
    });
    write_family(text, "hookflow_job_runs_total", "Runs of background jobs, by outcome.", runs);
    let times = jobs.iter().map(|(job, runs)| (format!("{{job=\"{job}\"}}"), runs.time.as_secs_f64()));
    write_family(text, "hookflow_job_seconds_total", "Time that runs of background jobs took.", times);
}

/// Only the leader of several nodes looks at partitions.
fn render_partitions(text: &mut String) {
    let rows = rows_in_default();
    if !rows.is_empty() {
        const HELP: &str = "Rows in a table's default partition, which should have none.";
        let rows = rows.iter().map(|(table, rows)| (format!("{{table=\"{table}\"}}"), *rows));
        write_samples(text, ("hookflow_default_partition_rows", "gauge"), HELP, rows);
    }
}

/// Writes one counter, with a sample for each set of labels.
fn write_family<V: Display>(text: &mut String, name: &str, help: &str, samples: impl IntoIterator<Item = (String, V)>) {
    write_samples(text, (name, "counter"), help, samples);
}

fn write_samples<V: Display>(
    text: &mut String,
    (name, kind): (&str, &str),
    help: &str,
    samples: impl IntoIterator<Item = (String, V)>,
) {
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}
