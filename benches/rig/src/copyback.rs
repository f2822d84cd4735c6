//! The floor: a component that copies all bytes back without reading them. It parses and checks
//! nothing, so what is left is the cost of the machine and the rig.

use std::env;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::fault::Fault;
use crate::port::{digest, read_to};

/// Connects as the environment says, logs in and copies until the stream ends.
pub(crate) fn run() -> Result<(), Fault> {
    let mut stream = connect()?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        stream.write_all(buffer.get(..read).unwrap_or_default())?;
    }
}

/// Connects and logs in, with the least work possible.
pub(crate) fn connect() -> Result<TcpStream, Fault> {
    let setting = |name: &str| env::var(name).map_err(|_| Fault::new(format!("{name} is not set")));
    let (domain, secret) = (setting("RIG_DOMAIN")?, setting("RIG_SECRET")?);
    let mut stream = TcpStream::connect(setting("RIG_SERVER")?)?;
    stream.set_nodelay(true)?;
    let header = format!(
        "<stream:stream xmlns='jabber:component:accept' \
         xmlns:stream='http://etherx.jabber.org/streams' to='{domain}'>"
    );
    stream.write_all(header.as_bytes())?;
    let opened = read_to(&mut stream, b"<stream:stream", b">")?;
    let opened = String::from_utf8_lossy(&opened).into_owned();
    let id = opened
        .split(" id='")
        .nth(1)
        .and_then(|rest| rest.split('\'').next());
    let id = id.ok_or_else(|| Fault::new("a stream without an id"))?;
    let handshake = format!("<handshake>{}</handshake>", digest(id, &secret));
    stream.write_all(handshake.as_bytes())?;
    read_to(&mut stream, b"<handshake", b"/>")?;
    Ok(stream)
}
