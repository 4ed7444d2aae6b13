//! Companies, conversations, messages, notes and users; and what becomes of everything that belongs to a customer.

use hookflow::objects::entity::EntityContent;
use hookflow::objects::{Entity, EntityKind};
use hookflow::store::{Of, Page, StoreError, Taken};
use serde_json::{Value, json};

use super::objects::{LATER, customer, kobject};
use super::{ALL, Desk, MOMENT, id};

fn entity(number: usize, kind: EntityKind, content: Value) -> Entity {
    let content = EntityContent::read(kind, content).expect("the entity is valid");
    Entity { id: id(number), content, created_at: MOMENT, updated_at: MOMENT, rev: 1 }
}

fn conversation(number: usize, customer: usize) -> Entity {
    entity(number, EntityKind::Conversation, json!({ "customer": id(customer) }))
}

/// The entity after a caller's changes.
fn changed(before: &Entity, changes: Value) -> Entity {
    let content = before.content.clone().merge(changes).expect("the changes are valid");
    Entity { content, updated_at: LATER, rev: before.rev + 1, ..before.clone() }
}

pub fn entities(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let message = |number, conversation| {
            let text =
                json!({ "conversation": id(conversation), "customer": id(11), "body": "ü", "meta": { "z": [1] } });
            entity(number, EntityKind::Message, text)
        };
        let note = |number, about| entity(number, EntityKind::Note, about);
        let all = [
            entity(1, EntityKind::Company, json!({ "name": "Ü", "externalId": "X", "custom": { "vipBool": true } })),
            entity(2, EntityKind::User, json!({ "email": "Ann@Example.com", "teams": [id(90)] })),
            conversation(3, 11),
            conversation(4, 12),
            message(5, 3),
            message(6, 3),
            message(7, 4),
            note(8, json!({ "conversation": id(3), "customer": id(11), "body": "n" })),
            note(9, json!({ "customer": id(11), "body": "n", "user": id(2) })),
            entity(10, EntityKind::Conversation, json!({ "customer": id(11), "externalId": "X", "priority": 5 })),
        ];
        for entity in &all {
            assert_eq!(session.insert_entity(org, entity)?, Ok(()));
        }
        for entity in &all {
            assert_eq!(session.entity(org, entity.content.kind, entity.id)?.as_ref(), Some(entity));
            assert_eq!(session.hold_entity(org, entity.content.kind, entity.id)?.as_ref(), Some(entity));
        }
        assert_eq!(session.entity(org, EntityKind::Company, id(2))?, None, "of another kind");
        assert_eq!(session.entity_by_external_id(org, EntityKind::Company, "X")?.as_ref(), Some(&all[0]));
        assert_eq!(session.entity_by_external_id(org, EntityKind::Conversation, "X")?.as_ref(), Some(&all[9]));
        assert_eq!(session.entity_by_external_id(org, EntityKind::Message, "X")?, None);
        assert_eq!(session.user_by_email(org, "ann@example.com")?.as_ref(), Some(&all[1]));
        assert_eq!(session.user_by_email(org, "Ann@Example.com")?, None, "keys are in lower case");
        let mut numbers = |kind, of, page| {
            session.entities(org, kind, of, page).map(|found| found.iter().map(|entity| entity.id).collect::<Vec<_>>())
        };
        assert_eq!(numbers(EntityKind::Conversation, Of::Org, ALL)?, [10, 4, 3].map(id));
        assert_eq!(numbers(EntityKind::Conversation, Of::Customer(id(11)), ALL)?, [10, 3].map(id));
        assert_eq!(numbers(EntityKind::Message, Of::Conversation(id(3)), ALL)?, [6, 5].map(id));
        assert_eq!(numbers(EntityKind::Note, Of::Conversation(id(3)), ALL)?, [8].map(id));
        assert_eq!(numbers(EntityKind::Note, Of::Customer(id(11)), ALL)?, [9, 8].map(id));
        let page = Page { after: Some(id(6)), size: 1 };
        assert_eq!(numbers(EntityKind::Message, Of::Org, page)?, [id(5)]);
        assert_eq!(numbers(EntityKind::Message, Of::Conversation(id(3)), page)?, [id(5)]);
        assert_eq!(numbers(EntityKind::Message, Of::Customer(id(11)), page)?, [id(5)]);

        let after = changed(&all[9], json!({ "status": "done", "priority": null, "custom": { "aNum": 1 } }));
        assert_eq!(session.update_entity(org, &after)?, Ok(()), "its own external id is not in the way");
        assert_eq!(session.entity(org, EntityKind::Conversation, id(10))?, Some(after));
        assert!(!session.delete_entity(org, EntityKind::Note, id(3))?);
        assert!(session.delete_entity(org, EntityKind::Conversation, id(3))?);
        assert!(!session.delete_entity(org, EntityKind::Conversation, id(3))?);
        for (kind, left) in [(EntityKind::Message, 7), (EntityKind::Note, 9)] {
            let found: Vec<_> = session.entities(org, kind, Of::Org, ALL)?.iter().map(|entity| entity.id).collect();
            assert_eq!(found, [id(left)], "a conversation's parts end with it, and no others");
        }
        Ok(())
    });
}

