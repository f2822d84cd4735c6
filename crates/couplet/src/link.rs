//! The way out: send, ask, and speak as any address of the domain.
//!
//! A [`Link`] is a handle, cheap to clone, that outlives sessions. Deliberately absent: sockets
//! and reconnecting; what is sent while the server is away waits in the outbox.

use std::{
    collections::HashSet,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use couplet_core::{
    gate::{Gate, Head, Unsendable},
    ledger::{Ids, Ledger},
    outgoing::Outgoing,
    peer_error::PeerError,
    stanza::{IqType, Kind, Stanza},
};
use jid::{BareJid, Jid};
use tokio::{sync::oneshot, time};
use xmpp_parsers::iq::{IqGetPayload, IqSetPayload};
use xso::{AsXml, FromXml};

use crate::outbox::{Fate, Outbox};

/// For how many peers it is remembered that something was told once.
const TOLD_PEERS: usize = 1024;

/// Sends stanzas and asks questions as one address of the component's domain.
///
/// Get one from a handler ([`Incoming::link`](crate::Incoming::link) speaks as the address that
/// was written to), from [`Component::link`](crate::Component::link) (speaks as the domain), or
/// from another by [`Link::acting_as`]. It holds an address and a pointer: a hundred thousand of
/// them are fine.
///
/// # Examples
///
/// ```
/// use couplet::{Link, Outgoing, Presence, PresenceType};
///
/// async fn welcome(link: &Link, user: &jid::Jid) -> Result<(), couplet::Unsent> {
///     let bot = link.acting_as(&"bot@echo.localhost".parse().unwrap()).unwrap();
///     bot.send(Outgoing::presence(PresenceType::Available, user)).await?;
///     bot.send(Outgoing::chat(user, "Welcome")).await
/// }
/// ```
#[derive(Clone)]
pub struct Link {
    switchboard: Arc<Switchboard>,
    speaker: Jid,
    patience: Duration,
}

impl Link {
    pub(crate) fn new(switchboard: Arc<Switchboard>, speaker: Jid) -> Link {
        let patience = switchboard.request;
        Link {
            switchboard,
            speaker,
            patience,
        }
    }

    /// The address it speaks as.
    ///
    /// What it sends is `from` there; what it asks is answered there.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let link = Component::new(Config::new("bot.localhost", "secret")).link();
    /// assert_eq!(link.address().as_str(), "bot.localhost");
    /// ```
    #[must_use]
    pub fn address(&self) -> &Jid {
        &self.speaker
    }

    /// A link that speaks as another address of the component's domain. (XEP-0114, 3)
    ///
    /// # Errors
    ///
    /// [`Unsendable::ForeignFrom`] for an address of another domain.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let link = Component::new(Config::new("bot.localhost", "secret")).link();
    /// let oslo = link.acting_as(&"oslo@bot.localhost".parse()?)?;
    /// assert_eq!(oslo.address().as_str(), "oslo@bot.localhost");
    /// assert!(link.acting_as(&"oslo@example.org".parse()?).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn acting_as(&self, address: &Jid) -> Result<Link, Unsendable> {
        if !self.switchboard.outbox.gate().owns(address) {
            return Err(Unsendable::ForeignFrom);
        }
        Ok(Link {
            speaker: address.clone(),
            ..self.clone()
        })
    }

    /// A link whose questions wait this long for their answer; the setting `timing.request`
    /// otherwise, 30 s by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let link = Component::new(Config::new("bot.localhost", "secret")).link();
    /// let hasty = link.within(std::time::Duration::from_secs(2));
    /// ```
    #[must_use]
    pub fn within(&self, patience: Duration) -> Link {
        Link {
            patience,
            ..self.clone()
        }
    }

    /// Whether a session is up right now. It may be gone the next moment: nothing needs to ask
    /// this before sending.
    ///
    /// Use it for a health check.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let link = Component::new(Config::new("bot.localhost", "secret")).link();
    /// assert!(!link.is_online());
    /// ```
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.switchboard.online.load(Ordering::Relaxed)
    }

    /// Sends a message or presence.
    ///
    /// It returns when the stanza is written to the outbox, which is at once unless that is
    /// full. What the socket had not taken when a session ended goes out in the next.
    ///
    /// # Errors
    ///
    /// [`Unsent`] gives the stanza back: refused by the gate, or no room within `timing.send`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready sends nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Link, NotSent, Outgoing};
    ///
    /// async fn tell(link: &Link, to: &couplet::Jid) {
    ///     if let Err(unsent) = link.send(Outgoing::chat(to, "It rains")).await {
    ///         match unsent.why() {
    ///             NotSent::Full => eprintln!("later: {:?}", unsent.into_stanza()),
    ///             why => eprintln!("{why}"),
    ///         }
    ///     }
    /// }
    /// ```
    pub async fn send(&self, stanza: Outgoing) -> Result<(), Unsent> {
        let passed = self
            .switchboard
            .add(stanza.to(), |gate, out| {
                stanza.pass(gate, &self.speaker, out)
            })
            .await;
        passed.map_err(|why| Unsent::new(stanza, why))
    }

    /// Asks for information: an IQ `get`. (RFC 6120, 8.2.3)
    ///
    /// The answer is parsed into what you expect; [`Done`](crate::Done) expects an empty one.
    /// Only an answer from `to`, to the address of this link, with the right id counts.
    ///
    /// # Errors
    ///
    /// [`RequestError`] by cause: refused, malformed, timed out, disconnected, not sent.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets the question; a late answer settles nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Link, RequestError};
    /// use xmpp_parsers::version::{VersionQuery, VersionResult};
    ///
    /// async fn software(link: &Link, of: &jid::Jid) -> Result<String, RequestError> {
    ///     let version: VersionResult = link.get(of, VersionQuery).await?;
    ///     Ok(version.name)
    /// }
    /// ```
    pub async fn get<R: FromResult>(
        &self,
        to: &Jid,
        question: impl IqGetPayload + AsXml,
    ) -> Result<R, RequestError> {
        let asked = self.switchboard.ask(self, IqType::Get, to, &question)?;
        drop(question);
        asked.answer(self.patience).await
    }

    /// Asks for a change: an IQ `set`. (RFC 6120, 8.2.3)
    ///
    /// Otherwise like [`Link::get`].
    ///
    /// # Errors
    ///
    /// [`RequestError`] by cause. After `TimedOut` or `Disconnected` the change may or may not
    /// have happened.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets the question, not the change.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Done, Jid, Link, RequestError};
    /// use xmpp_parsers::blocking::Block;
    ///
    /// async fn block(link: &Link, server: &Jid, whom: Jid) -> Result<(), RequestError> {
    ///     let Done = link.set(server, Block { items: vec![whom] }).await?;
    ///     Ok(())
    /// }
    /// ```
    pub async fn set<R: FromResult>(
        &self,
        to: &Jid,
        question: impl IqSetPayload + AsXml,
    ) -> Result<R, RequestError> {
        let asked = self.switchboard.ask(self, IqType::Set, to, &question)?;
        drop(question);
        asked.answer(self.patience).await
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("address", &self.speaker.as_str())
            .finish_non_exhaustive()
    }
}

