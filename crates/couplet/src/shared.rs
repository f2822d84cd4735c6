//! The state that all sessions of a component share: the outbox, and the pending requests.

use std::{
    collections::HashSet,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use couplet_core::{
    jid::Jid,
    log_limit::Permit,
    message::{Message, MessageType},
    outgoing::Outgoing,
    pending_iqs::{Ids, PendingIqs},
    remote_error::RemoteError,
    stanza::{IqType, Kind, Stanza},
    stanza_writer::{Head, InvalidStanza, StanzaWriter},
};
use tokio::{
    sync::{Notify, oneshot},
    time,
};
use xmpp_parsers::{message::Id, message_correct::Replace};
use xso::AsXml;

#[cfg(all(unix, feature = "app"))]
use crate::bounces::Bounces;
use crate::{
    corrections::Corrections,
    log_limits::{Line, LogLimits},
    metrics::{Leaving, Metrics},
    outbox::{Fate, NotAdded, Outbox},
    reflections::Reflections,
    response::{FromResponse, RequestError},
    self_ping::SelfPing,
    send_error::{SendError, SendErrorKind},
    sent_id::{self, SentId, SentIds},
    session_end::SessionEnd,
};

/// Number of peers that are remembered for log lines that are written once per peer.
const LOGGED_PEERS: usize = 1024;

/// The state that all sessions of a component share: the outbox, and the pending requests.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) outbox: Outbox,
    pub(crate) sent_ids: SentIds,
    pub(crate) reflections: Reflections,
    corrections: Corrections,
    /// The keepalive's self-pings.
    pub(crate) keepalive: SelfPing,
    #[cfg(all(unix, feature = "app"))]
    pub(crate) bounces: Bounces,
    pending_iqs: Mutex<PendingIqs<oneshot::Sender<Stanza>>>,
    ids: Mutex<Ids>,
    logged_replaced: Mutex<HashSet<String>>,
    metrics: OnceLock<Metrics>,
    log_limits: LogLimits,
    online: AtomicBool,
    came_online: Notify,
    send: Duration,
    request: Duration,
}

impl Shared {
    pub(crate) fn new(
        stanza_writer: StanzaWriter,
        outgoing_bytes: usize,
        pending_iqs: usize,
        send: Duration,
        request: Duration,
        seed: (u64, u64),
    ) -> Shared {
        Shared {
            keepalive: SelfPing::new("keepalive", seed.1, &stanza_writer),
            outbox: Outbox::new(stanza_writer, outgoing_bytes, seed.1),
            sent_ids: SentIds::default(),
            reflections: Reflections::default(),
            corrections: Corrections::default(),
            #[cfg(all(unix, feature = "app"))]
            bounces: Bounces::default(),
            pending_iqs: Mutex::new(PendingIqs::new(pending_iqs)),
            ids: Mutex::new(Ids::new(seed.0, seed.1)),
            logged_replaced: Mutex::default(),
            metrics: OnceLock::new(),
            log_limits: LogLimits::default(),
            online: AtomicBool::new(false),
            came_online: Notify::new(),
            send,
            request,
        }
    }

    /// Looks up the metrics in the recorder that is installed now.
    pub(crate) fn begin_to_count(&self) {
        let domain = self.outbox.stanza_writer().domain().as_str();
        self.outbox.begin_to_count(Leaving::of(domain));
        let _first = self.metrics.set(Metrics::of(domain));
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        match self.metrics.get() {
            Some(metrics) => metrics,
            None => Metrics::none(),
        }
    }

    /// Permits one log line that a peer causes.
    pub(crate) fn may_log(&self, line: Line) -> Option<Permit> {
        self.log_limits.permit(line)
    }

    /// Replies to a message with a text.
    pub(crate) async fn reply(&self, message: &Stanza, text: &str) -> Result<SentId, SendError> {
        self.reply_numbered(self.sent_ids.next_number(), message, text)
            .await
    }

