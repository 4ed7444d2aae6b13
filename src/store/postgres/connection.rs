//! A blocking connection to PostgreSQL.
//!
//! The connection is asynchronous with a runtime of its own, driven by the thread that uses it: no other thread takes
//! part in a statement, and independent statements can be sent together.
//!
//! Limits: an answer that takes longer than [`ANSWER_MAX`] counts as a lost connection; where statements may take longer
//! than usual, so may answers.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use diesel::pg::Pg;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::{DatabaseErrorKind, Error, QueryResult};
use diesel_async::methods::LoadQuery;
use diesel_async::{AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection};
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, join_all};
use tokio::runtime::{Builder, Runtime};

use super::connect::{SessionSettings, connect};
use super::connect_error::ConnectError;
use crate::store::postgres::url::PostgresUrl;

/// How long to wait for an answer. A server that is alive ends statements sooner.
pub const ANSWER_MAX: Duration = Duration::from_secs(12);
/// How much longer than a statement its answer may take.
const ANSWER_MARGIN: Duration = Duration::from_secs(2);

/// A connection, and the runtime that drives it.
pub struct Connection {
    inner: AsyncPgConnection,
    /// Present until the connection is dropped.
    runtime: Option<Runtime>,
    lost: bool,
    answer_max: Duration,
}

impl Connection {
    /// Connects, blocking the calling thread.
    pub fn open(url: &PostgresUrl, settings: &SessionSettings) -> Result<Connection, ConnectError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(ConnectError::Runtime)?;
        let inner = runtime.block_on(connect(url, settings))?;
        let answer_max = ANSWER_MAX.max(settings.statement_timeout + ANSWER_MARGIN);
        Ok(Connection { inner, runtime: Some(runtime), lost: false, answer_max })
    }

    /// Whether the connection is lost.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Executes statements without parameters, in one round trip.
    pub fn run(&mut self, sql: &str) -> QueryResult<()> {
        let answer = wait(&self.runtime, self.answer_max, self.inner.batch_execute(sql));
        self.note(answer)
    }

    /// Executes a statement; returns the number of rows that it changed.
    pub fn execute<Q>(&mut self, query: Q) -> QueryResult<usize>
    where
        Q: QueryFragment<Pg> + QueryId,
    {
        let answer = wait(&self.runtime, self.answer_max, self.inner.execute_returning_count(query));
        self.note(answer)
    }

    /// Executes a statement; returns its rows.
    pub fn load<'q, Q, R>(&mut self, query: Q) -> QueryResult<Vec<R>>
    where
        Q: LoadQuery<'q, AsyncPgConnection, R> + 'q,
        R: Send + 'static,
    {
        let rows = diesel_async::RunQueryDsl::load(query, &mut self.inner);
        let answer = wait(&self.runtime, self.answer_max, rows);
        self.note(answer)
    }

    /// Sends the statements that `send` returns all at once, and waits for all answers.
    pub fn pipeline<'c>(
        &'c mut self,
        send: impl FnOnce(&'c AsyncPgConnection) -> Vec<BoxFuture<'c, QueryResult<usize>>>,
    ) -> QueryResult<Vec<usize>> {
        let answers = join_all(send(&self.inner));
        let answer = wait(&self.runtime, self.answer_max, async { answers.await.into_iter().collect() });
        self.lost |= answer.as_ref().is_err_and(is_loss);
        answer
    }

    /// Waits for notifications, at most for `wait` and until `bell` resolves; returns their payloads.
    pub fn listen(&mut self, wait: Duration, bell: impl Future<Output = ()>) -> QueryResult<Vec<String>> {
        let mut heard = Vec::new();
        let notifications = self.inner.notifications_stream();
        let answer = driver(&self.runtime).block_on(async {
            let mut notifications = std::pin::pin!(notifications);
            tokio::select! {
                first = notifications.next() => match first {
                    Some(Ok(notification)) => heard.push(notification.payload),
                    Some(Err(error)) => return Err(error),
                    None => return Err(Error::BrokenTransactionManager),
                },
                () = tokio::time::sleep(wait) => {}
                () = bell => {}
            }
            Ok(())
        });
        self.note(answer).map(|()| heard)
    }

    fn note<T>(&mut self, answer: QueryResult<T>) -> QueryResult<T> {
        self.lost |= answer.as_ref().is_err_and(is_loss);
        answer
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Doesn't wait for a DNS lookup that hangs.
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

fn driver(runtime: &Option<Runtime>) -> &Runtime {
    runtime.as_ref().expect("a connection has its runtime until it is dropped")
}

fn wait<T>(runtime: &Option<Runtime>, limit: Duration, answer: impl Future<Output = QueryResult<T>>) -> QueryResult<T> {
    block(driver(runtime), limit, std::pin::pin!(answer))
}

/// Drives a future to its end. It is behind a pointer, so that the runtime's loop is compiled once for each type of answer
/// and not once for each statement.
fn block<T>(
    runtime: &Runtime,
    limit: Duration,
    answer: Pin<&mut dyn Future<Output = QueryResult<T>>>,
) -> QueryResult<T> {
    runtime.block_on(async {
        tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
            let message: Box<String> = Box::new("the database did not answer in time".into());
            Err(Error::DatabaseError(DatabaseErrorKind::ClosedConnection, message))
        })
    })
}

fn is_loss(error: &Error) -> bool {
    use DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
    matches!(error, Error::DatabaseError(ClosedConnection | UnableToSendCommand, _))
}