pub fn entities_taken(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let company = |number, external_id| {
            entity(number, EntityKind::Company, json!({ "name": "N", "externalId": external_id }))
        };
        let user = |number, email| entity(number, EntityKind::User, json!({ "email": email }));
        let first = [company(1, "A"), company(2, "B"), user(3, "a@x.example"), user(4, "b@x.example")];
        for entity in &first {
            assert_eq!(session.insert_entity(org, entity)?, Ok(()));
        }
        let taken = |pointer: &str, by| Err(Taken { pointer: pointer.into(), by: id(by) });
        assert_eq!(session.insert_entity(org, &company(5, "A"))?, taken("/externalId", 1));
        assert_eq!(session.insert_entity(org, &user(5, "A@X.example"))?, taken("/email", 3));
        let after = changed(&first[1], json!({ "externalId": "A", "name": "Other" }));
        assert_eq!(session.update_entity(org, &after)?, taken("/externalId", 1));
        let after = changed(&first[3], json!({ "email": "A@x.example" }));
        assert_eq!(session.update_entity(org, &after)?, taken("/email", 3));
        for entity in &first {
            let found = session.entity(org, entity.content.kind, entity.id)?;
            assert_eq!(found.as_ref(), Some(entity), "something was written");
        }
        let after = changed(&first[0], json!({ "externalId": null }));
        assert_eq!(session.update_entity(org, &after)?, Ok(()));
        assert_eq!(session.insert_entity(org, &company(5, "A"))?, Ok(()), "what was given up is free");
        assert_eq!(session.insert_entity(org, &conversation(1, 11))?, Ok(()), "of another kind");
        Ok(())
    });
}

pub fn entities_changed_twice(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let before = conversation(1, 11);
        assert_eq!(session.insert_entity(org, &before)?, Ok(()));
        let done = changed(&before, json!({ "status": "done" }));
        assert_eq!(session.update_entity(org, &done)?, Ok(()));
        let late = session.update_entity(org, &changed(&before, json!({ "status": "snoozed" })));
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
        assert_eq!(session.entity(org, EntityKind::Conversation, id(1))?, Some(done));
        Ok(())
    });
}

pub fn customers_deleted(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let contacts = json!({ "email": "Ann@x.example", "phone": "030 1234", "externalId": "X" });
        let (ann, bob) = (customer(1, contacts.clone()), customer(2, json!({ "phone": "030 1234" })));
        assert_eq!(session.insert_customer(org, &ann)?, Ok(()));
        assert_eq!(session.insert_customer(org, &bob)?, Ok(()));
        let stale = hookflow::objects::Customer { rev: 7, ..ann.clone() };
        let late = session.delete_customer(org, &stale);
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
        assert_eq!(session.customer_by_email(org, "ann@x.example")?.as_ref(), Some(&ann));
        session.delete_customer(org, &ann)?;
        assert_eq!(session.customer(org, id(1))?, None);
        assert!(!session.hold_customer(org, id(1))?);
        assert_eq!(session.customer_by_phone(org, "0301234")?.as_ref(), Some(&bob));
        assert_eq!(session.insert_customer(org, &customer(3, contacts))?, Ok(()), "what it had is free");
        Ok(())
    });
}

