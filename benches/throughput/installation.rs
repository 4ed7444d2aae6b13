//! A large installation: how long it takes to start, and what changing a part of it costs.
//!
//! 10,000 hooks and 5,000 workflows of eight steps are declared by 20 files. Changes are measured while hooks arrive at a
//! fixed pace; the slowest of them shows what a change holds up. The machine holds requests up, too, so the slowest hook
//! of a load without a change is shown beside it. Calls are measured from the connection to the end of the answer.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::load::{self, Load, Target};
use crate::measures::{Place, progress};
use crate::orders::Orders;
use crate::server::{Memory, Server};
use crate::{Options, Result};

const HOOKS: usize = 10_000;
const HOOKS_IF_QUICK: usize = 1_000;
/// Half as many workflows.
const HOOKS_PER_FILE: usize = 500;
const PACE_PER_SECOND: u32 = 500;
const PACE_CONNECTIONS: usize = 16;
const PACED_FOR: Duration = Duration::from_secs(8);
/// When a change is made after hooks began to arrive.
const CHANGE_AFTER: Duration = Duration::from_secs(1);
const CALLS: usize = 100;

/// The figures of one database.
pub struct Installation {
    pub hooks: usize,
    pub first_start: Cost,
    pub next_start: Cost,
    pub memory: Memory,
    /// The slowest hook while nothing changes, one description changes, and a file with 750 declarations comes.
    pub slowest: [Duration; 3],
    pub key: Cost,
    pub hook: Cost,
    pub workflow: Cost,
}

/// How long something took, and the processor time of the server.
#[derive(Clone, Copy)]
pub struct Cost {
    pub wall: Duration,
    pub processor: Duration,
}

/// Measures on the database of `place`, which is new.
pub fn measure(options: &Options, place: &Place) -> Result<Installation> {
    let hooks = if options.quick { HOOKS_IF_QUICK } else { HOOKS };
    let folder = place.directory.path().join("installation");
    fs::create_dir(&folder)?;
    for file in 0..hooks / HOOKS_PER_FILE {
        write(&folder, &format!("part-{file:04}.json"), &declarations("", file))?;
    }
    progress("first start");
    let (server, first_start) = start(options, place, &folder)?;
    let target = server.create_hook("bench")?;
    let changed = server.find_workflow("shop-3")?;
    progress("changes");
    let slowest = [
        slowest_hook(&target, || Ok(()))?,
        slowest_hook(&target, || {
            let mut content = declarations("", 0);
            content["workflows"][3]["description"] = json!("another one");
            write(&folder, "part-0000.json", &content)?;
            wait_until(|| Ok(server.workflow_version(&changed)? == 2))
        })?,
        slowest_hook(&target, || {
            write(&folder, "part-9999.json", &declarations("new-", 0))?;
            wait_until(|| server.has_workflow("new-shop-0"))
        })?,
    ];
    progress("calls");
    let key = median(&server, |number| server.create_key(&format!("key {number}")))?;
    let hook = median(&server, |number| server.create_hook(&format!("more-{number}")).map(drop))?;
    let workflow = median(&server, |number| server.create_workflow(&declared_workflow("more-", number)))?;
    server.stop()?;
    progress("next start");
    let (server, next_start) = start(options, place, &folder)?;
    let memory = server.memory()?;
    server.stop()?;
    Ok(Installation { hooks, first_start, next_start, memory, slowest, key, hook, workflow })
}

fn start(options: &Options, place: &Place, folder: &Path) -> Result<(Server, Cost)> {
    let server = Server::start(options, place, folder)?;
    let cost = Cost { wall: server.ready_after, processor: server.processor_time()? };
    Ok((server, cost))
}

/// The slowest of the hooks that arrive at a fixed pace while something changes.
fn slowest_hook(target: &Target, change: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let load = Load::Paced { per_second: PACE_PER_SECOND, duration: PACED_FOR };
    thread::scope(|scope| {
        let posting = scope.spawn(|| {
            let outcome = load::run(target, &mut Orders::from_newcomers(), load, PACE_CONNECTIONS);
            outcome.map_err(|error| error.to_string())
        });
        thread::sleep(CHANGE_AFTER);
        change()?;
        let outcome = posting.join().expect("posting does not panic")?;
        if !outcome.refused.is_empty() {
            return Err(format!("hooks were refused while something changed: {:?}", outcome.refused).into());
        }
        Ok(outcome.latency.quantiles().highest)
    })
}

