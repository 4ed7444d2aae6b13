//! What hookflow needs of a database within one transaction, by subject.
//!
//! Every method takes the org first. Lists are newest first and paged by id. Both databases implement these traits, and
//! one test suite specifies each method.

use std::collections::HashMap;
use std::sync::Arc;

use super::records::*;
use super::{RunFilter, StoreResult};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::hook::HookKind;
use crate::hook::transaction::{Transaction, TransactionDetails};
use crate::objects::{Customer, Entity, EntityKind, KObject, Klass};

/// One open transaction.
pub trait Session:
    Catalog
    + HookSecrets
    + SeenKeys
    + RefusedRequests
    + KeptRequests
    + Drafts
    + Schedules
    + Variables
    + Intake
    + Events
    + Runs
    + Lanes
    + Customers
    + KObjects
    + Relationships
    + Entities
    + Belongings
{
    /// The current time, as this transaction sees it.
    fn now(&self) -> Timestamp;
    /// Sets another current time for this transaction, for dry runs.
    fn set_now(&mut self, now: Timestamp);

    /// A new id.
    fn new_id(&mut self) -> Id {
        Id::generate()
    }

    /// Writes without changing anything, to check whether writing is possible.
    fn touch(&mut self) -> StoreResult<()>;
}

/// Orgs, keys, hooks and workflows: what admins set up.
pub trait Catalog {
    /// Must be called before anything that changes the catalog. It waits until no other transaction is changing it, so
    /// that what is read next remains true until the commit, and increments the catalog's revision, by which other
    /// processes notice the change.
    fn change_catalog(&mut self) -> StoreResult<()>;
    /// The number of changes to the catalog.
    fn catalog_revision(&mut self) -> StoreResult<i64>;
    /// What was changed after revision `after`. A transaction that calls [`Catalog::change_catalog`] logs every entry
    /// that it then writes through the methods below, [`HookSecrets`], [`Variables`] and [`KObjects::put_klass`].
    fn catalog_changes(&mut self, after: i64) -> StoreResult<CatalogChanges>;

    fn orgs(&mut self) -> StoreResult<Vec<Org>>;
    fn org(&mut self, org: Id) -> StoreResult<Option<Org>>;
    fn insert_org(&mut self, org: &Org) -> StoreResult<()>;

    fn keys(&mut self, org: Id) -> StoreResult<Vec<Key>>;
    fn key(&mut self, org: Id, id: Id) -> StoreResult<Option<Key>>;
    fn insert_key(&mut self, key: &Key) -> StoreResult<()>;
    /// Returns whether the key existed.
    fn delete_key(&mut self, org: Id, id: Id) -> StoreResult<bool>;

    /// All hooks, deleted ones included.
    fn hooks(&mut self, org: Id) -> StoreResult<Vec<Hook>>;
    /// One hook, deleted or not.
    fn hook(&mut self, org: Id, id: Id) -> StoreResult<Option<Hook>>;
    /// The hook of this kind with this name that is not deleted.
    fn hook_by_name(&mut self, org: Id, kind: HookKind, name: &str) -> StoreResult<Option<Hook>>;
    fn insert_hook(&mut self, hook: &Hook) -> StoreResult<()>;
    /// Writes everything except id, org, kind and creation time.
    fn update_hook(&mut self, hook: &Hook) -> StoreResult<()>;

    /// The digest of the file's content when it was last loaded.
    fn file_digest(&mut self, org: Id, name: &str) -> StoreResult<Option<String>>;
    /// The digests of all files, by name.
    fn file_digests(&mut self, org: Id) -> StoreResult<HashMap<String, String>>;
    fn put_file_digest(&mut self, org: Id, name: &str, digest: &str, at: Timestamp) -> StoreResult<()>;

    /// All workflows that are not deleted, with their current documents.
    fn workflows(&mut self, org: Id) -> StoreResult<Vec<WorkflowRecord>>;
    /// One workflow, deleted or not.
    fn workflow(&mut self, org: Id, id: Id) -> StoreResult<Option<WorkflowRecord>>;
    /// The workflow with this name that is not deleted.
    fn workflow_by_name(&mut self, org: Id, name: &str) -> StoreResult<Option<WorkflowRecord>>;
    /// Inserts a workflow and its first version.
    fn insert_workflow(&mut self, workflow: &WorkflowRecord, origin: &str) -> StoreResult<()>;
    /// Writes name, status and file, and makes the given version the current one; it is inserted if it is new.
    fn update_workflow(&mut self, workflow: &WorkflowRecord, origin: &str) -> StoreResult<()>;
    fn workflow_version(&mut self, org: Id, workflow: Id, version: i64) -> StoreResult<Option<WorkflowVersion>>;
    /// The highest version of a workflow; 0 if it has none.
    fn newest_version(&mut self, org: Id, workflow: Id) -> StoreResult<i64>;
    /// Newest first, below the given version.
    fn workflow_versions(&mut self, org: Id, workflow: Id, below: i64, size: i64) -> StoreResult<Vec<WorkflowVersion>>;
}

