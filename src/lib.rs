//! hookflow takes hooks from external systems and runs workflows on them.
//!
//! # The life of a hook
//!
//! ```text
//! POST /v1/hooks/…  ->  door       finds the hook, reads the body within limits, parses it
//!                   ->  store      transaction + runs in one commit, shared with other requests, flushed to the disk
//!                   ->  200        only now; the body carries the transaction's id
//!                   ->  engine     advances runs: resolve params, act, judge transitions, log, all in one transaction
//!                   ->  outbound   external calls, made outside of any transaction; the outcome comes back as input
//! ```
//!
//! # The modules, from the outside in
//!
//! | module | what it is for |
//! |---|---|
//! | [`cli`], [`config`], [`serve`] | the command line, what can be set, and how the parts are put together |
//! | [`api`] | the HTTP interface, one file a resource |
//! | [`door`] | where hooks arrive |
//! | [`catalog`], [`keys`] | hooks, workflows and keys in force; the folder of workflow files |
//! | [`rehearsal`] | runs that leave nothing behind, for `hookflow try` and `hookflow test` |
//! | [`engine`], [`actions`], [`starts`] | the state machine of a run, the loop that feeds it, what steps can do, and how runs come to be |
//! | [`changes`] | what every change of a customer, a kobject or the like goes through |
//! | [`store`] | the seam to the database, and SQLite and PostgreSQL behind it |
//! | [`outbound`] | the one HTTP client, behind its address policy; the mail server |
//! | [`workflow`], [`expr`] | documents and everything that is wrong with them; references, templates, conditions |
//! | [`schema`] | the JSON Schema of workflow files |
//! | [`objects`], [`transaction`] | customers, klasses, kobjects, conversations and the like; what a hook accepted |
//! | [`hook`] | the kinds of hook, and what one is set up to do |
//! | [`signature`] | whether a received request was signed with a hook's secret |
//! | [`content`] | from the bytes of a body, of whatever kind, to the payload of a transaction |
//! | [`listen`] | connections, and what no peer may do with them |
//! | [`tls`] | the certificate that listeners show, as its files are now |
//! | [`vault`] | encryption of what must not be read from the database |
//! | [`observe`], [`id`], [`time`], [`json`] | log lines and counters; ids that sort by time, moments, limits on JSON |
//! | [`pem`], [`watch`], [`networks`] | certificates in files; notices that files changed; lists of addresses, and what is counted by address |
//!
//! Arrows point down this table. `workflow`, `expr`, `content` and `objects` are pure; the engine knows the store's seam and no
//! database; only `expr` uses the template and JSONPath crates, and only `outbound` and `cli` the HTTP client's.
//!
//! # Words
//!
//! A *hook* is an address that outsiders post to. What it accepts is a *transaction*, which raises an *event*. An event
//! starts a *run* of each *workflow* that listens for it, in the *version* that is in force then. A run executes *steps*;
//! each leaves a *step entry* in the log. What a step does is its *action*. A *kobject* is a custom object of a *klass*,
//! on a *customer*'s timeline. Everything belongs to an *org*.

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
pub mod schedules;
pub mod schema;
pub mod secrets;
pub mod serve;
pub mod signature;
pub mod store;
pub mod workflow;
