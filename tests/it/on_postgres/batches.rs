//! Units that share a transaction: what they look up is looked up together, what they insert is inserted together, and
//! nothing of that shows.

use std::sync::mpsc::{Receiver, Sender, channel};

use hookflow::base::id::Id;
use hookflow::base::time::Timestamp;
use hookflow::objects::Customer;
use hookflow::objects::customer::Profile;
use hookflow::store::postgres::{PoolSizes, Postgres};
use hookflow::store::{Backend, Org, Session, StoreResult, Unit};
use serde_json::{Value, json};

use crate::support::PATIENCE;
use crate::support::postgres::{Cluster, Sql, TestDatabase};

/// A unit that names addresses, and reports how it ended.
struct Named<F> {
    emails: Vec<(Id, String)>,
    work: F,
    ended: Sender<StoreResult<()>>,
}

impl<F: FnMut(&mut dyn Session) -> StoreResult<()> + Send> Unit for Named<F> {
    fn run(&mut self, session: &mut dyn Session) -> StoreResult<()> {
        (self.work)(session)
    }

    fn emails(&self) -> &[(Id, String)] {
        &self.emails
    }

    fn finish(self: Box<Self>, outcome: StoreResult<()>) {
        self.ended.send(outcome).expect("the test waits for every unit");
    }
}

type Work = Box<dyn FnMut(&mut dyn Session) -> StoreResult<()> + Send>;

/// A store with one connection that writes, and one org.
struct Scene {
    database: TestDatabase,
    store: Postgres,
    org: Id,
}

impl Scene {
    fn set() -> Scene {
        Scene::on(Cluster::shared())
    }

    fn on(cluster: &Cluster) -> Scene {
        let database = cluster.database();
        let sizes = PoolSizes { writers: 1, readers: 1 };
        let store = Postgres::open(&database.url().parse().unwrap(), sizes).expect("the database can be opened");
        let scene = Scene { database, store, org: Id::generate() };
        let org = Org { id: scene.org, name: "one".into(), created_at: Timestamp(0) };
        scene.in_one_batch(vec![Box::new(move |session| session.insert_org(&org))]);
        scene
    }

    /// Executes units in one transaction, each of which names all of these addresses. All of them have to succeed.
    fn in_one_batch_naming(&self, emails: &[&str], units: Vec<Work>) {
        let emails: Vec<(Id, String)> = emails.iter().map(|email| (self.org, (*email).to_owned())).collect();
        // While one unit is under way, the others gather.
        let ((go_on, wait), (started, has_started)) = (channel::<()>(), channel());
        let held = self.submit(Vec::new(), move |_| {
            let _ = started.send(());
            let _ = wait.recv_timeout(PATIENCE);
            Ok(())
        });
        has_started.recv_timeout(PATIENCE).expect("the unit starts");
        let ended: Vec<_> = units.into_iter().map(|unit| self.submit(emails.clone(), unit)).collect();
        go_on.send(()).expect("the unit waits");
        for ended in [held].into_iter().chain(ended) {
            ended.recv_timeout(PATIENCE).expect("the unit ends").expect("it is committed");
        }
    }

    fn in_one_batch(&self, units: Vec<Work>) {
        self.in_one_batch_naming(&[], units);
    }

    fn submit(
        &self,
        emails: Vec<(Id, String)>,
        work: impl FnMut(&mut dyn Session) -> StoreResult<()> + Send + 'static,
    ) -> Receiver<StoreResult<()>> {
        let (ended, outcome) = channel();
        self.store.submit(Box::new(Named { emails, work, ended }));
        outcome
    }

    /// The customers' addresses, each with its customer, and the number of customers.
    fn stored(&self) -> (Vec<(String, String)>, usize) {
        let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        let rows = self.database.rows("SELECT email, customer_id FROM customer_emails ORDER BY email");
        let emails = rows.iter().map(|row| (text(row, "email"), text(row, "customer_id"))).collect();
        (emails, self.database.rows("SELECT FROM customers").len())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.store.close();
    }
}

