//! Customers, klasses and kobjects: found by what they have, and unique where they have to be.

use hookflow::base::time::Timestamp;
use hookflow::objects::customer::{Profile, email_key, phone_key};
use hookflow::objects::kobject::KObjectContent;
use hookflow::objects::{Customer, KObject, Klass};
use hookflow::store::{Page, StoreError, Taken};
use serde_json::{Value, json};

use super::{ALL, Desk, MOMENT, id};

pub const LATER: Timestamp = Timestamp(MOMENT.0 + 1_000);

pub fn klasses(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let klass = |number, name: &str| Klass {
            id: id(number),
            name: name.into(),
            display_name: "Name".into(),
            icon: None,
            properties: json!({ "zStr": {}, "aNum": { "description": "ü" } }).as_object().unwrap().clone(),
            created_at: MOMENT,
            updated_at: MOMENT,
        };
        let (order, claim) = (klass(1, "order"), klass(2, "claim"));
        session.put_klass(org, &order)?;
        session.put_klass(org, &claim)?;
        assert_eq!(session.klasses(org)?, [claim.clone(), order.clone()], "by name");
        let changed = Klass { icon: Some("cart".into()), display_name: "Order".into(), updated_at: LATER, ..order };
        // A klass is known by its name; id and creation are those of the first.
        session.put_klass(org, &Klass { id: id(3), created_at: LATER, ..changed.clone() })?;
        assert_eq!(session.klass(org, "order")?.as_deref(), Some(&changed));
        assert_eq!(session.klass(org, "Order")?, None);
        assert_eq!(session.klasses(org)?, [claim, changed]);
        Ok(())
    });
}

pub fn customer(number: usize, profile: Value) -> Customer {
    let profile = Profile::read(profile).expect("the profile is valid");
    Customer { id: id(number), profile, created_at: MOMENT, updated_at: MOMENT, rev: 1 }
}

pub fn customers(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let rich = json!({
            "name": "Ü", "externalId": "X-1", "emails": ["Ann@Example.com", "ann@work.example"],
            "phones": ["+1 (555) 0100", "030 1234"], "custom": { "vipBool": true },
        });
        let (ann, bob) = (customer(1, rich), customer(2, json!({ "phone": "+15550100" })));
        assert_eq!(session.insert_customer(org, &ann)?, Ok(()));
        assert_eq!(session.insert_customer(org, &bob)?, Ok(()));
        assert_eq!(session.customer(org, id(1))?.as_ref(), Some(&ann));
        assert_eq!(session.customer(org, id(3))?, None);
        for email in ["ann@example.com", "ANN@work.example "] {
            assert_eq!(session.customer_by_email(org, &email_key(email))?.as_ref(), Some(&ann), "{email}");
        }
        assert_eq!(session.customer_by_email(org, "example.com")?, None);
        assert_eq!(session.customer_by_external_id(org, "X-1")?.as_ref(), Some(&ann));
        assert_eq!(session.customer_by_external_id(org, "x-1")?, None, "external ids are exact");
        assert_eq!(session.customer_by_phone(org, &phone_key("+1 555 0100"))?.as_ref(), Some(&ann), "the oldest");
        assert!(session.hold_customer(org, id(1))? && session.hold_customer(org, id(2))?);
        assert!(!session.hold_customer(org, id(3))?);
        assert_eq!(session.customers(org, ALL)?, [bob.clone(), ann.clone()]);
        assert_eq!(
            session.customers(org, Page { after: Some(id(2)), size: 1 })?.as_slice(),
            std::slice::from_ref(&ann)
        );

        let changes = json!({ "emails": ["ann@work.example", "ann@new.example"], "phones": [], "externalId": null });
        let profile = ann.profile.clone().merge(changes).expect("the changes are valid");
        let after = Customer { profile, updated_at: LATER, rev: 2, ..ann.clone() };
        assert_eq!(session.update_customer(org, &ann, &after)?, Ok(()));
        assert_eq!(session.customer(org, id(1))?.as_ref(), Some(&after));
        assert_eq!(session.customer_by_email(org, "ann@new.example")?.as_ref(), Some(&after));
        assert_eq!(session.customer_by_email(org, "ann@example.com")?, None, "a former address finds nobody");
        assert_eq!(session.customer_by_external_id(org, "X-1")?, None);
        assert_eq!(session.customer_by_phone(org, &phone_key("+15550100"))?, Some(bob));
        Ok(())
    });
}

