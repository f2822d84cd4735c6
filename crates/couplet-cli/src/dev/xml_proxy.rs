//! [`XmlProxy`]: a TCP proxy between the component and the server that prints every stanza and forwards
//! every byte unchanged.

use couplet_core::framer::{Frame, Framer, Limits};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::pretty_xml::pretty;
use super::screen::Screen;
use crate::failure::{Failure, context};

/// A running proxy; it ends when this value is dropped, with the connections through it.
#[derive(Debug)]
pub(super) struct XmlProxy {
    addr: String,
    _task: JoinSet<()>,
}

impl XmlProxy {
    /// Listens on loopback and forwards to `server`.
    pub(super) async fn start(server: String, screen: Screen) -> Result<XmlProxy, Failure> {
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
                            connections.spawn(forward(component, server.clone(), screen.clone()));
                        }
                        Err(why) => screen.status(&format!("--xml: {why}")),
                    },
                    Some(_ended) = connections.join_next() => {}
                }
            }
        });
        Ok(XmlProxy {
            addr: addr.to_string(),
            _task: task,
        })
    }

    /// Returns the address for the component.
    pub(super) fn addr(&self) -> &str {
        &self.addr
    }
}

/// Forwards one connection until either side closes it.
async fn forward(component: TcpStream, server: String, screen: Screen) {
    let server = match TcpStream::connect(&server).await {
        Ok(server) => server,
        Err(why) => return screen.status(&format!("--xml: {server}: {why}")),
    };
    for stream in [&component, &server] {
        let _only_slower_without = stream.set_nodelay(true);
    }
    let (from_component, to_component) = component.into_split();
    let (from_server, to_server) = server.into_split();
    let out = XmlPrinter::new("component -> server", screen.clone());
    let into = XmlPrinter::new("server -> component", screen);
    // A direction that ends does not end the other one, whose last bytes are still forwarded.
    tokio::join!(
        copy(from_component, to_server, out),
        copy(from_server, to_component, into),
    );
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut printer: XmlPrinter,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let read = bytes.get(..read).unwrap_or_default();
        printer.print(read);
        if to.write_all(read).await.is_err() {
            return;
        }
    }
    let _closed_already = to.shutdown().await;
}

/// Prints the stanzas of one direction.
struct XmlPrinter {
    direction: &'static str,
    screen: Screen,
    /// `None` after invalid XML.
    framer: Option<Framer>,
}

impl XmlPrinter {
    fn new(direction: &'static str, screen: Screen) -> XmlPrinter {
        XmlPrinter {
            direction,
            screen,
            framer: Some(Framer::new(Limits::default())),
        }
    }

    fn print(&mut self, bytes: &[u8]) {
        let Some(framer) = &mut self.framer else {
            return;
        };
        framer.push(bytes);
        loop {
            let xml = match framer.next() {
                Ok(Some(Frame::Stanza(stanza))) => format(&stanza, self.screen.has_colors()),
                Ok(Some(Frame::Opened(_))) => "the stream is opened".to_owned(),
                Ok(Some(Frame::Closed)) => "the stream is closed".to_owned(),
                Ok(Some(_)) => "a stanza is too large to be printed".to_owned(),
                Ok(None) => return,
                Err(why) => {
                    let direction = self.direction;
                    self.screen
                        .status(&format!("{direction}: no longer printed: {why}"));
                    self.framer = None;
                    return;
                }
            };
            let heading = match self.screen.has_colors() {
                true => format!("\x1b[2m{}\x1b[0m", self.direction),
                false => self.direction.to_owned(),
            };
            self.screen.status(&format!("{heading}\n{xml}"));
        }
    }
}

/// Formats a stanza. The digest of a handshake is left out: output is copied into bug reports.
fn format(stanza: &[u8], has_colors: bool) -> String {
    if stanza.starts_with(b"<handshake>") {
        return "<handshake>...</handshake>".to_owned();
    }
    pretty(&String::from_utf8_lossy(stanza), has_colors)
}
