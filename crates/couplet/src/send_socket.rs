//! The unix socket on which a running program accepts messages from `couplet send` on the same
//! machine. A second login by `couplet send` would end the first one or share its stanzas.
//!
//! One connection is one message: a line of JSON in, a line of JSON out ([the
//! manual](crate::manual::send_socket) describes both). Receiving is not supported, and other users
//! of the machine must not have access.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinSet,
    time,
};

use crate::{config::Config, handle::Handle, shutdown::Shutdown};

mod order;

use order::{Order, Reply};

/// Maximum number of connections at once; more wait in the socket's queue.
const AT_ONCE: usize = 8;
/// Time limit for reading or writing a line.
const LINE_WITHIN: Duration = Duration::from_secs(5);
/// Maximum length of a line apart from the text of the message. Bytes.
const AROUND_THE_TEXT: usize = 16 * 1024;
/// The value of `ops.send_socket` that disables the socket.
const OFF: &str = "off";

/// Returns the path of the socket of this component; `None` if there is none.
pub(crate) fn path(config: &Config) -> Option<PathBuf> {
    match &config.ops.send_socket {
        Some(off) if off.as_os_str() == OFF => None,
        Some(path) => Some(path.clone()),
        None if !config.is_program => None,
        None => Some(runtime_folder()?.join(format!("{}.sock", config.domain))),
    }
}

/// Returns the folder that systemd made for the service, or Couplet's folder of the user.
fn runtime_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|folder| !folder.is_empty());
    if let Some(folders) = folder("RUNTIME_DIRECTORY") {
        // systemd separates several folders by colons. (systemd.exec(5), RuntimeDirectory=)
        return std::env::split_paths(&folders).next();
    }
    folder("XDG_RUNTIME_DIR").map(|folder| Path::new(&folder).join("couplet"))
}

/// Accepts messages at `path` until the component stops. If the socket cannot be opened, it logs a
/// warning and the component runs without it.
pub(crate) async fn serve(path: PathBuf, most_text: usize, handle: Handle, shutdown: Shutdown) {
    let opened = match Opened::at(path.clone()) {
        Ok(opened) => opened,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error,
                "the socket for `couplet send` could not be opened; set ops.send_socket to another path, or to \"off\"");
            return;
        }
    };
    tracing::debug!(path = %path.display(), "the socket for `couplet send` is open");
    // In JSON, a text of escaped characters takes six bytes a character.
    let most = most_text.saturating_mul(6).saturating_add(AROUND_THE_TEXT);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.requested() => break,
            Some(_ended) = connections.join_next() => {}
            accepted = opened.listener.accept(), if connections.len() < AT_ONCE => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(attend(stream, most, handle.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the socket for `couplet send` cannot accept connections");
                    time::sleep(Duration::from_secs(1)).await;
                }
            },
        }
    }
    // Connections have a deadline, and the component waits for them.
    while connections.join_next().await.is_some() {}
}

/// Handles one message.
async fn attend(stream: UnixStream, most: usize, handle: Handle) {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let mut reading = BufReader::new(reader.take(most));
    let read = time::timeout(LINE_WITHIN, reading.read_line(&mut line)).await;
    let reply = match read {
        Ok(Ok(0)) => return,
        Ok(Ok(_)) if line.ends_with('\n') => match serde_json::from_str::<Order>(&line) {
            Ok(order) => order.carry_out(&handle).await,
            Err(why) => Reply::invalid(why.to_string()),
        },
        Ok(Ok(_)) => Reply::invalid("the line is too long or incomplete".to_owned()),
        Ok(Err(why)) => Reply::invalid(why.to_string()),
        Err(_elapsed) => Reply::invalid("the line did not arrive in time".to_owned()),
    };
    let Ok(mut line) = serde_json::to_vec(&reply) else {
        return;
    };
    line.push(b'\n');
    let _nobody_waits = time::timeout(LINE_WITHIN, writer.write_all(&line)).await;
}

/// Removes the socket when dropped, unless another one has taken its path.
struct Opened {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

impl Opened {
    /// Listens at `path`, accessible for this user only. Replaces a socket that a crashed program
    /// left.
    fn at(path: PathBuf) -> io::Result<Opened> {
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        if fs::symlink_metadata(&path).is_ok_and(|found| !found.file_type().is_socket()) {
            let what = "the path is a file that is not a socket";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
        }
        if std::os::unix::net::UnixStream::connect(&path).is_ok() {
            let what = "another program listens at this path";
            return Err(io::Error::new(io::ErrorKind::AddrInUse, what));
        }
        // The socket gets its name last, so that no other user can connect before the permissions
        // are set.
        let mut early = path.clone().into_os_string();
        early.push(format!(".{}", std::process::id()));
        let early = PathBuf::from(early);
        let listener = UnixListener::bind(&early)?;
        let named = fs::set_permissions(&early, fs::Permissions::from_mode(0o600))
            .and_then(|()| fs::symlink_metadata(&early))
            .and_then(|found| fs::rename(&early, &path).map(|()| found.ino()));
        match named {
            Ok(inode) => Ok(Opened {
                listener,
                path,
                inode,
            }),
            Err(why) => {
                let _not_there = fs::remove_file(&early);
                Err(why)
            }
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode);
        if is_ours {
            let _gone_already = fs::remove_file(&self.path);
        }
    }
}