pub fn customers_of_another_org(desk: &Desk) {
    let [one, two] = [desk.add_org("one"), desk.add_org("two")];
    let ann = customer(1, json!({ "emails": ["ann@example.com"], "externalId": "X-1", "phones": ["030 1234"] }));
    desk.write(move |session| session.insert_customer(one, &ann)).unwrap().unwrap();
    let has = |org| desk.write(move |session| session.hold_customer(org, id(1))).unwrap();
    assert_eq!((has(one), has(two)), (true, false));
}

pub fn customers_taken(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let ann = customer(1, json!({ "emails": ["a@x.example", "b@x.example"], "externalId": "X-1" }));
        let bob = customer(2, json!({ "emails": ["c@x.example"], "phones": ["030 1234"], "externalId": "X-2" }));
        assert_eq!(session.insert_customer(org, &ann)?, Ok(()));
        assert_eq!(session.insert_customer(org, &bob)?, Ok(()));
        let taken = |pointer: &str, by| Err(Taken { pointer: pointer.into(), by: id(by) });

        let third = customer(3, json!({ "emails": ["new@x.example", "B@X.example"], "phones": ["040 1"] }));
        assert_eq!(session.insert_customer(org, &third)?, taken("/emails/1", 1));
        let third = customer(3, json!({ "emails": ["new@x.example"], "externalId": "X-2", "phones": ["040 1"] }));
        assert_eq!(session.insert_customer(org, &third)?, taken("/externalId", 2));

        let update = |changes: Value| Customer {
            profile: bob.profile.clone().merge(changes).expect("the changes are valid"),
            rev: 2,
            ..bob.clone()
        };
        let after = update(json!({ "emails": ["new@x.example", "a@x.example"], "phones": [] }));
        assert_eq!(session.update_customer(org, &bob, &after)?, taken("/emails/1", 1));
        let after = update(json!({ "emails": ["new@x.example"], "externalId": "X-1", "phones": ["040 1"] }));
        assert_eq!(session.update_customer(org, &bob, &after)?, taken("/externalId", 1));

        assert_eq!(session.customers(org, ALL)?, [bob.clone(), ann.clone()], "something was written");
        assert_eq!(session.customer_by_email(org, "c@x.example")?.as_ref(), Some(&bob));
        assert_eq!(session.customer_by_email(org, "b@x.example")?.as_ref(), Some(&ann));
        assert_eq!(session.customer_by_phone(org, "0301234")?.as_ref(), Some(&bob));
        assert_eq!(session.customer_by_phone(org, "0401")?, None);
        // What the refused ones asked for is free still.
        assert_eq!(session.insert_customer(org, &customer(3, json!({ "emails": ["new@x.example"] })))?, Ok(()));
        Ok(())
    });
}

pub fn kobject(number: usize, klass: &str, customer: Option<usize>, external_id: Option<&str>) -> KObject {
    let content = KObjectContent {
        title: "Online Order".into(),
        external_id: external_id.map(str::to_owned),
        icon: None,
        data: json!({ "z": [1, { "ü": null }], "a": 1.5 }).as_object().unwrap().clone(),
        custom: json!({ "orderIdStr": "1" }).as_object().unwrap().clone(),
    };
    let (klass, customer) = (klass.to_owned(), customer.map(id));
    KObject { id: id(number), klass, customer, content, created_at: MOMENT, updated_at: MOMENT, rev: 1 }
}

