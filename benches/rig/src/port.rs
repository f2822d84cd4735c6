//! The server's end of XEP-0114: listens, opens the stream, checks the handshake. It accepts one
//! component at a time, and as the only other feature of a server routes a component's own stanzas
//! back, for its self-pings.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use memchr::memmem;
use sha1::{Digest, Sha1};

use crate::child::{Child, Door};
use crate::clock;
use crate::fault::Fault;
use crate::scan::Seen;

/// Time limit for a component from its start to its handshake.
const PATIENCE: Duration = Duration::from_secs(60);
/// The stream id, which the handshake signs.
const STREAM_ID: &str = "rig-4f1c9d";

/// A listening component port.
pub(crate) struct Port {
    listener: TcpListener,
    pub(crate) door: Door,
}

impl Port {
    pub(crate) fn open(domain: &str) -> Result<Port, Fault> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let door = Door {
            server: listener.local_addr()?.to_string(),
            domain: domain.to_owned(),
            secret: "not much of a secret".to_owned(),
        };
        Ok(Port { listener, door })
    }

    /// Closes waiting connections: components of earlier runs that reconnected.
    pub(crate) fn clear(&self) {
        while self.listener.accept().is_ok() {}
    }

    /// Accepts the next connection and its handshake.
    pub(crate) fn accept(&self, child: &mut Child) -> Result<TcpStream, Fault> {
        let started = clock::now();
        let mut stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => {
                    return Err(error.into());
                }
                Err(_) => {}
            }
            child.alive()?;
            if started.elapsed() > PATIENCE {
                return Err(Fault::new("the component never connected"));
            }
            clock::pause(Duration::from_micros(200));
        };
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        self.shake_hands(&mut stream)?;
        Ok(stream)
    }

    fn shake_hands(&self, stream: &mut TcpStream) -> Result<(), Fault> {
        let opening = read_to(stream, b"<stream:stream", b">")?;
        if memmem::find(&opening, self.door.domain.as_bytes()).is_none() {
            return Err(Fault::quoting("a stream to another domain", &opening));
        }
        let header = format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
             xmlns:stream='http://etherx.jabber.org/streams' from='{}' id='{STREAM_ID}'>",
            self.door.domain
        );
        stream.write_all(header.as_bytes())?;
        let handshake = read_to(stream, b"<handshake", b"</handshake>")?;
        if memmem::find(&handshake, digest(STREAM_ID, &self.door.secret).as_bytes()).is_none() {
            return Err(Fault::quoting("a wrong handshake", &handshake));
        }
        stream.write_all(b"<handshake/>")?;
        Ok(())
    }
}

/// Returns the SHA-1 of stream id and secret, in lower-case hex. (XEP-0114, 3)
pub(crate) fn digest(id: &str, secret: &str) -> String {
    let digest = Sha1::digest(format!("{id}{secret}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads up to and including the first `end` after the first `start`. Byte by byte, so that no
/// later byte is consumed; this is before the measurement.
pub(crate) fn read_to(stream: &mut TcpStream, start: &[u8], end: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while bytes.len() < 4096 {
        stream.read_exact(&mut byte)?;
        bytes.extend_from_slice(&byte);
        let begun = memmem::find(&bytes, start).map_or(usize::MAX, |at| at + start.len());
        if bytes.ends_with(end) && bytes.len() >= begun {
            return Ok(bytes);
        }
    }
    Err(Fault::quoting("no end to", &bytes))
}

/// Returns what a server sends for a stanza that is no response to the rig: the stanza itself if it
/// is to the component, an error for other requests (RFC 6120, 8.4), and nothing for presence.
pub(crate) fn route(seen: &Seen<'_>, domain: &str) -> Vec<u8> {
    if seen.to == domain.as_bytes() {
        return seen.whole.to_vec();
    }
    if seen.name != b"iq" || !matches!(seen.type_, b"get" | b"set") {
        return Vec::new();
    }
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (from, to, id) = (text(seen.to), text(seen.from), text(seen.id));
    format!(
        "<iq from=\"{from}\" to=\"{to}\" id=\"{id}\" type=\"error\"><error type=\"cancel\">\
         <service-unavailable xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\"/></error></iq>"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::{Cut, cut};

    #[test]
    fn the_digest_is_the_one_of_the_specifications_example() {
        // XEP-0114, example 3: the correct value for its id and the secret "test".
        assert_eq!(
            digest("3BF96D32", "test"),
            "aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e"
        );
    }

    #[test]
    fn a_components_own_requests_come_back_and_others_get_an_error() {
        let routed = |text: &str| {
            let Cut::Stanza(seen) = cut(text.as_bytes()).unwrap() else {
                panic!()
            };
            String::from_utf8(route(&seen, "d")).unwrap()
        };
        let own = "<iq from='d' to='d' id='1' type='get'><ping/></iq>";
        assert_eq!(routed(own), own);
        let refusal = routed("<iq from='d' to='e' id='1' type='get'><ping/></iq>");
        assert!(
            refusal.starts_with("<iq from=\"e\" to=\"d\" id=\"1\" type=\"error\">"),
            "{refusal}"
        );
        assert_eq!(routed("<iq from='d' to='e' id='1' type='result'/>"), "");
        assert_eq!(routed("<presence from='d' to='e'/>"), "");
    }
}