/// Drafts: documents that will become the next versions of workflows.
pub trait Drafts {
    fn draft(&mut self, org: Id, workflow: Id) -> StoreResult<Option<DraftRecord>>;
    /// Adds it, or writes everything of it.
    fn put_draft(&mut self, draft: &DraftRecord) -> StoreResult<()>;
    /// Whether there was one.
    fn delete_draft(&mut self, org: Id, workflow: Id) -> StoreResult<bool>;
}

/// The schedules of workflows.
pub trait Schedules {
    fn schedule(&mut self, org: Id, workflow: Id) -> StoreResult<Option<ScheduleRecord>>;
    /// Adds it, or writes everything of it.
    fn put_schedule(&mut self, schedule: &ScheduleRecord) -> StoreResult<()>;
    fn delete_schedule(&mut self, org: Id, workflow: Id) -> StoreResult<()>;
    /// Writes `due_at` and `last_at` if the schedule is still due at `from` by the same rule, and returns whether it
    /// was. Of several concurrent calls, one succeeds.
    fn move_schedule(&mut self, from: Timestamp, to: &ScheduleRecord) -> StoreResult<bool>;
    /// The schedules of all orgs that are due first, at most `size`.
    fn next_schedules(&mut self, size: i64) -> StoreResult<Vec<ScheduleRecord>>;
}

/// Variables, and the key that they are encrypted with.
pub trait Variables {
    /// All variables of the org and its workflows, oldest first.
    fn variables(&mut self, org: Id) -> StoreResult<Vec<Variable>>;
    fn variable(&mut self, org: Id, id: Id) -> StoreResult<Option<Variable>>;
    /// The variable with this name of a workflow, or of the org itself.
    fn variable_by_name(&mut self, org: Id, workflow: Option<Id>, name: &str) -> StoreResult<Option<Variable>>;
    /// How many variables the org and its workflows have.
    fn count_variables(&mut self, org: Id) -> StoreResult<i64>;
    /// Inserts the variable, or replaces the name and value of the one with its id.
    fn put_variable(&mut self, variable: &Variable) -> StoreResult<()>;
    /// Returns whether the variable existed.
    fn delete_variable(&mut self, org: Id, id: Id) -> StoreResult<bool>;

    /// The key that the org's variables are encrypted with, as [`crate::secrets::vault::Vault::key_id`] names it;
    /// `None` if no variable was ever stored.
    fn secret_key_id(&mut self, org: Id) -> StoreResult<Option<String>>;
    fn put_secret_key_id(&mut self, org: Id, key_id: &str) -> StoreResult<()>;
}

/// The secrets of hooks.
pub trait HookSecrets {
    /// The secrets of all hooks of the org, oldest first.
    fn hook_secrets(&mut self, org: Id) -> StoreResult<Vec<HookSecret>>;
    /// The secrets of one hook, oldest first.
    fn secrets_of_hook(&mut self, org: Id, hook: Id) -> StoreResult<Vec<HookSecret>>;
    fn insert_hook_secret(&mut self, secret: &HookSecret) -> StoreResult<()>;
    /// Returns whether the secret existed.
    fn delete_hook_secret(&mut self, org: Id, id: Id) -> StoreResult<bool>;
}

/// Deduplication: the keys of the requests that hooks have received.
pub trait SeenKeys {
    /// Stores the key with its transaction, or, if the key was seen before and has not expired, counts a duplicate.
    /// Returns the transaction of the first request: if it differs from the one given, the request is a duplicate.
    fn claim_key(&mut self, key: &SeenKey) -> StoreResult<Id>;
    /// How often the request of a transaction came again; `None` if it had no key or the key has been deleted.
    fn duplicates(&mut self, org: Id, transaction: Id) -> StoreResult<Option<Duplicates>>;
    /// Deletes at most `size` keys that have expired by `now`, and returns how many it deleted.
    fn forget_keys(&mut self, org: Id, now: Timestamp, size: i64) -> StoreResult<usize>;
}

