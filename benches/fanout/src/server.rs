//! The server's end: it lets the component in, asks, counts, and sends pings to its own domain back.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use memchr::memmem;

pub(crate) const DOMAIN: &str = "pubsub.localhost";
const NS: &str = "http://jabber.org/protocol/pubsub";

/// Subscriptions asked for and not yet answered.
const AT_ONCE: usize = 256;

/// A ping this often during the fan-out.
const PING_EVERY: Duration = Duration::from_millis(5);

/// What is to be done.
pub(crate) struct Plan {
    pub(crate) subscribers: usize,
    pub(crate) items: usize,
    pub(crate) payload: usize,
}

/// What it took.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) subscribe: Duration,
    pub(crate) fanout: Duration,
    pub(crate) bytes: usize,
    pub(crate) waits: Vec<Duration>,
}

/// Serves one component to the end of the plan.
pub(crate) fn serve(door: &TcpListener, plan: &Plan) -> io::Result<Taken> {
    let (stream, _) = door.accept()?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut wire = Wire {
        stream,
        buffer: Vec::with_capacity(1 << 20),
        start: 0,
        messages: 0,
        bytes: 0,
        answers: VecDeque::new(),
    };
    wire.let_in()?;
    let mut taken = Taken::default();
    wire.ask("set", "owner@localhost", "c", "<create node='n'/>")?;
    wire.until_answered()?;
    let began = now();
    subscribe(&mut wire, plan)?;
    taken.subscribe = began.elapsed();
    (wire.messages, wire.bytes) = (0, 0);
    let began = now();
    for item in 0..plan.items {
        publish(&mut wire, plan, item, &mut taken)?;
    }
    taken.fanout = began.elapsed();
    taken.bytes = wire.bytes;
    Ok(taken)
}

fn subscribe(wire: &mut Wire, plan: &Plan) -> io::Result<()> {
    let mut open = 0;
    for number in 0..plan.subscribers {
        let who = format!("reader{number}@localhost");
        wire.ask(
            "set",
            &who,
            "s",
            &format!("<subscribe node='n' jid='{who}'/>"),
        )?;
        open += 1;
        while open >= AT_ONCE {
            wire.until_answered()?;
            open -= 1;
        }
    }
    for _ in 0..open {
        wire.until_answered()?;
    }
    Ok(())
}

/// Publishes, pings meanwhile, and returns when everybody has been told and every ping answered.
fn publish(wire: &mut Wire, plan: &Plan, item: usize, taken: &mut Taken) -> io::Result<()> {
    let text = "x".repeat(plan.payload.saturating_sub(31));
    let payload = format!("<entry xmlns='urn:x:y:z'>{text}</entry>");
    let item = format!("<publish node='n'><item id='{item}'>{payload}</item></publish>");
    let told = wire.messages + plan.subscribers;
    wire.ask("set", "owner@localhost", "p", &item)?;
    let (mut asked, mut open) = (now(), false);
    while wire.messages < told || open {
        if !open && asked.elapsed() >= PING_EVERY {
            let ping = "<iq type='get' id='ping' from='someone@localhost/x' to='pubsub.localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
            wire.stream.write_all(ping.as_bytes())?;
            (asked, open) = (now(), true);
        }
        wire.read()?;
        while let Some(answer) = wire.answers.pop_front() {
            if answer.contains("id='ping'") {
                taken.waits.push(asked.elapsed());
                (asked, open) = (now(), false);
            } else if answer.contains("type='error'") {
                return Err(io::Error::other(answer));
            }
        }
    }
    Ok(())
}

struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    messages: usize,
    bytes: usize,
    answers: VecDeque<String>,
}

impl Wire {
    fn let_in(&mut self) -> io::Result<()> {
        let mut heard = Vec::new();
        let mut piece = [0; 4096];
        for (until, say) in [
            (
                "to='",
                "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:component:accept' id='1' from='pubsub.localhost'>",
            ),
            ("</handshake>", "<handshake/>"),
        ] {
            while memmem::find(&heard, until.as_bytes()).is_none() {
                match self.stream.read(&mut piece)? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    bytes => heard.extend(piece.iter().take(bytes)),
                }
            }
            self.stream.write_all(say.as_bytes())?;
        }
        Ok(())
    }

    fn ask(&mut self, type_: &str, from: &str, id: &str, what: &str) -> io::Result<()> {
        let iq = format!(
            "<iq type='{type_}' id='{id}' from='{from}' to='{DOMAIN}'><pubsub xmlns='{NS}'>{what}</pubsub></iq>"
        );
        self.stream.write_all(iq.as_bytes())
    }

    fn until_answered(&mut self) -> io::Result<()> {
        while self.answers.is_empty() {
            self.read()?;
        }
        match self.answers.pop_front() {
            Some(answer) if answer.contains("type='error'") => Err(io::Error::other(answer)),
            _ => Ok(()),
        }
    }

    /// Reads once, and cuts what is complete.
    fn read(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + 256 * 1024, 0);
        let space = self.buffer.get_mut(before..).unwrap_or_default();
        let bytes = self.stream.read(space)?;
        self.buffer.truncate(before + bytes);
        if bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while self.cut()? {}
        Ok(())
    }

    fn cut(&mut self) -> io::Result<bool> {
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        let Some(first) = memchr::memchr(b'<', rest) else {
            return Ok(false);
        };
        let stanza = rest.get(first..).unwrap_or_default();
        let is_message = stanza.starts_with(b"<message ");
        let end = if is_message {
            &b"</message>"[..]
        } else {
            &b"</iq>"[..]
        };
        let Some(length) = memmem::find(stanza, end) else {
            return Ok(false);
        };
        let stanza = stanza.get(..length + end.len()).unwrap_or_default();
        if is_message {
            self.messages += 1;
            self.bytes += stanza.len();
        } else if memmem::find(stanza, b" to='pubsub.localhost'").is_some() {
            self.stream.write_all(stanza)?;
        } else {
            self.answers
                .push_back(String::from_utf8_lossy(stanza).into_owned());
        }
        self.start += first + stanza.len();
        Ok(true)
    }
}

fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "there is no runtime at this end of the wire"
    )]
    Instant::now()
}
