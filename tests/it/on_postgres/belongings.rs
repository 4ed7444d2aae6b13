//! Customers that are merged at the very moment at which something is made to belong to them. With SQLite there is no
//! such moment, since there is one writer.

use hookflow::base::id::Id;
use hookflow::base::time::Timestamp;
use hookflow::changes::{Editor, create_customer, create_entity, create_kobject, merge_customers};
use hookflow::events::{Cause, InForce};
use hookflow::objects::customer::Profile;
use hookflow::objects::entity::EntityContent;
use hookflow::objects::kobject;
use hookflow::objects::{Customer, Entity, EntityKind, Klass};
use hookflow::store::{Of, Page, Session, StoreResult};
use serde_json::{Value, json};

use super::writers::Writers;

/// Changes something that no workflow listens for.
fn edit<T>(session: &mut dyn Session, org: Id, work: impl FnOnce(&mut Editor<'_>) -> StoreResult<T>) -> StoreResult<T> {
    work(&mut Editor { session, org, in_force: &InForce::default(), cause: Cause::Outside, events: &mut Vec::new() })
}

/// A database with two customers, one of which has a conversation.
struct Scene {
    writers: Writers,
    org: Id,
    source: Customer,
    target: Customer,
    conversation: Entity,
}

impl Scene {
    fn new() -> Scene {
        let writers = Writers::new();
        let org = writers.add_org();
        let (source, target, conversation) = writers.write(move |session| {
            edit(session, org, |editor| {
                let source = create_customer(editor, Profile::default())?.unwrap();
                let target = create_customer(editor, Profile::default())?.unwrap();
                let content = EntityContent::read(EntityKind::Conversation, json!({ "customer": source.id })).unwrap();
                Ok((source, target, create_entity(editor, content)?.unwrap()))
            })
        });
        Scene { writers, org, source, target, conversation }
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
        self.writers.write(move |session| {
            let orders = session.kobjects(org, None, Some(target), all)?.len();
            Ok((orders, session.entities(org, EntityKind::Message, Of::Customer(target), all)?.len()))
        })
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
    scene.writers.overlap(add_both, scene.merge());
    assert_eq!(scene.belongings(), (1, 1));
    scene.writers.close();
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
    let added = scene.writers.overlap(scene.merge(), add_both);
    assert!(!added, "there is no such customer any more");
    assert_eq!(scene.belongings(), (0, 1), "the conversation is the target's");
    scene.writers.close();
}
