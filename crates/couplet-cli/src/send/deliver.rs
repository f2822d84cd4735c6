//! [`deliver`]: logs in as the component, sends one message and waits for its confirmation.
//!
//! A failure is not retried, because the message could arrive twice.

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

use super::conditions;
use crate::failure::Failure;

/// Number of pings: an ejabberd that distributes the stanzas among several connections may route a
/// response to another one (docs/servers.md, 4).
const PINGS: usize = 3;
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends `message` as `from`, and waits until the server has accepted it, then `wait` for an error.
pub(super) async fn deliver(
    config: Config,
    from: Option<Jid>,
    message: Outgoing,
    wait: Duration,
) -> Result<(), Failure> {
    let (to, domain) = (message.to().clone(), config.domain.clone());
    let (bounce, mut bounced) = mpsc::channel(1);
    let (come_online, mut online) = watch::channel(false);
    // The id must be new: an error for an earlier call may still arrive.
    let id = format!("{:016x}", RandomState::new().hash_one("id"));
    let (sent, sender) = (id.clone(), to.clone());
    let component = Component::new(config)
        .without_reconnect()
        .on_message_type(MessageType::Error, move |error: Incoming<Message>| {
            let ours = error.id().as_deref() == Some(&*sent)
                && error.from().to_domain() == sender.to_domain();
            if let Some(error) = error.error().filter(|_| ours) {
                // The first error is reported.
                let _a_later_one = bounce.try_send(error);
            }
            async { Ok(()) }
        })
        .on_online(move |_link| {
            come_online.send_replace(true);
            async {}
        });
    let handle = handle_for(&component.handle(), from)?;

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
            Ok(()) => Err(Failure::new("the component stopped before the message was sent")),
            Err(error) => Err(not_logged_in(error, &domain)),
        },
        outcome = &mut sending => {
            // Ends the component, which closes the stream; its result does not matter any more.
            let _closed = running.await;
            outcome.map_err(|why| why.into_failure(&to))
        }
    }
}

/// Replaces the advice for a rejected second connection, which would let this one message end the
/// connection of the running component.
fn not_logged_in(error: couplet::Error, domain: &str) -> Failure {
    match &error {
        couplet::Error::Rejected(rejected) if rejected.reason() == Reason::Taken => {
            Failure::misuse(format!(
                "another connection already serves the domain {domain}: the component is running\n  If it \
                 has a socket, pass the message to it with --socket FILE. The socket is at the setting\n  \
                 ops.send_socket, in $RUNTIME_DIRECTORY (a systemd unit with RuntimeDirectory=) or \
                 in\n  $XDG_RUNTIME_DIR/couplet; programs of Couplet 0.1.0 have none. Otherwise stop the \
                 component first."
            ))
        }
        _ => error.into(),
    }
}

/// Returns the handle that sends as `from`.
fn handle_for(handle: &Handle, from: Option<Jid>) -> Result<Handle, Failure> {
    let Some(from) = from else {
        return Ok(handle.clone());
    };
    handle.with_from(&from).map_err(|_foreign| {
        let domain = handle.address();
        Failure::misuse(format!(
            "--from {from}: the component can only send from addresses of {domain}"
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

/// Sends a self-ping, which the server routes after the message: when it comes back, the message
/// has been routed (docs/servers.md, 5).
///
/// Its address has a resource: with mod_privilege, ejabberd since 24.10 drops IQs to addresses
/// without one.
async fn confirm(handle: &Handle) -> Result<(), NotDelivered> {
    let own = Jid::new(&format!("{}/send", handle.address().domain()));
    let own = own.unwrap_or_else(|_| handle.address().clone());
    let handle = handle.with_from(&own).unwrap_or_else(|_| handle.clone());
    let handle = handle.within(PING_TIMEOUT);
    let mut outcome = Err(RequestError::TimedOut);
    for _ in 0..PINGS {
        outcome = handle.get::<couplet::Empty>(&own, Ping).await;
        match outcome {
            Err(RequestError::TimedOut) => {}
            // Every response has been routed after the message.
            Ok(_) | Err(RequestError::Refused(_)) => return Ok(()),
            Err(_) => break,
        }
    }
    outcome
        .map(|_empty| ())
        .map_err(|why| NotDelivered::Unconfirmed(why.to_string()))
}

/// Why delivery is not confirmed.
#[derive(Debug)]
enum NotDelivered {
    Unsent(String),
    Unconfirmed(String),
    Bounced(RemoteError),
}

impl NotDelivered {
    fn into_failure(self, to: &Jid) -> Failure {
        Failure::new(match self {
            NotDelivered::Unsent(why) => format!("the message to {to} was not sent: {why}"),
            NotDelivered::Unconfirmed(why) => {
                format!("the message to {to} was sent, but the server has not confirmed it: {why}")
            }
            NotDelivered::Bounced(error) => {
                format!(
                    "the message to {to} came back: {}",
                    conditions::describe(&error)
                )
            }
        })
    }
}
