//! From a stanza to its handler to its answer, and the answers nobody wrote.
//!
//! A handler is polled once where its stanza was cut from the stream; only one that is not ready
//! then becomes a task. Deliberately absent: waiting. Admitting a stanza never waits for anything.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use couplet_core::{
    framer::{LimitKind, Skipped},
    lanes::{Key, LaneLimits, Lanes, Limit, write_key},
    presence::Presence,
    refusal::{Condition, Refusal},
    reply::Asked,
    stanza::{IqType, Kind, NotAStanza, Stanza},
};
use jid::Jid;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{self, Instant},
};
use tracing::Span;

use crate::{
    link::Switchboard,
    outbox::Fate,
    router::{Answer, Route, Router, Serving},
};

/// How many waiting stanzas start in one go before the session looks at its socket again.
const AT_A_TIME: usize = 64;

/// A first poll longer than this holds up the reader, and is told.
const BLOCKING: Duration = Duration::from_millis(50);

/// What a lane that somebody waits in costs beside the stanza.
const LANE_BYTES: usize = 256;

/// The handlers at work and the stanzas that wait for them.
pub(crate) struct Dispatch {
    router: Router,
    switchboard: Arc<Switchboard>,
    lanes: Lanes<Job>,
    tasks: JoinSet<Key>,
    limit: Duration,
    abandon: watch::Sender<bool>,
    stopping: bool,
    more_to_start: bool,
    lane_key: String,
    route_key: String,
}

struct Job {
    stanza: Stanza,
    route: Arc<Route>,
}

impl Dispatch {
    pub(crate) fn new(
        router: Router,
        switchboard: Arc<Switchboard>,
        limits: LaneLimits,
        limit: Duration,
    ) -> Dispatch {
        Dispatch {
            router,
            switchboard,
            lanes: Lanes::new(limits),
            tasks: JoinSet::new(),
            limit,
            abandon: watch::Sender::new(false),
            stopping: false,
            more_to_start: false,
            lane_key: String::new(),
            route_key: String::new(),
        }
    }

    /// Takes a stanza that is no answer: runs its handler, lets it wait, or refuses it.
    pub(crate) fn admit(&mut self, stanza: Stanza) {
        if !self.switchboard.outbox.gate().owns(stanza.to()) {
            // servers.md, 4: ejabberd's `global_routes` hands out what is for other components.
            tracing::warn!(to = %stanza.to(), from = %stanza.from(),
                "a stanza for another domain is dropped: set `global_routes: false` in ejabberd's listener");
            return;
        }
        if let Err(refusal) = check(&stanza) {
            return refuse(&self.switchboard, &stanza, &refusal);
        }
        if self.stopping {
            let refusal = Refusal::new(Condition::RecipientUnavailable).text("Shutting down");
            return refuse(&self.switchboard, &stanza, &refusal);
        }
        let Some(route) = self.router.route(&stanza, &mut self.route_key) else {
            // RFC 6120, 8.4 and 10.3: a request nobody understands gets `service-unavailable`;
            // RFC 6121, 8.5: messages and presence nobody wants are ignored.
            if stanza.kind() == Kind::Iq {
                refuse(
                    &self.switchboard,
                    &stanza,
                    &Condition::ServiceUnavailable.into(),
                );
            }
            return;
        };
        let job = Job {
            stanza,
            route: Arc::clone(route),
        };
        let key = write_key(
            &mut self.lane_key,
            job.stanza.from().as_str(),
            job.stanza.to().as_str(),
        );
        if self.lanes.free(key) && !self.switchboard.outbox.is_full() {
            self.start(job, None);
        } else if let Err(full) = self.lanes.wait(key, job.stanza.memory() + LANE_BYTES, job) {
            let refusal = Refusal::new(Condition::ResourceConstraint).text(match full.limit {
                Limit::Lane => "Too much of this conversation is waiting",
                _ => "Too much is waiting",
            });
            refuse(&self.switchboard, &full.item.stanza, &refusal);
        }
    }

    /// Answers a stanza that went by because it was over a limit.
    pub(crate) fn refuse_skipped(&self, skipped: &Skipped) {
        tracing::warn!(
            limit = words(skipped.limit),
            from = skipped.from,
            "a stanza over a limit was skipped"
        );
        let kind = skipped.kind.as_deref().and_then(Kind::from_name);
        let from = skipped
            .from
            .as_deref()
            .filter(|from| Jid::new(from).is_ok());
        let (Some(kind), Some(from)) = (kind, from) else {
            return;
        };
        let ours = self.switchboard.outbox.gate().domain();
        let to = skipped.to.as_deref().and_then(|to| Jid::new(to).ok());
        let asked = Asked {
            kind,
            type_: skipped.type_.as_deref(),
            from,
            to: to.as_ref().unwrap_or(ours),
            id: skipped.id.as_deref(),
        };
        let refusal = Refusal::new(Condition::PolicyViolation).text(words(skipped.limit));
        say(&self.switchboard, &asked, &refusal);
    }

