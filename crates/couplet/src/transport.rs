//! One connection: reads bytes into the framer, and writes the outbox.
//!
//! A turn does what is possible first. Reading has priority, so that responses to stanzas that
//! arrived together are written together; writing has priority once a full batch of responses
//! waits, so that neither starves. Broadcast copies do not count.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use couplet_core::framer::Framer;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{
    connect::Stream,
    outbox::{Batch, Outbox},
};

/// Size of a full batch, in bytes.
const PLENTY: usize = 64 * 1024;

/// A connection with its framer and its unwritten stanzas.
pub(crate) struct Transport {
    stream: Box<dyn Stream>,
    pub(crate) framer: Framer,
    batch: Batch,
    flushed: bool,
}

/// The result of one turn.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Bytes were read into the framer.
    Read,
    /// The server closed its side.
    Eof,
    /// Bytes were written.
    Wrote,
}

impl Transport {
    pub(crate) fn new(stream: Box<dyn Stream>, framer: Framer) -> Transport {
        Transport {
            stream,
            framer,
            batch: Batch::default(),
            flushed: true,
        }
    }

    /// Reads or writes, whichever is possible first.
    ///
    /// The reader only waits for bytes, with one exception: while the server does not read, and the
    /// responses that wait for this socket exceed twice `limits.outgoing_bytes`, no more requests
    /// are read.
    ///
    /// Cancel safe.
    pub(crate) async fn turn(&mut self, outbox: &Outbox) -> io::Result<Turn> {
        poll_fn(|cx| self.poll_turn(cx, outbox)).await
    }

    /// Returns whether no stanza is partly written.
    pub(crate) fn is_between_stanzas(&self) -> bool {
        self.batch.is_between_stanzas()
    }

    /// Writes bytes directly, for the beginning and end of a stream.
    pub(crate) async fn write_all(&mut self, bytes: &str) -> io::Result<()> {
        self.stream.write_all(bytes.as_bytes()).await?;
        self.stream.flush().await
    }

    /// Waits for bytes; returns `false` at the end.
    pub(crate) async fn read(&mut self) -> io::Result<bool> {
        Ok(self.stream.read_buf(self.framer.space()).await? > 0)
    }

    /// Returns unwritten stanzas to the outbox.
    pub(crate) fn give_back(&mut self, outbox: &Outbox) {
        outbox.put_back(&mut self.batch);
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>, outbox: &Outbox) -> Poll<io::Result<Turn>> {
        if self.batch.is_done() && !outbox.is_empty() {
            outbox.take(&mut self.batch);
        }
        let plenty = if self.batch.is_in_bulk() {
            outbox.len() >= PLENTY
        } else {
            self.batch.unwritten().len() >= PLENTY
        };
        if plenty && let Poll::Ready(wrote) = self.poll_write(cx, outbox) {
            return Poll::Ready(wrote);
        }
        if !outbox.is_stuck() {
            let mut read = pin!(self.stream.read_buf(self.framer.space()));
            if let Poll::Ready(read) = read.as_mut().poll(cx) {
                return Poll::Ready(
                    read.map(|bytes| if bytes > 0 { Turn::Read } else { Turn::Eof }),
                );
            }
        }
        if plenty {
            Poll::Pending
        } else {
            self.poll_write(cx, outbox)
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, outbox: &Outbox) -> Poll<io::Result<Turn>> {
        if self.batch.is_done() {
            if self.flushed {
                return Poll::Pending;
            }
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.flushed = true;
            return Poll::Ready(Ok(Turn::Wrote));
        }
        let bytes = ready!(Pin::new(&mut self.stream).poll_write(cx, self.batch.unwritten()))?;
        if bytes == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.batch.advance(bytes);
        if self.batch.is_done() {
            outbox.sent(&mut self.batch);
        }
        self.flushed = false;
        Poll::Ready(Ok(Turn::Wrote))
    }
}
