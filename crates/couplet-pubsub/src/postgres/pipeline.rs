//! Pipelines statements: all are sent before the first result arrives, so that a transaction costs
//! one round trip for each decision.
//!
//! Statements are prepared once per connection.

use std::{
    borrow::Cow,
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use deadpool_postgres::Object;
use tokio_postgres::{Error, Row, types::ToSql};

pub(super) type Value = Box<dyn ToSql + Sync + Send>;

/// The rows of each statement, in the order of the statements.
pub(super) type RowSets = std::vec::IntoIter<Vec<Row>>;

/// One statement and its values.
pub(super) struct Statement {
    sql: Cow<'static, str>,
    values: Vec<Value>,
}

/// A statement with its values: `statement!("DELETE FROM item WHERE node = $1", id)`.
macro_rules! statement {
    ($sql:expr $(, $value:expr)* $(,)?) => {
        $crate::postgres::pipeline::Statement::new($sql, vec![$(Box::new($value)),*])
    };
}
pub(super) use statement;

impl Statement {
    pub(super) fn new(sql: impl Into<Cow<'static, str>>, values: Vec<Value>) -> Statement {
        let sql = sql.into();
        Statement { sql, values }
    }
}

/// Runs statements in this order. Returns the first error; those after it were sent.
pub(super) async fn run(
    client: &Object,
    statements: impl Iterator<Item = &Statement>,
) -> Result<RowSets, Error> {
    let mut prepared = Vec::new();
    for Statement { sql, values } in statements {
        let statement = client.prepare_cached(sql).await?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as _).collect();
        prepared.push((statement, values));
    }
    let mut sent = Vec::with_capacity(prepared.len());
    for (statement, values) in &prepared {
        let mut answer = Box::pin(client.query(statement, values));
        // The first poll of a query sends it.
        let early = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await;
        sent.push(match early {
            Poll::Ready(rows) => Sent::Answered(rows),
            Poll::Pending => Sent::Waiting(answer),
        });
    }
    let mut answers = Vec::with_capacity(prepared.len());
    for one in sent {
        answers.push(match one {
            Sent::Answered(rows) => rows?,
            Sent::Waiting(answer) => answer.await?,
        });
    }
    Ok(answers.into_iter())
}

enum Sent<F> {
    Answered(Result<Vec<Row>, Error>),
    Waiting(Pin<Box<F>>),
}
