//! hookflow's behaviour through its public faces: the HTTP interface, the command line, the store and the engine.
//!
//! One binary holds all of these tests. Those of the server start the real program on a database of their own: SQLite, or
//! PostgreSQL if `HOOKFLOW_TEST_DATABASE` says `postgres`. Those that are about one of the two are in `on_sqlite` and
//! `on_postgres`, and use that one always.

mod actions;
mod answers;
mod apply;
mod bodies;
mod calls;
mod calls_graphql;
mod calls_http;
mod captcha;
mod capture;
mod challenges;
mod changes;
mod check;
mod control;
mod conversations;
mod cors;
mod crash;
mod crash_calls;
mod crash_lanes;
mod customers;
mod duplicates;
mod engine;
mod entities;
mod envelope;
mod error_cases;
mod files;
mod filters;
mod first_stretch;
mod hooks;
mod hostile;
mod import;
mod journey;
mod keys;
mod kobjects;
mod lanes;
mod lanes_starts;
mod limits;
mod lists;
mod mail_hooks;
mod mails;
mod objects;
mod on_postgres;
mod on_sqlite;
mod proxies;
mod refusals;
mod refused_requests;
mod rehearse;
mod runs;
mod schedules;
mod schema;
mod shutdown;
mod signatures;
mod start;
mod starts;
mod stop;
mod store;
mod support;
mod tls;
mod unstorable;
mod variables;
mod verification;
mod versions;
mod workflows;