    /// Replies to a message with a text, or corrects the reply to the message that this one corrects.
    pub(crate) async fn reply_or_correct(
        &self,
        message: &Message,
        text: &str,
    ) -> Result<SentId, SendError> {
        let stanza = message.stanza();
        let Some(id) = stanza.id() else {
            return self.reply(stanza, text).await;
        };
        let message_key = self.corrections.key(stanza, &id);
        let earlier = message.corrects();
        let earlier = earlier.map(|earlier| self.corrections.key(stanza, &earlier));
        let Some(first) = earlier.and_then(|earlier| self.corrections.reply_to(earlier)) else {
            let number = self.sent_ids.next_number();
            self.corrections.note(message_key, number);
            return self.reply_numbered(number, stanza, text).await;
        };
        // XEP-0308, 3: every further correction names the first version too.
        self.corrections.note(message_key, first);
        let id = Id(self.sent_ids.with_number(first).into());
        let reply = Outgoing::reply(stanza, text).payload(&Replace { id });
        self.send(stanza.to(), reply).await
    }

    async fn reply_numbered(
        &self,
        number: u64,
        message: &Stanza,
        text: &str,
    ) -> Result<SentId, SendError> {
        let mut buffer = [0; sent_id::LENGTH];
        let id = self.sent_ids.write(number, &mut buffer);
        let unsent = |why| SendError::new(Outgoing::reply(message, text).id(id), why);
        if message.type_().as_deref() == Some(MessageType::Groupchat.as_str()) {
            if self.reflections.contain(message) {
                return Err(unsent(SendErrorKind::Refused(InvalidStanza::OwnReflection)));
            }
            self.reflections.note(message.from_text(), id);
        }
        let passed = self
            .add(message.from_text(), |stanza_writer, out| {
                Outgoing::write_reply(message, id, text, stanza_writer, out)
            })
            .await;
        match passed {
            Ok(()) => Ok(SentId::made(buffer)),
            Err(why) => Err(unsent(why)),
        }
    }

    /// Sends a stanza, from `from` unless the stanza has its own.
    pub(crate) async fn send(&self, from: &Jid, mut stanza: Outgoing) -> Result<SentId, SendError> {
        let mut made = None;
        let id = stanza.ensure_id(|| made.insert(self.sent_ids.next()).as_str().to_owned());
        let id = made.unwrap_or_else(|| SentId::given(id));
        if stanza.message_type() == Some(MessageType::Groupchat) {
            self.reflections.note(stanza.to().as_str(), id.as_str());
        }
        let passed = self
            .add(stanza.to().as_str(), |stanza_writer, out| {
                stanza.write(stanza_writer, from, out)
            })
            .await;
        match passed {
            Ok(()) => Ok(id),
            Err(why) => Err(SendError::new(stanza, why)),
        }
    }

    /// Waits for capacity, then calls `write` to add a stanza for `peer`.
    pub(crate) async fn add(
        &self,
        peer: &str,
        write: impl FnOnce(&StanzaWriter, &mut Vec<u8>) -> Result<usize, InvalidStanza>,
    ) -> Result<(), SendErrorKind> {
        if !self.outbox.room(self.send).await {
            self.metrics().unsent("full");
            return Err(SendErrorKind::Full);
        }
        match self.outbox.add(Fate::Kept, write) {
            Ok(replaced) => {
                self.note_replaced(replaced, peer);
                Ok(())
            }
            Err(NotAdded::Refused(why)) => {
                self.metrics().unsent("refused");
                Err(SendErrorKind::Refused(why))
            }
            Err(NotAdded::Ended) => {
                self.metrics().unsent("stopped");
                Err(SendErrorKind::Stopped)
            }
        }
    }

    /// Passes a response to its pending request; returns whether there was one.
    pub(crate) fn resolve(&self, answer: &Stanza) -> bool {
        let id = answer.id().unwrap_or_default();
        let requester = self.pending_iqs().resolve(answer.from(), answer.to(), &id);
        requester.is_some_and(|requester| requester.send(answer.clone()).is_ok())
    }

    pub(crate) fn is_online(&self) -> bool {
        self.online.load(Ordering::Relaxed)
    }

