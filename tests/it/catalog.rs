//! The catalog in memory: a change is in force at once, and touches nothing but what it changes.

use std::sync::Arc;

use hookflow::base::id::Id;
use hookflow::base::time::Timestamp;
use hookflow::catalog::hook_secrets::add_secret;
use hookflow::catalog::keys::new_key;
use hookflow::catalog::variables::put_variable;
use hookflow::catalog::{Catalog, Snapshot, create_hook, save_klass, save_workflow, set_status};
use hookflow::engine::Programs;
use hookflow::hook::HookKind;
use hookflow::objects::klass::KlassDraft;
use hookflow::secrets::vault::Vault;
use hookflow::store::{Org, Role, Session, Status, StoreResult};
use hookflow::workflow::{Bundle, HookDraft, KnownNames, Source, WorkflowDraft, check};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::workflow;
use crate::support::workspace::Workspace;

/// A catalog with two orgs, in each of which the hook `orders` starts the workflow `flow`.
struct Scene {
    catalog: Catalog,
    vault: Vault,
    orgs: [Id; 2],
    runtime: Runtime,
    workspace: Workspace,
}

impl Scene {
    fn new() -> Scene {
        let workspace = Workspace::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (store, vault) = (workspace.open_store(), Vault::random());
        let catalog = runtime.block_on(Catalog::open(store, Programs::default(), vault.clone())).unwrap();
        let orgs = [Id::generate(), Id::generate()];
        let scene = Scene { catalog, vault, orgs, runtime, workspace };
        for org in orgs {
            scene.change(move |session| {
                session.insert_org(&Org { id: org, name: org.to_string(), created_at: Timestamp(1) })?;
                create_hook(session, org, &hook_draft("orders"))?;
                save_workflow(session, org, None, &draft("flow", 1)).map(|_| ())
            });
        }
        scene
    }

    /// Changes something; the snapshots before and after.
    fn change<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut dyn Session) -> StoreResult<T> + Send + 'static,
    ) -> (Arc<Snapshot>, Arc<Snapshot>, T) {
        let before = self.catalog.snapshot();
        let changed = self.runtime.block_on(self.catalog.change(work)).unwrap();
        (before, self.catalog.snapshot(), changed)
    }
}

fn hook_draft(name: &str) -> HookDraft {
    let (name, title) = (name.to_owned(), name.to_owned());
    HookDraft { name, kind: HookKind::Form, title, description: None, settings: serde_json::Map::new() }
}

/// A workflow as a caller sends it, checked.
fn draft(name: &str, value: i64) -> WorkflowDraft {
    let steps = json!([{ "id": "2", "action": "value.set", "params": { "value": value } }]);
    drafts(&workflow(name, steps)).workflows.remove(0)
}

fn drafts(document: &Value) -> Bundle {
    let text = document.to_string();
    let known = hookflow::actions::known(KnownNames::default());
    check(&[Source { file: "test.json", text: &text }], &known).bundles.remove(0).unwrap()
}

/// The names and versions of the workflows that an order starts.
fn started(snapshot: &Snapshot, org: Id) -> Vec<(String, i64)> {
    let listeners = snapshot.in_force().listeners(org, "hooks.form.orders.receive");
    let hook = snapshot.hook_by_name(org, HookKind::Form, "orders");
    let of_hook = hook.map(|hook| hook.listeners.iter().map(|listener| listener.workflow).collect::<Vec<_>>());
    let all: Vec<Id> = listeners.iter().map(|listener| listener.workflow).collect();
    assert_eq!(of_hook.unwrap_or_else(|| all.clone()), all, "the hook knows who listens");
    listeners.iter().map(|listener| (listener.program.name.clone(), listener.version)).collect()
}

/// Checks that everything of an org is the very same in two snapshots.
fn assert_untouched(before: &Snapshot, after: &Snapshot, org: Id) {
    let hooks = |snapshot: &Snapshot| snapshot.hooks(org).cloned().collect::<Vec<_>>();
    let workflows = |snapshot: &Snapshot| snapshot.workflows(org).cloned().collect::<Vec<_>>();
    assert!(!hooks(before).is_empty() && hooks(before).len() == hooks(after).len());
    assert!(hooks(before).iter().zip(&hooks(after)).all(|(before, after)| Arc::ptr_eq(before, after)));
    assert!(workflows(before).len() == workflows(after).len());
    assert!(workflows(before).iter().zip(&workflows(after)).all(|(before, after)| Arc::ptr_eq(before, after)));
    assert_eq!(started(before, org), started(after, org));
    assert_eq!(before.klasses(org).count(), after.klasses(org).count());
    assert_eq!(before.in_force().variables(org).count(), after.in_force().variables(org).count());
}