fn customer(profile: Value) -> Customer {
    let (profile, now) = (Profile::read(profile).expect("the profile is valid"), Timestamp(1_000));
    Customer { id: Id::generate(), profile, created_at: now, updated_at: now, rev: 1 }
}

/// Finds the customer with an address or else makes it, as a workflow does, and passes on its id.
fn find_or_create(org: Id, email: &'static str, found: Sender<Id>) -> Work {
    Box::new(move |session| {
        let id = match session.customer_by_email(org, email)? {
            Some(customer) => customer.id,
            None => {
                let new = customer(json!({ "emails": [email], "phones": ["030 1", "0301"] }));
                session.insert_customer(org, &new)?.map_or_else(|taken| taken.by, |()| new.id)
            }
        };
        assert!(session.hold_customer(org, id)?);
        let _ = found.send(id);
        Ok(())
    })
}

/// Has another transaction make a customer.
fn make_elsewhere(sql: &Sql, org: Id, email: &str) -> Id {
    let Customer { id, profile, .. } = customer(json!({ "emails": [email] }));
    let profile = serde_json::to_string(&profile).unwrap();
    sql.execute(&format!(
        "INSERT INTO customers (org_id, id, profile, created_at, updated_at, rev) VALUES ('{org}', '{id}', '{profile}', 0, 0, 1); \
         INSERT INTO customer_emails (org_id, email, customer_id) VALUES ('{org}', '{email}', '{id}')"
    ));
    id
}

#[test]
fn two_units_with_the_same_new_address_make_one_customer() {
    let scene = Scene::set();
    let (found, ids) = channel();
    let names = ["a@example.com", "b@example.com", "a@example.com", "b@example.com", "c@example.com"];
    let units = names.map(|email| find_or_create(scene.org, email, found.clone())).into_iter().collect();
    // One address is named by none.
    scene.in_one_batch_naming(&["a@example.com", "b@example.com"], units);
    let ids: Vec<Id> = ids.try_iter().collect();
    assert_eq!(ids.len(), 5, "every unit is executed once");
    assert_eq!((ids[0], ids[1]), (ids[2], ids[3]));
    let (emails, customers) = scene.stored();
    let expected = [("a", ids[0]), ("b", ids[1]), ("c", ids[4])];
    assert_eq!(emails, expected.map(|(name, id)| (format!("{name}@example.com"), id.to_string())));
    assert_eq!((customers, scene.database.rows("SELECT FROM customer_phones").len()), (3, 3));
}

#[test]
fn a_unit_goes_on_with_the_customer_that_another_node_made_a_moment_ago() {
    lose_an_address(Cluster::shared());
}

/// Has a unit of a batch lose an address that was free to another transaction.
pub fn lose_an_address(cluster: &Cluster) {
    let scene = Scene::on(cluster);
    let (org, elsewhere) = (scene.org, scene.database.session());
    let (found, ids) = channel();
    let mut made = None;
    let mut lose = find_or_create(org, "a@example.com", found.clone());
    let (told, other) = channel();
    let units: Vec<Work> = vec![
        find_or_create(org, "b@example.com", found.clone()),
        Box::new(move |session| {
            // It was looked up ahead, and is free as far as this transaction knows.
            assert!(made.is_some() || session.customer_by_email(org, "a@example.com")?.is_none());
            let id = *made.get_or_insert_with(|| make_elsewhere(&elsewhere, org, "a@example.com"));
            let _ = told.send(id);
            lose(session)
        }),
        find_or_create(org, "c@example.com", found.clone()),
    ];
    scene.in_one_batch_naming(&["a@example.com", "b@example.com", "c@example.com"], units);
    let other = other.try_iter().last().expect("it was made");
    assert_eq!(ids.try_iter().last(), Some(other), "the unit that lost comes last, by itself");
    let (emails, customers) = scene.stored();
    assert_eq!(customers, 3);
    assert_eq!(emails[0], ("a@example.com".to_owned(), other.to_string()));
}

