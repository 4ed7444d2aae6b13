//! All jobs. `docs/operation.md` has the same list, and a test compares both.

use std::time::Duration;

use super::{Scope, Spec, Timing};

/// Deletes deduplication keys whose window has passed.
pub const FORGET_SEEN_KEYS: Spec = Spec {
    name: "forget-seen-keys",
    timing: Timing::Every(Duration::from_secs(60)),
    scope: Scope::Leader,
    time_limit: Duration::from_secs(30),
    failure: "can't delete expired deduplication keys",
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

/// Puts changes of the catalog by other nodes and by runs into effect.
pub const RELOAD_CATALOG: Spec = Spec {
    name: "reload-catalog",
    timing: Timing::OnChange { retry_after: Duration::from_millis(500) },
    scope: Scope::EveryNode,
    time_limit: Duration::from_secs(60),
    failure: "a change of the catalog is not in effect yet",
};

/// Loads the folder of workflow files again.
pub const RELOAD_FILES: Spec = Spec {
    name: "reload-files",
    timing: Timing::OnChange { retry_after: Duration::from_secs(5) },
    scope: Scope::EveryNode,
    time_limit: Duration::from_secs(600),
    failure: "workflow files were not loaded; nothing changes",
};

/// Checks whether a full disk has space again.
pub const PROBE_FULL_DISK: Spec = Spec {
    name: "probe-full-disk",
    timing: Timing::Every(Duration::from_secs(1)),
    scope: Scope::EveryNode,
    time_limit: Duration::from_secs(30),
    failure: "can't check whether the disk has space again",
};

/// Starts the runs of due schedules.
pub const START_SCHEDULED_RUNS: Spec = Spec {
    name: "start-scheduled-runs",
    // Another node may have added a schedule.
    timing: Timing::Every(Duration::from_secs(1)),
    scope: Scope::EveryNode,
    time_limit: Duration::from_secs(60),
    failure: "can't check the schedules",
};

/// Makes the partitions of the coming days, where the database has partitions.
pub const TEND_PARTITIONS: Spec = Spec {
    name: "tend-partitions",
    timing: Timing::Every(Duration::from_secs(60)),
    scope: Scope::Leader,
    time_limit: Duration::from_secs(600),
    failure: "can't create the partitions of the coming days; until it can, rows go to the default partitions",
};

/// Writes counts and details of refused requests.
pub const WRITE_REFUSALS: Spec = Spec {
    name: "write-refusals",
    timing: Timing::Every(Duration::from_secs(1)),
    scope: Scope::EveryNode,
    time_limit: Duration::from_secs(30),
    failure: "can't write counts of refused requests yet",
};

/// By name.
pub const ALL: [&Spec; 8] = [
    &FORGET_SEEN_KEYS,
    &PROBE_FULL_DISK,
    &RELOAD_CATALOG,
    &RELOAD_CERTIFICATE,
    &RELOAD_FILES,
    &START_SCHEDULED_RUNS,
    &TEND_PARTITIONS,
    &WRITE_REFUSALS,
];
