//! The scheduler on a clock that jumps to whatever is due next.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::runner::{JITTER_PERCENT, LEADER_LOOK_EVERY};
use super::*;

const INTERVAL: Duration = Duration::from_secs(10);
const RETRY_AFTER: Duration = Duration::from_secs(2);
const TIME_LIMIT: Duration = Duration::from_secs(60);

static REGULAR: Spec = spec("test-regular", Timing::Every(INTERVAL), Scope::EveryNode);
static WATCHING: Spec = spec("test-watching", Timing::OnChange { retry_after: RETRY_AFTER }, Scope::EveryNode);
static LEADING: Spec = spec("test-leading", Timing::Every(INTERVAL), Scope::Leader);
static PANICKING: Spec = spec("test-panicking", Timing::Every(INTERVAL), Scope::EveryNode);
static COUNTED: Spec = spec("test-counted", Timing::Every(INTERVAL), Scope::EveryNode);

const fn spec(name: &'static str, timing: Timing, scope: Scope) -> Spec {
    Spec { name, timing, scope, time_limit: TIME_LIMIT, failure: "a test has a job fail" }
}

fn scheduler() -> Scheduler {
    Scheduler::new(|| true)
}

/// When a job ran, counted from the start of the test.
#[derive(Clone)]
struct Runs {
    began: Instant,
    at: Arc<Mutex<Vec<Duration>>>,
}

impl Runs {
    fn new() -> Runs {
        Runs { began: Instant::now(), at: Arc::default() }
    }

    /// Notes a run; its number, from 1.
    fn add(&self) -> usize {
        let mut at = self.at.lock().unwrap();
        at.push(self.began.elapsed());
        at.len()
    }

    fn all(&self) -> Vec<Duration> {
        self.at.lock().unwrap().clone()
    }

    fn count(&self) -> usize {
        self.all().len()
    }