pub fn kobjects(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let all = [
            kobject(5, "claim", Some(11), None),
            kobject(4, "order", None, None),
            kobject(3, "order", Some(12), None),
            kobject(2, "order", Some(11), Some("A")),
            kobject(1, "order", Some(11), None),
        ];
        for kobject in all.iter().rev() {
            assert_eq!(session.insert_kobject(org, kobject)?, Ok(()));
        }
        assert_eq!(session.kobject(org, "order", id(2))?.as_ref(), Some(&all[3]));
        assert_eq!(session.kobject(org, "claim", id(2))?, None, "of another klass");
        assert_eq!(session.kobject_by_external_id(org, "order", "A")?.as_ref(), Some(&all[3]));
        assert_eq!(session.kobject_by_external_id(org, "claim", "A")?, None);
        let mut numbers = |klass: Option<&str>, customer: Option<usize>, page| {
            session
                .kobjects(org, klass, customer.map(id), page)
                .map(|found| found.iter().map(|k| k.id).collect::<Vec<_>>())
        };
        assert_eq!(numbers(None, None, ALL)?, [5, 4, 3, 2, 1].map(id));
        assert_eq!(numbers(Some("order"), None, ALL)?, [4, 3, 2, 1].map(id));
        assert_eq!(numbers(None, Some(11), ALL)?, [5, 2, 1].map(id));
        assert_eq!(numbers(Some("order"), Some(11), ALL)?, [2, 1].map(id));
        let page = Page { after: Some(id(4)), size: 2 };
        assert_eq!(numbers(None, None, page)?, [3, 2].map(id));
        assert_eq!(numbers(Some("order"), None, page)?, [3, 2].map(id));
        assert_eq!(numbers(None, Some(11), page)?, [2, 1].map(id));
        assert_eq!(numbers(Some("order"), Some(11), page)?, [2, 1].map(id));

        let content = KObjectContent { icon: Some("cart".into()), title: "Changed".into(), ..all[3].content.clone() };
        let changed = KObject { content, customer: Some(id(12)), updated_at: LATER, rev: 2, ..all[3].clone() };
        assert_eq!(session.update_kobject(org, &changed)?, Ok(()), "its own external id is not in the way");
        assert_eq!(session.kobject(org, "order", id(2))?, Some(changed));
        assert!(!session.delete_kobject(org, "claim", id(2))?);
        assert!(session.delete_kobject(org, "order", id(2))?);
        assert!(!session.delete_kobject(org, "order", id(2))?);
        assert_eq!(session.kobject(org, "order", id(2))?, None);
        Ok(())
    });
}

pub fn kobjects_taken(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let (first, other) = (kobject(1, "order", None, Some("A")), kobject(2, "order", None, Some("B")));
        assert_eq!(session.insert_kobject(org, &first)?, Ok(()));
        assert_eq!(session.insert_kobject(org, &other)?, Ok(()));
        assert_eq!(session.insert_kobject(org, &kobject(3, "claim", None, Some("A")))?, Ok(()), "of another klass");
        let taken = Err(Taken { pointer: "/externalId".into(), by: id(1) });
        assert_eq!(session.insert_kobject(org, &kobject(4, "order", None, Some("A")))?, taken);
        assert_eq!(session.update_kobject(org, &kobject(2, "order", Some(11), Some("A")))?, taken);
        assert_eq!(session.kobjects(org, Some("order"), None, ALL)?, [other, first], "something was written");
        Ok(())
    });
}

pub fn customers_changed_twice(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let before = customer(1, json!({ "email": "a@x.example", "name": "A" }));
        assert_eq!(session.insert_customer(org, &before)?, Ok(()));
        let changed = |name: &str| Customer {
            profile: before.profile.clone().merge(json!({ "name": name })).expect("the changes are valid"),
            rev: 2,
            ..before.clone()
        };
        assert_eq!(session.update_customer(org, &before, &changed("B"))?, Ok(()));
        // Whoever had read the customer before that would write over it without having seen it.
        let late = session.update_customer(org, &before, &changed("C"));
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
        assert_eq!(session.customer(org, id(1))?, Some(changed("B")));
        Ok(())
    });
}

pub fn kobjects_changed_twice(desk: &Desk) {
    desk.in_two_orgs(|session, org| {
        let before = kobject(1, "order", None, None);
        assert_eq!(session.insert_kobject(org, &before)?, Ok(()));
        let changed = |customer| KObject { customer: Some(id(customer)), rev: 2, ..before.clone() };
        assert_eq!(session.update_kobject(org, &changed(11))?, Ok(()));
        let late = session.update_kobject(org, &changed(12));
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
        assert_eq!(session.kobject(org, "order", id(1))?, Some(changed(11)));
        Ok(())
    });
}

pub fn unstorable_texts(desk: &Desk) {
    let org = desk.add_org("one");
    let refused = desk.write(move |session| {
        let content = KObjectContent { title: "a\0b".into(), ..kobject(1, "order", None, None).content };
        session.insert_kobject(org, &KObject { content, ..kobject(1, "order", None, None) })
    });
    assert!(matches!(refused, Err(StoreError::Unstorable { .. })), "{refused:?}");
    // Inside JSON the character is written as an escape, which is as good as any.
    desk.write(move |session| {
        let data = json!({ "a\0b": "c\0d" }).as_object().unwrap().clone();
        let content = KObjectContent { data, ..kobject(1, "order", None, None).content };
        let stored = KObject { content, ..kobject(1, "order", None, None) };
        assert_eq!(session.insert_kobject(org, &stored)?, Ok(()));
        assert_eq!(session.kobject(org, "order", id(1))?, Some(stored));
        assert_eq!(session.kobject_by_external_id(org, "order", "\0")?, None, "nothing has such an id");
        Ok(())
    })
    .unwrap();
}