#[test]
fn units_of_a_batch_whose_addresses_can_not_be_looked_up_look_them_up_themselves() {
    let scene = Scene::set();
    let (org, elsewhere) = (scene.org, scene.database.session());
    let ann = make_elsewhere(&elsewhere, org, "ann@example.com");
    // Another transaction is about to delete a customer: looking it up for a batch would have to wait for that.
    elsewhere.execute(&format!("BEGIN; SELECT id FROM customers WHERE id = '{ann}' FOR UPDATE"));
    let (found, ids) = channel();
    let read: Work = Box::new(move |session| {
        let customer = session.customer_by_email(org, "ann@example.com")?.expect("it is there");
        assert_eq!(customer.id, ann);
        Ok(())
    });
    let units = vec![read, find_or_create(org, "bob@example.com", found)];
    scene.in_one_batch_naming(&["ann@example.com", "bob@example.com", "nul\0@example.com"], units);
    elsewhere.execute("ROLLBACK");
    assert_eq!(ids.try_iter().count(), 1, "every unit is executed once");
    assert_eq!(scene.stored().1, 2);
}

#[test]
fn a_customer_that_was_looked_up_is_not_deleted_before_the_commit() {
    let scene = Scene::set();
    let (org, elsewhere) = (scene.org, scene.database.session());
    let ann = make_elsewhere(&elsewhere, org, "ann@example.com");
    let unit: Work = Box::new(move |session| {
        assert!(session.customer_by_email(org, "ann@example.com")?.is_some());
        let delete = format!("SET lock_timeout = 100; DELETE FROM customers WHERE id = '{ann}'");
        elsewhere.try_execute(&delete).expect_err("it is locked");
        assert!(session.hold_customer(org, ann)?);
        Ok(())
    });
    scene.in_one_batch_naming(&["ann@example.com"], vec![unit]);
    scene.database.execute(&format!("DELETE FROM customers WHERE id = '{ann}'"));
}

#[test]
fn what_a_batch_has_made_it_finds_changes_and_deletes() {
    let scene = Scene::set();
    let org = scene.org;
    let ann = customer(json!({ "emails": ["ann@example.com"], "phones": ["030 1", "0301"] }));
    let (bob, eve) =
        (customer(json!({ "emails": ["bob@example.com"] })), customer(json!({ "emails": ["eve@example.com"] })));
    let profile = ann.profile.clone().merge(json!({ "emails": ["ann@new.example"] })).expect("the changes are valid");
    let changed = Customer { profile, rev: 2, ..ann.clone() };
    let (new, deleted) = (ann.clone(), eve.clone());
    let units: Vec<Work> = vec![
        Box::new(move |session| {
            for customer in [&new, &bob, &deleted] {
                assert_eq!(session.insert_customer(org, customer)?, Ok(()));
            }
            let taken = session.insert_customer(org, &customer(json!({ "emails": ["bob@example.com"] })))?;
            assert_eq!(taken.map_err(|taken| taken.by), Err(bob.id));
            Ok(())
        }),
        Box::new(move |session| {
            assert_eq!(session.customer(org, ann.id)?.as_ref(), Some(&ann));
            assert_eq!(session.customer_by_phone(org, "0301")?.as_ref(), Some(&ann));
            assert_eq!(session.update_customer(org, &ann, &changed)?, Ok(()));
            assert_eq!(session.customer_by_email(org, "ann@example.com")?, None);
            assert_eq!(session.customer_by_email(org, "ann@new.example")?.as_ref(), Some(&changed));
            session.delete_customer(org, &eve)?;
            assert!(!session.hold_customer(org, eve.id)?);
            assert_eq!(session.customer_by_email(org, "eve@example.com")?, None);
            Ok(())
        }),
        // The addresses are free again.
        Box::new(move |session| {
            for email in ["ann@example.com", "eve@example.com"] {
                assert_eq!(session.insert_customer(org, &customer(json!({ "emails": [email] })))?, Ok(()));
            }
            Ok(())
        }),
    ];
    let named = ["ann@example.com", "ann@new.example", "bob@example.com", "eve@example.com"];
    scene.in_one_batch_naming(&named, units);
    let (emails, customers) = scene.stored();
    assert_eq!(customers, 4);
    assert_eq!(emails.iter().map(|(email, _)| email.as_str()).collect::<Vec<_>>(), named);
}
