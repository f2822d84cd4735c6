//! The socket of a component that is running: it sends for us, and nobody logs in twice.
//! (The manual of couplet, `send_socket`)

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use couplet::{Config, Jid};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::words;
use crate::failure::Failure;

/// Three pings of five seconds, and what else it takes.
const ANSWERED_WITHIN: Duration = Duration::from_secs(25);
/// The longest answer. Bytes.
const ANSWER: u64 = 64 * 1024;
/// Where units of Couplet's have their runtime directories.
const UNITS: &str = "/run/couplet";
/// How many of them are looked into.
const MOST_UNITS: usize = 256;
const OFF: &str = "off";

/// A message as the protocol has it.
#[derive(Debug, Serialize)]
pub(super) struct Order<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<&'a str>,
    pub(super) to: &'a str,
    #[serde(rename = "type")]
    pub(super) type_: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<&'a str>,
    pub(super) body: &'a str,
    pub(super) wait_ms: u64,
}

#[derive(Debug, Deserialize)]
struct Reply {
    outcome: String,
    condition: Option<String>,
    error: Option<String>,
}

/// Connects to the socket that is named, or else to the one of a component that is running; `None`
/// where there is none.
pub(super) async fn open(
    named: Option<&Path>,
    config: &Config,
    domain: &str,
) -> Result<Option<UnixStream>, Failure> {
    let named = named.or(config.ops.send_socket.as_deref());
    if named.is_some_and(|named| named.as_os_str() == OFF) {
        return Ok(None);
    }
    let candidates = match named {
        Some(named) => vec![named.to_owned()],
        None => candidates(&format!("{domain}.sock")),
    };
    for path in candidates {
        match UnixStream::connect(&path).await {
            Ok(stream) => return Ok(Some(stream)),
            Err(why) if why.kind() == ErrorKind::PermissionDenied => {
                return Err(Failure::misuse(format!(
                    "{}: {why}\n  Only the user that runs the component may use this socket, and \
                     root. (--socket off logs in instead.)",
                    path.display()
                )));
            }
            // No component is running there.
            Err(_) => {}
        }
    }
    Ok(None)
}

fn candidates(file: &str) -> Vec<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|folder| !folder.is_empty());
    let runtime = folder("RUNTIME_DIRECTORY");
    let runtime = runtime.and_then(|folders| std::env::split_paths(&folders).next());
    let user = folder("XDG_RUNTIME_DIR").map(|folder| Path::new(&folder).join("couplet"));
    let units = fs::read_dir(UNITS).into_iter().flatten().flatten();
    let units = units.take(MOST_UNITS).map(|unit| unit.path());
    let folders = runtime.into_iter().chain(user).chain(units);
    folders.map(|folder| folder.join(file)).collect()
}

/// Hands the message in and tells what came of it.
pub(super) async fn hand_in(
    stream: UnixStream,
    order: &Order<'_>,
    to: &Jid,
) -> Result<(), Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new(format!(
            "the running component did not say whether the message to {to} was sent: {why}"
        ))
    };
    let mut line = serde_json::to_vec(order).map_err(|why| failed(&why))?;
    line.push(b'\n');
    let (reader, mut writer) = stream.into_split();
    let mut answer = String::new();
    let exchange = async {
        writer.write_all(&line).await?;
        let mut reader = BufReader::new(reader.take(ANSWER));
        reader.read_line(&mut answer).await
    };
    let patience = ANSWERED_WITHIN + Duration::from_millis(order.wait_ms);
    match timeout(patience, exchange).await {
        Ok(Ok(_)) => {}
        Ok(Err(why)) => return Err(failed(&why)),
        Err(_elapsed) => return Err(failed(&"no answer in time")),
    }
    let reply: Reply = serde_json::from_str(&answer).map_err(|why| failed(&why))?;
    outcome(&reply, to)
}

fn outcome(reply: &Reply, to: &Jid) -> Result<(), Failure> {
    let why = reply.error.as_deref().unwrap_or("no reason given");
    Err(match reply.outcome.as_str() {
        "sent" => return Ok(()),
        "bounced" => {
            let condition = reply.condition.as_deref().unwrap_or_default();
            let why = words::told(condition, why);
            Failure::new(format!("the message to {to} came back: {why}"))
        }
        "invalid" => Failure::misuse(format!("the running component refused the message: {why}")),
        "unconfirmed" => Failure::new(format!(
            "the message to {to} was sent, but the server has not confirmed it: {why}"
        )),
        _ => Failure::new(format!("the message to {to} was not sent: {why}")),
    })
}
