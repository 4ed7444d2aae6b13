//! Orgs, keys, hooks, and workflows with their versions.

use hookflow::base::id::{Id, random_bytes};
use hookflow::base::time::Timestamp;
use hookflow::hook::HookKind;
use hookflow::store::{
    DraftRecord, Hook, HookSecret, Key, Role, ScheduleRecord, Status, StoreError, StoreResult, Variable,
    WorkflowRecord, WorkflowVersion,
};
use serde_json::json;

use super::{Desk, MOMENT, id};

fn settings(written: serde_json::Value) -> hookflow::hook::RawSettings {
    written.as_object().cloned().unwrap()
}

pub fn orgs(desk: &Desk) {
    let made = [desk.add_org("one"), desk.add_org("two")];
    let found = desk.read(|session| session.orgs()).unwrap();
    assert_eq!(found.iter().map(|org| org.id).collect::<Vec<_>>(), made);
    assert_eq!(found.iter().map(|org| org.name.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(found[0].created_at, MOMENT);
}

pub fn file_digests(desk: &Desk) {
    let [one, two] = [desk.add_org("one"), desk.add_org("two")];
    let put = |org, name: &'static str, digest: &'static str| {
        desk.write(move |session| session.put_file_digest(org, name, digest, MOMENT)).unwrap();
    };
    let read = |org, name: &'static str| desk.read(move |session| session.file_digest(org, name)).unwrap();
    put(one, "orders.json", "first");
    assert_eq!((read(one, "orders.json").as_deref(), read(one, "Orders.json")), (Some("first"), None));
    assert_eq!(read(two, "orders.json"), None, "of the other org");
    put(two, "orders.json", "other");
    put(one, "claims.json", "third");
    put(one, "orders.json", "second");
    let found = [(one, "orders.json"), (two, "orders.json"), (one, "claims.json")].map(|(org, name)| read(org, name));
    assert_eq!(found.map(Option::unwrap), ["second", "other", "third"]);
}

pub fn drafts(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let draft = |number, name: &str, base_version| DraftRecord {
            org,
            workflow: id(number),
            document: json!({ "name": name }),
            base_version,
            updated_at: MOMENT,
        };
        session.put_draft(&draft(1, "first", 1))?;
        session.put_draft(&draft(2, "other", 7))?;
        session.put_draft(&draft(1, "second", 2))?;
        assert_eq!(session.draft(org, id(1))?, Some(draft(1, "second", 2)));
        assert!(session.delete_draft(org, id(1))?);
        assert!(!session.delete_draft(org, id(1))?);
        assert_eq!((session.draft(org, id(1))?, session.draft(org, id(2))?), (None, Some(draft(2, "other", 7))));
        Ok(())
    });
}

pub fn schedules(desk: &Desk) {
    let [one, two] = [desk.add_org("one"), desk.add_org("two")];
    let schedule = |org, number, due_at| ScheduleRecord {
        org,
        workflow: id(number),
        rule: "every 60 s".into(),
        due_at: Timestamp(due_at),
        last_at: None,
    };
    let [soon, later] = [schedule(one, 1, 5), schedule(two, 1, 9)];
    let put = [later.clone(), schedule(one, 2, 7), schedule(one, 1, 8), soon.clone()];
    desk.write(move |session| put.iter().try_for_each(|schedule| session.put_schedule(schedule))).unwrap();
    let next = desk.read(|session| session.next_schedules(2)).unwrap();
    assert_eq!(next, [soon.clone(), schedule(one, 2, 7)]);

    let moved = ScheduleRecord { due_at: Timestamp(65), last_at: Some(Timestamp(5)), ..soon.clone() };
    let other_rule = ScheduleRecord { rule: "every 2 s".into(), ..moved.clone() };
    let written = moved.clone();
    desk.write(move |session| {
        assert!(!session.move_schedule(soon.due_at, &other_rule)?, "by another rule");
        assert!(!session.move_schedule(Timestamp(4), &written)?, "from another due time");
        assert!(session.move_schedule(soon.due_at, &written)?);
        assert!(!session.move_schedule(soon.due_at, &written)?, "a second time");
        session.delete_schedule(one, id(2))
    })
    .unwrap();
    let read = |org, number| desk.read(move |session| session.schedule(org, id(number))).unwrap();
    assert_eq!([read(one, 1), read(one, 2), read(two, 1)], [Some(moved), None, Some(later)]);
}

