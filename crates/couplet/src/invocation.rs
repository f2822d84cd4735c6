//! One handler at work on one stanza, from its first poll to the one answer.
//!
//! Polled once where the stanza was cut; only what is not ready then becomes a task. Deliberately
//! absent: who may run when; that is the dispatch's.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use couplet_core::{
    reply::{ReplyTo, ReplyToRef},
    stanza::Stanza,
    stanza_error::{Condition, StanzaError},
};
use tokio::{
    sync::watch,
    time::{self, Instant},
};
use tracing::Span;

use crate::{
    log_limits::Line,
    metrics::Outcome,
    outbox::{Fate, NotAdded},
    route::{Answer, Route, Serving},
    shared::Shared,
};

/// A first poll longer than this holds up the reader, and is told.
const BLOCKING: Duration = Duration::from_millis(50);

/// A stanza and the handler it belongs to.
pub(crate) struct Queued {
    pub(crate) stanza: Stanza,
    pub(crate) route: Arc<Route>,
}

/// One handler at work on one stanza, before it had to wait for anything.
pub(crate) struct Invocation {
    pub(crate) stanza: Stanza,
    running: Running,
}

/// One handler at work on one stanza that is not here any more, unless the handler keeps it.
pub(crate) struct Waiting {
    reply_to: ReplyTo,
    /// What the handler keeps in memory, in bytes.
    pub(crate) weight: usize,
    running: Running,
}

struct Running {
    route: Arc<Route>,
    serving: Serving,
    span: Span,
    began: Instant,
    panicked: bool,
}

impl Invocation {
    /// Calls the handler; `None` where the stanza is answered already.
    pub(crate) fn begin(job: Queued, began: Instant, shared: &Arc<Shared>) -> Option<Invocation> {
        let Queued { stanza, route } = job;
        let span = tracing::debug_span!(
            "stanza",
            kind = stanza.kind().as_str(),
            from = stanza.from_text(),
            to = stanza.to_text(),
            id = stanza.id().as_deref(),
            handler = &*route.name,
            outcome = tracing::field::Empty,
        );
        let serving = span.in_scope(|| {
            catch_unwind(AssertUnwindSafe(|| {
                route.serve(stanza.clone(), Arc::clone(shared))
            }))
        });
        let failed = match serving {
            Ok(Ok(serving)) => {
                let running = Running {
                    route,
                    serving,
                    span,
                    began,
                    panicked: false,
                };
                return Some(Invocation { stanza, running });
            }
            Ok(Err(error)) => error,
            Err(panic) => panicked(shared, &route, panic.as_ref()),
        };
        ReplyToRef::of(&stanza, |reply_to| {
            conclude(shared, reply_to, &span, began.elapsed(), Err(failed));
        });
        None
    }

    /// Whether its handler is not to be polled here, because it would hold up the reader.
    pub(crate) fn holds_up(&self) -> bool {
        self.running.route.holds_up()
    }

    /// Polls once, here and now; a future that is not ready is polled again by its task, so
    /// nobody has to be woken for this one. Tells when it was done, too.
    pub(crate) fn poll_here(&mut self, shared: &Shared) -> (Poll<()>, Instant) {
        let running = &mut self.running;
        let polled = running.poll(shared, &mut Context::from_waker(Waker::noop()));
        let done = Instant::now();
        let took = done.duration_since(running.began);
        // The time of a panic is the panic hook's, which may collect a backtrace.
        let held_up = took > BLOCKING && !running.panicked;
        running.route.note_poll(held_up);
        if held_up && let Some(permit) = shared.may_log(Line::HeldUp) {
            tracing::warn!(
                handler = &*running.route.name,
                omitted = permit.omitted,
                ?took,
                spawned_from_now_on = running.route.holds_up(),
                "a handler held up the reader: use tokio::task::spawn_blocking for what blocks"
            );
        }
        let ready = polled.map(|outcome| {
            let kind = self.stanza.kind();
            shared.metrics().handled(kind, took);
            ReplyToRef::of(&self.stanza, |reply_to| {
                conclude(shared, reply_to, &running.span, took, outcome);
            });
        });
        (ready, done)
    }

    /// The memory of the stanza, unless the handler keeps it.
    pub(crate) fn into_memory(self) -> Option<Vec<u8>> {
        drop(self.running);
        self.stanza.into_memory()
    }

    /// Lets go of the stanza; what remains can be answered.
    ///
    /// A handler that keeps the stanza keeps its tree. One that does not has read what it needs,
    /// and that is taken for as much as was written.
    pub(crate) fn into_waiting(self) -> Waiting {
        let weight = match self.stanza.is_shared() {
            true => self.stanza.memory(),
            false => self.stanza.as_xml().len(),
        };
        Waiting {
            reply_to: ReplyTo::of(&self.stanza),
            weight,
            running: self.running,
        }
    }
}

impl Waiting {
    /// How long it may take, unless the component says otherwise.
    pub(crate) fn limit(&self) -> Option<Duration> {
        self.running.route.registration.scope.limit
    }

