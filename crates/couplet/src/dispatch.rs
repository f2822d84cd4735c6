//! Passes stanzas to their handlers, and answers those that have none.
//!
//! Admitting a stanza must never wait.

use std::{sync::Arc, time::Duration};

use couplet_core::{
    framer::{LimitKind, Skipped},
    jid::Jid,
    lanes::{Key, LaneLimits, Lanes, Limit, write_key},
    presence::Presence,
    remote_error::RemoteError,
    reply::ReplyToRef,
    stanza::{IqType, Kind, NotAStanza, Stanza},
    stanza_error::{Condition, StanzaError},
};
use tokio::{sync::watch, task::JoinSet, time::Instant};

use crate::{
    invocation::{Invocation, Queued, refuse, send_error},
    log_limits::Line,
    metrics::Outcome,
    router::Router,
    shared::Shared,
};

/// Maximum number of waiting stanzas that start before the session returns to its socket.
const AT_A_TIME: usize = 64;

/// Memory of a lane with a waiting stanza, in addition to the stanza.
const LANE_BYTES: usize = 512;

/// The running handlers, and the stanzas that wait for them.
pub(crate) struct Dispatch {
    router: Router,
    shared: Arc<Shared>,
    lanes: Lanes<Queued>,
    tasks: JoinSet<Key>,
    limit: Duration,
    abandon: watch::Sender<bool>,
    stopping: bool,
    more_to_start: bool,
    /// The last reading of the clock, which costs a fortieth of the handling of a stanza.
    now: Instant,
    lane_key: String,
    route_key: String,
    /// The buffer of the last stanza that was handled at once.
    spare: Option<Vec<u8>>,
}

impl Dispatch {
    pub(crate) fn new(
        router: Router,
        shared: Arc<Shared>,
        limits: LaneLimits,
        limit: Duration,
    ) -> Dispatch {
        Dispatch {
            router,
            shared,
            lanes: Lanes::new(limits),
            tasks: JoinSet::new(),
            limit,
            abandon: watch::Sender::new(false),
            stopping: false,
            more_to_start: false,
            now: Instant::now(),
            lane_key: String::new(),
            route_key: String::new(),
            spare: None,
        }
    }

    /// Sets the time at which received stanzas are admitted. Each one counts as begun when the
    /// previous is done.
    pub(crate) fn stanzas_are_in(&mut self, now: Instant) {
        self.now = now;
    }

    /// Admits a stanza that is not a response: runs its handler, queues it, or rejects it.
    pub(crate) fn admit(&mut self, stanza: Stanza) {
        if !self
            .shared
            .outbox
            .stanza_writer()
            .serves(stanza.to_domain())
        {
            // servers.md, 4: with `global_routes`, ejabberd also delivers stanzas for other
            // components.
            if let Some(permit) = self.shared.may_log(Line::OtherDomain) {
                tracing::warn!(
                    to = stanza.to_text(),
                    from = stanza.from_text(),
                    omitted = permit.omitted,
                    "a stanza for another domain is dropped: set `global_routes: false` in ejabberd's listener"
                );
            }
            self.shared.metrics().rejected("other_domain");
            return;
        }
        if let Err(error) = check(&stanza) {
            return refuse(&self.shared, &stanza, &error);
        }
        if self.stopping {
            let error = StanzaError::new(Condition::RecipientUnavailable).text("Shutting down");
            return refuse(&self.shared, &stanza, &error);
        }
        log_bounce(&stanza);
        #[cfg(all(unix, feature = "app"))]
        if self.shared.bounces.is_watching() {
            self.shared.bounces.note(&stanza);
        }
        let reflections = &self.shared.reflections;
        let Some(route) = self.router.route(&stanza, reflections, &mut self.route_key) else {
            // RFC 6120, 8.4 and 10.3: a request without a handler gets `service-unavailable`; RFC
            // 6121, 8.5: messages and presence without a handler are ignored, unless the
            // application rejects messages.
            if stanza.kind() == Kind::Iq || self.router.refuses(&stanza) {
                refuse(&self.shared, &stanza, &Condition::ServiceUnavailable.into());
            } else {
                let metrics = self.shared.metrics();
                metrics.received(stanza.kind(), Outcome::Ignored);
                tracing::debug!(
                    kind = stanza.kind().as_str(),
                    from = stanza.from_text(),
                    to = stanza.to_text(),
                    id = stanza.id().as_deref(),
                    "stanza ignored: no handler for it"
                );
            }
            return;
        };
        let job = Queued {
            stanza,
            route: Arc::clone(route),
        };
        if self.may_start(&job) {
            return self.start(job, None);
        }
        let weight = job.stanza.memory() + LANE_BYTES;
        match self.lanes.wait(&self.lane_key, weight, job) {
            Ok(()) => self.shared.metrics().waiting.increment(1),
            Err(full) => {
                let error =
                    StanzaError::new(Condition::ResourceConstraint).text(match full.limit {
                        Limit::Lane => "Too many stanzas of this conversation are waiting",
                        Limit::Sender => "Too many of your stanzas are waiting",
                        _ => "Too many stanzas are waiting",
                    });
                refuse(&self.shared, &full.item.stanza, &error);
            }
        }
    }

