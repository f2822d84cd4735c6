//! Broadcasts: one message to very many recipients, serialized once, sent after all other stanzas.
//!
//! Nothing is stored: the caller keeps the list of recipients and resumes after a lost connection.

use std::{fmt, sync::Arc, time::Duration};

use couplet_core::{
    jid::Jid,
    message::MessageType,
    stanza::Kind,
    stanza_writer::{Head, InvalidStanza, StanzaWriter},
    xml_writer::XmlWriter,
};
use tokio::{sync::oneshot, time};

use crate::{outbox::Over, response::RequestError, session_end::SessionEnd, shared::Shared};

/// How long [`Ack::taken`] waits before it sends another ping.
const PING_AGAIN: Duration = Duration::from_millis(250);

/// A message to very many recipients: its type, its id, and its serialized children.
///
/// # Examples
///
/// ```
/// use couplet::{Broadcast, MessageType};
///
/// let news = Broadcast::new(MessageType::Headline, "news-17", |xml| {
///     xml.element("body", "Rain & wind");
/// });
/// assert_eq!(news.content(), "<body>Rain &amp; wind</body>");
/// ```
#[derive(Clone, Debug)]
pub struct Broadcast {
    type_: MessageType,
    id: String,
    content: String,
}

impl Broadcast {
    /// Creates a message; `content` writes its children, once for all copies.
    ///
    /// All copies have the same id, by which errors and duplicates are recognised. (RFC 6120,
    /// 8.1.3)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Broadcast, MessageType};
    ///
    /// let rain = Broadcast::new(MessageType::Normal, "rain", |xml| xml.element("body", "It rains"));
    /// ```
    pub fn new(
        type_: MessageType,
        id: impl Into<String>,
        content: impl FnOnce(&mut XmlWriter<'_>),
    ) -> Broadcast {
        let mut written = Vec::new();
        content(&mut XmlWriter::new(&mut written));
        Broadcast {
            type_,
            id: id.into(),
            // `XmlWriter` writes UTF-8 only.
            content: String::from_utf8(written).unwrap_or_default(),
        }
    }

    /// Returns the serialized children.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Broadcast, MessageType};
    ///
    /// let empty = Broadcast::new(MessageType::Headline, "1", |_| ());
    /// assert_eq!(empty.content(), "");
    /// ```
    #[must_use]
    pub fn content(&self) -> &str {
        &self.content
    }

    /// Returns the id of all copies.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Broadcast, MessageType};
    ///
    /// let empty = Broadcast::new(MessageType::Headline, "1", |_| ());
    /// assert_eq!(empty.id(), "1");
    /// ```
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Sends broadcasts in one session. [`Handle::broadcast`](crate::Handle::broadcast) returns it.
///
/// Copies are written while no other stanza waits for the socket, so responses overtake them. The
/// number of unconfirmed copies is bounded by what the server reads in a few hundredths of a
/// second. When the session ends, unconfirmed copies may be lost; [`Ack::taken`] shows which were
/// confirmed.
///
/// # Examples
///
/// ```
/// use couplet::{Broadcast, Jid, Handle, MessageType, RequestError};
///
/// async fn announce(handle: &Handle, readers: &[Jid], news: &str) -> Result<(), RequestError> {
///     let broadcast = Broadcast::new(MessageType::Headline, "news-17", |xml| xml.element("body", news));
///     let sender = handle.broadcast().await;
///     sender
///         .send(readers, |reader, writer| {
///             if let Err(why) = writer.copy(&broadcast, reader.as_str()) {
///                 eprintln!("not to {reader}: {why}");
///             }
///         })
///         .await?;
///     sender.ack()?.taken().await
/// }
/// ```
#[derive(Clone)]
pub struct BroadcastSender {
    shared: Arc<Shared>,
    from: Jid,
    session: u64,
}

impl BroadcastSender {
    pub(crate) async fn open(shared: Arc<Shared>, from: Jid) -> BroadcastSender {
        let session = shared.outbox.bulk().session().await;
        BroadcastSender {
            shared,
            from,
            session,
        }
    }

    /// Calls `write` for each of `to_all`; it usually writes one copy.
    ///
    /// It returns when the last copy is in the queue for the socket. A copy costs no task and no
    /// allocation.
    ///
    /// # Errors
    ///
    /// [`RequestError::Disconnected`] if the session has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future skips the remaining recipients.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Broadcast, BroadcastSender, RequestError};
    ///
    /// async fn announce(sender: &BroadcastSender, news: &Broadcast, readers: &[String]) -> Result<(), RequestError> {
    ///     let mut left_out = 0;
    ///     sender.send(readers, |reader, writer| left_out += usize::from(writer.copy(news, reader).is_err())).await
    /// }
    /// ```
    pub async fn send<T>(
        &self,
        to_all: &[T],
        mut write: impl FnMut(&T, &mut CopyWriter<'_>),
    ) -> Result<(), RequestError> {
        let outbox = &self.shared.outbox;
        let mut rest = to_all.iter();
        while !rest.as_slice().is_empty() {
            outbox.room_in_bulk(self.session).await.map_err(over)?;
            let copies = |out: &mut Vec<u8>| {
                let mut writer = CopyWriter {
                    stanza_writer: outbox.stanza_writer(),
                    from: self.from.as_str(),
                    out,
                };
                rest.next().map(|to| write(to, &mut writer)).is_some()
            };
            outbox.add_in_bulk(self.session, copies).map_err(over)?;
        }
        Ok(())
    }

    /// Waits until the session has ended. Copies that are not acknowledged then may be lost.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{BroadcastSender, RequestError};
    ///
    /// async fn taken_or_over(sender: &BroadcastSender) -> Result<(), RequestError> {
    ///     tokio::select! {
    ///         () = sender.over() => Err(RequestError::Disconnected),
    ///         taken = sender.ack()?.taken() => taken,
    ///     }
    /// }
    /// ```
    pub async fn over(&self) {
        self.shared.outbox.bulk().over(self.session).await;
    }

    /// Waits until the session has ended and returns why.
    ///
    /// Returns [`SessionEnd::Other`] if a later session has ended as well.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{BroadcastSender, SessionEnd};
    ///
    /// async fn was_closed(sender: &BroadcastSender) -> bool {
    ///     sender.ended().await == SessionEnd::Closed
    /// }
    /// ```
    pub async fn ended(&self) -> SessionEnd {
        self.shared.outbox.bulk().ended(self.session).await
    }

    /// Returns an acknowledgement for all copies sent so far.
    ///
    /// It costs a ping through the server: request one for some hundred copies, not for each.
    ///
    /// # Errors
    ///
    /// [`RequestError::Disconnected`] if the session has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{BroadcastSender, Ack, RequestError};
    ///
    /// fn certify(sender: &BroadcastSender) -> Result<Ack, RequestError> {
    ///     sender.ack()
    /// }
    /// ```
    pub fn ack(&self) -> Result<Ack, RequestError> {
        let taken = self.shared.outbox.mark(self.session).map_err(over)?;
        Ok(Ack {
            shared: Arc::clone(&self.shared),
            session: self.session,
            taken,
        })
    }
}

impl fmt::Debug for BroadcastSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastSender")
            .field("address", &self.from.as_str())
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// Writes copies of broadcasts; the argument of the closure of [`BroadcastSender::send`].
///
/// # Examples
///
/// ```
/// use couplet::{Broadcast, CopyWriter, InvalidStanza};
///
/// fn write(news: &Broadcast, to: &str, writer: &mut CopyWriter<'_>) -> Result<(), InvalidStanza> {
///     writer.copy(news, to)
/// }
/// ```
#[derive(Debug)]
pub struct CopyWriter<'a> {
    stanza_writer: &'a StanzaWriter,
    from: &'a str,
    out: &'a mut Vec<u8>,
}

impl CopyWriter<'_> {
    /// Writes a copy to this address.
    ///
    /// # Errors
    ///
    /// The copy is too large, or `to` is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Broadcast, CopyWriter};
    ///
    /// fn write(news: &Broadcast, writer: &mut CopyWriter<'_>) {
    ///     if let Err(why) = writer.copy(news, "alice@example.org") {
    ///         eprintln!("not to Alice: {why}");
    ///     }
    /// }
    /// ```
    pub fn copy(&mut self, broadcast: &Broadcast, to: &str) -> Result<(), InvalidStanza> {
        self.copy_with(broadcast, &broadcast.id, to, |_| ())
    }

    /// Writes a copy with its own id and additional children.
    ///
    /// # Errors
    ///
    /// The copy is too large, or `to` is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Broadcast, CopyWriter, InvalidStanza};
    ///
    /// fn write(news: &Broadcast, number: u64, to: &str, writer: &mut CopyWriter<'_>) -> Result<(), InvalidStanza> {
    ///     writer.copy_with(news, &format!("{}-{number}", news.id()), to, |xml| {
    ///         xml.element("number", &number.to_string());
    ///     })
    /// }
    /// ```
    pub fn copy_with(
        &mut self,
        broadcast: &Broadcast,
        id: &str,
        to: &str,
        more: impl FnOnce(&mut XmlWriter<'_>),
    ) -> Result<(), InvalidStanza> {
        let head = Head {
            type_: Some(broadcast.type_.as_str()),
            id: Some(id),
            ..Head::new(Kind::Message, self.from, to)
        };
        let passed = self.stanza_writer.write(self.out, &head, |xml| {
            xml.raw(&broadcast.content);
            more(xml);
        });
        passed.map(|_replaced| ())
    }
}

/// Acknowledges that the server has read all copies up to a point.
///
/// Component streams have no acknowledgements (XEP-0114). A ping that returns from the server's router
/// shows that the server has read everything before it. Prosody has stored the copies by then; ejabberd
/// may not have.
///
/// # Examples
///
/// ```
/// use couplet::{BroadcastSender, RequestError};
///
/// async fn wait(sender: &BroadcastSender) -> Result<(), RequestError> {
///     sender.ack()?.taken().await
/// }
/// ```
pub struct Ack {
    shared: Arc<Shared>,
    session: u64,
    taken: oneshot::Receiver<()>,
}

impl Ack {
    /// Waits until the server has read all copies that were sent before [`BroadcastSender::ack`].
    ///
    /// # Errors
    ///
    /// [`RequestError::Disconnected`] if the session ended before; copies since the last
    /// acknowledgement may be lost.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the acknowledgement, not the copies.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Ack, RequestError};
    ///
    /// async fn is_safe(receipt: Ack) -> bool {
    ///     receipt.taken().await.is_ok()
    /// }
    /// ```
    pub async fn taken(mut self) -> Result<(), RequestError> {
        let outbox = &self.shared.outbox;
        loop {
            match time::timeout(PING_AGAIN, &mut self.taken).await {
                Ok(taken) => return taken.map_err(|_over| RequestError::Disconnected),
                Err(_elapsed) => outbox.ping_again(self.session).map_err(over)?,
            }
        }
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ack")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

fn over(_over: Over) -> RequestError {
    RequestError::Disconnected
}