    /// Waits for a session.
    pub(crate) async fn online(&self) {
        loop {
            let mut changed = pin!(self.came_online.notified());
            changed.as_mut().enable();
            if self.is_online() {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn came_online(&self) {
        self.outbox.bulk().open();
        self.online.store(true, Ordering::Relaxed);
        self.came_online.notify_waiters();
        self.metrics().sessions.increment(1);
        self.metrics().up.set(1);
    }

    /// Fails all pending requests, by dropping their senders.
    pub(crate) fn went_offline(&self, end: SessionEnd) {
        self.online.store(false, Ordering::Relaxed);
        self.metrics().up.set(0);
        self.outbox.bulk().close(end);
        drop(self.pending_iqs().disconnect());
    }

    pub(crate) fn fresh_id(&self) -> String {
        self.ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next()
    }

    /// Returns the response timeout of requests that have no other.
    pub(crate) fn response_timeout(&self) -> Duration {
        self.request
    }

    /// Returns how long sending waits for capacity.
    pub(crate) fn send_timeout(&self) -> Duration {
        self.send
    }

    /// Logs, once per peer, that a text contained characters that XML forbids.
    fn note_replaced(&self, replaced: usize, peer: &str) {
        if replaced == 0 {
            return;
        }
        let mut logged = self
            .logged_replaced
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if logged.len() >= LOGGED_PEERS {
            logged.clear();
        }
        let bare = peer.split('/').next().unwrap_or_default();
        if logged.insert(bare.to_owned())
            && let Some(permit) = self.may_log(Line::Replaced)
        {
            tracing::warn!(
                replaced,
                peer,
                omitted = permit.omitted,
                "characters that XML forbids were replaced by U+FFFD; logged once per peer"
            );
        }
    }

    /// Sends a request and adds it to the pending ones.
    pub(crate) fn request(
        self: &Arc<Self>,
        from: &Jid,
        type_: IqType,
        to: &Jid,
        request: &impl AsXml,
    ) -> Result<PendingRequest, RequestError> {
        if !self.is_online() {
            return Err(RequestError::Disconnected);
        }
        if self.outbox.is_full() {
            return Err(RequestError::Send(SendErrorKind::Full));
        }
        let (resolve, response) = oneshot::channel();
        let id = self.fresh_id();
        self.pending_iqs()
            .add(to, from, &id, resolve)
            .map_err(|_too_many| RequestError::Send(SendErrorKind::Full))?;
        self.metrics().open.increment(1);
        // From here on an error drops `pending`, which removes the request.
        let pending = PendingRequest {
            shared: Arc::clone(self),
            peer: to.clone(),
            ours: from.clone(),
            id,
            response,
            outcome: "forgotten",
        };
        self.outbox
            .add(Fate::Dropped, |stanza_writer, out| {
                let head = Head {
                    type_: Some(type_.as_str()),
                    id: Some(&pending.id),
                    ..Head::new(Kind::Iq, from.as_str(), to.as_str())
                };
                stanza_writer.try_write(out, &head, |xml| xml.payload(request))
            })
            .map_err(|why| match why {
                NotAdded::Refused(why) => RequestError::Send(SendErrorKind::Refused(why)),
                NotAdded::Ended => RequestError::Disconnected,
            })?;
        Ok(pending)
    }

    fn pending_iqs(&self) -> MutexGuard<'_, PendingIqs<oneshot::Sender<Stanza>>> {
        self.pending_iqs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pending request; removed when dropped.
pub(crate) struct PendingRequest {
    shared: Arc<Shared>,
    peer: Jid,
    ours: Jid,
    id: String,
    response: oneshot::Receiver<Stanza>,
    /// The label value for the metrics.
    outcome: &'static str,
}

impl PendingRequest {
    pub(crate) async fn answer<R: FromResponse>(
        mut self,
        timeout: Duration,
    ) -> Result<R, RequestError> {
        let answered = match time::timeout(timeout, &mut self.response).await {
            Err(_elapsed) => Err(RequestError::TimedOut),
            Ok(Err(_dropped)) => Err(RequestError::Disconnected),
            Ok(Ok(answer)) => match RemoteError::of(&answer) {
                Some(error) => Err(RequestError::Refused(error)),
                None => R::from_result(&answer).map_err(RequestError::Malformed),
            },
        };
        self.outcome = match &answered {
            Ok(_) => "answered",
            Err(RequestError::Refused(_)) => "refused",
            Err(RequestError::Malformed(_)) => "malformed",
            Err(RequestError::TimedOut) => "timed_out",
            Err(RequestError::Disconnected | RequestError::Send(_)) => "disconnected",
        };
        answered
    }
}

impl Drop for PendingRequest {
    fn drop(&mut self) {
        self.shared
            .pending_iqs()
            .remove(&self.peer, &self.ours, &self.id);
        self.shared.metrics().request(self.outcome);
        self.shared.metrics().open.decrement(1);
    }
}
