//! Customers that are merged at the very moment at which something is made to belong to them. With SQLite there is no
//! such moment, since nobody else writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hookflow::base::id::Id;
use hookflow::base::time::Timestamp;
use hookflow::changes::{Editor, create_customer, create_entity, create_kobject, merge_customers};
use hookflow::events::{Cause, InForce};
use hookflow::objects::customer::Profile;
use hookflow::objects::entity::EntityContent;
use hookflow::objects::kobject;
use hookflow::objects::{Customer, Entity, EntityKind, Klass};
use hookflow::store::postgres::{PoolSizes, Postgres};
use hookflow::store::{Of, Org, Page, Session, Store, StoreResult};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::postgres::{Cluster, TestDatabase};
use crate::support::wait_for;

/// Changes something that no workflow listens for.
fn edit<T>(session: &mut dyn Session, org: Id, work: impl FnOnce(&mut Editor<'_>) -> StoreResult<T>) -> StoreResult<T> {
    work(&mut Editor { session, org, in_force: &InForce::default(), cause: Cause::Outside, events: &mut Vec::new() })
}

/// A store with two threads that write, and in it two customers, one of which has a conversation.
struct Scene {
    database: TestDatabase,
    store: Store,
    runtime: Runtime,
    org: Id,
    source: Customer,
    target: Customer,
    conversation: Entity,
}

impl Scene {
    fn new() -> Scene {
        let (database, sizes) = (Cluster::shared().database(), PoolSizes { writers: 2, readers: 1 });
        let store = Postgres::open(&database.url().parse().unwrap(), sizes).expect("the database can be opened");
        let store = Store::new(Arc::new(store));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let org = Org { id: Id::generate(), name: "one".into(), created_at: Timestamp::now() };
        let id = org.id;
        let made = store.write(move |session| {
            session.insert_org(&org)?;
            edit(session, id, |editor| {
                let source = create_customer(editor, Profile::default())?.unwrap();
                let target = create_customer(editor, Profile::default())?.unwrap();
                let content = EntityContent::read(EntityKind::Conversation, json!({ "customer": source.id })).unwrap();
                Ok((source, target, create_entity(editor, content)?.unwrap()))
            })
        });
        let (source, target, conversation) = runtime.block_on(made).unwrap();
        Scene { database, store, runtime, org: id, source, target, conversation }
    }

    /// Does `first`, and has `second` begin while the transaction of `first` is open still, which ends when `second` waits
    /// for it. What came of `second`.
    fn overlap<T: Send + 'static>(
        &self,
        mut first: impl FnMut(&mut dyn Session) -> StoreResult<()> + Send + 'static,
        second: impl FnMut(&mut dyn Session) -> StoreResult<T> + Send + 'static,
    ) -> T {
        let done = Arc::new(AtomicBool::new(false));
        let (signal, watcher) = (done.clone(), self.database.session());
        let waits = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let work = move |session: &mut dyn Session| {
            first(session)?;
            signal.store(true, Ordering::SeqCst);
            wait_for("the second to wait for the first", || (!watcher.rows(waits).is_empty()).then_some(()));
            Ok(())
        };
        let store = self.store.clone();
        let first = self.runtime.spawn(async move { store.write(work).await });
        wait_for("the first to have done its work", || done.load(Ordering::SeqCst).then_some(()));
        let second = self.runtime.block_on(self.store.write(second)).unwrap();
        self.runtime.block_on(first).unwrap().unwrap();
        second
    }

    fn merge(&self) -> impl FnMut(&mut dyn Session) -> StoreResult<()> + Send + 'static {
        let (org, target, source) = (self.org, self.target.clone(), self.source.clone());
        move |session| {
            edit(session, org, |editor| merge_customers(editor, &target, &source))?
                .expect("nothing is wrong with them");
            Ok(())
        }
    }

    fn add_message(&self) -> impl FnMut(&mut dyn Session) -> StoreResult<()> + Send + 'static {
        let (org, conversation) = (self.org, json!({ "conversation": self.conversation.id }));
        move |session| {
            let content = EntityContent::read(EntityKind::Message, conversation.clone()).unwrap();
            edit(session, org, |editor| create_entity(editor, content))?.expect("the conversation is there");
            Ok(())
        }
    }

    /// How many orders and messages the target has.
    fn belongings(&self) -> (usize, usize) {
        let (org, target, all) = (self.org, self.target.id, Page { after: None, size: 10 });
        let read = self.store.read(move |session| {
            let orders = session.kobjects(org, None, Some(target), all)?.len();
            Ok((orders, session.entities(org, EntityKind::Message, Of::Customer(target), all)?.len()))
        });
        self.runtime.block_on(read).unwrap()
    }
}

fn add_order(session: &mut dyn Session, org: Id, customer: Id) -> StoreResult<bool> {
    let now = Timestamp::now();
    let (id, name, display_name) = (Id::generate(), "order".to_owned(), "Order".to_owned());
    let properties = serde_json::Map::new();
    let klass = Klass { id, name, display_name, icon: None, properties, created_at: now, updated_at: now };
    let content = kobject::KObjectContent::read(&klass, json!({ "title": "Order", "data": Value::Null })).unwrap();
    edit(session, org, |editor| Ok(create_kobject(editor, &klass, Some(customer), content)?.is_ok()))
}

#[test]
fn what_is_added_while_a_customer_is_merged_is_not_left_behind() {
    let scene = Scene::new();
    let (org, source) = (scene.org, scene.source.id);
    let mut add_message = scene.add_message();
    let add_both = move |session: &mut dyn Session| {
        assert!(add_order(session, org, source)?);
        add_message(session)
    };
    scene.overlap(add_both, scene.merge());
    assert_eq!(scene.belongings(), (1, 1));
    scene.store.close();
}

#[test]
fn nothing_is_added_to_a_customer_that_is_merged_away() {
    let scene = Scene::new();
    let (org, source) = (scene.org, scene.source.id);
    let mut add_message = scene.add_message();
    let add_both = move |session: &mut dyn Session| {
        add_message(session)?;
        add_order(session, org, source)
    };
    let added = scene.overlap(scene.merge(), add_both);
    assert!(!added, "there is no such customer any more");
    assert_eq!(scene.belongings(), (0, 1), "the conversation is the target's");
    scene.store.close();
}