    /// Returns the buffer of a stanza that was handled at once, for the next stanza.
    pub(crate) fn take_spare(&mut self) -> Option<Vec<u8>> {
        self.spare.take()
    }

    /// Answers a stanza that was skipped because it exceeded a limit.
    pub(crate) fn refuse_skipped(&self, skipped: &Skipped) {
        self.shared.metrics().skipped(skipped.limit);
        if let Some(permit) = self.shared.may_log(Line::OverALimit) {
            tracing::warn!(
                limit = words(skipped.limit),
                from = skipped.from,
                omitted = permit.omitted,
                "a stanza over a limit was skipped"
            );
        }
        let kind = skipped.kind.as_deref().and_then(Kind::from_name);
        let from = skipped
            .from
            .as_deref()
            .filter(|from| Jid::new(from).is_ok());
        let (Some(kind), Some(from)) = (kind, from) else {
            return;
        };
        let ours = self.shared.outbox.stanza_writer().domain().as_str();
        let to = skipped.to.as_deref().and_then(|to| Jid::new(to).ok());
        let reply_to = ReplyToRef {
            kind,
            type_: skipped.type_.as_deref(),
            from,
            to: to.as_ref().map_or(ours, Jid::as_str),
            id: skipped.id.as_deref(),
        };
        let chosen = self.router.refuse_skipped(skipped);
        let error = chosen.unwrap_or_else(|| {
            StanzaError::new(Condition::PolicyViolation).text(words(skipped.limit))
        });
        send_error(&self.shared, &reply_to, &error);
    }

    /// Answers a stanza with an invalid `to`. A stanza with an invalid `from` cannot be answered.
    pub(crate) fn refuse_unreadable(&self, unreadable: &NotAStanza) {
        let NotAStanza::BadTo {
            kind,
            type_,
            id,
            from,
            ..
        } = unreadable
        else {
            self.shared.metrics().rejected("unreadable_from");
            if let Some(permit) = self.shared.may_log(Line::UnreadableFrom) {
                let omitted = permit.omitted;
                tracing::warn!(omitted, "a stanza without a readable `from` is dropped");
            }
            return;
        };
        self.shared.metrics().rejected("unreadable_to");
        let reply_to = ReplyToRef {
            kind: *kind,
            type_: type_.as_deref(),
            from: from.as_str(),
            to: self.shared.outbox.stanza_writer().domain().as_str(),
            id: id.as_deref(),
        };
        send_error(&self.shared, &reply_to, &Condition::JidMalformed.into());
    }

    /// Waits until a handler finishes or a waiting stanza may start, and starts the stanzas that
    /// may.
    ///
    /// Cancel safe. Never returns while nothing runs or waits.
    pub(crate) async fn work(&mut self) {
        if !self.more_to_start {
            let Some(finished) = self.tasks.join_next().await else {
                return std::future::pending().await;
            };
            self.finished(finished.ok());
        }
        self.start_waiting();
    }

    /// Does the same as [`Dispatch::work`] for handlers that have finished already; never waits.
    pub(crate) fn collect_finished(&mut self) {
        let mut finished = false;
        while let Some(task) = self.tasks.try_join_next() {
            finished = true;
            self.finished(task.ok());
        }
        if finished || self.more_to_start {
            self.start_waiting();
        }
    }

    /// Starts waiting stanzas while the outbox has capacity for responses.
    pub(crate) fn start_waiting(&mut self) {
        self.more_to_start = false;
        self.now = Instant::now();
        for _ in 0..AT_A_TIME {
            if self.shared.outbox.is_full() {
                return;
            }
            let Some((key, job)) = self.lanes.next() else {
                return;
            };
            self.shared.metrics().waiting.decrement(1);
            self.start(job, Some(key));
        }
        self.more_to_start = true;
    }

    /// Rejects all stanzas from now on.
    pub(crate) fn stop_admitting(&mut self) {
        self.stopping = true;
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Returns whether no handler runs and no stanza waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.lanes.waiting() == 0
    }

