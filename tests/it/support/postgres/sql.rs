//! A session of a test's own, past everything that hookflow would say.

use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Config, Error, NoTls, SimpleQueryMessage};

/// A session; it ends when dropped, and rolls back what it has open.
pub struct Sql {
    client: Client,
    /// Carries the session on while it is asked something.
    runtime: Runtime,
}

impl Sql {
    pub fn connect(config: &Config) -> Result<Sql, Error> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        let (client, connection) = runtime.block_on(config.connect(NoTls))?;
        runtime.spawn(connection);
        Ok(Sql { client, runtime })
    }

    /// Does one or more statements.
    pub fn try_execute(&self, sql: &str) -> Result<(), Error> {
        self.runtime.block_on(self.client.batch_execute(sql))
    }

    /// Does one or more statements.
    ///
    /// # Panics
    /// When one fails.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        self.try_execute(sql).unwrap_or_else(|error| panic!("{sql}: {}", said(&error)));
    }

    /// The rows of a query, each an object with the columns' names.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn rows(&self, query: &str) -> Vec<Value> {
        let as_json = format!("SELECT to_jsonb(answer)::text FROM ({query}) AS answer");
        let answer = self.runtime.block_on(self.client.simple_query(&as_json));
        let answer = answer.unwrap_or_else(|error| panic!("{query}: {}", said(&error)));
        let text = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        };
        answer.iter().filter_map(text).map(|row| serde_json::from_str(&row).expect("PostgreSQL makes JSON")).collect()
    }
}

/// What PostgreSQL itself said, which the error hides in its source.
fn said(error: &Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string)
}