/// Accepted requests, and counts of refused ones.
pub trait Intake {
    fn insert_transaction(&mut self, transaction: &Transaction) -> StoreResult<()>;
    fn transaction(&mut self, org: Id, id: Id) -> StoreResult<Option<Transaction>>;
    fn transactions(&mut self, org: Id, hook: Id, page: Page) -> StoreResult<Vec<Transaction>>;
    /// The ids of a hook's transactions above `above`, newest first, at most `size`.
    fn newest_transactions(&mut self, org: Id, hook: Id, above: Id, size: i64) -> StoreResult<Vec<Id>>;

    /// Adds to the count of requests that a hook refused.
    fn add_refusals(&mut self, org: Id, hook: Id, reason: &str, count: i64, at: Timestamp) -> StoreResult<()>;
    fn refusals(&mut self, org: Id, hook: Id) -> StoreResult<Vec<RefusalCount>>;
}

/// Events that are stored with their payloads, and how many runs follow from them.
pub trait Events {
    fn insert_event(&mut self, event: &EventRecord) -> StoreResult<()>;
    fn event(&mut self, org: Id, id: Id) -> StoreResult<Option<EventRecord>>;
    /// Counts runs that descend from a root, unless there would then be more than `max` of them; returns whether they
    /// were counted. Exact even under concurrency: a second transaction waits for the commit of the first.
    fn count_descendants(&mut self, org: Id, root: Id, count: i64, max: i64) -> StoreResult<bool>;
}

/// Details of the latest requests that hooks refused.
pub trait RefusedRequests {
    fn insert_refused(&mut self, request: &RefusedRequest) -> StoreResult<()>;
    /// Refused requests of a hook with ids above the given one, filtered by reason if one is given.
    fn refused(
        &mut self,
        org: Id,
        hook_and_above: (Id, Id),
        reason: Option<&str>,
        page: Page,
    ) -> StoreResult<Vec<RefusedRequest>>;
    fn refused_request(&mut self, org: Id, hook: Id, id: Id) -> StoreResult<Option<RefusedRequest>>;
    /// Notes the transaction that a refused request became, unless it became one before; returns whether it did now.
    fn mark_accepted(&mut self, org: Id, hook: Id, id: Id, transaction: Id) -> StoreResult<bool>;
    /// Deletes all refused requests of a hook except the newest ones.
    fn delete_refused_but(&mut self, newest: i64, org: Id, hook: Id) -> StoreResult<()>;
}

/// What is known about transactions beside their requests, and the runs that were started for them later.
pub trait KeptRequests {
    fn insert_details(&mut self, details: &TransactionDetails) -> StoreResult<()>;
    /// Details of a hook's transactions with ids in this range, both ends included.
    fn details(&mut self, org: Id, hook: Id, lowest_and_highest: (Id, Id)) -> StoreResult<Vec<TransactionDetails>>;
    /// The transactions of a hook whose body can't be read, filtered by reason if one is given.
    fn unreadable(&mut self, org: Id, hook: Id, problem: Option<&str>, page: Page) -> StoreResult<Vec<Transaction>>;
    /// The transactions with this problem and no later run, oldest first, with ids above the given one.
    fn unrun(&mut self, org: Id, hook: Id, problem: &str, above_and_size: (Id, i64)) -> StoreResult<Vec<Id>>;
    fn insert_later_run(&mut self, org: Id, hook: Id, transaction: Id, run: Id) -> StoreResult<()>;
    /// Transactions with the runs that were started for them later, in the order of their ids; the range is as for
    /// [`details`](KeptRequests::details).
    fn later_runs(&mut self, org: Id, hook: Id, lowest_and_highest: (Id, Id)) -> StoreResult<Vec<(Id, Id)>>;
}

/// An open run that this process has claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub org: Id,
    pub run: Id,
    /// The run's `rev` after the claim; a stretch of the run must find this one.
    pub rev: i64,
}

/// Runs and their logs.
pub trait Runs {
    fn insert_run(&mut self, run: &Run) -> StoreResult<()>;
    /// Inserts a run that has executed its first stretch, with what that logged.
    fn insert_run_with_log(&mut self, run: &Run, segment: i64, entries: &str) -> StoreResult<()> {
        self.insert_run(run)?;
        self.append_log(run.org, run.id, segment, entries)
    }
    fn run(&mut self, org: Id, id: Id) -> StoreResult<Option<Run>>;
    /// An open run; no other transaction changes it before this one ends.
    fn hold_run(&mut self, org: Id, id: Id) -> StoreResult<Option<Run>>;
    fn runs(&mut self, org: Id, filter: &RunFilter, page: Page) -> StoreResult<Vec<Run>>;

