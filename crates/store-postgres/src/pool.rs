//! The connections: taken from a pool, given back, thrown away when they are broken.

use std::pin::Pin;
use std::time::Duration;

use brama_store::Unavailable;
use deadpool_postgres::{Connect, Manager, ManagerConfig, Object, PoolError, RecyclingMethod, Runtime, TimeoutType};
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, Row};

use crate::Settings;
use crate::connection::Target;

/// What goes into a statement.
pub(crate) type Param<'a> = &'a (dyn ToSql + Sync);

/// How often a transaction that lost against another one is tried.
const ATTEMPTS: u32 = 3;
/// How long a unit of work whose outcome must become known is tried: longer than it takes another server to become the
/// primary. A request has 30 seconds in all.
const UNTIL_KNOWN: Duration = Duration::from_secs(15);
/// Waits between these tries, for a start.
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// How much later than the server we give up a statement that it should have ended itself.
const GRACE: Duration = Duration::from_secs(2);

/// Why a unit of work was not done.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database said no, or went away.
    Database(Error),
    /// The rows said no.
    Store(Unavailable),
    /// No answer in time.
    Silence,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<Unavailable> for Fault {
    fn from(unavailable: Unavailable) -> Self {
        Self::Store(unavailable)
    }
}

impl From<Fault> for Unavailable {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(unavailable) => unavailable,
            Fault::Silence => Self::Busy,
            Fault::Database(error) => match error.code() {
                // Cancelled by `statement_timeout`; a lock was not had in time; the server has no connection left.
                Some(&SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE | &SqlState::TOO_MANY_CONNECTIONS) => {
                    Self::Busy
                }
                _ => Self::Failed(describe(&error)),
            },
        }
    }
}

impl Fault {
    /// Whether the same work may succeed at once: another transaction came in between.
    pub(crate) fn lost_a_race(&self) -> bool {
        let Self::Database(error) = self else { return false };
        matches!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED))
    }

    /// Whether the connection is gone, so that nobody knows whether the work was committed.
    pub(crate) fn lost_the_connection(&self) -> bool {
        match self {
            Self::Database(error) => match error.code() {
                None => true,
                Some(code) => {
                    matches!(*code, SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW)
                }
            },
            Self::Store(_) | Self::Silence => false,
        }
    }

    /// Whether the work may have been committed all the same.
    pub(crate) fn leaves_it_open(&self) -> bool {
        self.lost_the_connection() || matches!(self, Self::Silence)
    }

    /// Whether the database may say more in a moment: it is away, or busy.
    fn may_pass(&self) -> bool {
        match self {
            Self::Store(unavailable) => !matches!(unavailable, Unavailable::Corrupt { .. }),
            Self::Database(error) => error.code() == Some(&SqlState::QUERY_CANCELED) || self.spoils_the_connection(),
            Self::Silence => true,
        }
    }

    /// Whether the connection must not be used again.
    fn spoils_the_connection(&self) -> bool {
        self.is_of_the_server() || self.leaves_it_open()
    }

    /// Whether every other connection to the same server is as bad: it does not answer, or was demoted to a standby,
    /// which stays connected and refuses writes. The next connection goes to the new primary.
    fn is_of_the_server(&self) -> bool {
        match self {
            Self::Silence => true,
            Self::Database(error) => error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION),
            Self::Store(_) => false,
        }
    }
}

/// What went wrong, without values: the detail of a database error can hold some.
pub(crate) fn describe(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", said.message(), said.code().code());
    }
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

impl Connect for Target {
    /// The configuration is our own already.
    fn connect(&self, _: &Config) -> Connecting<'_> {
        Box::pin(async { Target::connect(self, || {}).await.map(|(client, driven)| (client, driven.task())) })
    }
}

/// A connection in the making.
type Connecting<'a> = Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

pub(crate) struct Pool {
    pool: deadpool_postgres::Pool,
    limit: Duration,
}