    /// Aborts all handlers, and answers their requests and the waiting ones.
    pub(crate) fn abandon(&mut self) {
        let error = StanzaError::new(Condition::RecipientUnavailable).text("Shutting down");
        for job in self.lanes.drain() {
            self.shared.metrics().waiting.decrement(1);
            refuse(&self.shared, &job.stanza, &error);
        }
        self.abandon.send_replace(true);
    }

    /// Returns whether the stanza is the next in its conversation and may start. While nothing runs
    /// or waits, this does not need the lanes.
    fn may_start(&mut self, job: &Queued) -> bool {
        let quiet = self.lanes.busy() == 0 && self.lanes.waiting() == 0;
        let full = self.shared.outbox.is_full();
        if quiet && !full {
            return true;
        }
        let (from, to) = (job.stanza.from_prepared(), job.stanza.to_prepared());
        let weight = job.stanza.memory();
        let key = write_key(&mut self.lane_key, from, to);
        self.lanes.free(key, weight) && !full
    }

    /// Starts the handler of a stanza. `lane` is the key of its lane, which is busy already if the
    /// stanza had to wait.
    fn start(&mut self, job: Queued, lane: Option<Key>) {
        let Some(mut invocation) = Invocation::begin(job, self.now, &self.shared) else {
            return self.lane_is_done(lane);
        };
        if !invocation.holds_up() {
            let (polled, now) = invocation.poll_here(&self.shared);
            self.now = now;
            if polled.is_ready() {
                self.spare = invocation.into_memory();
                return self.lane_is_done(lane);
            }
        }
        if lane.is_none() {
            let (from, to) = (
                invocation.stanza.from_prepared(),
                invocation.stanza.to_prepared(),
            );
            write_key(&mut self.lane_key, from, to);
        }
        let pending = invocation.into_waiting();
        let lane = match lane {
            Some(lane) => {
                self.lanes.lighten(&lane, pending.weight);
                lane
            }
            None => self.lanes.occupy(&self.lane_key, pending.weight),
        };
        let limit = pending.limit().unwrap_or(self.limit);
        let abandoned = self.abandon.subscribe();
        let shared = Arc::clone(&self.shared);
        shared.metrics().busy.increment(1);
        self.tasks.spawn(async move {
            pending.finish(shared, limit, abandoned).await;
            lane
        });
    }

    /// Handles the end of a task; `None` for one that panicked outside of its handler.
    fn finished(&mut self, lane: Option<Key>) {
        self.shared.metrics().busy.decrement(1);
        self.lane_is_done(lane);
    }

    fn lane_is_done(&mut self, lane: Option<Key>) {
        if let Some(lane) = lane {
            self.lanes.done(&lane);
        }
    }
}

/// Logs the error that a peer or a server returned for a message or a presence.
fn log_bounce(stanza: &Stanza) {
    if !tracing::enabled!(tracing::Level::DEBUG) || !stanza.is_answer() {
        return;
    }
    let error = RemoteError::of(stanza);
    tracing::debug!(
        kind = stanza.kind().as_str(),
        from = stanza.from_text(),
        to = stanza.to_text(),
        id = stanza.id().as_deref(),
        error = error.map(tracing::field::display),
        "a stanza that was sent came back with an error"
    );
}

/// Checks what must hold for any stanza, regardless of its payload.
fn check(stanza: &Stanza) -> Result<(), StanzaError> {
    let bad = |text: &str| Err(StanzaError::new(Condition::BadRequest).text(text));
    match stanza.kind() {
        Kind::Iq => {
            // RFC 6120, 8.2.3
            match IqType::of(stanza) {
                None => return bad("The type of an IQ is get, set, result or error"),
                Some(IqType::Result | IqType::Error) => return Ok(()),
                Some(IqType::Get | IqType::Set) => {}
            }
            if stanza.id().is_none() {
                return bad("An IQ has an id");
            }
            if stanza.payloads().count() != 1 {
                return bad("A get or set has exactly one payload");
            }
        }
        Kind::Presence => {
            if let Err(text) = Presence::from(stanza.clone()).check() {
                return bad(text);
            }
        }
        Kind::Message => {}
    }
    Ok(())
}

fn words(limit: LimitKind) -> &'static str {
    match limit {
        LimitKind::StanzaBytes => "The stanza is too large",
        LimitKind::Depth => "The stanza is nested too deeply",
        LimitKind::Attributes => "An element has too many attributes",
        LimitKind::Elements => "The stanza has too many elements",
        _ => "The stanza is over a limit",
    }
}
