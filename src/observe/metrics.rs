//! Counters of this process, in Prometheus text format.
//!
//! They start at zero with the process. Label values come from the code, never from senders.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// All counters as Prometheus text.
pub fn render(reasons: &[&str]) -> String {
    let mut text = String::new();
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let mut family = |name: &str, help: &str, samples: Vec<(String, u64)>| {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} counter\n");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    family(
        "hookflow_transactions_accepted_total",
        "Requests to hooks that were stored and acknowledged.",
        vec![(String::new(), read(&ACCEPTED))],
    );
    family(
        "hookflow_deliveries_duplicate_total",
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
    text
}
