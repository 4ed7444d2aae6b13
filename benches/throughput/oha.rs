//! Closed loops driven by [oha](https://github.com/hatoo/oha), a load generator that hookflow's authors did not write.
//!
//! It takes several times as much of the processors for a request as [`crate::load`], from the no-op too, so that rates
//! are lower and the ratios to the no-op higher.
//!
//! Limits: it draws orders from a file of [`ORDERS`], so that after many requests some newcomers order twice.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Result;
use crate::histogram::Histogram;
use crate::load::{Outcome, Target};
use crate::orders::Orders;

/// How many orders are drawn from.
const ORDERS: usize = 400_000;

/// Posts `orders` to `target` with the program `oha` for so long and over so many connections; the file of orders is kept
/// in `data` meanwhile. It reports no latencies.
pub fn run(
    oha: &Path,
    data: &Path,
    target: &Target,
    orders: &mut Orders,
    (duration, connections): (Duration, usize),
) -> Result<Outcome> {
    let bodies = tempfile::NamedTempFile::new_in(data)?;
    let mut file = BufWriter::new(bodies.as_file());
    for _ in 0..ORDERS {
        writeln!(file, "{}", orders.next().body())?;
    }
    file.flush()?;
    drop(file);
    let mut command = Command::new(oha);
    command.args(["--no-tui", "--output-format", "json", "--method", "POST", "-T", "application/json"]);
    command.args(["-w", "-z", &format!("{}ms", duration.as_millis()), "-c", &connections.to_string()]);
    command.arg("-Z").arg(bodies.path()).arg(format!("http://{}{}", target.address, target.path));
    let started = Instant::now();
    let output = command.output().map_err(|error| format!("{} can't be started: {error}", oha.display()))?;
    let said =
        || format!("oha: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).map_err(|_| said())?;
    read(&report, started).ok_or_else(|| said().into())
}

/// What oha reports; none if something is missing in that, or a request got no answer.
fn read(report: &Value, started: Instant) -> Option<Outcome> {
    let elapsed = Duration::try_from_secs_f64(report["summary"]["total"].as_f64()?).ok()?;
    let mut refused = BTreeMap::new();
    for (status, count) in report["statusCodeDistribution"].as_object()? {
        refused.insert(status.parse().ok()?, count.as_u64()?);
    }
    let accepted = refused.remove(&200).unwrap_or(0);
    let is_answered = report["errorDistribution"].as_object()?.is_empty();
    is_answered.then(|| Outcome { started, elapsed, accepted, refused, latency: Histogram::new() })
}