impl Pool {
    pub(crate) fn new(target: &Target, settings: &Settings) -> Result<Self, String> {
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(target.config.clone(), target.clone(), config);
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(settings.pool_max.max(1))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(settings.acquire_timeout))
            .create_timeout(Some(target.patience(settings)))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { pool, limit: settings.statement_timeout + GRACE })
    }

    async fn take(&self) -> Result<Object, Fault> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => Fault::Database(error),
            PoolError::Timeout(TimeoutType::Wait) => Fault::Store(Unavailable::Busy),
            PoolError::Timeout(_) => {
                Fault::Store(Unavailable::Failed("no connection to the database in time".to_owned()))
            }
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Fault::Store(Unavailable::Failed("the pool is closed".to_owned()))
            }
        })
    }

    /// One statement, committed by itself, tried once.
    pub(crate) async fn once(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Fault> {
        let connection = self.take().await?;
        let outcome = in_time(self.limit, rows(&connection, sql, params)).await;
        if let Err(fault) = &outcome
            && fault.spoils_the_connection()
        {
            drop(Object::take(connection));
            if fault.is_of_the_server() {
                // The others lead to the same server; nobody shall find that out one by one.
                self.pool.retain(|_, _| false);
            }
        }
        outcome
    }

    /// A read: asked again on another connection if the first one was broken.
    pub(crate) async fn all(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Unavailable> {
        match self.once(sql, params).await {
            Err(fault) if fault.lost_the_connection() => Ok(self.once(sql, params).await?),
            outcome => Ok(outcome?),
        }
    }

    /// The first row of a read.
    pub(crate) async fn first(&self, sql: &str, params: &[Param<'_>]) -> Result<Option<Row>, Unavailable> {
        Ok(self.all(sql, params).await?.into_iter().next())
    }

    /// One statement that writes, with its guard in it. How many rows it answers with: `RETURNING` makes them.
    pub(crate) async fn change(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Unavailable> {
        self.write(|| self.once(sql, params)).await
    }

    /// A unit of work, done again if it lost against another transaction.
    pub(crate) async fn write<T, F>(&self, work: impl Fn() -> F) -> Result<T, Unavailable>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        Ok(self.try_write(work).await?)
    }

    /// The same, for callers who want to know more of a failure.
    pub(crate) async fn try_write<T, F>(&self, work: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut attempt = 1;
        loop {
            match work().await {
                Err(fault) if fault.lost_a_race() && attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    /// A unit of work that may have been done already, again and again until its outcome is known. It has to recognise
    /// its own work.
    pub(crate) async fn until_known<T, F>(&self, work: impl Fn() -> F) -> Result<T, Unavailable>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut last = Fault::Silence;
        let mut wait = Duration::ZERO;
        let known = tokio::time::timeout(UNTIL_KNOWN, async {
            loop {
                tokio::time::sleep(wait).await;
                match self.try_write(&work).await {
                    Err(fault) if fault.may_pass() => last = fault,
                    outcome => return outcome,
                }
                wait = (2 * wait).clamp(TRY_AGAIN, 10 * TRY_AGAIN);
            }
        });
        match known.await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(last.into()),
        }
    }

    /// Several statements in one transaction. Each sees what was committed before it; where two have to agree, the
    /// first one locks.
    pub(crate) async fn begin(&self) -> Result<Transaction, Fault> {
        let connection = self.take().await?;
        let transaction = Transaction { connection: Some(connection), limit: self.limit };
        transaction.run("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        Ok(transaction)
    }
}

/// An open transaction. Dropped without a commit, it takes its connection with it, and the server rolls it back.
pub(crate) struct Transaction {
    connection: Option<Object>,
    limit: Duration,
}

impl Transaction {
    fn connection(&self) -> Result<&Object, Fault> {
        self.connection.as_ref().ok_or(Fault::Silence)
    }

    async fn run(&self, sql: &str) -> Result<(), Fault> {
        let connection = self.connection()?;
        in_time(self.limit, async { Ok(connection.batch_execute(sql).await?) }).await
    }

    /// From here on statements take as long as they take: what can be very many rows goes.
    pub(crate) async fn be_patient(&mut self) -> Result<(), Fault> {
        self.run("SET LOCAL statement_timeout = 0").await?;
        self.limit = Duration::MAX;
        Ok(())
    }

    /// All rows.
    pub(crate) async fn all(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Fault> {
        in_time(self.limit, rows(self.connection()?, sql, params)).await
    }

    /// The first row.
    pub(crate) async fn first(&self, sql: &str, params: &[Param<'_>]) -> Result<Option<Row>, Fault> {
        Ok(self.all(sql, params).await?.into_iter().next())
    }

    /// How many rows it changed.
    pub(crate) async fn change(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, Fault> {
        let connection = self.connection()?;
        in_time(self.limit, async {
            let statement = connection.prepare_cached(sql).await?;
            Ok(connection.execute(&statement, params).await?)
        })
        .await
    }

    pub(crate) async fn commit(mut self) -> Result<(), Fault> {
        self.run("COMMIT").await?;
        drop(self.connection.take());
        Ok(())
    }

    /// Undo all of it and keep the connection: for an outcome that is no fault.
    pub(crate) async fn roll_back(mut self) -> Result<(), Fault> {
        self.run("ROLLBACK").await?;
        drop(self.connection.take());
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        drop(self.connection.take().map(Object::take));
    }
}

async fn rows(connection: &Object, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Fault> {
    let statement = connection.prepare_cached(sql).await?;
    Ok(connection.query(&statement, params).await?)
}

/// The server ends a long statement itself; this is for a server that does not answer at all.
async fn in_time<T>(limit: Duration, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(Fault::Silence))
}
