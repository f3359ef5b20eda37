//! A query, from the connection to the end of its transaction.

use std::io;
use std::time::Duration;

use futures::TryStreamExt;
use tokio::sync::mpsc;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryStream};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::AbortOnDropHandle;

use super::Query;
use super::address::Address;
use super::rows::Rows;
use super::told::Asked;
use crate::http::retry::with_retries;
use crate::source::bytes::made;
use crate::source::bytes::raw::Raw;
use crate::source::place::remote::error::{RemoteError, again};

/// Bytes that are handed over at once.
const PIECE: usize = 64 * 1024;

/// A server that says nothing for so long, when it is asked whether it is still there, is not.
const DEAD: Duration = Duration::from_secs(60);

/// One state of the database for all rows, nothing that changes it, and values that do not depend on who asks.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; \
    SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL extra_float_digits = 3";

/// Asks, in a task of its own.
pub(super) fn read(query: Query) -> Raw {
    made::by_task(move |out| async move {
        let read = query.rows(&out).await;
        read.map_err(io::Error::other)
    })
}

/// A query that was asked.
struct Begun {
    client: Client,
    tls: MakeRustlsConnect,
    given: SimpleQueryStream,
    rows: Rows,
    host: String,
    _connection: AbortOnDropHandle<()>,
}

impl Query {
    /// Hands over the rows, until nobody wants more.
    async fn rows(&self, out: &mpsc::Sender<bytes::Bytes>) -> Result<(), RemoteError> {
        let begin = with_retries(again, || self.begin());
        let begun = tokio::select! {
            begun = begin => begun?,
            () = out.closed() => return Ok(()),
        };
        let (cancel, tls) = (begun.client.cancel_token(), begun.tls.clone());
        tokio::select! {
            given = self.give(begun, out) => given,
            () = out.closed() => {
                // The server is told, or it would go on for nobody. It may have gone itself.
                let _ = cancel.cancel_query(tls).await;
                Ok(())
            }
        }
    }

    fn asked<'a>(&'a self, host: &'a str) -> Asked<'a> {
        Asked {
            host,
            query: self.0.access.get().map_or("", |access| &access.query),
            timeout: self.timeout(),
        }
    }

    /// Connects, begins a transaction and asks.
    async fn begin(&self) -> Result<Begun, RemoteError> {
        let unknown = || RemoteError::Setting("nothing says which database is asked".to_owned());
        let access = self.0.access.get().ok_or_else(unknown)?;
        let mut address = Address::parse(&access.url)?;
        address
            .config
            .connect_timeout(self.0.timeouts.connect.0)
            .keepalives_idle(DEAD / 2)
            .keepalives_interval(DEAD / 6)
            .keepalives_retries(3)
            .tcp_user_timeout(DEAD);
        if address.config.get_application_name().is_none() {
            address.config.application_name("rostream");
        }
        let host = address.host();
        let asked = self.asked(&host);
        let tls = address.tls()?;
        let after = self.0.timeouts.answer;
        let connecting = address.config.connect(tls.clone());
        let connected = tokio::time::timeout(after.0, connecting).await;
        let (client, connection) = connected
            .map_err(|_| RemoteError::Unanswered {
                after,
                setting: "timeouts.answer",
            })?
            .map_err(|error| asked.told(error))?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            // Whoever asks is told of its end.
            let _ = connection.await;
        }));
        let begin = match self.timeout() {
            Some(span) => format!(
                "{BEGIN}; SET LOCAL statement_timeout = {}",
                span.0.as_millis()
            ),
            None => BEGIN.to_owned(),
        };
        let told = |error| asked.told(error);
        client.batch_execute(&begin).await.map_err(told)?;
        // One statement, or the server refuses it here: what it gives is known then, and that it can't end the transaction.
        let statement = client.prepare(&access.query).await.map_err(told)?;
        let rows = Rows::of(&statement)?;
        let given = client.simple_query_raw(&access.query).await;
        let given = given.map_err(told)?;
        Ok(Begun {
            client,
            tls,
            given,
            rows,
            host,
            _connection: connection,
        })
    }

    /// Hands over the rows of a query that was asked.
    async fn give(
        &self,
        begun: Begun,
        out: &mpsc::Sender<bytes::Bytes>,
    ) -> Result<(), RemoteError> {
        let Begun {
            client,
            given,
            mut rows,
            host,
            _connection,
            ..
        } = begun;
        let asked = self.asked(&host);
        let mut given = std::pin::pin!(given);
        let mut complete = None;
        loop {
            let message = given.try_next().await;
            match message.map_err(|error| asked.after(rows.count, error))? {
                Some(SimpleQueryMessage::Row(row)) => {
                    rows.write(&row)?;
                    if rows.len() >= PIECE && out.send(rows.take().into()).await.is_err() {
                        return Ok(());
                    }
                }
                Some(SimpleQueryMessage::CommandComplete(count)) => complete = Some(count),
                Some(_) => {}
                None => break,
            }
        }
        // Statements other than those that select do not say how many.
        if !complete.is_some_and(|said| said == 0 || said == rows.count) {
            return Err(RemoteError::Unexpected(format!(
                "the server gave {} rows, and says that it gave another number of them",
                rows.count
            )));
        }
        let committed = client.batch_execute("COMMIT").await;
        committed.map_err(|error| asked.after(rows.count, error))?;
        if rows.len() > 0 {
            // Nobody may want it any more.
            let _ = out.send(rows.take().into()).await;
        }
        Ok(())
    }
}
