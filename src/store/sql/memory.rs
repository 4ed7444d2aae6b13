//! What a transaction has read and need not read again.
//!
//! Many units share a transaction, and most of them ask for the same few klasses, and for the customer that the
//! previous step has just found or created. Where there are no other writers, what was read remains true until the
//! transaction itself writes it; the memory ends with the transaction. It also keeps what has to be reported after the
//! commit.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::id::Id;
use crate::objects::Klass;

/// What one transaction has seen: klasses, and one customer.
#[derive(Default)]
pub struct Memory {
    klasses: HashMap<Id, HashMap<String, Arc<Klass>>>,
    /// The customer, and its org, that was seen last.
    customer: Option<(Id, Id)>,
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

    pub fn has_customer(&self, org: Id, id: Id) -> bool {
        self.customer == Some((org, id))
    }

    pub fn keep_customer(&mut self, org: Id, id: Id) {
        self.customer = Some((org, id));
    }

    pub fn forget_customer(&mut self) {
        self.customer = None;
    }
}