/// What every link of a component shares: the outbox and the questions not yet answered.
#[derive(Debug)]
pub(crate) struct Switchboard {
    pub(crate) outbox: Outbox,
    ledger: Mutex<Ledger<oneshot::Sender<Stanza>>>,
    ids: Mutex<Ids>,
    told_of_replaced: Mutex<HashSet<BareJid>>,
    online: AtomicBool,
    send: Duration,
    request: Duration,
}

impl Switchboard {
    pub(crate) fn new(
        gate: Gate,
        outgoing_bytes: usize,
        questions: usize,
        send: Duration,
        request: Duration,
        seed: (u64, u64),
    ) -> Switchboard {
        Switchboard {
            outbox: Outbox::new(gate, outgoing_bytes),
            ledger: Mutex::new(Ledger::new(questions)),
            ids: Mutex::new(Ids::new(seed.0, seed.1)),
            told_of_replaced: Mutex::default(),
            online: AtomicBool::new(false),
            send,
            request,
        }
    }

    /// Replies to a message with a text.
    pub(crate) async fn reply(&self, message: &Stanza, text: &str) -> Result<(), Unsent> {
        let passed = self
            .add(message.from(), |gate, out| {
                Outgoing::pass_reply(message, text, gate, out)
            })
            .await;
        passed.map_err(|why| Unsent::new(Outgoing::reply(message, text), why))
    }

