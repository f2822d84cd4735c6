//! Sends a message through the socket of a running component, so that this command need not log in.
//!
//! The manual of couplet describes the protocol, under `send_socket`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use couplet::{Config, Jid};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::conditions;
use crate::failure::Failure;

/// Three pings of five seconds, and some time for the rest.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(25);
/// The longest response. Bytes.
const RESPONSE_BYTES: u64 = 64 * 1024;
/// The folder in which systemd units have their runtime directories.
const UNITS: &str = "/run/couplet";
/// Maximum number of units that are searched.
const MOST_UNITS: usize = 256;
const OFF: &str = "off";

/// A message in the protocol of the socket.
#[derive(Debug, Serialize)]
pub(super) struct SendRequest<'a> {
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
struct SendResponse {
    outcome: String,
    condition: Option<String>,
    error: Option<String>,
}

/// Connects to the named socket, or else to the first one found of a running component; `None` if
/// there is none.
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
                    "{}: {why}\n  Only the user of the component and root may use this socket. \
                     (--socket off logs in instead.)",
                    path.display()
                )));
            }
            // No running component listens there.
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

/// Passes the message to the component and returns the outcome.
pub(super) async fn submit(
    stream: UnixStream,
    request: &SendRequest<'_>,
    to: &Jid,
) -> Result<(), Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new(format!(
            "no response of the running component about the message to {to}: {why}"
        ))
    };
    let mut line = serde_json::to_vec(request).map_err(|why| failed(&why))?;
    line.push(b'\n');
    let (reader, mut writer) = stream.into_split();
    let mut response = String::new();
    let exchange = async {
        writer.write_all(&line).await?;
        let mut reader = BufReader::new(reader.take(RESPONSE_BYTES));
        reader.read_line(&mut response).await
    };
    let limit = RESPONSE_TIMEOUT + Duration::from_millis(request.wait_ms);
    match timeout(limit, exchange).await {
        Ok(Ok(_)) => {}
        Ok(Err(why)) => return Err(failed(&why)),
        Err(_elapsed) => return Err(failed(&"timed out")),
    }
    let response: SendResponse = serde_json::from_str(&response).map_err(|why| failed(&why))?;
    outcome(&response, to)
}

fn outcome(response: &SendResponse, to: &Jid) -> Result<(), Failure> {
    let why = response.error.as_deref().unwrap_or("no reason given");
    Err(match response.outcome.as_str() {
        "sent" => return Ok(()),
        "bounced" => {
            let condition = response.condition.as_deref().unwrap_or_default();
            let why = conditions::describe_as(condition, why);
            Failure::new(format!("the message to {to} came back: {why}"))
        }
        "invalid" => Failure::misuse(format!("the running component rejected the message: {why}")),
        "unconfirmed" => Failure::new(format!(
            "the message to {to} was sent, but the server has not confirmed it: {why}"
        )),
        _ => Failure::new(format!("the message to {to} was not sent: {why}")),
    })
}
