//! The run that a due time gets, with the time given by hand.

use hookflow::base::time::Timestamp;
use hookflow::catalog::schedules::start_due;
use hookflow::engine::event_payload;
use hookflow::store::{Run, RunFilter, ScheduleRecord, Status};
use serde_json::{Value, json};

use super::world::{ALL, Scene, World, workflow};

fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a date and time")
}

fn scheduled(schedule: Value) -> Value {
    let mut document = workflow(json!([{ "id": "2" }]));
    document["trigger"] = json!({ "id": "1", "schedule": schedule });
    document
}

/// What is stored when the workflow is due at ten o'clock.
fn due_at_ten(scene: &Scene<'_>, rule: &str) -> ScheduleRecord {
    let (org, workflow) = (scene.org, scene.workflow);
    let due_at = moment("2026-01-01T10:00:00Z");
    let record = ScheduleRecord { org, workflow, rule: rule.into(), due_at, last_at: None };
    let stored = record.clone();
    scene.world.write(move |session| session.put_schedule(&stored)).unwrap();
    record
}

/// What a process does that finds this and looks at it at that time.
fn found(scene: &Scene<'_>, record: &ScheduleRecord, now: &str) -> Option<Run> {
    let (record, now, programs) = (record.clone(), moment(now), scene.world.programs.clone());
    scene.world.write(move |session| start_due(session, &programs, &record, now)).unwrap()
}

fn payload_of(scene: &Scene<'_>, run: &Run) -> Value {
    let run = run.clone();
    scene.world.write(move |session| event_payload(session, &run)).expect("the event is stored")
}

fn stored(scene: &Scene<'_>) -> ScheduleRecord {
    let (org, workflow) = (scene.org, scene.workflow);
    scene.world.write(move |session| session.schedule(org, workflow)).unwrap().expect("it has a schedule")
}

#[test]
fn a_due_time_has_one_run_however_many_find_it() {
    let world = World::open();
    let scene = world.scene(&scheduled(json!({ "every": "15m" })));
    let record = due_at_ten(&scene, "every 900 s");
    let run = found(&scene, &record, "2026-01-01T10:00:00.5Z").expect("the first makes it");
    assert_eq!(found(&scene, &record, "2026-01-01T10:00:00.6Z"), None);
    let payload = json!({
        "scheduledAt": "2026-01-01T10:00:00.000Z", "firedAt": "2026-01-01T10:00:00.500Z",
        "missed": 0, "nextAt": "2026-01-01T10:15:00.000Z",
    });
    assert_eq!((payload_of(&scene, &run), run.event.ends_with(".schedule")), (payload, true));
    let org = scene.org;
    let runs = world.write(move |session| session.runs(org, &RunFilter::default(), ALL)).unwrap();
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [run.id]);
    let moved = stored(&scene);
    assert_eq!((moved.due_at, moved.last_at), (moment("2026-01-01T10:15:00Z"), Some(record.due_at)));
}

#[test]
fn missed_due_times_get_one_run_or_none() {
    let world = World::open();
    let back = "2026-01-01T12:20:00Z";
    let one = world.scene(&scheduled(json!({ "every": "1h" })));
    let run = found(&one, &due_at_ten(&one, "every 3600 s"), back).expect("one run");
    let payload = payload_of(&one, &run);
    assert_eq!((&payload["scheduledAt"], &payload["missed"]), (&json!("2026-01-01T12:00:00.000Z"), &json!(2)));
    let none = world.scene(&scheduled(json!({ "every": "1h", "catchUp": "none" })));
    assert_eq!(found(&none, &due_at_ten(&none, "every 3600 s"), back), None);
    assert_eq!((stored(&none).due_at, stored(&none).last_at), (moment("2026-01-01T13:00:00Z"), None));
}

#[test]
fn a_workflow_that_is_disabled_or_has_another_schedule_now_is_left_alone() {
    let world = World::open();
    let scene = world.scene(&scheduled(json!({ "every": "1h" })));
    due_at_ten(&scene, "every 3600 s");
    let older = ScheduleRecord { rule: "every 60 s".into(), ..stored(&scene) };
    assert_eq!(found(&scene, &older, "2026-01-01T10:00:01Z"), None);
    let (org, workflow) = (scene.org, scene.workflow);
    world.write(move |session| hookflow::catalog::set_status(session, org, workflow, Status::Disabled)).unwrap();
    let gone = ScheduleRecord { rule: "every 3600 s".into(), ..older };
    assert_eq!(found(&scene, &gone, "2026-01-01T10:00:01Z"), None);
}