    /// Waits for room, then lets `write` add a stanza for `peer`.
    async fn add(
        &self,
        peer: &Jid,
        write: impl FnOnce(&Gate, &mut Vec<u8>) -> Result<usize, Unsendable>,
    ) -> Result<(), NotSent> {
        if !self.outbox.room(self.send).await {
            return Err(NotSent::Full);
        }
        let replaced = self
            .outbox
            .add(Fate::Kept, write)
            .map_err(NotSent::Refused)?;
        self.note_replaced(replaced, peer);
        Ok(())
    }

    /// Gives an answer to whoever asked; tells whether anybody had.
    pub(crate) fn settle(&self, answer: &Stanza) -> bool {
        let id = answer.id().unwrap_or_default();
        let asker = self.ledger().settle(answer.from(), answer.to(), &id);
        asker.is_some_and(|asker| asker.send(answer.clone()).is_ok())
    }

    pub(crate) fn came_online(&self) {
        self.online.store(true, Ordering::Relaxed);
    }

    /// Fails every open question at once: its sender is dropped.
    pub(crate) fn went_offline(&self) {
        self.online.store(false, Ordering::Relaxed);
        drop(self.ledger().disconnect());
    }

    pub(crate) fn fresh_id(&self) -> String {
        self.ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next()
    }

    /// How long a sender waits for room.
    pub(crate) fn patience(&self) -> Duration {
        self.send
    }

    /// Tells, once per peer, that text for it held characters XML has no place for.
    fn note_replaced(&self, replaced: usize, peer: &Jid) {
        if replaced == 0 {
            return;
        }
        let mut told = self
            .told_of_replaced
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if told.len() >= TOLD_PEERS {
            told.clear();
        }
        if told.insert(peer.to_bare()) {
            tracing::warn!(replaced, %peer,
                "characters that XML forbids were replaced by U+FFFD; told once per peer");
        }
    }

