//! The raw end of a component stream: sends requests, and counts what arrives. Blocking, without a
//! runtime and without a parser, so that it costs little compared with the measured service.
//!
//! It is the server's end, or that of a component for all publishers and subscribers.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use memchr::{memchr, memmem};
use sha1::{Digest, Sha1};

/// The timeout without any data.
const LOST: Duration = Duration::from_secs(30);

/// The silence after which nothing more is expected.
const SILENCE: Duration = Duration::from_millis(300);

const BUFFER: usize = 1 << 20;

const STREAMS: &str = "http://etherx.jabber.org/streams";

/// The end of a stream.
pub(crate) struct RawStream {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    /// The domain whose stanzas, with or without a resource, are returned to the sender, as a
    /// server would route them.
    returned: Option<Vec<u8>>,
    out: Vec<u8>,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    answers: Vec<Answer>,
}

/// The response to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) id: String,
    /// The whole stanza, if it is an error.
    pub(crate) refused: Option<String>,
}

impl RawStream {
    /// Accepts the component `domain` as a server, with any secret.
    pub(crate) fn accept(listener: &TcpListener, domain: &str) -> io::Result<RawStream> {
        let (stream, _) = listener.accept()?;
        let mut stream = RawStream::over(stream)?;
        stream.returned = Some(format!(" to='{domain}").into_bytes());
        stream.until(b">")?;
        let header = format!(
            "<?xml version='1.0'?><stream:stream xmlns:stream='{STREAMS}' xmlns='jabber:component:accept' id='1' from='{domain}'>"
        );
        stream.stream.write_all(header.as_bytes())?;
        stream.until(b"</handshake>")?;
        stream.stream.write_all(b"<handshake/>")?;
        Ok(stream)
    }

    /// Connects as a component.
    pub(crate) fn connect(server: &str, domain: &str, secret: &str) -> io::Result<RawStream> {
        let mut stream = RawStream::over(TcpStream::connect(server)?)?;
        let header = format!(
            "<stream:stream xmlns:stream='{STREAMS}' xmlns='jabber:component:accept' to='{domain}'>"
        );
        stream.stream.write_all(header.as_bytes())?;
        let mut heard = String::new();
        while !(heard.contains("<stream:stream") && heard.ends_with('>')) {
            heard.push_str(&stream.until(b">")?);
        }
        let id = heard
            .split_once(" id='")
            .and_then(|(_, behind)| behind.split_once('\''))
            .map(|(id, _)| id)
            .ok_or_else(|| io::Error::other(format!("a stream without an id: {heard}")))?;
        let digest: String = Sha1::digest(format!("{id}{secret}"))
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let handshake = format!("<handshake>{digest}</handshake>");
        stream.stream.write_all(handshake.as_bytes())?;
        let taken = stream.until(b">")?;
        if !taken.contains("handshake") {
            return Err(io::Error::other(format!("no handshake: {taken}")));
        }
        if !taken.ends_with("/>") {
            stream.until(b">")?;
        }
        Ok(stream)
    }