    /// Answers a stanza whose `to` cannot be read; one without a readable `from` cannot be.
    pub(crate) fn refuse_unreadable(&self, unreadable: &NotAStanza) {
        let NotAStanza::BadTo {
            kind,
            type_,
            id,
            from,
            ..
        } = unreadable
        else {
            tracing::warn!("a stanza without a readable `from` is dropped");
            return;
        };
        let asked = Asked {
            kind: *kind,
            type_: type_.as_deref(),
            from: from.as_str(),
            to: self.switchboard.outbox.gate().domain(),
            id: id.as_deref(),
        };
        say(&self.switchboard, &asked, &Condition::JidMalformed.into());
    }

    /// Waits until a handler finishes or more may start, and starts what may.
    ///
    /// Cancel safe. It never returns on an idle house.
    pub(crate) async fn work(&mut self) {
        if !self.more_to_start {
            let Some(finished) = self.tasks.join_next().await else {
                return std::future::pending().await;
            };
            if let Ok(key) = finished {
                self.lanes.done(&key);
            }
        }
        self.start_waiting();
    }

    /// Starts what waits, as far as there is room for answers.
    pub(crate) fn start_waiting(&mut self) {
        self.more_to_start = false;
        for _ in 0..AT_A_TIME {
            if self.switchboard.outbox.is_full() {
                return;
            }
            let Some((key, job)) = self.lanes.next() else {
                return;
            };
            self.start(job, Some(key));
        }
        self.more_to_start = true;
    }

    /// From now on everybody new is told to come back later.
    pub(crate) fn stop_admitting(&mut self) {
        self.stopping = true;
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Whether nothing runs and nothing waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.lanes.waiting() == 0
    }

    /// Ends every handler, and answers what they and the waiting ones leave open.
    pub(crate) fn abandon(&mut self) {
        let refusal = Refusal::new(Condition::RecipientUnavailable).text("Shutting down");
        for job in self.lanes.drain() {
            refuse(&self.switchboard, &job.stanza, &refusal);
        }
        self.abandon.send_replace(true);
    }

    /// `lane` is the key of a lane that is busy already, where the job had to wait.
    fn start(&mut self, job: Job, lane: Option<Key>) {
        let Some(mut work) = Work::begin(job, Arc::clone(&self.switchboard)) else {
            return self.lane_is_done(lane);
        };
        if !work.route.holds_up() && work.poll_here().is_ready() {
            return self.lane_is_done(lane);
        }
        let lane = lane.unwrap_or_else(|| self.lanes.occupy(&self.lane_key));
        let limit = work.route.limit.unwrap_or(self.limit);
        let abandoned = self.abandon.subscribe();
        self.tasks.spawn(async move {
            work.finish(limit, abandoned).await;
            lane
        });
    }

    fn lane_is_done(&mut self, lane: Option<Key>) {
        if let Some(lane) = lane {
            self.lanes.done(&lane);
        }
    }
}

/// One handler at work on one stanza.
struct Work {
    stanza: Stanza,
    route: Arc<Route>,
    switchboard: Arc<Switchboard>,
    serving: Serving,
    span: Span,
}

impl Work {
    /// Calls the handler; `None` where the stanza is answered already.
    fn begin(job: Job, switchboard: Arc<Switchboard>) -> Option<Work> {
        let Job { stanza, route } = job;
        let span = tracing::debug_span!(
            "stanza",
            kind = stanza.kind().as_str(),
            from = %stanza.from(),
            to = %stanza.to(),
            id = stanza.id().as_deref(),
            handler = route.name,
            outcome = tracing::field::Empty,
        );
        let serving = span.in_scope(|| {
            catch_unwind(AssertUnwindSafe(|| {
                route.serve(stanza.clone(), Arc::clone(&switchboard))
            }))
        });
        let failed = match serving {
            Ok(Ok(serving)) => {
                return Some(Work {
                    stanza,
                    route,
                    switchboard,
                    serving,
                    span,
                });
            }
            Ok(Err(refusal)) => refusal,
            Err(panic) => panicked(&switchboard, &route, panic.as_ref()),
        };
        conclude(&switchboard, &stanza, &span, Err(failed));
        None
    }

