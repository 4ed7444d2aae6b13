//! All jobs. `docs/operation.md` has the same list, and a test compares both.

use std::time::Duration;

use super::{Scope, Spec, Timing};

/// Deletes deduplication keys whose window has passed.
pub const FORGET_SEEN_KEYS: Spec = Spec {
    name: "forget-seen-keys",
    timing: Timing::Every(Duration::from_secs(60)),
    scope: Scope::Leader,
    time_limit: Duration::from_secs(30),
    failure: "expired deduplication keys could not be deleted",
};

/// Reads the certificate again.
pub const RELOAD_CERTIFICATE: Spec = Spec {
    name: "reload-certificate",
    // Some file systems report no changes.
    timing: Timing::Every(Duration::from_secs(60)),
    scope: Scope::EveryNode,
    time_limit: Duration::from_secs(10),
    failure: "the new certificate cannot be used; the last good one stays",
};

/// Puts in force what other nodes and runs changed in the catalog.
pub const RELOAD_CATALOG: Spec = Spec {
    name: "reload-catalog",
    timing: Timing::OnChange { retry_after: Duration::from_millis(500) },
    scope: Scope::EveryNode,
    time_limit: Duration::from_secs(60),
    failure: "a change of the catalog is not in force yet",
};

/// Loads the folder of workflow files again.
pub const RELOAD_FILES: Spec = Spec {
    name: "reload-files",
    timing: Timing::OnChange { retry_after: Duration::from_secs(5) },
    scope: Scope::EveryNode,
    time_limit: Duration::from_secs(600),
    failure: "workflow files were not loaded; what was in force stays",
};

/// Checks whether a disk that was full has room again.
pub const PROBE_FULL_DISK: Spec = Spec {
    name: "probe-full-disk",
    timing: Timing::Every(Duration::from_secs(1)),
    scope: Scope::EveryNode,
    time_limit: Duration::from_secs(30),
    failure: "whether the disk has room again could not be checked",
};

/// Makes the runs of schedules that are due.
pub const START_SCHEDULED_RUNS: Spec = Spec {
    name: "start-scheduled-runs",
    // Another node may have put a schedule in force.
    timing: Timing::Every(Duration::from_secs(1)),
    scope: Scope::EveryNode,
    time_limit: Duration::from_secs(60),
    failure: "the schedules could not be checked",
};

/// Writes what is known about refused requests.
pub const WRITE_REFUSALS: Spec = Spec {
    name: "write-refusals",
    timing: Timing::Every(Duration::from_secs(1)),
    scope: Scope::EveryNode,
    time_limit: Duration::from_secs(30),
    failure: "counts of refused requests wait to be written",
};

/// By name.
pub const ALL: [&Spec; 7] = [
    &FORGET_SEEN_KEYS,
    &PROBE_FULL_DISK,
    &RELOAD_CATALOG,
    &RELOAD_CERTIFICATE,
    &RELOAD_FILES,
    &START_SCHEDULED_RUNS,
    &WRITE_REFUSALS,
];