/// Hashes are unique over all orgs, since hooks and keys are found by them.
fn secret() -> String {
    hex::encode(random_bytes::<32>())
}

pub fn keys(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let key =
            |number, role| Key { id: id(number), org, name: "k".into(), role, hash: secret(), created_at: MOMENT };
        let keys = [key(1, Role::Admin), key(2, Role::Read), key(3, Role::Hooks)];
        keys.iter().try_for_each(|key| session.insert_key(key))?;
        assert_eq!(session.keys(org)?, keys);
        assert!(session.delete_key(org, id(2))?);
        assert!(!session.delete_key(org, id(2))?);
        assert_eq!(session.keys(org)?, [keys[0].clone(), keys[2].clone()]);
        Ok(())
    });
    let orgs = desk.read(|session| session.orgs()).unwrap();
    let left: Vec<usize> =
        orgs.iter().map(|org| org.id).map(|org| desk.read(move |s| s.keys(org)).unwrap().len()).collect();
    assert_eq!(left, [2, 2], "deleting in one org took nothing from the other");
}

pub fn variables(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let variable = |number, workflow, sealed: &str| Variable {
            id: id(number),
            org,
            workflow,
            name: "key".into(),
            sealed: sealed.into(),
            created_at: MOMENT,
            updated_at: MOMENT,
        };
        let [of_org, of_workflow] = [variable(1, None, "a"), variable(2, Some(id(9)), "b")];
        session.put_variable(&of_org)?;
        session.put_variable(&of_workflow)?;
        assert_eq!(session.variables(org)?, [of_org.clone(), of_workflow.clone()]);
        let changed = Variable { sealed: "c".into(), updated_at: Timestamp(MOMENT.0 + 1_000), ..of_org };
        session.put_variable(&changed)?;
        assert!(session.delete_variable(org, id(2))?);
        assert!(!session.delete_variable(org, id(2))?);
        assert_eq!(session.variables(org)?, [changed]);
        assert_eq!(session.secret_key_id(org)?, None);
        session.put_secret_key_id(org, "one")?;
        session.put_secret_key_id(org, "two")?;
        assert_eq!(session.secret_key_id(org)?.as_deref(), Some("two"));
        Ok(())
    });
    let orgs = desk.read(|session| session.orgs()).unwrap();
    let left = orgs.iter().map(|org| org.id).map(|org| desk.read(move |s| s.variables(org)).unwrap().len());
    assert_eq!(left.collect::<Vec<_>>(), [1, 1], "deleting in one org took nothing from the other");
    let twice = desk.write(move |session| {
        let [first, second] = [3, 4].map(|number| Variable {
            id: id(number),
            org: id(7),
            workflow: None,
            name: "twice".into(),
            sealed: String::new(),
            created_at: MOMENT,
            updated_at: MOMENT,
        });
        session.put_variable(&first)?;
        session.put_variable(&second)
    });
    assert!(twice.is_err(), "a name belongs to one variable");
}

fn hook(org: Id, number: usize, name: &str) -> Hook {
    Hook {
        id: id(number),
        org,
        kind: HookKind::Form,
        name: name.into(),
        title: "Orders".into(),
        description: None,
        hash: secret(),
        status: Status::Enabled,
        settings: serde_json::Map::new(),
        created_at: MOMENT,
        updated_at: MOMENT,
    }
}

pub fn hooks(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let orders = hook(org, 1, "orders");
        let web = Hook { kind: HookKind::Web, description: Some("Ü".into()), ..hook(org, 2, "orders") };
        session.insert_hook(&orders)?;
        session.insert_hook(&web)?;
        assert_eq!(session.hooks(org)?, [orders.clone(), web.clone()], "kinds have names of their own");

        let changed = Hook {
            name: "orders-2".into(),
            title: "More orders".into(),
            description: Some("from the shop".into()),
            hash: secret(),
            status: Status::Deleted,
            settings: settings(json!({ "verification": { "scheme": "stripe" } })),
            updated_at: Timestamp(MOMENT.0 + 1),
            ..orders
        };
        session.update_hook(&changed)?;
        assert_eq!(session.hooks(org)?, [changed, web], "deleted hooks stay in the list");
        Ok(())
    });
    let org = desk.add_org("three");
    let inserted = |number, name: &'static str, status| {
        desk.write(move |session| session.insert_hook(&Hook { status, ..hook(org, number, name) }))
    };
    inserted(1, "gone", Status::Deleted).unwrap();
    inserted(2, "gone", Status::Enabled).expect("a deleted hook's name is free");
    assert!(inserted(3, "gone", Status::Disabled).is_err(), "two hooks of one kind share a name");
}

