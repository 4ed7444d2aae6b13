//! How a store is doing, shared by its threads and handles.

use std::sync::{Arc, Mutex};

use super::Health;

/// The health that the threads of a store share with its handles.
#[derive(Clone)]
pub struct HealthCell(Arc<Mutex<Health>>);

impl HealthCell {
    pub fn new() -> HealthCell {
        HealthCell(Arc::new(Mutex::new(Health::Ready)))
    }

    pub fn get(&self) -> Health {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Sets the health, unless the present one is final.
    pub fn set(&self, health: Health) {
        let mut current = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if matches!(*current, Health::Failed(_)) || *current == health {
            return;
        }
        match (&*current, &health) {
            (Health::DiskFull, Health::Ready) => log::info!("the disk has space again; accepting hooks"),
            (_, Health::Ready) => log::info!("the database is reachable again; accepting hooks"),
            (_, Health::DiskFull) => log::error!("the disk is full; refusing hooks until it has space"),
            // The reason may differ at each attempt; the loss is logged once.
            (Health::Unreachable(_), Health::Unreachable(_)) | (_, Health::Closed) => {}
            // Who finds that a right is missing logs it.
            (_, Health::Denied(_)) => {}
            (_, Health::Unreachable(reason)) => {
                log::error!(reason = reason.as_str(); "the database is unreachable; refusing hooks until it is reachable")
            }
            (_, Health::Failed(reason)) => {
                log::error!(reason = reason.as_str(); "the database failed; refusing hooks until the server is restarted")
            }
        }
        *current = health;
    }
}