    fn ask(
        self: &Arc<Self>,
        link: &Link,
        type_: IqType,
        to: &Jid,
        question: &impl AsXml,
    ) -> Result<Asked, RequestError> {
        if !self.online.load(Ordering::Relaxed) {
            return Err(RequestError::Disconnected);
        }
        if self.outbox.is_full() {
            return Err(RequestError::NotSent(NotSent::Full));
        }
        let (settle, settled) = oneshot::channel();
        let id = self.fresh_id();
        self.ledger()
            .ask(to, &link.speaker, &id, settle)
            .map_err(|_too_many| RequestError::NotSent(NotSent::Full))?;
        // From here on a failure drops `asked`, which forgets the question.
        let asked = Asked {
            switchboard: Arc::clone(self),
            peer: to.clone(),
            ours: link.speaker.clone(),
            id,
            settled,
        };
        self.outbox
            .add(Fate::Dropped, |gate, out| {
                let head = Head {
                    type_: Some(type_.as_str()),
                    id: Some(&asked.id),
                    ..Head::new(Kind::Iq, &link.speaker, to.as_str())
                };
                let mut unwritable = None;
                let start = out.len();
                let replaced = gate.pass(out, &head, |wire| {
                    unwritable = wire.payload(question).err();
                })?;
                if let Some(why) = unwritable {
                    out.truncate(start);
                    return Err(Unsendable::Payload(why.to_string()));
                }
                Ok(replaced)
            })
            .map_err(|why| RequestError::NotSent(NotSent::Refused(why)))?;
        Ok(asked)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger<oneshot::Sender<Stanza>>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question on its way; forgotten when dropped.
struct Asked {
    switchboard: Arc<Switchboard>,
    peer: Jid,
    ours: Jid,
    id: String,
    settled: oneshot::Receiver<Stanza>,
}

impl Asked {
    async fn answer<R: FromResult>(mut self, patience: Duration) -> Result<R, RequestError> {
        let answer = time::timeout(patience, &mut self.settled)
            .await
            .map_err(|_elapsed| RequestError::TimedOut)?
            .map_err(|_dropped| RequestError::Disconnected)?;
        match PeerError::of(&answer) {
            Some(error) => Err(RequestError::Refused(error)),
            None => R::from_result(&answer).map_err(RequestError::Malformed),
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.switchboard
            .ledger()
            .forget(&self.peer, &self.ours, &self.id);
    }
}

/// What an IQ result can be read as: any payload, or [`Done`] for the empty one.
///
/// Nothing has to implement it: whatever derives `xso::FromXml` does.
///
/// # Examples
///
/// ```
/// use couplet::{Done, FromResult};
/// use xmpp_parsers::version::VersionResult;
///
/// fn can_be_expected<T: FromResult>() {}
///
/// can_be_expected::<VersionResult>();
/// can_be_expected::<Done>();
/// ```
pub trait FromResult: Sized {
    /// Reads the result.
    ///
    /// # Errors
    ///
    /// The payload is missing or is not what was expected.
    fn from_result(result: &Stanza) -> Result<Self, xso::error::Error>;
}

impl<T: FromXml> FromResult for T {
    fn from_result(result: &Stanza) -> Result<T, xso::error::Error> {
        result
            .payload_as::<T>()
            .unwrap_or(Err(xso::error::Error::Other(
                "the result has no such payload",
            )))
    }
}

impl FromResult for Done {
    fn from_result(_result: &Stanza) -> Result<Done, xso::error::Error> {
        Ok(Done)
    }
}

/// The empty IQ result: returned by a handler that has nothing to tell, expected of a question
/// whose answer carries nothing. (RFC 6120, 8.2.3)
///
/// # Examples
///
/// ```
/// use couplet::{Done, Incoming, Refusal};
/// use xmpp_parsers::ping::Ping;
///
/// async fn pong(_ask: Incoming<Ping>) -> Result<Done, Refusal> {
///     Ok(Done)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done;

/// Why a question has no good answer.
///
/// # Examples
///
/// ```
/// use couplet::{Condition, RequestError};
///
/// fn may_try_again(why: &RequestError) -> bool {
///     match why {
///         RequestError::Refused(error) => error.condition == Condition::ResourceConstraint,
///         RequestError::TimedOut | RequestError::Disconnected => true,
///         _ => false,
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum RequestError {
    /// The peer, or a server on the way, said no.
    Refused(PeerError),
    /// It answered with something else than was expected.
    Malformed(xso::error::Error),
    /// No answer in time.
    TimedOut,
    /// There is no session, or it ended before the answer came.
    Disconnected,
    /// The question never left.
    NotSent(NotSent),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestError::Refused(error) => write!(f, "the peer refused: {error}"),
            RequestError::Malformed(why) => write!(f, "the answer is malformed: {why}"),
            RequestError::TimedOut => f.write_str("no answer in time"),
            RequestError::Disconnected => f.write_str("the server is not connected"),
            RequestError::NotSent(why) => write!(f, "the question was not sent: {why}"),
        }
    }
}

impl std::error::Error for RequestError {}

/// A stanza that did not go; it is given back.
///
/// # Examples
///
/// ```
/// use couplet::{Link, Outgoing, Unsent};
///
/// async fn try_twice(link: &Link, stanza: Outgoing) -> Result<(), Unsent> {
///     match link.send(stanza).await {
///         Ok(()) => Ok(()),
///         Err(unsent) => link.send(unsent.into_stanza()).await,
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Unsent(Box<(Outgoing, NotSent)>);

impl Unsent {
    pub(crate) fn new(stanza: Outgoing, why: NotSent) -> Unsent {
        Unsent(Box::new((stanza, why)))
    }

    /// Why it did not go.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{NotSent, Unsent};
    ///
    /// fn may_try_again(unsent: &Unsent) -> bool {
    ///     *unsent.why() == NotSent::Full
    /// }
    /// ```
    #[must_use]
    pub fn why(&self) -> &NotSent {
        &self.0.1
    }

    /// The stanza, to send it again or keep it.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Outgoing, Unsent};
    ///
    /// fn keep(unsent: Unsent, for_later: &mut Vec<Outgoing>) {
    ///     for_later.push(unsent.into_stanza());
    /// }
    /// ```
    #[must_use]
    pub fn into_stanza(self) -> Outgoing {
        self.0.0
    }
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not sent: {}", self.why())
    }
}

impl std::error::Error for Unsent {}

/// Why something was not sent.
///
/// # Examples
///
/// ```
/// use couplet::{NotSent, Unsendable};
///
/// let foreign = NotSent::Refused(Unsendable::ForeignFrom);
/// assert_eq!(foreign.to_string(), "its `from` is not an address of this component");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotSent {
    /// The gate refused it.
    Refused(Unsendable),
    /// The outbox (`limits.outgoing_bytes`) or the ledger (`limits.questions`) has no room.
    Full,
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotSent::Refused(why) => why.fmt(f),
            NotSent::Full => f.write_str("there is no room, the server takes nothing or is away"),
        }
    }
}

impl std::error::Error for NotSent {}