    /// Writes everything that changes in a run's life, and increments its `rev`.
    ///
    /// # Errors
    /// [`super::StoreError::Fenced`] if the stored run has another `rev` than this one, or has ended.
    fn update_run(&mut self, run: &mut Run) -> StoreResult<()>;

    /// Claims open runs of all orgs that are due by `now` and that no process holds, at most `size`, the longest due
    /// first. This process then holds them, and their `rev` is incremented, which fences their previous holder.
    fn claim_runs(&mut self, now: Timestamp, size: i64) -> StoreResult<Vec<Claim>>;
    /// When the next open run is due that no process holds and that is not due by `now`.
    fn next_due(&mut self, now: Timestamp) -> StoreResult<Option<Timestamp>>;
    /// Releases all runs that this process holds, or held before it was restarted, so that others can claim them: those
    /// with a call under way are due at once. Returns how many there were.
    fn release_runs(&mut self, now: Timestamp) -> StoreResult<usize>;

    /// Appends step entries, a JSON list, to a run's log.
    fn append_log(&mut self, org: Id, run: Id, segment: i64, entries: &str) -> StoreResult<()>;
    /// The lists of step entries of a run, in order.
    fn log(&mut self, org: Id, run: Id) -> StoreResult<Vec<String>>;
}

/// Lanes, in which runs of a workflow take turns in order of arrival.
///
/// A lane consists only of the open runs that name it: there is nothing to create, clean up or keep in sync.
pub trait Lanes {
    /// Puts a run into its lane. It gets its turn if there is room and no other run waits; otherwise it waits behind
    /// all others, due [`Timestamp::NEVER`] and held by no process. Where others write at the same time, this is
    /// decided at the end of the transaction, and until then the run waits. The caller writes the run. A lane that is
    /// stuck is moved on.
    fn enter_lane(&mut self, run: &mut Run) -> StoreResult<()>;
    /// Gives the first waiting runs their turn, as far as there is room, and makes them due; returns whether there may
    /// be any. Must be called in the same transaction that ends a run of the lane.
    fn move_lane(&mut self, org: Id, lane: &str) -> StoreResult<bool>;
    /// The runs that have their turn, oldest first, at most `size`.
    fn runs_going(&mut self, org: Id, lane: &str, size: i64) -> StoreResult<Vec<Id>>;
    /// The number of runs that wait before the given place.
    fn runs_ahead(&mut self, org: Id, lane: &str, place: i64) -> StoreResult<i64>;
}

/// A unique value that another object already has.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// JSON pointer to the field: `/emails/0`, `/externalId`.
    pub pointer: String,
    /// The object that has it.
    pub by: Id,
}

/// Customers: who orders.
pub trait Customers {
    fn customer(&mut self, org: Id, id: Id) -> StoreResult<Option<Customer>>;
    /// Whether the customer exists; if so, no other transaction deletes it before this one ends, so that new objects
    /// may belong to it.
    fn hold_customer(&mut self, org: Id, id: Id) -> StoreResult<bool>;
    /// By an address in the form of [`crate::objects::customer::email_key`].
    fn customer_by_email(&mut self, org: Id, email_key: &str) -> StoreResult<Option<Customer>>;
    fn customer_by_external_id(&mut self, org: Id, external_id: &str) -> StoreResult<Option<Customer>>;
    /// Finds a customer by a phone number, however it is written; the oldest if several have
    /// it.
    fn customer_by_phone(&mut self, org: Id, phone: &str) -> StoreResult<Option<Customer>>;
    fn customers(&mut self, org: Id, page: Page) -> StoreResult<Vec<Customer>>;
    /// Writes nothing if something unique is taken.
    fn insert_customer(&mut self, org: Id, customer: &Customer) -> StoreResult<Result<(), Taken>>;
    /// Writes nothing if something unique is taken. `before` is the customer as it is stored.
    ///
    /// # Errors
    /// [`super::StoreError::Conflict`] if its `rev` shows that it was changed since it was read.
    fn update_customer(&mut self, org: Id, before: &Customer, after: &Customer) -> StoreResult<Result<(), Taken>>;
    /// Deletes the customer, which frees its unique values; what belongs to it remains, see [`Belongings`].
    ///
    /// # Errors
    /// [`super::StoreError::Conflict`] if it was changed since it was read.
    fn delete_customer(&mut self, org: Id, customer: &Customer) -> StoreResult<()>;
}

