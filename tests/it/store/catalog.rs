//! Orgs, keys, hooks, and workflows with their versions.

use std::collections::BTreeSet;

use hookflow::base::id::{Id, random_bytes};
use hookflow::base::time::Timestamp;
use hookflow::hook::HookKind;
use hookflow::objects::Klass;
use hookflow::store::{
    CatalogChanges, CatalogEntry, DraftRecord, EntryKind, Hook, HookSecret, Key, Role, ScheduleRecord, Status,
    StoreError, StoreResult, Variable, WorkflowRecord, WorkflowVersion,
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
    let one = desk.read(move |session| Ok([session.org(made[1])?, session.org(id(1))?])).unwrap();
    assert_eq!(one, [Some(found[1].clone()), None]);
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
    let all = desk.read(move |session| session.file_digests(one)).unwrap();
    let expected = [("orders.json", "second"), ("claims.json", "third")];
    assert_eq!(all, expected.map(|(name, digest)| (name.to_owned(), digest.to_owned())).into());
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
        assert_eq!([session.key(org, id(2))?, session.key(org, id(4))?], [Some(keys[1].clone()), None]);
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
        assert_eq!([session.variable(org, id(2))?, session.variable(org, id(3))?], [Some(of_workflow.clone()), None]);
        assert_eq!(session.variable_by_name(org, None, "key")?, Some(of_org.clone()));
        assert_eq!(session.variable_by_name(org, Some(id(9)), "key")?, Some(of_workflow.clone()));
        assert_eq!(session.variable_by_name(org, Some(id(8)), "key")?, None);
        assert_eq!(session.count_variables(org)?, 2);
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
        assert_eq!(session.hook_by_name(org, HookKind::Web, "orders")?, Some(web.clone()));
        assert_eq!(session.hook_by_name(org, HookKind::Email, "orders")?, None);
        assert_eq!([session.hook(org, id(1))?, session.hook(org, id(3))?], [Some(orders.clone()), None]);
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
        assert_eq!(session.hook(org, id(1))?, Some(changed.clone()));
        assert_eq!(session.hook_by_name(org, HookKind::Form, "orders-2")?, None, "it is deleted");
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
        assert_eq!(session.secrets_of_hook(org, id(7))?, [secrets[0].clone(), secrets[2].clone()]);
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
        assert_eq!(session.workflow_by_name(org, "workflow-2")?, Some(other.clone()));
        assert_eq!(session.workflow_by_name(org, "workflow-3")?, None);
        assert_eq!(session.workflows(org)?, [first.clone(), other.clone()]);
        assert_eq!([session.newest_version(org, id(1))?, session.newest_version(org, id(3))?], [1, 0]);

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
        assert_eq!(session.newest_version(org, id(1))?, 2);

        session.update_workflow(&WorkflowRecord { status: Status::Deleted, ..first.clone() }, "api")?;
        assert_eq!(session.workflows(org)?, [other]);
        assert_eq!(session.workflow_by_name(org, "workflow-1")?, None, "it is deleted");
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

/// What a transaction that begins with a change of the catalog logs; nothing else is logged.
pub fn changes(desk: &Desk) {
    let org = desk.add_org("one");
    let other = desk.add_org("two");
    let read = |after: i64| desk.read(move |session| session.catalog_changes(after)).unwrap();
    let first = desk.read(|session| session.catalog_revision()).unwrap();
    assert_eq!(read(first), CatalogChanges { revision: first, entries: Some(BTreeSet::new()) });

    let orders = hook(org, 1, "orders");
    let hook_secret = HookSecret { id: id(3), org, hook: id(1), sealed: "s".into(), created_at: MOMENT };
    let key = Key { id: id(4), org, name: "k".into(), role: Role::Read, hash: secret(), created_at: MOMENT };
    let variable = Variable {
        id: id(5),
        org,
        workflow: None,
        name: "v".into(),
        sealed: "s".into(),
        created_at: MOMENT,
        updated_at: MOMENT,
    };
    let written = (orders.clone(), workflow(org, 2, 1), key, variable, klass("order"));
    desk.write(move |session| {
        let (orders, flow, key, variable, klass) = &written;
        session.change_catalog()?;
        session.insert_hook(orders)?;
        session.update_hook(orders)?;
        session.insert_workflow(flow, "api")?;
        session.insert_key(key)?;
        session.put_variable(variable)?;
        session.put_klass(other, klass)
    })
    .unwrap();
    let added = [
        entry(org, EntryKind::Hook, 1),
        entry(org, EntryKind::Workflow, 2),
        entry(org, EntryKind::Key, 4),
        entry(org, EntryKind::Variable, 5),
        CatalogEntry { org: other, kind: EntryKind::Klass, key: "order".into() },
    ];
    assert_eq!(read(first), logged(first + 1, added));

    // What changes a part of an entry counts as a change of the whole, and a deletion too.
    desk.write(move |session| {
        session.change_catalog()?;
        session.insert_hook_secret(&hook_secret)?;
        // A transaction sees its own changes.
        let own = session.catalog_changes(first + 1)?;
        assert_eq!(own, logged(first + 2, [entry(org, EntryKind::Hook, 1)]));
        Ok(())
    })
    .unwrap();
    desk.write(move |session| {
        session.change_catalog()?;
        session.delete_key(org, id(4))?;
        session.delete_variable(org, id(5))?;
        session.delete_hook_secret(org, id(3))?;
        session.delete_hook_secret(org, id(3)).map(|_| ())
    })
    .unwrap();
    let deleted = [(EntryKind::Key, 4), (EntryKind::Variable, 5), (EntryKind::Hook, 1)];
    assert_eq!(read(first + 2), logged(first + 3, deleted.map(|(kind, number)| entry(org, kind, number))));

    // A revision that changed nothing leaves no gap; what is written outside of a change is not logged.
    desk.write(|session| session.change_catalog()).unwrap();
    let renamed = Hook { title: "Renamed".into(), ..orders };
    desk.write(move |session| session.update_hook(&renamed)).unwrap();
    assert_eq!(read(first + 3), logged(first + 4, []));
    assert_eq!(read(first + 1).entries.map(|entries| entries.len()), Some(3));
}

fn logged<const N: usize>(revision: i64, entries: [CatalogEntry; N]) -> CatalogChanges {
    CatalogChanges { revision, entries: Some(entries.into()) }
}

fn entry(org: Id, kind: EntryKind, number: usize) -> CatalogEntry {
    CatalogEntry { org, kind, key: id(number).to_string() }
}

fn klass(name: &str) -> Klass {
    Klass {
        id: id(9),
        name: name.into(),
        display_name: "Order".into(),
        icon: None,
        properties: serde_json::Map::new(),
        created_at: MOMENT,
        updated_at: MOMENT,
    }
}

/// The log forgets; whoever knows only an older revision is told to read everything.
pub fn forgotten_changes(desk: &Desk) {
    let first = desk.read(|session| session.catalog_revision()).unwrap();
    let change = |times: usize| {
        desk.write(move |session| (0..times).try_for_each(|_| session.change_catalog())).unwrap();
    };
    let read = |after: i64| desk.read(move |session| session.catalog_changes(after)).unwrap();
    change(1_000);
    assert_eq!(read(first), CatalogChanges { revision: first + 1_000, entries: Some(BTreeSet::new()) });
    change(1);
    assert_eq!(read(first), CatalogChanges { revision: first + 1_001, entries: None });
    assert!(read(first + 1).entries.is_some());
    assert_eq!(read(first + 2_000).entries, None, "a revision that was never there");
}
