//! The server's side of one component's connection: header, handshake, stanzas. (XEP-0114, 3)

use std::sync::Arc;

use couplet_core::element::{NS_COMPONENT, Tree};
use couplet_core::framer::{Frame, Framer, Limits, Opened};
use couplet_core::handshake;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::{Exchange, State};

/// Prosody's limit for the stanzas of components (servers.md, 3).
const STANZA: usize = 512 * 1024;

/// Serves one connection until either side ends it.
pub(crate) async fn serve(stream: DuplexStream, id: u64, exchange: Arc<Exchange>) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut changes = exchange.subscribe();
    let mut login = Login::new(id, exchange.look(|state| state.setup.stanza_limit));
    let (mut output, mut written) = (Vec::new(), 0);
    loop {
        changes.mark_unchanged();
        let orders = exchange.state().orders(id, &mut output, &mut written);
        if orders.closing {
            let _the_other_side_may_be_gone = writer.shutdown().await;
            break;
        }
        let end = written.saturating_add(orders.piece).min(output.len());
        let piece = output.get(written..end).unwrap_or_default();
        tokio::select! {
            biased;
            wrote = writer.write(piece), if orders.writes => match wrote {
                Ok(bytes) => written += bytes,
                Err(_) => break,
            },
            read = reader.read_buf(login.framer.space()), if orders.reads => match read {
                Ok(0) | Err(_) => break,
                Ok(_) => exchange.change(|state| login.read(state)),
            },
            _ = changes.changed() => {}
        }
        // One write per piece: the reader runs in between.
        if orders.piece < usize::MAX {
            tokio::task::yield_now().await;
        }
    }
    exchange.change(|state| state.hang_up(id));
}

/// The state of a component's login.
struct Login {
    line: u64,
    framer: Framer,
    domain: String,
    online: bool,
}

impl Login {
    fn new(line: u64, stanza_limit: Option<usize>) -> Login {
        let limits = Limits {
            stanza_bytes: stanza_limit.unwrap_or(STANZA),
            elements: usize::MAX,
            depth: usize::MAX,
            attributes: usize::MAX,
        };
        Login {
            line,
            framer: Framer::new(limits),
            domain: String::new(),
            online: false,
        }
    }

    fn read(&mut self, state: &mut State) {
        loop {
            match self.framer.next() {
                Ok(None) => return,
                Ok(Some(Frame::Opened(header))) => self.opened(state, &header),
                Ok(Some(Frame::Stanza(bytes))) => match Tree::parse(bytes, self.framer.scope()) {
                    Ok(stanza) => self.stanza(state, &stanza),
                    Err(why) => return state.fault(self.line, why.condition(), &why.to_string()),
                },
                // servers.md, 3: Prosody's stream error for a stanza that is too large.
                Ok(Some(Frame::Skipped(_))) => {
                    return state.fault(self.line, "not-well-formed", "a stanza over the limit");
                }
                Ok(Some(_)) => return state.close(self.line, handshake::closing().as_bytes()),
                Err(why) => return state.fault(self.line, why.condition(), &why.to_string()),
            }
            if state.lines.get(&self.line).is_none_or(|line| line.closing) {
                return;
            }
        }
    }

    fn opened(&mut self, state: &mut State, header: &Opened) {
        let Some(domain) = header.to() else {
            return self.refuse(state, "", "improper-addressing", "no `to` in the header");
        };
        domain.clone_into(&mut self.domain);
        if header.xmlns() != NS_COMPONENT {
            return self.refuse(state, "", "invalid-namespace", header.xmlns());
        }
        if !state.setup.hosts(domain) {
            // servers.md, 2: compared letter by letter with the prepared name, and without a stream
            // id.
            return self.refuse(state, "", "host-unknown", domain);
        }
        let id = self.id();
        state.say(self.line, self.header(&id).as_bytes());
    }

    fn stanza(&mut self, state: &mut State, stanza: &Tree) {
        if self.online {
            return state.route_of_component(self.line, &self.domain, stanza);
        }
        let refuse = |state: &mut State, condition: &str, why: &str| {
            state.refuse(self.line, condition, why);
        };
        if stanza.root().name() != "handshake" {
            return refuse(state, "not-authorized", "a stanza before the handshake");
        }
        if let Some(condition) = state.refusal.clone() {
            return refuse(state, &condition, "requested by the test");
        }
        let secret = state.setup.secret(&self.domain);
        let wanted = secret.map(|secret| handshake::digest(&self.id(), secret));
        if wanted.as_deref() != Some(stanza.root().text().trim()) {
            return refuse(
                state,
                "not-authorized",
                "the digest is not that of the secret",
            );
        }
        if let Some(other) = state.line_of(&self.domain) {
            if !state.setup.kick_old {
                return refuse(state, "conflict", "Component already connected");
            }
            state.refuse(other, "conflict", "Replaced by a new connection");
        }
        self.online = true;
        if let Some(line) = state.lines.get_mut(&self.line) {
            line.domain = Some(self.domain.clone());
            line.out.extend_from_slice(b"<handshake/>");
        }
    }

    fn refuse(&self, state: &mut State, id: &str, condition: &str, why: &str) {
        state.say(self.line, self.header(id).as_bytes());
        state.refuse(self.line, condition, why);
    }

    fn header(&self, id: &str) -> String {
        let opening = handshake::opening(&self.domain);
        let from = opening.replacen(" to='", " from='", 1);
        from.replacen(" from=", &format!(" id='{id}' from="), 1)
    }

    fn id(&self) -> String {
        format!("stream-{}", self.line)
    }
}