fn wait_until(is_done: impl Fn() -> Result<bool>) -> Result<()> {
    let started = Instant::now();
    while !is_done()? {
        if started.elapsed() > Duration::from_secs(60) {
            return Err("a changed file was not loaded within a minute".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The median time of a call, and the server's processor time for each.
fn median(server: &Server, call: impl Fn(usize) -> Result<()>) -> Result<Cost> {
    let before = server.processor_time()?;
    let mut times = Vec::with_capacity(CALLS);
    for number in 0..CALLS {
        let started = Instant::now();
        call(number)?;
        times.push(started.elapsed());
    }
    times.sort();
    Ok(Cost { wall: times[CALLS / 2], processor: (server.processor_time()? - before) / CALLS as u32 })
}

/// Written beside, then moved: the server never sees half a file.
fn write(folder: &Path, name: &str, content: &Value) -> Result<()> {
    let written: PathBuf = folder.join(format!("{name}.tmp"));
    fs::write(&written, serde_json::to_string_pretty(content)?)?;
    Ok(fs::rename(written, folder.join(name))?)
}

/// The content of the `file`-th file: hooks, and a workflow for every other one. All names begin with `prefix`.
fn declarations(prefix: &str, file: usize) -> Value {
    let hooks = file * HOOKS_PER_FILE..(file + 1) * HOOKS_PER_FILE;
    let workflows = hooks.clone().step_by(2).map(|number| declared_workflow(prefix, number / 2));
    let workflows: Vec<Value> = workflows.collect();
    let klass = json!({
        "name": "order", "displayName": "Order",
        "properties": { "orderIdStr": {}, "priceStr": {}, "quantityNum": {} }
    });
    // Only one file may declare it.
    let klasses = if file == 0 && prefix.is_empty() { vec![klass] } else { Vec::new() };
    let hooks: Vec<Value> = hooks
        .map(|number| json!({ "name": format!("{prefix}shop-{number}"), "type": "form", "title": format!("Shop {number}") }))
        .collect();
    json!({ "hooks": hooks, "klasses": klasses, "workflows": workflows })
}

fn declared_workflow(prefix: &str, number: usize) -> Value {
    let always = json!({ "op": "true", "values": [true] });
    let data = |name: &str| format!("/#steps.1.attributes.data.{name}");
    let to = |target: &str| json!([{ "target": target, "condition": always }]);
    let order = |id: &str, customer: &str| {
        json!({
            "id": id, "action": "kobject.create-with-customer", "transitions": to("6"),
            "params": {
                "klassName": "order", "customer": customer, "title": "Order {{steps.1.attributes.data.orderId}}",
                "data": "/#steps.1.attributes.data",
                "custom": { "orderIdStr": data("orderId"), "priceStr": data("price"), "quantityNum": data("quantity") }
            }
        })
    };
    let log = |id: &str, message: &str, next: &str| json!({ "id": id, "action": "log", "params": { "message": message }, "transitions": to(next) });
    json!({
        "name": format!("{prefix}shop-{number}"),
        "trigger": {
            "id": "1", "eventName": format!("hooks.form.{prefix}shop-{}.receive", 2 * number), "transitions": to("2")
        },
        "steps": [
            {
                "id": "2", "action": "customer.find-by-email", "params": { "email": data("email") },
                "transitions": [
                    { "target": "4", "condition": { "op": "exists", "values": ["/#steps.2.id"] } },
                    { "target": "3", "condition": { "op": "dne", "values": ["/#steps.2.id"] } }
                ]
            },
            { "id": "3", "action": "customer.create", "params": { "email": data("email") }, "transitions": to("5") },
            order("4", "/#steps.2.id"),
            order("5", "/#steps.3.id"),
            {
                "id": "6", "action": "log", "params": { "message": "order {{steps.1.attributes.data.orderId}}" },
                "transitions": [
                    { "target": "7", "condition": { "op": "gt", "values": [data("quantity"), 10] } },
                    { "target": "8", "condition": { "op": "lte", "values": [data("quantity"), 10] } }
                ]
            },
            log("7", "a large order", "9"),
            log("8", "a small order", "9"),
            { "id": "9", "action": "log", "params": { "message": "done" } }
        ]
    })
}