    /// Runs until the handler has finished, its deadline has passed or the dispatch gives it up.
    pub(crate) async fn finish(
        mut self,
        shared: Arc<Shared>,
        limit: Duration,
        mut abandoned: watch::Receiver<bool>,
    ) {
        let running = &mut self.running;
        let outcome = tokio::select! {
            outcome = poll_fn(|cx| running.poll(&shared, cx)) => outcome,
            () = time::sleep(limit) => {
                if let Some(permit) = shared.may_log(Line::TookTooLong) {
                    let (handler, omitted) = (&*self.running.route.name, permit.omitted);
                    tracing::warn!(handler, ?limit, omitted, "a handler took too long");
                }
                // RFC 6120, 8.3.3.16: somebody "needed to fulfil the request" did not answer
                // within a reasonable time; the sender may try again.
                Err(StanzaError::new(Condition::RemoteServerTimeout).text("The handler took too long"))
            }
            _stop = abandoned.wait_for(|abandoned| *abandoned) => {
                Err(StanzaError::new(Condition::RecipientUnavailable).text("Shutting down"))
            }
        };
        let reply_to = self.reply_to.borrowed();
        let took = self.running.began.elapsed();
        shared.metrics().handled(reply_to.kind, took);
        // Answers wait their turn like everything; after that they go out in any case, and at once
        // where the stream is about to end.
        let timeout = shared.send_timeout();
        tokio::select! {
            _or_not = shared.outbox.room(timeout) => {}
            _stop = abandoned.wait_for(|abandoned| *abandoned) => {}
        }
        conclude(&shared, &reply_to, &self.running.span, took, outcome);
    }
}

impl Running {
    /// Polls the handler inside its span; a panic becomes an answer.
    fn poll(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Poll<Result<Answer, StanzaError>> {
        let serving = &mut self.serving;
        let polled = self
            .span
            .in_scope(|| catch_unwind(AssertUnwindSafe(|| serving.poll(cx))));
        polled.unwrap_or_else(|panic| {
            self.panicked = true;
            Poll::Ready(Err(panicked(shared, &self.route, panic.as_ref())))
        })
    }
}

/// Says what came of it, at most once.
fn conclude(
    shared: &Shared,
    reply_to: &ReplyToRef<'_>,
    span: &Span,
    took: Duration,
    outcome: Result<Answer, StanzaError>,
) {
    let received = |outcome| shared.metrics().received(reply_to.kind, outcome);
    let error = match outcome {
        Ok(Answer::Nothing) => {
            log_handled(span, "done", took);
            return received(Outcome::Handled);
        }
        Ok(Answer::Result(response)) => {
            let written = shared.outbox.add(Fate::Kept, |stanza_writer, out| {
                reply_to.result(stanza_writer, out, |xml| response.write(xml))
            });
            match written {
                Ok(_) => {
                    log_handled(span, "result", took);
                    return received(Outcome::Answered);
                }
                Err(NotAdded::Ended) => {
                    span.record("outcome", "too late");
                    return shared.metrics().rejected("stream_closed");
                }
                Err(NotAdded::Refused(why)) => StanzaError::from(why),
            }
        }
        Err(error) => error,
    };
    log_handled(span, error.condition().as_str(), took);
    if let Some(cause) = error.cause() {
        let condition = error.condition().as_str();
        // What strangers get wrong is theirs; what fails inside is for the operator.
        if error.condition() == Condition::InternalServerError {
            if let Some(permit) = shared.may_log(Line::Failed) {
                tracing::warn!(parent: span, from = reply_to.from, id = reply_to.id, condition, %cause,
                    omitted = permit.omitted, "a handler failed");
            }
        } else {
            tracing::debug!(parent: span, condition, %cause, "a handler refused");
        }
    }
    count_and_refuse(shared, reply_to, &error);
}

/// Logs what became of a stanza that a handler took. The span, which the event is in, has its kind,
/// its addresses, its id and the handler.
fn log_handled(span: &Span, outcome: &str, took: Duration) {
    span.record("outcome", outcome);
    tracing::debug!(parent: span, ?took, "stanza handled");
}

/// Refuses a stanza that no handler has taken, where it may be refused.
pub(crate) fn refuse(shared: &Shared, stanza: &Stanza, error: &StanzaError) {
    tracing::debug!(
        kind = stanza.kind().as_str(),
        from = stanza.from_text(),
        to = stanza.to_text(),
        id = stanza.id().as_deref(),
        condition = error.condition().as_str(),
        "stanza refused without a handler"
    );
    ReplyToRef::of(stanza, |reply_to| count_and_refuse(shared, reply_to, error));
}

fn count_and_refuse(shared: &Shared, reply_to: &ReplyToRef<'_>, error: &StanzaError) {
    let outcome = match reply_to.may_be_refused() {
        true => Outcome::Refused,
        false => Outcome::Ignored,
    };
    shared.metrics().received(reply_to.kind, outcome);
    send_error(shared, reply_to, error);
}

/// Refuses what is known of a stanza.
pub(crate) fn send_error(shared: &Shared, reply_to: &ReplyToRef<'_>, error: &StanzaError) {
    let written = shared.outbox.add(Fate::Kept, |stanza_writer, out| {
        reply_to.refuse(stanza_writer, out, error).map(usize::from)
    });
    match written {
        Ok(0) | Err(NotAdded::Ended) => {}
        Ok(_) => shared.metrics().refused(error.condition()),
        Err(NotAdded::Refused(why)) => {
            if let Some(permit) = shared.may_log(Line::RefusalNotSent) {
                tracing::error!(%why, omitted = permit.omitted, "an error stanza could not be sent");
            }
        }
    }
}

/// The peer learns a number, the log what happened under that number.
fn panicked(shared: &Shared, route: &Route, panic: &(dyn Any + Send)) -> StanzaError {
    let incident = shared.fresh_id();
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    if let Some(permit) = shared.may_log(Line::Panicked) {
        tracing::error!(
            handler = &*route.name,
            incident,
            message,
            omitted = permit.omitted,
            "a handler panicked"
        );
    }
    StanzaError::new(Condition::InternalServerError).text(format!("Incident {incident}"))
}