#[test]
fn workflows_come_and_go_without_the_others() {
    let scene = Scene::new();
    let [org, other] = scene.orgs;
    let first = [("flow".to_owned(), 1)];
    let (before, after, saved) = scene.change(move |session| save_workflow(session, org, None, &draft("more", 1)));
    let more = saved.unwrap().0.id;
    assert_eq!(started(&before, org), first);
    assert_eq!(started(&after, org), [first[0].clone(), ("more".to_owned(), 1)]);
    assert_untouched(&before, &after, other);
    let flow = after.workflow_by_name(org, "flow").unwrap().id;
    let program = |snapshot: &Snapshot| snapshot.in_force().program(org, flow, 1).unwrap().clone();
    assert!(Arc::ptr_eq(&program(&before), &program(&after)), "what did not change is not compiled again");

    let (_, after, _) = scene.change(move |session| save_workflow(session, org, Some(more), &draft("other", 2)));
    assert_eq!(started(&after, org), [first[0].clone(), ("other".to_owned(), 2)]);
    assert!(after.workflow_by_name(org, "more").is_none(), "it has another name now");
    assert_eq!(after.workflow_by_name(org, "other").unwrap().id, more);

    let (_, after, _) = scene.change(move |session| set_status(session, org, more, Status::Disabled));
    assert_eq!((started(&after, org), after.workflows(org).count()), (first.to_vec(), 2));
    let (_, after, _) = scene.change(move |session| set_status(session, org, more, Status::Enabled));
    assert_eq!(started(&after, org).len(), 2);
    let (before, after, _) = scene.change(move |session| set_status(session, org, more, Status::Deleted));
    assert_eq!((started(&after, org), after.workflows(org).count()), (first.to_vec(), 1));
    assert!(after.workflow(org, more).is_none());
    assert_untouched(&before, &after, other);
}

#[test]
fn a_change_of_a_kind_that_only_a_newer_version_knows_is_no_obstacle() {
    let scene = Scene::new();
    let org = scene.orgs[0];
    scene.workspace.execute("UPDATE catalog SET revision = revision + 1");
    scene.workspace.execute(
        "INSERT INTO catalog_changes (revision, org, kind, entry) SELECT catalog.revision, logged.org, 'badge', '7' \
         FROM catalog, catalog_changes AS logged WHERE logged.org IS NOT NULL LIMIT 1",
    );
    let (_, after, saved) = scene.change(move |session| save_workflow(session, org, None, &draft("more", 1)));
    assert!(saved.is_ok());
    assert_eq!(started(&after, org).len(), 2);
    scene.runtime.block_on(scene.catalog.refresh()).unwrap();
}

#[test]
fn two_workflows_swap_their_names() {
    let scene = Scene::new();
    let org = scene.orgs[0];
    let callable = |name: &str| {
        let mut document = workflow(name, json!([{ "id": "2", "action": "value.set", "params": { "value": 1 } }]));
        document["trigger"] = json!({ "id": "1", "callable": true, "transitions": document["trigger"]["transitions"] });
        drafts(&document).workflows.remove(0)
    };
    let (_, _, ids) = scene.change(move |session| {
        let one = save_workflow(session, org, None, &callable("one"))?.unwrap().0.id;
        let two = save_workflow(session, org, None, &callable("two"))?.unwrap().0.id;
        Ok([one, two])
    });
    let [one, two] = ids;
    let (_, after, _) = scene.change(move |session| {
        save_workflow(session, org, Some(one), &callable("between"))?.unwrap();
        save_workflow(session, org, Some(two), &callable("one"))?.unwrap();
        save_workflow(session, org, Some(one), &callable("two"))?.unwrap();
        Ok(())
    });
    let by_name = |name: &str| after.in_force().callable(org, name).unwrap().workflow;
    assert_eq!((by_name("one"), by_name("two")), (two, one));
    let listed = |name: &str| after.workflow_by_name(org, name).unwrap().id;
    assert_eq!((listed("one"), listed("two")), (two, one));
    assert!(after.in_force().callable(org, "between").is_none());
}