    /// The time between each two runs.
    fn pauses(&self) -> Vec<Duration> {
        self.all().windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    /// A job that notes its runs, whose result depends on the run's number.
    fn job(&self, result: impl Fn(usize) -> JobResult + Clone + Send + 'static) -> impl Work {
        let (runs, result) = (self.clone(), result);
        move || {
            let (runs, result) = (runs.clone(), result.clone());
            async move { result(runs.add()) }
        }
    }
}

/// Time passes, and everything that becomes due in it happens.
async fn pass(time: Duration) {
    sleep(time).await;
}

fn failed() -> JobResult {
    Err("this run was meant to fail".into())
}

#[track_caller]
fn check_intervals(pauses: &[Duration]) {
    let shortest = INTERVAL - INTERVAL * JITTER_PERCENT / 100;
    // Timers have a resolution of a millisecond.
    let longest = INTERVAL + Duration::from_millis(1);
    assert!(pauses.iter().all(|pause| (shortest..=longest).contains(pause)), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_at_once_and_then_at_its_interval() {
    let (runs, mut jobs) = (Runs::new(), scheduler());
    jobs.start(&REGULAR, runs.job(|_| Ok(None)));
    pass(INTERVAL * 100).await;
    let pauses = runs.pauses();
    assert_eq!(runs.all()[0], Duration::ZERO);
    check_intervals(&pauses);
    assert!(pauses.len() >= 99, "{pauses:?}");
    assert!(pauses.iter().any(|pause| pause != &pauses[0]), "no random part: {pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_may_ask_for_the_next_one_sooner_but_not_later() {
    let (runs, mut jobs) = (Runs::new(), scheduler());
    let wanted = [Duration::ZERO, Duration::from_secs(3), INTERVAL * 100, INTERVAL];
    jobs.start(&REGULAR, runs.job(move |number| Ok(wanted.get(number - 1).copied())));
    pass(INTERVAL * 10).await;
    let pauses = runs.pauses();
    assert!(pauses[0] <= Duration::from_millis(1), "{pauses:?}");
    assert!((Duration::from_secs(3)..=Duration::from_millis(3_001)).contains(&pauses[1]), "{pauses:?}");
    check_intervals(&pauses[2..]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_run_is_repeated_after_the_interval() {
    let (runs, mut jobs) = (Runs::new(), scheduler());
    jobs.start(&REGULAR, runs.job(|_| failed()));
    pass(INTERVAL * 5).await;
    assert!(runs.count() >= 5);
    check_intervals(&runs.pauses());
}

/// A job that runs when it is notified.
struct Watcher<W> {
    work: W,
    notify: Arc<Notify>,
}

impl<W: Work> Work for Watcher<W> {
    fn run(&mut self) -> impl Future<Output = JobResult> + Send {
        self.work.run()
    }

    async fn changed(&mut self) {
        self.notify.notified().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_watches_runs_when_something_changes_and_is_repeated_until_it_succeeds() {
    let (runs, mut jobs, notify) = (Runs::new(), scheduler(), Arc::new(Notify::new()));
    let work = runs.job(|number| if (2..5).contains(&number) { failed() } else { Ok(None) });
    jobs.start(&WATCHING, Watcher { work, notify: notify.clone() });
    pass(INTERVAL * 1_000).await;
    assert_eq!(runs.all(), [Duration::ZERO], "nothing has changed");
    notify.notify_one();
    pass(INTERVAL * 1_000).await;
    let pauses = runs.pauses();
    assert_eq!(pauses.len(), 4, "one that failed, two more, one that succeeded: {pauses:?}");
    assert!(pauses[1..].iter().all(|pause| (RETRY_AFTER..RETRY_AFTER * 2).contains(pause)), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_with_an_interval_runs_sooner_when_something_changes() {
    let (runs, mut jobs, notify) = (Runs::new(), scheduler(), Arc::new(Notify::new()));
    jobs.start(&REGULAR, Watcher { work: runs.job(|_| Ok(None)), notify: notify.clone() });
    pass(Duration::from_secs(1)).await;
    notify.notify_one();
    pass(Duration::from_millis(1)).await;
    assert_eq!(runs.count(), 2);
    pass(INTERVAL * 10).await;
    check_intervals(&runs.pauses()[1..]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_panics_stops_neither_itself_nor_others() {
    let (panics, others, mut jobs) = (Runs::new(), Runs::new(), scheduler());
    jobs.start(&PANICKING, panics.job(|number| panic!("run {number} was meant to panic")));
    jobs.start(&REGULAR, others.job(|_| Ok(None)));
    pass(INTERVAL * 5).await;
    assert!(panics.count() >= 5 && others.count() >= 5, "{} and {}", panics.count(), others.count());
    jobs.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_too_long_is_dropped_and_repeated() {
    let (runs, ended, mut jobs) = (Runs::new(), Arc::new(AtomicUsize::new(0)), scheduler());
    let (noted, counted) = (runs.clone(), ended.clone());
    jobs.start(&REGULAR, move || {
        let (runs, ended) = (noted.clone(), counted.clone());
        async move {
            runs.add();
            sleep(TIME_LIMIT * 2).await;
            ended.fetch_add(1, Ordering::Relaxed);
            Ok(None)
        }
    });
    pass((TIME_LIMIT + INTERVAL) * 3).await;
    assert!(runs.count() >= 3, "{:?}", runs.all());
    assert_eq!(ended.load(Ordering::Relaxed), 0);
}

/// A job whose only run takes this long; whether it came to its end.
fn long_run(jobs: &mut Scheduler, time: Duration) -> Arc<AtomicBool> {
    let ended = Arc::new(AtomicBool::new(false));
    let noted = ended.clone();
    jobs.start(&REGULAR, move || {
        let ended = noted.clone();
        async move {
            sleep(time).await;
            ended.store(true, Ordering::Relaxed);
            Ok(Some(Duration::ZERO))
        }
    });
    ended
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_a_run_that_ends_soon_and_drops_one_that_does_not() {
    for (time, is_awaited) in [(STOP_GRACE / 2, true), (STOP_GRACE * 3, false)] {
        let (runs, mut jobs) = (Runs::new(), scheduler());
        let ended = long_run(&mut jobs, time);
        jobs.start(&LEADING, runs.job(|_| Ok(Some(Duration::from_secs(1)))));
        pass(Duration::from_millis(1)).await;
        let asked_at = Instant::now();
        jobs.stop().await;
        assert!(asked_at.elapsed() <= STOP_GRACE + Duration::from_millis(1), "{:?}", asked_at.elapsed());
        assert_eq!(ended.load(Ordering::Relaxed), is_awaited);
        assert_eq!(runs.count(), 1, "a run was started after the stop");
        pass(INTERVAL * 10).await;
        assert_eq!((runs.count(), ended.load(Ordering::Relaxed)), (1, is_awaited));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_takes_no_time_while_nothing_runs() {
    let (runs, mut jobs) = (Runs::new(), scheduler());
    jobs.start(&REGULAR, runs.job(|_| Ok(None)));
    jobs.start(&WATCHING, runs.job(|_| Ok(None)));
    pass(Duration::from_secs(1)).await;
    let asked_at = Instant::now();
    jobs.stop().await;
    assert_eq!((asked_at.elapsed(), runs.count()), (Duration::ZERO, 2));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_scheduler_stops_its_jobs() {
    let (runs, mut jobs) = (Runs::new(), scheduler());
    jobs.start(&REGULAR, runs.job(|_| Ok(None)));
    pass(Duration::from_secs(1)).await;
    drop(jobs);
    pass(INTERVAL * 10).await;
    assert_eq!(runs.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_of_the_leader_runs_on_the_node_that_is_the_leader() {
    let (runs, leads) = (Runs::new(), Arc::new(AtomicBool::new(false)));
    let lease = leads.clone();
    let mut jobs = Scheduler::new(move || lease.load(Ordering::Relaxed));
    let everywhere = Runs::new();
    jobs.start(&LEADING, runs.job(|_| Ok(None)));
    jobs.start(&REGULAR, everywhere.job(|_| Ok(None)));
    pass(INTERVAL * 5).await;
    assert_eq!(runs.count(), 0);
    assert!(everywhere.count() >= 5);

    leads.store(true, Ordering::Relaxed);
    pass(LEADER_LOOK_EVERY).await;
    assert_eq!(runs.count(), 1, "a new leader runs the job soon");
    pass(INTERVAL * 5).await;
    let count = runs.count();
    assert!(count >= 6);

    leads.store(false, Ordering::Relaxed);
    pass(INTERVAL * 5).await;
    assert_eq!(runs.count(), count);
}

#[tokio::test(start_paused = true)]
async fn metrics_count_the_runs_of_a_job_by_how_they_ended() {
    let (runs, mut jobs) = (Runs::new(), scheduler());
    let work = runs.job(|number| match number {
        1 | 2 => Ok(None),
        3 => failed(),
        _ => panic!("the fourth run was meant to panic"),
    });
    jobs.start(&COUNTED, work);
    // Until the fourth run, and before the fifth.
    while runs.count() < 4 {
        pass(Duration::from_millis(10)).await;
    }
    jobs.stop().await;
    let text = metrics::render(&[]);
    for line in [
        "hookflow_job_runs_total{job=\"test-counted\",outcome=\"succeeded\"} 2",
        "hookflow_job_runs_total{job=\"test-counted\",outcome=\"failed\"} 1",
        "hookflow_job_runs_total{job=\"test-counted\",outcome=\"timed_out\"} 0",
        "hookflow_job_runs_total{job=\"test-counted\",outcome=\"panicked\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing: {text}");
    }
    assert!(text.contains("\nhookflow_job_seconds_total{job=\"test-counted\"} "), "{text}");
}

/// The table of jobs in the documentation: name, interval, where.
fn documented() -> Vec<[String; 3]> {
    const PAGE: &str = include_str!("../../../docs/operation.md");
    let (_, section) = PAGE.split_once("\n## Background jobs\n").expect("the page has this section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let cells = rows.map(|row| row.split(" | ").map(str::to_owned).collect::<Vec<_>>());
    cells
        .map(|cells| {
            let [name, interval, place, description] = <[String; 4]>::try_from(cells).expect("a row has four cells");
            assert!(!description.is_empty());
            [name.trim_end_matches('`').to_owned(), interval, place]
        })
        .collect()
}

#[test]
fn the_documented_jobs_are_those_of_the_list() {
    let interval = |timing| match timing {
        Timing::Every(interval) if interval.as_secs() % 3_600 == 0 => format!("{} h", interval.as_secs() / 3_600),
        Timing::Every(interval) => format!("{} s", interval.as_secs()),
        Timing::OnChange { .. } => "on change".to_owned(),
    };
    let place = |scope| match scope {
        Scope::EveryNode => "every node",
        Scope::Leader => "leader",
    };
    let listed = list::ALL.map(|spec| [spec.name.to_owned(), interval(spec.timing), place(spec.scope).to_owned()]);
    assert_eq!(documented(), listed);
    assert!(listed.is_sorted_by(|one, other| one[0] < other[0]), "{listed:?}");
}