    fn over(stream: TcpStream) -> io::Result<RawStream> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LOST))?;
        stream.set_write_timeout(Some(LOST))?;
        Ok(RawStream {
            stream,
            buffer: vec![0; BUFFER],
            filled: 0,
            returned: None,
            out: Vec::new(),
            messages: 0,
            bytes: 0,
            answers: Vec::new(),
        })
    }

    /// Reads byte by byte up to `end`.
    fn until(&mut self, end: &[u8]) -> io::Result<String> {
        let mut heard = Vec::new();
        let mut byte = [0];
        while !heard.ends_with(end) {
            self.stream.read_exact(&mut byte)?;
            heard.extend(byte);
            // A header of a stream follows its declaration.
            if heard.ends_with(b"?>") {
                heard.clear();
            }
        }
        Ok(String::from_utf8_lossy(&heard).into_owned())
    }

    /// Returns a handle to write concurrently to the reader.
    pub(crate) fn writer(&self) -> io::Result<TcpStream> {
        self.stream.try_clone()
    }

    /// Queues a stanza for [`flush`](RawStream::flush).
    pub(crate) fn queue(&mut self, stanza: &str) {
        self.out.extend_from_slice(stanza.as_bytes());
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let written = self.stream.write_all(&self.out);
        self.out.clear();
        written
    }

    /// Flushes, reads once, and returns the responses.
    pub(crate) fn read_responses(&mut self) -> io::Result<Vec<Answer>> {
        self.flush()?;
        self.read()?;
        self.flush()?;
        Ok(std::mem::take(&mut self.answers))
    }

    /// Reads until it is silent, and resets the counters.
    pub(crate) fn quiet(&mut self) -> io::Result<()> {
        self.flush()?;
        self.stream.set_read_timeout(Some(SILENCE))?;
        let silent = loop {
            match self.read() {
                Ok(()) => self.flush()?,
                Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    break Ok(());
                }
                Err(why) => break Err(why),
            }
        };
        self.stream.set_read_timeout(Some(LOST))?;
        self.answers.clear();
        (self.messages, self.bytes) = (0, 0);
        silent
    }

    fn read(&mut self) -> io::Result<()> {
        let space = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let read = self.stream.read(space)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.filled += read;
        let mut at = 0;
        loop {
            let rest = self.buffer.get(at..self.filled).unwrap_or_default();
            let Some(first) = memchr(b'<', rest) else {
                at = self.filled;
                break;
            };
            let Some(stanza) = cut(rest.get(first..).unwrap_or_default())? else {
                at += first;
                break;
            };
            at += first + stanza.len();
            if stanza.starts_with(b"<message") {
                self.messages += 1;
                self.bytes += stanza.len() as u64;
            } else if self.returned.as_ref().is_some_and(|to| has(stanza, to)) {
                self.out.extend_from_slice(stanza);
            } else if stanza.starts_with(b"<iq") {
                self.answers.push(answer(stanza));
            }
        }
        self.buffer.copy_within(at..self.filled, 0);
        self.filled -= at;
        Ok(())
    }
}

/// Returns the first complete stanza. No `>` appears in attributes, because all serialisers here
/// escape it.
fn cut(bytes: &[u8]) -> io::Result<Option<&[u8]>> {
    let Some(head) = memchr(b'>', bytes) else {
        return Ok(None);
    };
    if bytes.get(..head).is_some_and(|tag| tag.ends_with(b"/")) {
        return Ok(bytes.get(..=head));
    }
    let end: &[u8] = match bytes {
        [b'<', b'm', ..] => b"</message>",
        [b'<', b'i', ..] => b"</iq>",
        [b'<', b'p', ..] => b"</presence>",
        _ => {
            let text = String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes));
            return Err(io::Error::other(format!("no stanza: {text}")));
        }
    };
    let length = memmem::find(bytes, end).map(|at| at + end.len());
    Ok(length.and_then(|length| bytes.get(..length)))
}

fn has(stanza: &[u8], attribute: &[u8]) -> bool {
    let head = memchr(b'>', stanza).and_then(|end| stanza.get(..end));
    head.is_some_and(|head| memmem::find(head, attribute).is_some())
}

fn answer(stanza: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(stanza);
    let head = text.split_once('>').map_or(&*text, |(head, _)| head);
    let id = head
        .split_once(" id='")
        .or_else(|| head.split_once(" id=\""))
        .and_then(|(_, behind)| behind.split_once(['\'', '"']))
        .map_or("", |(id, _)| id);
    let refused = head.contains("error").then(|| text.to_string());
    Answer {
        id: id.to_owned(),
        refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stanza_is_cut_at_its_own_end_whether_it_has_children_or_not() {
        let whole = b"<iq id='1' type='result'/><message id='2'><a/></message><iq";
        let first = cut(whole).unwrap().unwrap();
        assert_eq!(first, b"<iq id='1' type='result'/>");
        let rest = &whole[first.len()..];
        let second = cut(rest).unwrap().unwrap();
        assert_eq!(second, b"<message id='2'><a/></message>");
        assert!(cut(&rest[second.len()..]).unwrap().is_none());
        assert!(cut(b"</stream:stream>").is_err());
    }

    #[test]
    fn an_answer_has_its_id_and_whether_it_is_an_error() {
        let result = answer(b"<iq type='result' from='x' id='p7'/>");
        assert_eq!((&*result.id, result.refused), ("p7", None));
        let error = answer(b"<iq id='s' type='error'><error/></iq>");
        assert!(error.refused.is_some_and(|text| text.contains("<error/>")));
    }
}