#[test]
fn hooks_come_and_go_without_the_others() {
    let scene = Scene::new();
    let [org, other] = scene.orgs;
    let (before, after, created) = scene.change(move |session| create_hook(session, org, &hook_draft("returns")));
    let hook = created.unwrap();
    assert!(before.hook_by_hash(&hook.hash).is_none() && after.hook_by_hash(&hook.hash).is_some());
    assert_eq!(after.hook(org, hook.id).unwrap().hook, hook);
    assert!(after.hook(other, hook.id).is_none(), "of the other org");
    assert_untouched(&before, &after, other);

    let mut rotated = hook.clone();
    rotated.hash = "f".repeat(64);
    let written = rotated.clone();
    let (_, after, ()) = scene.change(move |session| session.update_hook(&written));
    assert!(after.hook_by_hash(&hook.hash).is_none(), "the former address");
    assert_eq!(after.hook_by_hash(&rotated.hash).unwrap().hook.id, hook.id);

    let deleted = hookflow::store::Hook { status: Status::Deleted, ..rotated.clone() };
    let (_, after, ()) = scene.change(move |session| session.update_hook(&deleted));
    assert!(after.hook(org, hook.id).is_none() && after.hooks(org).count() == 1);
    assert_eq!(after.hook_by_hash(&rotated.hash).unwrap().hook.status, Status::Deleted, "its address tells that");
    let (_, after, successor) = scene.change(move |session| create_hook(session, org, &hook_draft("returns")));
    assert_eq!(after.hook_by_name(org, HookKind::Form, "returns").unwrap().hook, successor.unwrap());
    let (_, _, taken) = scene.change(move |session| create_hook(session, org, &hook_draft("returns")));
    assert_eq!(taken, None);
}

#[test]
fn keys_klasses_variables_and_secrets_are_in_force_at_once() {
    let scene = Scene::new();
    let [org, other] = scene.orgs;
    let (_, after, key) = scene.change(move |session| {
        let key = new_key(session, org, "k", Role::Read, "secret of a key");
        session.insert_key(&key).map(|()| key.id)
    });
    assert_eq!(after.key("secret of a key").map(|key| (key.id, key.org)), Some((key, org)));
    let (_, after, _) = scene.change(move |session| session.delete_key(other, key));
    assert!(after.key("secret of a key").is_some(), "the other org has no such key");
    let (before, after, _) = scene.change(move |session| session.delete_key(org, key));
    assert!(after.key("secret of a key").is_none());
    assert_untouched(&before, &after, org);

    let klass = KlassDraft::read(json!({ "name": "parcel", "properties": { "weightNum": {} } })).unwrap();
    let (before, after, _) = scene.change(move |session| save_klass(session, org, &klass));
    assert!(before.klass(org, "parcel").is_none() && after.klass(other, "parcel").is_none());
    assert_eq!(after.klass(org, "parcel").unwrap().properties, *json!({ "weightNum": {} }).as_object().unwrap());
    assert!(after.known(org).names.klasses.contains_key("parcel"));

    let vault = scene.vault.clone();
    let (_, after, variable) = scene.change(move |session| {
        put_variable(session, &vault, (org, None), "greeting", "hello").map(|put| put.unwrap().0.id)
    });
    let value = |snapshot: &Snapshot, org| {
        snapshot.in_force().variable(org, Id::MIN, "greeting").map(|variable| variable.value.clone())
    };
    assert_eq!((value(&after, org).as_deref(), value(&after, other)), (Some("hello"), None));
    let (_, after, _) = scene.change(move |session| session.delete_variable(org, variable));
    assert_eq!(value(&after, org), None);

    let vault = scene.vault.clone();
    let (before, after, _) = scene.change(move |session| {
        let mut signed = hook_draft("signed");
        signed.settings = json!({ "verification": { "scheme": "github" } }).as_object().unwrap().clone();
        let hook = create_hook(session, org, &signed)?.unwrap();
        add_secret(session, &vault, (org, hook.id), "a secret of the sender").map(|added| added.unwrap())
    });
    let gate = &after.hook_by_name(org, HookKind::Form, "signed").unwrap().gate;
    assert!(gate.accepts_secret("a secret of the sender") && !gate.accepts_secret("another"));
    assert_untouched(&before, &after, other);
}

/// What is put together from changes is what is read from the database as a whole.
#[test]
fn a_catalog_that_is_opened_anew_is_the_same() {
    let scene = Scene::new();
    let org = scene.orgs[1];
    scene.change(move |session| save_workflow(session, org, None, &draft("more", 1)).map(|saved| saved.unwrap()));
    let (_, changed, _) = scene.change(move |session| create_hook(session, org, &hook_draft("returns")));
    let vault = scene.vault.clone();
    let read = scene.change(move |session| Snapshot::read(session, &vault)).2;
    for org in scene.orgs {
        let hooks = |snapshot: &Snapshot| snapshot.hooks(org).map(|hook| hook.hook.clone()).collect::<Vec<_>>();
        let workflows = |snapshot: &Snapshot| snapshot.workflows(org).cloned().collect::<Vec<_>>();
        assert_eq!(hooks(&changed), hooks(&read));
        assert_eq!(workflows(&changed), workflows(&read));
        assert_eq!(started(&changed, org), started(&read, org));
        assert_eq!(changed.org(org), read.org(org));
    }
}
