//! Everything that goes over the component's connection, shown: a listener between the component and
//! the server that hands on every byte as it is.
//!
//! Deliberately absent: TLS, since the server is on this machine, and keeping anything.

use couplet_core::framer::{Frame, Framer, Limits};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::markup::pretty;
use super::screen::Screen;
use crate::failure::{Failure, context};

/// A listener that ends with this value, and the connections through it.
#[derive(Debug)]
pub(super) struct Tap {
    addr: String,
    _task: JoinSet<()>,
}

impl Tap {
    /// Listens on this machine and hands on to `server`.
    pub(super) async fn start(server: String, screen: Screen) -> Result<Tap, Failure> {
        let listening = context("listening for the component");
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(listening)?;
        let addr = listener.local_addr().map_err(context("listening"))?;
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((component, _)) => {
                            connections.spawn(hand_on(component, server.clone(), screen.clone()));
                        }
                        Err(why) => screen.tell(&format!("--xml: {why}")),
                    },
                    Some(_ended) = connections.join_next() => {}
                }
            }
        });
        Ok(Tap {
            addr: addr.to_string(),
            _task: task,
        })
    }

    /// Where the component connects.
    pub(super) fn addr(&self) -> &str {
        &self.addr
    }
}

/// One connection, until either side ends it.
async fn hand_on(component: TcpStream, server: String, screen: Screen) {
    let server = match TcpStream::connect(&server).await {
        Ok(server) => server,
        Err(why) => return screen.tell(&format!("--xml: {server}: {why}")),
    };
    for stream in [&component, &server] {
        let _slower_without = stream.set_nodelay(true);
    }
    let (from_component, to_component) = component.into_split();
    let (from_server, to_server) = server.into_split();
    let out = Viewer::new("component -> server", screen.clone());
    let into = Viewer::new("server -> component", screen);
    // Each direction ends by itself, and the last bytes of the other one are handed on.
    tokio::join!(
        copy(from_component, to_server, out),
        copy(from_server, to_component, into),
    );
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut viewer: Viewer,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let read = bytes.get(..read).unwrap_or_default();
        viewer.see(read);
        if to.write_all(read).await.is_err() {
            return;
        }
    }
    let _it_is_closed_already = to.shutdown().await;
}

/// What goes one way.
struct Viewer {
    direction: &'static str,
    screen: Screen,
    /// `None` once it was no XML any more.
    framer: Option<Framer>,
}

impl Viewer {
    fn new(direction: &'static str, screen: Screen) -> Viewer {
        Viewer {
            direction,
            screen,
            framer: Some(Framer::new(Limits::default())),
        }
    }

    fn see(&mut self, bytes: &[u8]) {
        let Some(framer) = &mut self.framer else {
            return;
        };
        framer.push(bytes);
        loop {
            let xml = match framer.next() {
                Ok(Some(Frame::Stanza(stanza))) => shown(&stanza, self.screen.has_colors()),
                Ok(Some(Frame::Opened(_))) => "the stream is opened".to_owned(),
                Ok(Some(Frame::Closed)) => "the stream is closed".to_owned(),
                Ok(Some(_)) => "a stanza is too large to be shown".to_owned(),
                Ok(None) => return,
                Err(why) => {
                    let direction = self.direction;
                    self.screen
                        .tell(&format!("{direction}: not shown from here on: {why}"));
                    self.framer = None;
                    return;
                }
            };
            let heading = match self.screen.has_colors() {
                true => format!("\x1b[2m{}\x1b[0m", self.direction),
                false => self.direction.to_owned(),
            };
            self.screen.tell(&format!("{heading}\n{xml}"));
        }
    }
}

/// The hash in a handshake proves the secret; it stays out of what is copied into a report.
fn shown(stanza: &[u8], has_colors: bool) -> String {
    if stanza.starts_with(b"<handshake>") {
        return "<handshake>...</handshake>".to_owned();
    }
    pretty(&String::from_utf8_lossy(stanza), has_colors)
}
