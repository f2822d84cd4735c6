//! Runs one handler for one stanza, from its first poll to its response.
//!
//! The session polls a handler once; only a handler that is not ready becomes a task. The dispatch
//! decides which handler may run.

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

/// A first poll longer than this delays the reader, and is logged.
const BLOCKING: Duration = Duration::from_millis(50);

/// A stanza with its handler.
pub(crate) struct Queued {
    pub(crate) stanza: Stanza,
    pub(crate) route: Arc<Route>,
}

/// A handler with its stanza, before its first poll.
pub(crate) struct Invocation {
    pub(crate) stanza: Stanza,
    running: Running,
}

/// A handler that waits, without its stanza, unless the handler keeps it.
pub(crate) struct Waiting {
    reply_to: ReplyTo,
    /// The memory that the handler keeps, in bytes.
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
    /// Calls the handler; returns `None` if the stanza is answered already.
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

    /// Returns whether the handler must not be polled here, because it would delay the reader.
    pub(crate) fn holds_up(&self) -> bool {
        self.running.route.holds_up()
    }

    /// Polls the handler once without a waker: a future that is not ready is polled again by its
    /// task. Also returns the time at the end of the poll.
    pub(crate) fn poll_here(&mut self, shared: &Shared) -> (Poll<()>, Instant) {
        let running = &mut self.running;
        let polled = running.poll(shared, &mut Context::from_waker(Waker::noop()));
        let done = Instant::now();
        let took = done.duration_since(running.began);
        // After a panic the time includes the panic hook, which may collect a backtrace.
        let held_up = took > BLOCKING && !running.panicked;
        running.route.note_poll(held_up);
        if held_up && let Some(permit) = shared.may_log(Line::HeldUp) {
            tracing::warn!(
                handler = &*running.route.name,
                omitted = permit.omitted,
                ?took,
                spawned_from_now_on = running.route.holds_up(),
                "a handler blocked the reader: run blocking code with tokio::task::spawn_blocking"
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

    /// Returns the buffer of the stanza, unless the handler keeps the stanza.
    pub(crate) fn into_memory(self) -> Option<Vec<u8>> {
        drop(self.running);
        self.stanza.into_memory()
    }

    /// Drops the stanza; it can still be answered.
    ///
    /// A handler that keeps the stanza keeps its tree. Otherwise the weight is estimated as the
    /// length of the stanza's XML.
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
    /// Returns the deadline of the handler, if it has its own.
    pub(crate) fn limit(&self) -> Option<Duration> {
        self.running.route.registration.scope.limit
    }

    /// Runs until the handler finishes, its deadline passes or the dispatch aborts it.
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
                // RFC 6120, 8.3.3.16: an entity that is "needed to fulfil the request" did not
                // answer within a reasonable time; the sender may retry.
                Err(StanzaError::new(Condition::RemoteServerTimeout).text("The handler took too long"))
            }
            _stop = abandoned.wait_for(|abandoned| *abandoned) => {
                Err(StanzaError::new(Condition::RecipientUnavailable).text("Shutting down"))
            }
        };
        let reply_to = self.reply_to.borrowed();
        let took = self.running.began.elapsed();
        shared.metrics().handled(reply_to.kind, took);
        // Responses wait for capacity like all stanzas, but are sent in any case after the timeout,
        // and at once if the stream is about to end.
        let timeout = shared.send_timeout();
        tokio::select! {
            _or_not = shared.outbox.room(timeout) => {}
            _stop = abandoned.wait_for(|abandoned| *abandoned) => {}
        }
        conclude(&shared, &reply_to, &self.running.span, took, outcome);
    }
}

impl Running {
    /// Polls the handler inside its span; converts a panic to an error response.
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

/// Sends the response, at most once.
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
        // Peers cause most errors; internal errors are for the operator.
        if error.condition() == Condition::InternalServerError {
            if let Some(permit) = shared.may_log(Line::Failed) {
                tracing::warn!(parent: span, from = reply_to.from, id = reply_to.id, condition, %cause,
                    omitted = permit.omitted, "a handler failed");
            }
        } else {
            tracing::debug!(parent: span, condition, %cause, "a handler returned an error");
        }
    }
    count_and_refuse(shared, reply_to, &error);
}

/// Logs the outcome of a stanza that a handler got. The event is in the span, which has the kind,
/// addresses and id of the stanza, and the handler.
fn log_handled(span: &Span, outcome: &str, took: Duration) {
    span.record("outcome", outcome);
    tracing::debug!(parent: span, ?took, "stanza handled");
}

/// Answers a stanza without a handler with an error, unless none may be sent.
pub(crate) fn refuse(shared: &Shared, stanza: &Stanza, error: &StanzaError) {
    tracing::debug!(
        kind = stanza.kind().as_str(),
        from = stanza.from_text(),
        to = stanza.to_text(),
        id = stanza.id().as_deref(),
        condition = error.condition().as_str(),
        "stanza rejected before any handler"
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

/// Sends an error in response to a stanza.
pub(crate) fn send_error(shared: &Shared, reply_to: &ReplyToRef<'_>, error: &StanzaError) {
    let written = shared.outbox.add(Fate::Kept, |stanza_writer, out| {
        reply_to.refuse(stanza_writer, out, error).map(usize::from)
    });
    match written {
        Ok(0) | Err(NotAdded::Ended) => {}
        Ok(_) => shared.metrics().refused(error.condition()),
        Err(NotAdded::Refused(why)) => {
            if let Some(permit) = shared.may_log(Line::RefusalNotSent) {
                tracing::error!(error = %why, omitted = permit.omitted, "an error stanza could not be sent");
            }
        }
    }
}

/// Logs a panic under an incident number, and returns the error with this number for the peer.
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