pub fn belongings(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let kobjects = [kobject(1, "order", Some(11), None), kobject(2, "claim", Some(12), None)];
        for kobject in &kobjects {
            assert_eq!(session.insert_kobject(org, kobject)?, Ok(()));
        }
        session.relate_kobjects(org, &kobjects[0], &kobjects[1], MOMENT)?;
        let entities = [conversation(3, 11), conversation(4, 12)];
        for entity in &entities {
            assert_eq!(session.insert_entity(org, entity)?, Ok(()));
        }

        session.move_belongings(org, id(11), id(12), LATER)?;
        let moved = session.kobject(org, "order", id(1))?.expect("it is there");
        assert_eq!((moved.customer, moved.rev, moved.updated_at), (Some(id(12)), 2, LATER));
        assert_eq!(session.kobject(org, "claim", id(2))?.as_ref(), Some(&kobjects[1]), "it was there already");
        let moved = session.entity(org, EntityKind::Conversation, id(3))?.expect("it is there");
        assert_eq!((moved.content.customer(), moved.rev, moved.updated_at), (Some(id(12)), 2, LATER));
        assert_eq!(session.entity(org, EntityKind::Conversation, id(4))?.as_ref(), Some(&entities[1]));
        let late = session.update_entity(org, &changed(&entities[0], json!({ "status": "done" })));
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "moving is a change: {late:?}");

        let stranger = kobject(5, "order", Some(11), None);
        assert_eq!(session.insert_kobject(org, &stranger)?, Ok(()));
        session.relate_kobjects(org, &stranger, &kobjects[1], MOMENT)?;
        session.delete_belongings(org, id(12))?;
        assert_eq!(session.kobjects(org, None, None, ALL)?.as_slice(), std::slice::from_ref(&stranger));
        assert_eq!(session.entities(org, EntityKind::Conversation, Of::Org, ALL)?, []);
        assert_eq!(session.related_kobjects(org, id(5), ALL)?, []);
        assert!(!session.unrelate_kobjects(org, id(5), id(2))?, "the relationship is gone too");
        Ok(())
    });
}

pub fn relationships(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let all = [kobject(1, "order", None, None), kobject(2, "claim", None, None), kobject(3, "order", None, None)];
        for kobject in &all {
            assert_eq!(session.insert_kobject(org, kobject)?, Ok(()));
        }
        let [one, two, three] = &all;
        assert!(session.relate_kobjects(org, one, two, MOMENT)?);
        assert!(session.relate_kobjects(org, three, one, MOMENT)?);
        assert!(!session.relate_kobjects(org, two, one, LATER)?, "they are related already");
        let mut related = |number, page| session.related_kobjects(org, id(number), page);
        assert_eq!(related(1, ALL)?, [three.clone(), two.clone()]);
        assert_eq!(related(1, Page { after: Some(id(3)), size: 1 })?.as_slice(), std::slice::from_ref(two));
        assert_eq!(related(2, ALL)?.as_slice(), std::slice::from_ref(one));
        assert!(session.unrelate_kobjects(org, id(2), id(1))?);
        assert!(!session.unrelate_kobjects(org, id(1), id(2))?);
        assert_eq!(session.related_kobjects(org, id(1), ALL)?.as_slice(), std::slice::from_ref(three));
        assert!(session.delete_kobject(org, "order", id(1))?);
        assert_eq!(session.related_kobjects(org, id(3), ALL)?, []);
        assert!(!session.unrelate_kobjects(org, id(3), id(1))?, "it ended with the kobject");
        Ok(())
    });
}
