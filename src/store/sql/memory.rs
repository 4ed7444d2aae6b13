//! What a transaction has read and need not read again.
//!
//! Many units share a transaction, and most of them ask for the same few klasses, and for the customer that the
//! previous step has just found or created. Where there are no other writers, what was read remains true until the
//! transaction itself writes it. Where there are, it is as if every unit had read it when the transaction began: a
//! customer in memory is locked against deletion, a unit that changes one finds another `rev` if it was changed
//! meanwhile, and an address that was free is claimed ([`super::Sql::claim`]) before the commit. The memory ends with
//! the transaction. It also keeps what has to be reported after the commit.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::base::id::Id;
use crate::objects::customer::email_key;
use crate::objects::{Customer, Klass};

/// What one transaction has seen: klasses and customers.
#[derive(Default)]
pub struct Memory {
    klasses: HashMap<Id, HashMap<String, Arc<Klass>>>,
    /// Customers that exist until the transaction ends, with their orgs.
    held: HashSet<(Id, Id)>,
    /// Whose the addresses are that were looked up ahead, by org and key. An address without an owner is free.
    owners: HashMap<Id, HashMap<String, Option<Arc<Customer>>>>,
    /// The catalog's revision after its latest change in this transaction, if there was one.
    pub catalog_revision: Option<i64>,
}

impl Memory {
    pub fn klass(&self, org: Id, name: &str) -> Option<Arc<Klass>> {
        self.klasses.get(&org)?.get(name).cloned()
    }

    pub fn keep_klass(&mut self, org: Id, klass: Arc<Klass>) {
        self.klasses.entry(org).or_default().insert(klass.name.clone(), klass);
    }

    pub fn forget_klasses(&mut self, org: Id) {
        self.klasses.remove(&org);
    }

    pub fn holds_customer(&self, org: Id, id: Id) -> bool {
        self.held.contains(&(org, id))
    }

    pub fn hold_customer(&mut self, org: Id, id: Id) {
        self.held.insert((org, id));
    }

    /// Whose the address is; `None` if that is not known, `Some(None)` if it is free.
    pub fn owner(&self, org: Id, email_key: &str) -> Option<Option<&Arc<Customer>>> {
        self.owners.get(&org)?.get(email_key).map(Option::as_ref)
    }

    /// Keeps whose an address is.
    pub fn keep_owner(&mut self, org: Id, email_key: String, owner: Option<Arc<Customer>>) {
        self.owners.entry(org).or_default().insert(email_key, owner);
    }

    /// Corrects what is known of the addresses of a customer that was just inserted.
    pub fn own_addresses(&mut self, org: Id, customer: &Customer) {
        let Some(owners) = self.owners.get_mut(&org) else { return };
        for email in &customer.profile.emails {
            if let Some(owner) = owners.get_mut(&email_key(&email.email)) {
                *owner = Some(Arc::new(customer.clone()));
            }
        }
    }

    /// Forgets whose the addresses of an org are, because customers change.
    pub fn forget_owners(&mut self, org: Id) {
        self.owners.remove(&org);
    }

    pub fn release_customer(&mut self, org: Id, id: Id) {
        self.held.remove(&(org, id));
    }
}
