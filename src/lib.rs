//! hookflow accepts hooks from external systems, stores them durably, and runs workflows on them.
//!
//! # The life of a hook
//!
//! ```text
//! POST /v1/hooks/…  ->  api        declares the address and routes it to the door, like all addresses
//!                   ->  door       finds the hook, reads the body within limits, verifies and parses it
//!                   ->  events     makes a run for each workflow that listens (`Event::run`), for the door as for all sources
//!                   ->  store      commits transaction and runs together, in a commit shared with other requests, and flushes
//!                   ->  200        only now; the body contains the transaction's id
//!                   ->  engine     advances runs: resolves params, acts, judges transitions, logs; one transaction per stretch
//!                   ->  outbound   makes external calls outside any transaction; their outcome is the run's next input
//! ```
//!
//! While the store is not busy, the engine executes a run's first stretch in the same commit as the transaction.
//!
//! # The rooms, in the order of a hook's life
//!
//! | room | what it is for |
//! |---|---|
//! | [`listen`] | connections: TLS, and limits that no peer can evade |
//! | [`door`] | where hooks arrive, by HTTP and SMTP: limits, checks, storing, the answer |
//! | [`hook`] | the kinds of hook and their settings; the transaction |
//! | [`signature`] | whether a request was signed with a hook's secret |
//! | [`content`] | from the bytes of a body, of any type, to a payload |
//! | [`catalog`] | what is in effect (hooks, workflows, klasses, keys) in memory; saving it; loading files; schedules |
//! | [`events`] | the one way in for everything that starts runs: what an event is, and what follows from it |
//! | [`store`] | the seam to the database, with SQLite and PostgreSQL behind it |
//! | [`engine`] | the state machine of a run, and the loop that feeds it |
//! | [`workflow`] | documents: parsing, every check, the compiled model; the import from Kustomer |
//! | [`expr`] | what params and conditions can say: references, JSONPath, functions, templates |
//! | [`actions`] | what steps can do, one file per family |
//! | [`changes`] | every change of an object: checks it, writes it, raises its event |
//! | [`objects`] | customers, klasses, kobjects and entities: their shapes and rules |
//! | [`outbound`] | the way out: effects as data, the HTTP client with its address policy, the mail client |
//! | [`api`] | the admin API and its description, one file per resource |
//! | [`usecases`] | what people and programs can do, as functions with typed views |
//! | [`http`] | the shapes of HTTP answers, and the one table of error codes |
//! | [`dry_run`] | runs that leave nothing behind, for `hookflow try` and `hookflow test` |
//! | [`schema`] | JSON Schemas generated from tables |
//! | [`observe`] | log lines and counters |
//! | [`secrets`] | encryption of what is stored, and masking of what is shown |
//! | [`base`] | ids that sort by time, times, limits on JSON, networks, files |
//! | [`config`] | flags and `HOOKFLOW_*` variables |
//! | [`serve`] | starts the parts in order, and stops them in order |
//! | [`cli`] | the command line, one file per command |
//!
//! Rooms import each other in one direction only; `tests/it/layout.rs` fails on a circle. `content`, `signature`, `objects`,
//! `expr`, `workflow` and the engine's state machine are pure: no clock, files or network of their own. The engine uses the
//! store's seam, never a database. Only `store` contains SQL, only `expr` uses the template and JSONPath crates, and only
//! `outbound` and `cli` use the HTTP client's. `docs/architecture.md` has the reasons, the limits, and recipes for changes.
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | org | a tenant; everything belongs to one |
//! | hook | an address that other systems post to |
//! | transaction | one accepted request. A database transaction is a [`store::Session`] |
//! | event | something that happened: a name, such as `hooks.form.orders.receive` or `customer.update`, and a payload |
//! | listener | a workflow in effect, with the event that starts it. (In `listen` and `serve`, a socket that takes connections) |
//! | in force, in effect | what counts now: enabled workflows in their latest version, hooks, klasses, keys and variables, as the newest snapshot has them |
//! | dispatch | decide what follows from an event: a run for each workflow that listens |
//! | cause, root | what an event came from; what a run and all its descendants began with. They share a budget |
//! | workflow, version | a trigger, steps and transitions; every save makes a new version that never changes |
//! | run | one execution of one version for one event |
//! | step, step entry | one node of a workflow; the log of its execution in a run |
//! | action | what a step does, such as `customer.create` |
//! | stretch | the steps of a run that one database transaction executes |
//! | effect | an external call or mail as data: stored first, then performed |
//! | unit | a closure over a session; the store puts many into one commit |
//! | lane, turn | the open runs that share a workflow's concurrency limit; permission to run in it |
//! | hold, claim, `rev` | a process holds the run it works on, and claims one that is due; `rev` fences off a former holder |
//! | parked | waiting for another run's end |
//! | snapshot | the catalog at one moment; a request sees one from start to end |
//! | seen key | the key of a request that a hook accepted before; another request with it is a duplicate |
//! | klass, kobject | a kind of custom object; one object of it, usually on a customer's timeline |
//! | entity | a company, conversation, message, note or user |
//! | note | a remark in the log about something that is odd but not an error, such as a missing value |
//! | gate | what a hook's request must pass: a signature, an API key, or nothing |
//! | refusal | an answer that stores nothing but a count and a summary of the request |
//!
//! *klass* and *kobject* are Kustomer's words, as its documents define the format of workflows.

#![deny(clippy::unwrap_used)]

pub mod actions;
pub mod api;
pub mod base;
pub mod catalog;
pub mod changes;
pub mod cli;
pub mod config;
pub mod content;
pub mod door;
pub mod dry_run;
pub mod engine;
pub mod events;
pub mod expr;
pub mod hook;
pub mod http;
pub mod listen;
pub mod objects;
pub mod observe;
pub mod outbound;
pub mod schema;
pub mod secrets;
pub mod serve;
pub mod signature;
pub mod store;
pub mod usecases;
pub mod workflow;
