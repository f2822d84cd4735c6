//! The reading side of the rig: one large buffer, from which each whole stanza is passed on. It
//! knows no requests and no clock.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;

use crate::fault::Fault;
use crate::scan::{Cut, Seen, cut};

/// Large enough that the rig reads less often than any component writes.
const BUFFER: usize = 1 << 20;

/// The received bytes of a component's stream.
pub(crate) struct Intake {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Intake {
    /// Creates the reading side. `stream` should have a read timeout, after which [`Intake::take`]
    /// returns.
    pub(crate) fn new(stream: &TcpStream) -> Result<Intake, Fault> {
        Ok(Intake {
            stream: stream.try_clone()?,
            buffer: vec![0; BUFFER],
            filled: 0,
        })
    }

    /// Reads once, passes each whole stanza on and returns their number.
    pub(crate) fn take(
        &mut self,
        mut each: impl FnMut(&Seen<'_>) -> Result<(), Fault>,
    ) -> Result<usize, Fault> {
        match self
            .stream
            .read(self.buffer.get_mut(self.filled..).unwrap_or_default())
        {
            Ok(0) => {
                return Err(Fault::new(
                    "the component ended its stream, or a stanza has no end",
                ));
            }
            Ok(read) => self.filled += read,
            Err(error) => {
                return match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(0),
                    _ => Err(error.into()),
                };
            }
        }
        let (mut at, mut count) = (0, 0);
        loop {
            match cut(self.buffer.get(at..self.filled).unwrap_or_default())? {
                Cut::Stanza(seen) => {
                    each(&seen)?;
                    at += seen.whole.len();
                    count += 1;
                }
                Cut::Space(space) => at += space,
                Cut::Closed => return Err(Fault::new("the component closed its stream")),
                Cut::Partial => break,
            }
        }
        self.buffer.copy_within(at..self.filled, 0);
        self.filled -= at;
        Ok(count)
    }
}