/// Klasses and kobjects: the objects on timelines.
pub trait KObjects {
    fn klasses(&mut self, org: Id) -> StoreResult<Vec<Klass>>;
    fn klass(&mut self, org: Id, name: &str) -> StoreResult<Option<Arc<Klass>>>;
    /// Inserts the klass, or replaces the one with its name.
    fn put_klass(&mut self, org: Id, klass: &Klass) -> StoreResult<()>;

    fn kobject(&mut self, org: Id, klass: &str, id: Id) -> StoreResult<Option<KObject>>;
    fn kobject_by_external_id(&mut self, org: Id, klass: &str, external_id: &str) -> StoreResult<Option<KObject>>;
    /// The kobjects of a klass, of a customer, or both.
    fn kobjects(&mut self, org: Id, klass: Option<&str>, customer: Option<Id>, page: Page)
    -> StoreResult<Vec<KObject>>;
    /// Writes nothing if the external id is taken.
    fn insert_kobject(&mut self, org: Id, kobject: &KObject) -> StoreResult<Result<(), Taken>>;
    /// Writes nothing if the external id is taken. The kobject's `rev` is one more than the stored one's.
    ///
    /// # Errors
    /// [`super::StoreError::Conflict`] if it was changed since it was read.
    fn update_kobject(&mut self, org: Id, kobject: &KObject) -> StoreResult<Result<(), Taken>>;
    /// Returns whether the kobject existed. Its relationships end with it.
    fn delete_kobject(&mut self, org: Id, klass: &str, id: Id) -> StoreResult<bool>;
}

/// Relationships between kobjects of any klasses. They have no direction: each of the two is related to the other.
pub trait Relationships {
    /// Returns whether they were unrelated before.
    fn relate_kobjects(&mut self, org: Id, one: &KObject, other: &KObject, at: Timestamp) -> StoreResult<bool>;
    /// Returns whether they were related.
    fn unrelate_kobjects(&mut self, org: Id, one: Id, other: Id) -> StoreResult<bool>;
    fn related_kobjects(&mut self, org: Id, id: Id, page: Page) -> StoreResult<Vec<KObject>>;
}

/// Which entities of a kind to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Org,
    Customer(Id),
    Conversation(Id),
}

/// Companies, conversations, messages, notes and users.
pub trait Entities {
    fn entity(&mut self, org: Id, kind: EntityKind, id: Id) -> StoreResult<Option<Entity>>;
    /// The entity; no other transaction deletes it before this one ends.
    fn hold_entity(&mut self, org: Id, kind: EntityKind, id: Id) -> StoreResult<Option<Entity>>;
    fn entity_by_external_id(&mut self, org: Id, kind: EntityKind, external_id: &str) -> StoreResult<Option<Entity>>;
    /// By an address in the form of [`crate::objects::customer::email_key`].
    fn user_by_email(&mut self, org: Id, email_key: &str) -> StoreResult<Option<Entity>>;
    fn entities(&mut self, org: Id, kind: EntityKind, of: Of, page: Page) -> StoreResult<Vec<Entity>>;
    /// Writes nothing if something unique is taken.
    fn insert_entity(&mut self, org: Id, entity: &Entity) -> StoreResult<Result<(), Taken>>;
    /// Writes nothing if something unique is taken. The entity's `rev` is one more than the stored one's.
    ///
    /// # Errors
    /// [`super::StoreError::Conflict`] if it was changed since it was read.
    fn update_entity(&mut self, org: Id, entity: &Entity) -> StoreResult<Result<(), Taken>>;
    /// Returns whether the entity existed. The messages and notes of a conversation end with it.
    fn delete_entity(&mut self, org: Id, kind: EntityKind, id: Id) -> StoreResult<bool>;
}

/// Everything that belongs to a customer: its kobjects, conversations, messages and notes.
pub trait Belongings {
    /// Moves everything to another customer, and increments each `rev`.
    fn move_belongings(&mut self, org: Id, from: Id, to: Id, at: Timestamp) -> StoreResult<()>;
    fn delete_belongings(&mut self, org: Id, customer: Id) -> StoreResult<()>;
}
