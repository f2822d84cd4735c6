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
    refusal::{Condition, Refusal},
    reply::Asked,
    stanza::Stanza,
};
use tokio::{
    sync::watch,
    time::{self, Instant},
};
use tracing::Span;

use crate::{
    metrics::Outcome,
    outbox::Fate,
    route::{Answer, Route, Serving},
    switchboard::Switchboard,
};

/// A first poll longer than this holds up the reader, and is told.
const BLOCKING: Duration = Duration::from_millis(50);

/// A stanza and the handler it belongs to.
pub(crate) struct Job {
    pub(crate) stanza: Stanza,
    pub(crate) route: Arc<Route>,
}

/// One handler at work on one stanza.
pub(crate) struct Work {
    pub(crate) stanza: Stanza,
    pub(crate) route: Arc<Route>,
    serving: Serving,
    span: Span,
    began: Instant,
    panicked: bool,
}

impl Work {
    /// Calls the handler; `None` where the stanza is answered already.
    pub(crate) fn begin(job: Job, began: Instant, switchboard: &Arc<Switchboard>) -> Option<Work> {
        let Job { stanza, route } = job;
        let span = tracing::debug_span!(
            "stanza",
            kind = stanza.kind().as_str(),
            from = stanza.from_text(),
            to = stanza.to_text(),
            id = stanza.id().as_deref(),
            handler = route.name,
            outcome = tracing::field::Empty,
        );
        let serving = span.in_scope(|| {
            catch_unwind(AssertUnwindSafe(|| {
                route.serve(stanza.clone(), Arc::clone(switchboard))
            }))
        });
        let failed = match serving {
            Ok(Ok(serving)) => {
                return Some(Work {
                    stanza,
                    route,
                    serving,
                    span,
                    began,
                    panicked: false,
                });
            }
            Ok(Err(refusal)) => refusal,
            Err(panic) => panicked(switchboard, &route, panic.as_ref()),
        };
        conclude(switchboard, &stanza, &span, began.elapsed(), Err(failed));
        None
    }

    /// Polls once, here and now; a future that is not ready is polled again by its task, so
    /// nobody has to be woken for this one. Tells when it was done, too.
    pub(crate) fn poll_here(&mut self, switchboard: &Switchboard) -> (Poll<()>, Instant) {
        let polled = self.poll(switchboard, &mut Context::from_waker(Waker::noop()));
        let done = Instant::now();
        let took = done.duration_since(self.began);
        // The time of a panic is the panic hook's, which may collect a backtrace.
        let held_up = took > BLOCKING && !self.panicked;
        self.route.note_poll(held_up);
        if held_up {
            tracing::warn!(
                handler = self.route.name,
                ?took,
                spawned_from_now_on = self.route.holds_up(),
                "a handler held up the reader: use tokio::task::spawn_blocking for what blocks"
            );
        }
        let ready = polled.map(|outcome| {
            let kind = self.stanza.kind();
            switchboard.metrics().handled(kind, took);
            conclude(switchboard, &self.stanza, &self.span, took, outcome);
        });
        (ready, done)
    }

    /// Runs to the end, the deadline or the end of the house, whichever comes first.
    pub(crate) async fn finish(
        mut self,
        switchboard: Arc<Switchboard>,
        limit: Duration,
        mut abandoned: watch::Receiver<bool>,
    ) {
        let outcome = tokio::select! {
            outcome = poll_fn(|cx| self.poll(&switchboard, cx)) => outcome,
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
        let took = self.began.elapsed();
        switchboard.metrics().handled(self.stanza.kind(), took);
        // Answers wait their turn like everything; after that they go out in any case.
        let patience = switchboard.patience_for_room();
        let _or_not = switchboard.outbox.room(patience).await;
        conclude(&switchboard, &self.stanza, &self.span, took, outcome);
    }

    /// Polls the handler inside its span; a panic becomes an answer.
    fn poll(
        &mut self,
        switchboard: &Switchboard,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Refusal>> {
        let serving = &mut self.serving;
        let polled = self
            .span
            .in_scope(|| catch_unwind(AssertUnwindSafe(|| serving.poll(cx))));
        polled.unwrap_or_else(|panic| {
            self.panicked = true;
            Poll::Ready(Err(panicked(switchboard, &self.route, panic.as_ref())))
        })
    }
}

/// Says what came of it, at most once.
fn conclude(
    switchboard: &Switchboard,
    stanza: &Stanza,
    span: &Span,
    took: Duration,
    outcome: Result<Answer, Refusal>,
) {
    let refusal = match outcome {
        Ok(Answer::Nothing) => {
            log_handled(span, "done", took);
            switchboard
                .metrics()
                .received(stanza.kind(), Outcome::Handled);
            return;
        }
        Ok(Answer::Result(response)) => {
            let written = switchboard.outbox.add(Fate::Kept, |gate, out| {
                Asked::of(stanza, |asked| {
                    asked.result(gate, out, |wire| response.write(wire))
                })
            });
            match written {
                Ok(_) => {
                    log_handled(span, "result", took);
                    switchboard
                        .metrics()
                        .received(stanza.kind(), Outcome::Answered);
                    return;
                }
                Err(why) => Refusal::from(why),
            }
        }
        Err(refusal) => refusal,
    };
    log_handled(span, refusal.condition().as_str(), took);
    if let Some(cause) = refusal.cause() {
        let condition = refusal.condition().as_str();
        // What strangers get wrong is theirs; what fails inside is for the operator.
        if refusal.condition() == Condition::InternalServerError {
            tracing::warn!(parent: span, from = %stanza.from(), id = stanza.id().as_deref(),
                condition, %cause, "a handler failed");
        } else {
            tracing::debug!(parent: span, condition, %cause, "a handler refused");
        }
    }
    count_and_refuse(switchboard, stanza, &refusal);
}

/// Logs what became of a stanza that a handler took. The span, which the event is in, has its kind,
/// its addresses, its id and the handler.
fn log_handled(span: &Span, outcome: &str, took: Duration) {
    span.record("outcome", outcome);
    tracing::debug!(parent: span, ?took, "stanza handled");
}

/// Refuses a stanza that no handler has taken, where it may be refused.
pub(crate) fn refuse(switchboard: &Switchboard, stanza: &Stanza, refusal: &Refusal) {
    tracing::debug!(
        kind = stanza.kind().as_str(),
        from = stanza.from_text(),
        to = stanza.to_text(),
        id = stanza.id().as_deref(),
        condition = refusal.condition().as_str(),
        "stanza refused without a handler"
    );
    count_and_refuse(switchboard, stanza, refusal);
}

fn count_and_refuse(switchboard: &Switchboard, stanza: &Stanza, refusal: &Refusal) {
    Asked::of(stanza, |asked| {
        let outcome = match asked.may_be_refused() {
            true => Outcome::Refused,
            false => Outcome::Ignored,
        };
        switchboard.metrics().received(stanza.kind(), outcome);
        say(switchboard, asked, refusal);
    });
}

/// Refuses what is known of a stanza.
pub(crate) fn say(switchboard: &Switchboard, asked: &Asked<'_>, refusal: &Refusal) {
    let said = switchboard.outbox.add(Fate::Kept, |gate, out| {
        asked.refuse(gate, out, refusal).map(usize::from)
    });
    match said {
        Ok(0) => {}
        Ok(_) => switchboard.metrics().refused(refusal.condition()),
        Err(why) => tracing::error!(%why, "a refusal could not be sent"),
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
