//! The delivery of one message: log in, send, make sure, leave.
//!
//! Deliberately absent: trying again. Whoever calls a command can call it again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use couplet::error::Reason;
use couplet::{
    Component, Config, Handle, Incoming, Jid, Message, MessageType, Outgoing, RemoteError,
    RequestError,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use xmpp_parsers::ping::Ping;

use super::words;
use crate::failure::Failure;

/// On an ejabberd that shares the domain out among several connections a pong may reach another
/// one (servers.md, 5).
const PINGS: usize = 3;
const PONG_WITHIN: Duration = Duration::from_secs(5);

/// Sends `message` as `from` and waits until the server has it, then for an error for so long.
pub(super) async fn deliver(
    config: Config,
    from: Option<Jid>,
    message: Outgoing,
    wait: Duration,
) -> Result<(), Failure> {
    let (to, domain) = (message.to().clone(), config.domain.clone());
    let (bounce, mut bounced) = mpsc::channel(1);
    let (come_online, mut online) = watch::channel(false);
    // Another bounce may still be on its way for whoever ran this before.
    let id = format!("{:016x}", RandomState::new().hash_one("id"));
    let (sent, sender) = (id.clone(), to.clone());
    let component = Component::new(config)
        .without_reconnect()
        .on_message_type(MessageType::Error, move |error: Incoming<Message>| {
            let ours = error.id().as_deref() == Some(&*sent)
                && error.from().to_domain() == sender.to_domain();
            if let Some(error) = error.error().filter(|_| ours) {
                // One is enough, and there is room for one.
                let _more_than_one = bounce.try_send(error);
            }
            async { Ok(()) }
        })
        .on_online(move |_link| {
            come_online.send_replace(true);
            async {}
        });
    let handle = speaker(&component.handle(), from)?;

    let (stop, stopped) = oneshot::channel::<()>();
    let running = component.run(async move {
        let _also_when_dropped = stopped.await;
    });
    let sending = async {
        let _run_has_ended_then = online.wait_for(|online| *online).await;
        let outcome = send(&handle, message.id(id), &mut bounced, wait).await;
        drop(stop);
        outcome
    };
    tokio::pin!(running, sending);
    tokio::select! {
        biased;
        ended = &mut running => match ended {
            Ok(()) => Err(Failure::new("the component ended by itself")),
            Err(error) => Err(not_logged_in(error, &domain)),
        },
        outcome = &mut sending => {
            // The goodbye; that the message has arrived is known by now.
            let _it_was_sent = running.await;
            outcome.map_err(|why| why.told_of(&to))
        }
    }
}

/// The advice for a component that is refused its place is not ours: it would end the component that
/// is running, for the sake of one message.
fn not_logged_in(error: couplet::Error, domain: &str) -> Failure {
    match &error {
        couplet::Error::Rejected(rejected) if rejected.reason() == Reason::Taken => {
            Failure::misuse(format!(
                "another connection already serves the domain {domain}: the component is running\n  It \
                 sends this message itself where it has a socket: name that with --socket FILE. A \
                 program has\n  one at the setting ops.send_socket, in $RUNTIME_DIRECTORY (a unit \
                 of systemd with RuntimeDirectory=)\n  or in $XDG_RUNTIME_DIR/couplet; a program of \
                 Couplet 0.1.0 has none. Otherwise stop the component first."
            ))
        }
        _ => error.into(),
    }
}

/// The handle that speaks as `from`.
fn speaker(handle: &Handle, from: Option<Jid>) -> Result<Handle, Failure> {
    let Some(from) = from else {
        return Ok(handle.clone());
    };
    handle.with_from(&from).map_err(|_foreign| {
        let domain = handle.address();
        Failure::misuse(format!(
            "--from {from}: the component may only speak for addresses of {domain}"
        ))
    })
}

async fn send(
    handle: &Handle,
    message: Outgoing,
    bounced: &mut mpsc::Receiver<RemoteError>,
    wait: Duration,
) -> Result<(), NotDelivered> {
    handle
        .send(message)
        .await
        .map_err(|unsent| NotDelivered::Unsent(unsent.to_string()))?;
    confirm(handle).await?;
    match timeout(wait, bounced.recv()).await {
        Ok(Some(error)) => Err(NotDelivered::Bounced(error)),
        Ok(None) | Err(_) => Ok(()),
    }
}

/// A self-ping goes through the server's router behind the message: when it is back, the message was
/// routed (docs/servers.md, 5).
///
/// Its address has a resource: mod_privilege of ejabberd since 24.10 drops IQs to others.
async fn confirm(handle: &Handle) -> Result<(), NotDelivered> {
    let own = Jid::new(&format!("{}/send", handle.address().domain()));
    let own = own.unwrap_or_else(|_| handle.address().clone());
    let handle = handle.with_from(&own).unwrap_or_else(|_| handle.clone());
    let handle = handle.within(PONG_WITHIN);
    let mut outcome = Err(RequestError::TimedOut);
    for _ in 0..PINGS {
        outcome = handle.get::<couplet::Empty>(&own, Ping).await;
        match outcome {
            Err(RequestError::TimedOut) => {}
            // Every answer has come the same way.
            Ok(_) | Err(RequestError::Refused(_)) => return Ok(()),
            Err(_) => break,
        }
    }
    outcome
        .map(|_done| ())
        .map_err(|why| NotDelivered::Unconfirmed(why.to_string()))
}

/// Why nobody can say that it arrived.
#[derive(Debug)]
enum NotDelivered {
    Unsent(String),
    Unconfirmed(String),
    Bounced(RemoteError),
}

impl NotDelivered {
    fn told_of(&self, to: &Jid) -> Failure {
        Failure::new(match self {
            NotDelivered::Unsent(why) => format!("the message to {to} was not sent: {why}"),
            NotDelivered::Unconfirmed(why) => {
                format!("the message to {to} was sent, but the server has not confirmed it: {why}")
            }
            NotDelivered::Bounced(error) => {
                format!("the message to {to} came back: {}", words::of(error))
            }
        })
    }
}
