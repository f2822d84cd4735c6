//! One message to very many: written once, copied for each, behind everything else.
//!
//! Deliberately absent: lists of recipients, and keeping anything for later; who sends a broadcast
//! knows how far it got and goes on from there.

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

/// How long a receipt waits before the server is asked once more.
const PING_AGAIN: Duration = Duration::from_millis(250);

/// A message as it goes to very many: its type, its id, and its children as they are on the wire.
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
    /// A message whose children are written by `content`, once for all copies.
    ///
    /// All copies have the same id, so that one that comes back is recognised and one that comes
    /// twice too. (RFC 6120, 8.1.3)
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
            // A xml writes text only.
            content: String::from_utf8(written).unwrap_or_default(),
        }
    }

    /// The children as they are sent.
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

    /// The id of all copies.
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

/// The way out for broadcasts, in one session. [`Handle::broadcast`](crate::Handle::broadcast) opens it.
///
/// Copies go out when nothing else waits for the socket: an answer overtakes all of them. What is
/// under way is bounded, by what the server takes in a few hundredths of a second. A session that
/// ends takes what is not confirmed with it; [`Ack::taken`] tells how far it got.
///
/// # Examples
///
/// ```
/// use couplet::{Broadcast, Jid, Handle, MessageType, RequestError};
///
/// async fn tell(handle: &Handle, readers: &[Jid], news: &str) -> Result<(), RequestError> {
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

    /// Writes for each of `to_all` what `write` stamps: mostly one copy.
    ///
    /// It returns when the last one is written to the queue, which waits for the socket; it makes
    /// neither a task nor an allocation for a copy.
    ///
    /// # Errors
    ///
    /// [`RequestError::Disconnected`]: the session is over.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves out those whose turn has not come.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Broadcast, BroadcastSender, RequestError};
    ///
    /// async fn tell(sender: &BroadcastSender, news: &Broadcast, readers: &[String]) -> Result<(), RequestError> {
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

    /// Waits until the session is over: what has no receipt then may have gone or not.
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

    /// Waits until the session is over and returns why it ended.
    ///
    /// [`SessionEnd::Other`] where a later session has ended meanwhile.
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

    /// A receipt for everything sent so far.
    ///
    /// It costs the server an answer: take one for some hundred copies, not for each.
    ///
    /// # Errors
    ///
    /// [`RequestError::Disconnected`]: the session is over.
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

/// What writes the copies of broadcasts; given to the closure of [`BroadcastSender::send`].
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
    /// A copy to this address.
    ///
    /// # Errors
    ///
    /// The stanza writer refuses it: it is too large, or has no `to`.
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

    /// A copy with an id and some more children of its own.
    ///
    /// # Errors
    ///
    /// The stanza writer refuses it: it is too large, or has no `to`.
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

/// Tells when the server has taken what was sent.
///
/// Component streams acknowledge nothing (XEP-0114). A ping that has come back from the server's
/// router says that everything before it was read; what the server does with it afterwards, it does
/// not say: Prosody has then stored it, ejabberd may not have.
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
    /// Waits until the server has taken all that was sent before the receipt was made.
    ///
    /// # Errors
    ///
    /// [`RequestError::Disconnected`]: the session ended before; what came after the last receipt
    /// may have gone or not.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets the receipt, not the copies.
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
