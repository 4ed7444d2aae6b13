//! The load generator: keep-alive connections on one thread, each with one request in flight.
//!
//! It shares the processors with the server, so it does as little as it can: a request is two system calls and a few
//! bytes written into a prebuilt buffer, an answer is a status and a length.
//!
//! Two ways to drive. In a closed loop every connection posts again as soon as it has its answer: that finds the
//! highest rate. Paced, requests are due at fixed moments whatever the server does, and latency counts from the moment
//! a request was due, not from when a connection was free to send it; otherwise a server that stalls would stop the
//! very requests that would have shown the stall.
//!
//! Limits: HTTP/1.1 with `Content-Length` only, answers up to 4 KB, no reconnecting: a lost connection is an error.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::unconstrained;

use crate::Result;
use crate::histogram::Histogram;
use crate::orders::{Orders, Request};

const ANSWER_BYTES_MAX: usize = 4096;
/// How long past its planned end a load may last before the server counts as hanging.
const GRACE: Duration = Duration::from_secs(60);

/// Where to post.
pub struct Target {
    pub address: SocketAddr,
    pub path: String,
}

/// How much to post, and how fast.
#[derive(Clone, Copy)]
pub enum Load {
    /// A closed loop for some time.
    During(Duration),
    /// A closed loop for this many requests.
    Exactly(u64),
    /// `per_second` requests a second, evenly spaced, for some time.
    Paced { per_second: u32, duration: Duration },
}

/// The result of a load.
pub struct Outcome {
    pub started: Instant,
    pub elapsed: Duration,
    /// Requests answered with 200.
    pub accepted: u64,
    /// Requests answered otherwise, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Latency of the accepted ones; a refusal is quick and would flatter.
    pub latency: Histogram,
}

impl Outcome {
    pub fn per_second(&self) -> f64 {
        self.accepted as f64 / self.elapsed.as_secs_f64()
    }
}

/// Posts `orders` to `target` over `connections` connections until `load` is done.
pub fn run(target: &Target, orders: &mut Orders, load: Load, connections: usize) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let streams = runtime.block_on(try_join_all((0..connections).map(|_| connect(target.address))))?;
    let started = Instant::now();
    let plan = Plan::new(load, started);
    let progress =
        RefCell::new(Progress { orders, issued: 0, accepted: 0, refused: BTreeMap::new(), latency: Histogram::new() });
    let request = Request::new(&target.path);
    thread::scope(|scope| {
        if plan.interval.is_some() {
            scope.spawn(|| plan.release());
        }
        let work = try_join_all(streams.into_iter().map(|stream| drive(stream, request.clone(), &plan, &progress)));
        // Tokio's budget would send the one task that all connections live in to the back of an empty queue.
        let finished = runtime.block_on(async { tokio::time::timeout(plan.time_limit, unconstrained(work)).await });
        plan.due.close();
        finished.map_err(|_| "the server stopped answering")?
    })?;
    let Progress { accepted, refused, latency, .. } = progress.into_inner();
    Ok(Outcome { started, elapsed: started.elapsed(), accepted, refused, latency })
}

/// A load in terms of one connection: may I post, and when was that due?
struct Plan {
    started: Instant,
    requests_max: u64,
    deadline: Option<Instant>,
    interval: Option<Duration>,
    /// One permit for every paced request whose moment has come.
    due: Semaphore,
    time_limit: Duration,
}

struct Progress<'a> {
    orders: &'a mut Orders,
    issued: u64,
    accepted: u64,
    refused: BTreeMap<u16, u64>,
    latency: Histogram,
}

impl Plan {
    fn new(load: Load, started: Instant) -> Plan {
        let (requests_max, deadline, interval, duration) = match load {
            Load::During(duration) => (u64::MAX, Some(started + duration), None, duration),
            Load::Exactly(requests) => (requests, None, None, Duration::ZERO),
            Load::Paced { per_second, duration } => {
                let requests = (duration.as_secs_f64() * f64::from(per_second)) as u64;
                (requests, None, Some(Duration::from_secs(1) / per_second), duration)
            }
        };
        Plan { started, requests_max, deadline, interval, due: Semaphore::new(0), time_limit: duration + GRACE }
    }

    /// When the request after `issued` others is due in a paced load.
    fn due_at(&self, interval: Duration, issued: u64) -> Instant {
        self.started + Duration::from_nanos(interval.as_nanos() as u64 * issued)
    }

    /// Lets paced requests go one by one. It is a thread of its own because the operating system's sleep is true to
    /// 0.1 ms, whereas tokio's timers count whole milliseconds.
    fn release(&self) {
        let Some(interval) = self.interval else { return };
        for issued in 0..self.requests_max {
            thread::sleep(self.due_at(interval, issued).saturating_duration_since(Instant::now()));
            if self.due.is_closed() {
                return;
            }
            self.due.add_permits(1);
        }
    }

    /// Takes the next request: the moment from which its latency counts, or none when the load is done. `now` is
    /// when this connection had its last answer; the clock need not be asked twice.
    async fn next(&self, progress: &RefCell<Progress<'_>>, now: Instant) -> Option<Instant> {
        if progress.borrow().issued == self.requests_max || self.deadline.is_some_and(|deadline| now >= deadline) {
            return None;
        }
        if self.interval.is_some() {
            self.due.acquire().await.ok()?.forget();
        }
        let issued = progress.borrow().issued;
        progress.borrow_mut().issued += 1;
        if issued + 1 == self.requests_max {
            // Connections that wait for a permit learn in this way that there will be no more.
            self.due.close();
        }
        Some(self.interval.map_or(now, |interval| self.due_at(interval, issued)))
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One connection's loop.
async fn drive(
    mut stream: TcpStream,
    mut request: Request,
    plan: &Plan,
    progress: &RefCell<Progress<'_>>,
) -> Result<()> {
    let mut buffer = [0; ANSWER_BYTES_MAX];
    let mut now = plan.started;
    while let Some(since) = plan.next(progress, now).await {
        let order = progress.borrow_mut().orders.next();
        stream.write_all(request.fill(order)).await?;
        let status = read_answer(&mut stream, &mut buffer).await?;
        now = Instant::now();
        let mut progress = progress.borrow_mut();
        if status == 200 {
            progress.accepted += 1;
            progress.latency.record(now - since);
        } else {
            *progress.refused.entry(status).or_default() += 1;
        }
    }
    Ok(())
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<u16> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Err("the server closed a connection, or its answer is too long".into());
        }
        filled += read;
        if let Some((status, length)) = measure_answer(&buffer[..filled])?
            && filled >= length
        {
            return Ok(status);
        }
    }
}

/// Status and whole length of the answer that `bytes` begin with; none until the head is complete.
fn measure_answer(bytes: &[u8]) -> Result<Option<(u16, usize)>> {
    let Some(head_length) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let mut lines = bytes[..head_length].split(|byte| *byte == b'\n');
    let status = lines.next().and_then(|line| number(line.get(9..12)?)).ok_or("not an HTTP answer")?;
    let name = b"content-length:";
    let body_length: usize = lines
        .find(|line| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
        .and_then(|line| number(&line[name.len()..]))
        .ok_or("an answer without Content-Length")?;
    Ok(Some((status, head_length + 4 + body_length)))
}

fn number<N: std::str::FromStr>(text: &[u8]) -> Option<N> {
    str::from_utf8(text).ok()?.trim().parse().ok()
}
