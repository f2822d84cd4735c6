//! Requests at the socket of `couplet send`, and their replies.

use std::{str::FromStr, time::Duration};

use couplet_core::{jid::Jid, message::MessageType, outgoing::Outgoing, remote_error::RemoteError};

use serde::{Deserialize, Serialize};
use tokio::time;
use xmpp_parsers::ping::Ping;

use crate::{
    handle::Handle,
    response::{Empty, RequestError},
};

/// Timeout of each confirmation by the server.
const PONG_WITHIN: Duration = Duration::from_secs(5);
/// Number of self-pings: on an ejabberd that shares the domain among several connections, a
/// response may reach another one (servers.md, 5).
const PINGS: usize = 3;
/// Maximum time to wait for an error.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A message to send.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    from: Option<String>,
    to: String,
    #[serde(rename = "type", default = "chat")]
    type_: String,
    subject: Option<String>,
    body: String,
    #[serde(default)]
    wait_ms: u64,
}

fn chat() -> String {
    MessageType::Chat.as_str().to_owned()
}

/// The result of sending.
#[derive(Debug, Serialize)]
pub(super) struct Reply {
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// The server has the message, and no error arrived in time.
    Sent,
    /// The message bounced with an error.
    Bounced,
    /// The message was sent, but the server has not confirmed it.
    Unconfirmed,
    /// The message was not sent.
    Unsent,
    /// The request is invalid.
    Invalid,
}

impl Order {
    /// Sends the message, waits until the server has it, then for an error.
    pub(super) async fn carry_out(self, handle: &Handle) -> Reply {
        let wait = Duration::from_millis(self.wait_ms).min(LONGEST_WAIT);
        match self.read(handle) {
            Ok((handle, message)) => send(&handle, message, wait).await,
            Err(why) => Reply::invalid(why),
        }
    }

    fn read(self, handle: &Handle) -> Result<(Handle, Outgoing), String> {
        let to = Jid::from_str(&self.to).map_err(|why| format!("to: {why}"))?;
        let handle = match self.from {
            None => handle.clone(),
            Some(from) => {
                let from = Jid::from_str(&from).map_err(|why| format!("from: {why}"))?;
                handle.with_from(&from).map_err(|why| why.to_string())?
            }
        };
        let types = [
            MessageType::Chat,
            MessageType::Normal,
            MessageType::Headline,
            MessageType::Groupchat,
        ];
        let mut types = types.into_iter();
        let type_ = types
            .find(|type_| type_.as_str() == self.type_)
            .ok_or("type: must be chat, normal, headline or groupchat")?;
        let mut message = Outgoing::message(type_, &to).body(&self.body);
        if let Some(subject) = &self.subject {
            message = message.subject(subject);
        }
        Ok((handle, message))
    }
}

async fn send(handle: &Handle, message: Outgoing, wait: Duration) -> Reply {
    if !handle.is_online() {
        let why = "the component is not connected to its server";
        return Reply::new(Outcome::Unsent, None, why.to_owned());
    }
    let (id, to) = (handle.fresh_id(), message.to().clone());
    let mut watch = handle.bounces().watch(&id, &to);
    if let Err(unsent) = handle.send(message.id(&*id)).await {
        return Reply::new(Outcome::Unsent, Some(id), unsent.to_string());
    }
    if let Err(why) = confirm(handle).await {
        return Reply::new(Outcome::Unconfirmed, Some(id), why.to_string());
    }
    match time::timeout(wait, watch.bounced()).await {
        Ok(error) => Reply::bounced(id, &error),
        Err(_elapsed) => Reply {
            outcome: Outcome::Sent,
            id: Some(id),
            condition: None,
            error: None,
        },
    }
}

/// Waits until the server has routed the message: a ping to our own domain passes the server's
/// router after it (servers.md, 5).
async fn confirm(handle: &Handle) -> Result<(), RequestError> {
    let domain = handle.address().domain();
    let Ok(to) = Jid::from_str(&format!("{domain}/send")) else {
        return Ok(());
    };
    let handle = handle.within(PONG_WITHIN);
    let mut pings = 1;
    loop {
        match handle.get::<Empty>(&to, Ping).await {
            // An error response has passed the router as well.
            Ok(_) | Err(RequestError::Refused(_)) => return Ok(()),
            Err(RequestError::TimedOut) if pings < PINGS => pings += 1,
            Err(why) => return Err(why),
        }
    }
}

impl Reply {
    pub(super) fn invalid(why: String) -> Reply {
        Reply::new(Outcome::Invalid, None, why)
    }

    fn new(outcome: Outcome, id: Option<String>, error: String) -> Reply {
        Reply {
            outcome,
            id,
            condition: None,
            error: Some(error),
        }
    }

    fn bounced(id: String, error: &RemoteError) -> Reply {
        Reply {
            condition: Some(error.condition.as_str()),
            ..Reply::new(Outcome::Bounced, Some(id), error.to_string())
        }
    }
}