    /// Polls once, here and now; a future that is not ready is polled again by its task, so
    /// nobody has to be woken for this one.
    fn poll_here(&mut self) -> Poll<()> {
        let began = Instant::now();
        let polled = self.poll(&mut Context::from_waker(Waker::noop()));
        let took = began.elapsed();
        if took > BLOCKING {
            self.route.note_held_up();
            tracing::warn!(
                handler = self.route.name,
                ?took,
                "a handler held up the reader and is spawned from now on: use tokio::task::spawn_blocking for what blocks"
            );
        }
        match polled {
            Poll::Ready(outcome) => {
                conclude(&self.switchboard, &self.stanza, &self.span, outcome);
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Runs to the end, the deadline or the end of the house, whichever comes first.
    async fn finish(mut self, limit: Duration, mut abandoned: watch::Receiver<bool>) {
        let outcome = tokio::select! {
            outcome = poll_fn(|cx| self.poll(cx)) => outcome,
            () = time::sleep(limit) => {
                tracing::warn!(handler = self.route.name, ?limit, "a handler took too long");
                // RFC 6120, 8.3.3.16: somebody "needed to fulfil the request" did not answer
                // within a reasonable time; the sender may try again.
                Err(Refusal::new(Condition::RemoteServerTimeout).text("The handler took too long"))
            }
            _stop = abandoned.wait_for(|abandoned| *abandoned) => {
                Err(Refusal::new(Condition::RecipientUnavailable).text("Shutting down"))
            }
        };
        // Answers wait their turn like everything; after that they go out in any case.
        let _or_not = self
            .switchboard
            .outbox
            .room(self.switchboard.patience())
            .await;
        conclude(&self.switchboard, &self.stanza, &self.span, outcome);
    }

    /// Polls the handler inside its span; a panic becomes an answer.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, Refusal>> {
        let serving: Pin<&mut _> = self.serving.as_mut();
        let polled = self
            .span
            .in_scope(|| catch_unwind(AssertUnwindSafe(|| serving.poll(cx))));
        polled.unwrap_or_else(|panic| {
            Poll::Ready(Err(panicked(
                &self.switchboard,
                &self.route,
                panic.as_ref(),
            )))
        })
    }
}

/// What is wrong with a stanza whatever its payload says.
fn check(stanza: &Stanza) -> Result<(), Refusal> {
    let bad = |text: &str| Err(Refusal::new(Condition::BadRequest).text(text));
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

/// Says what came of it, at most once.
fn conclude(
    switchboard: &Switchboard,
    stanza: &Stanza,
    span: &Span,
    outcome: Result<Answer, Refusal>,
) {
    let refusal = match outcome {
        Ok(Answer::Nothing) => {
            span.record("outcome", "done");
            return;
        }
        Ok(Answer::Result(child)) => {
            let written = switchboard.outbox.add(Fate::Kept, |gate, out| {
                Asked::of(stanza, |asked| {
                    asked.result(gate, out, |wire| wire.written(&child))
                })
            });
            match written {
                Ok(_) => {
                    span.record("outcome", "result");
                    return;
                }
                Err(why) => Refusal::from(why),
            }
        }
        Err(refusal) => refusal,
    };
    span.record("outcome", refusal.condition().as_str());
    if let Some(cause) = refusal.cause() {
        tracing::warn!(parent: span, from = %stanza.from(), id = stanza.id().as_deref(),
            condition = refusal.condition().as_str(), %cause, "a handler refused");
    }
    refuse(switchboard, stanza, &refusal);
}

fn refuse(switchboard: &Switchboard, stanza: &Stanza, refusal: &Refusal) {
    Asked::of(stanza, |asked| say(switchboard, asked, refusal));
}

fn say(switchboard: &Switchboard, asked: &Asked<'_>, refusal: &Refusal) {
    let said = switchboard.outbox.add(Fate::Kept, |gate, out| {
        asked.refuse(gate, out, refusal).map(usize::from)
    });
    if let Err(why) = said {
        tracing::error!(%why, "a refusal could not be sent");
    }
}

/// The peer learns a number, the log what happened under that number.
fn panicked(switchboard: &Switchboard, route: &Route, panic: &(dyn Any + Send)) -> Refusal {
    let incident = switchboard.fresh_id();
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    tracing::error!(
        handler = route.name,
        incident,
        message,
        "a handler panicked"
    );
    Refusal::new(Condition::InternalServerError).text(format!("Incident {incident}"))
}

fn words(limit: LimitKind) -> &'static str {
    match limit {
        LimitKind::StanzaBytes => "The stanza is too large",
        LimitKind::Depth => "The stanza is nested too deeply",
        LimitKind::Attributes => "An element has too many attributes",
        LimitKind::StartTagBytes => "A start tag is too large",
        _ => "The stanza is over a limit",
    }
}
