//! Notifies instances of announcements by LISTEN and NOTIFY, on a connection of its own.
//!
//! Correctness must not depend on notifications: an instance without them polls.

use std::{
    future::poll_fn,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, interval_at, sleep, timeout},
};
use tokio_postgres::{AsyncMessage, Client, Connection, Error, Socket};

use crate::store::StoreError;

use super::{
    Shared,
    address::{Address, CONNECT},
    connect, error,
    tls::{Encrypted, Tls},
};

/// Notifications in quick succession are sent as one.
const GATHER: Duration = Duration::from_millis(20);

/// Minimum time between two counts of waiting announcements.
const RECOUNT: Duration = Duration::from_secs(1);

/// How often leftovers are removed, which also detects a dead connection.
const TIDY: Duration = Duration::from_secs(30);

/// The delays of the first reconnect and of all later ones.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// Removes deleted nodes whose last two announcements were finished by two instances at the same
/// time.
const BURY: &str = "
WITH gone AS (
    DELETE FROM node WHERE deleted
    AND NOT EXISTS (SELECT 1 FROM announcement WHERE announcement.node = node.id) RETURNING id
)
INSERT INTO trash (node, floor) SELECT id, 9223372036854775807 FROM gone";

/// A connection for notifications, and its client.
pub(super) struct Listener {
    client: Client,
    connection: Connection<Socket, Encrypted>,
}

impl Listener {
    /// Connects, without LISTEN.
    pub(super) async fn open(address: &Address, tls: Tls) -> Result<Listener, Error> {
        let (client, connection) = address.config().connect(tls).await?;
        Ok(Listener { client, connection })
    }

    /// Runs `work` with the client. Notifications in the meantime are dropped.
    pub(super) async fn with<T>(
        &mut self,
        work: impl AsyncFnOnce(&Client) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Listener { client, connection } = self;
        tokio::select! {
            done = work(client) => done,
            ended = poll_fn(|context| {
                while let std::task::Poll::Ready(message) = connection.poll_message(context) {
                    match message {
                        Some(Ok(_)) => {}
                        Some(Err(error)) => return std::task::Poll::Ready(Some(error)),
                        None => return std::task::Poll::Ready(None),
                    }
                }
                std::task::Poll::Pending
            }) => Err(match ended {
                Some(error) => error.into(),
                None => StoreError::Busy("PostgreSQL: the connection ended".to_owned()),
            }),
        }
    }

    /// Starts LISTEN.
    pub(super) async fn listen(&mut self, address: &Address) -> Result<(), StoreError> {
        let channel = channel(address);
        let greeting = connect::greeting(address.schema());
        let work = async |client: &Client| {
            let sql = format!("{greeting}; LISTEN \"{channel}\"");
            Ok(client.batch_execute(&sql).await?)
        };
        let answer = timeout(CONNECT, self.with(work)).await;
        answer.map_err(|_elapsed| error::too_slow())?
    }
}

fn channel(address: &Address) -> String {
    format!("couplet {}", address.schema())
}

/// Spawns the task that sends and receives notifications.
pub(super) fn start(
    tasks: &mut JoinSet<()>,
    line: Listener,
    address: Arc<Address>,
    tls: Tls,
    shared: Arc<Shared>,
) {
    tasks.spawn(async move {
        let mut line = Some(line);
        let mut pause = PAUSES[0];
        loop {
            if let Some(line) = line.take() {
                let error = serve(line, &address, &shared).await;
                tracing::warn!(%address, %error, "the connection for notifications is lost");
                pause = PAUSES[0];
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES[1]);
            let Ok(mut again) = Listener::open(&address, tls.clone()).await else {
                continue;
            };
            if again.listen(&address).await.is_ok() {
                tracing::info!(%address, "the connection for notifications is restored");
                // Notifications in the meantime were lost.
                shared.doubt();
                shared.announced.notify_one();
                line = Some(again);
            }
        }
    });
}

/// Runs until the connection ends, and returns why.
async fn serve(line: Listener, address: &Address, shared: &Shared) -> StoreError {
    let Listener {
        client,
        mut connection,
    } = line;
    let receive = async {
        loop {
            match poll_fn(|context| connection.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(notification))) => {
                    if notification.payload() != shared.instance {
                        shared.doubt();
                        shared.announced.notify_one();
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return error.into(),
                None => return StoreError::Busy("PostgreSQL closed the connection".to_owned()),
            }
        }
    };
    tokio::select! {
        error = receive => error,
        error = send_notifications(&client, address, shared) => error.err().unwrap_or_else(error::closed),
    }
}

async fn send_notifications(
    client: &Client,
    address: &Address,
    shared: &Shared,
) -> Result<(), StoreError> {
    let notify = client.prepare("SELECT pg_notify($1, $2)").await?;
    let channel = channel(address);
    let mut recount = interval(RECOUNT);
    let mut tidy = interval_at(Instant::now() + TIDY, TIDY);
    recount.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.outgoing.notified() => {
                sleep(GATHER).await;
                answered(client.execute(&notify, &[&channel, &shared.instance])).await?;
            }
            _ = recount.tick() => {
                if shared.recount.swap(false, Ordering::Relaxed) {
                    shared.count(client).await?;
                }
            }
            _ = tidy.tick() => {
                answered(client.batch_execute(BURY)).await?;
                shared.doubt();
                shared.untidy.notify_one();
            }
        }
    }
}

/// Adds a timeout: a connection that does not answer is closed.
async fn answered<T>(requested: impl Future<Output = Result<T, Error>>) -> Result<T, StoreError> {
    let answer = timeout(TIDY, requested).await;
    Ok(answer.map_err(|_elapsed| error::too_slow())??)
}