pub fn hook_secrets(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let secret = |number: usize, hook: usize| HookSecret {
            id: id(number),
            org,
            hook: id(hook),
            sealed: format!("sealed {number} of {org}"),
            created_at: MOMENT,
        };
        let secrets = [secret(1, 7), secret(2, 8), secret(3, 7)];
        secrets.iter().try_for_each(|secret| session.insert_hook_secret(secret))?;
        assert_eq!(session.hook_secrets(org)?, secrets);
        assert!(session.delete_hook_secret(org, id(2))?);
        assert!(!session.delete_hook_secret(org, id(2))?);
        assert_eq!(session.hook_secrets(org)?, [secrets[0].clone(), secrets[2].clone()]);
        Ok(())
    });
}

fn workflow(org: Id, number: usize, version: i64) -> WorkflowRecord {
    WorkflowRecord {
        id: id(number),
        org,
        name: format!("workflow-{number}"),
        version,
        status: Status::Enabled,
        // The order of keys is kept: it is what the author wrote.
        document: json!({ "z": version, "a": org }),
        file: Some("workflows/orders.json".into()),
        created_at: MOMENT,
        updated_at: MOMENT,
    }
}

pub fn workflows(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let (first, other) = (workflow(org, 1, 1), WorkflowRecord { file: None, ..workflow(org, 2, 1) });
        session.insert_workflow(&first, "file workflows/orders.json")?;
        session.insert_workflow(&other, "api")?;
        assert_eq!(session.workflows(org)?, [first.clone(), other.clone()]);

        let updated_at = Timestamp(MOMENT.0 + 1);
        let second = WorkflowRecord { updated_at, status: Status::Disabled, ..workflow(org, 1, 2) };
        session.update_workflow(&second, "api")?;
        assert_eq!(session.workflow(org, id(1))?, Some(second.clone()));
        let version = |record: &WorkflowRecord, origin: &str| WorkflowVersion {
            workflow: record.id,
            version: record.version,
            document: record.document.clone(),
            origin: origin.into(),
            created_at: record.updated_at,
        };
        let versions = [version(&second, "api"), version(&first, "file workflows/orders.json")];
        assert_eq!(session.workflow_versions(org, id(1), i64::MAX, 10)?, versions);
        assert_eq!(session.workflow_versions(org, id(1), 2, 10)?, versions[1..]);
        assert_eq!(session.workflow_versions(org, id(1), i64::MAX, 1)?, versions[..1]);
        assert_eq!(session.workflow_version(org, id(1), 1)?.as_ref(), Some(&versions[1]));
        assert_eq!(session.workflow_version(org, id(1), 3)?, None);
        assert_eq!(session.workflow_version(org, id(3), 1)?, None);

        // What a version says never changes; the workflow may point back to an older one.
        let back = WorkflowRecord { document: json!("something else"), ..first.clone() };
        session.update_workflow(&back, "api")?;
        assert_eq!(session.workflow(org, id(1))?, Some(first.clone()));

        session.update_workflow(&WorkflowRecord { status: Status::Deleted, ..first.clone() }, "api")?;
        assert_eq!(session.workflows(org)?, [other]);
        assert_eq!(session.workflow(org, id(1))?.map(|workflow| workflow.status), Some(Status::Deleted));
        let successor = WorkflowRecord { name: first.name, ..workflow(org, 3, 1) };
        session.insert_workflow(&successor, "api")
    });
}

pub fn revision(desk: &Desk) {
    let revision = || desk.read(|session| session.catalog_revision()).unwrap();
    let first = revision();
    desk.write(|session| session.change_catalog()).unwrap();
    assert_eq!(revision(), first + 1);
    let refused: StoreResult<()> = desk.write(|session| {
        session.change_catalog()?;
        Err(StoreError::Fenced)
    });
    assert!(refused.is_err());
    assert_eq!(revision(), first + 1, "what was rolled back is no change");
}
