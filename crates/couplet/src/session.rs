//! One connected lifetime: what comes in is handed on, what waits goes out, until it ends.

use std::{io, pin::Pin, sync::Arc, time::Duration};

use couplet_core::{
    element::Tree,
    framer::Frame,
    handshake,
    remote_error::RemoteError,
    stanza::{IqType, Kind, NotAStanza, Stanza},
    stanza_error::Condition,
    stream_error::StreamError,
};
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};

use crate::{
    background_tasks::RunningTasks,
    config::Timing,
    dispatch::Dispatch,
    health::HealthReporter,
    hooks::Hooks,
    keepalive::{Due, Keepalive},
    metrics::Outcome,
    outbox::Fate,
    shared::Shared,
    transport::{Transport, Turn},
};

mod loss;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use loss::Loss;

/// How long the app's goodbyes may take, and then the server's.
const PARTING: Duration = Duration::from_secs(2);

/// A session and all it works with.
pub(crate) struct Session<'a> {
    transport: Transport,
    shared: &'a Arc<Shared>,
    dispatch: &'a mut Dispatch,
    hooks: &'a Hooks,
    reporter: &'a HealthReporter,
    background_tasks: &'a mut RunningTasks,
    /// The hooks at work: they end with the session.
    tasks: JoinSet<()>,
    timing: &'a Timing,
    keepalive: Keepalive,
    phase: Phase,
}

/// How far a session has come on its way to a polite end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Phase {
    /// Nobody wants it to end.
    Serving,
    /// No further stanza is admitted; handlers may finish.
    Draining(Instant),
    /// The app says goodbye.
    Parting(Instant),
    /// Our closing tag is on its way; the server's is awaited.
    Closing(Instant),
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        transport: Transport,
        shared: &'a Arc<Shared>,
        dispatch: &'a mut Dispatch,
        hooks: &'a Hooks,
        reporter: &'a HealthReporter,
        background_tasks: &'a mut RunningTasks,
        timing: &'a Timing,
    ) -> Session<'a> {
        let keepalive = Keepalive::new(timing.keepalive, timing.dead_after, Instant::now());
        Session {
            transport,
            shared,
            dispatch,
            hooks,
            reporter,
            background_tasks,
            tasks: JoinSet::new(),
            timing,
            keepalive,
            phase: Phase::Serving,
        }
    }

    /// Lives until the connection is lost or, after `stop`, was closed politely.
    pub(crate) async fn live(mut self, mut stop: Pin<&mut impl Future<Output = ()>>) -> Loss {
        self.shared.came_online();
        self.reporter.online();
        self.hooks.came_online(self.shared, &mut self.tasks);
        let loss = match self.read_frames(Instant::now()) {
            // What came in together with the handshake is in the framer already.
            Ok(()) => self.turns(&mut stop).await,
            Err(loss) => loss,
        };
        // Nothing follows our own closing tag.
        if !self.is_closing() {
            self.send_reason(&loss).await;
        }
        self.transport.give_back(&self.shared.outbox);
        self.shared.went_offline(loss.end());
        loss
    }

    async fn turns(&mut self, stop: &mut Pin<&mut impl Future<Output = ()>>) -> Loss {
        let mut timer = Box::pin(time::sleep_until(self.next_due()));
        let mut timed_for = self.phase;
        loop {
            if let Err(loss) = self.step_towards_the_end() {
                return loss;
            }
            // Each phase has a deadline of its own, and the next may have nothing to wait for.
            if self.phase != timed_for {
                timed_for = self.phase;
                timer.as_mut().reset(self.next_due());
                continue;
            }
            tokio::select! {
                biased;
                () = stop.as_mut(), if self.phase == Phase::Serving => self.begin_to_stop(),
                turn = self.transport.turn(&self.shared.outbox) => {
                    if let Err(loss) = self.turned(turn) {
                        return loss;
                    }
                }
                () = self.dispatch.work() => {}
                Some(_ended) = self.tasks.join_next() => {}
                () = self.background_tasks.ended() => {}
                () = self.shared.outbox.filled() => {}
                () = timer.as_mut() => {
                    if let Err(loss) = self.timer_fired() {
                        return loss;
                    }
                    timer.as_mut().reset(self.next_due());
                }
            }
        }
    }

    fn turned(&mut self, turn: io::Result<Turn>) -> Result<(), Loss> {
        match turn {
            Ok(Turn::Eof) | Err(_) if self.is_closing() => Err(Loss::Stopped),
            Ok(Turn::Eof) => Err(Loss::Closed),
            Err(why) => Err(Loss::Io(why)),
            Ok(Turn::Read) => {
                let now = Instant::now();
                self.keepalive.received(now);
                self.reporter.received(now);
                self.read_frames(now)?;
                // However fast the server talks, who has finished makes room.
                self.dispatch.collect_finished();
                Ok(())
            }
            Ok(Turn::Wrote) => {
                self.keepalive.sent(Instant::now());
                self.dispatch.start_waiting();
                Ok(())
            }
        }
    }

    fn read_frames(&mut self, now: Instant) -> Result<(), Loss> {
        self.dispatch.stanzas_are_in(now);
        while let Some(frame) = self.transport.framer.next().map_err(Loss::Malformed)? {
            match frame {
                Frame::Closed if self.is_closing() => return Err(Loss::Stopped),
                Frame::Closed => return Err(Loss::Closed),
                // RFC 6120, 4.4: what still comes cannot be answered.
                _ if self.is_closing() => {
                    self.shared.metrics().rejected("stream_closed");
                    tracing::debug!("a stanza that came after the end of our stream is dropped");
                }
                Frame::Stanza(bytes) => {
                    let tree = Tree::parse(bytes, self.transport.framer.scope())
                        .map_err(Loss::Malformed)?;
                    self.take_in(tree)?;
                    if let Some(memory) = self.dispatch.take_spare() {
                        self.transport.framer.reuse(memory);
                    }
                }
                Frame::Skipped(skipped) => self.dispatch.refuse_skipped(&skipped),
                _ => {}
            }
        }
        Ok(())
    }

    /// Passes responses to the requests that wait for them, and the rest to the handlers.
    fn take_in(&mut self, tree: Tree) -> Result<(), Loss> {
        let stanza = match Stanza::read(tree) {
            Ok(stanza) => stanza,
            Err(NotAStanza::Other(tree)) => {
                return StreamError::of(tree.root())
                    .map_or(Ok(()), |error| Err(Loss::Stream(error)));
            }
            Err(unreadable) => {
                self.dispatch.refuse_unreadable(&unreadable);
                return Ok(());
            }
        };
        if stanza.kind() != Kind::Iq {
            self.dispatch.admit(stanza);
            return Ok(());
        }
        if self.is_own_ping(&stanza)? {
            return Ok(());
        }
        match IqType::of(&stanza) {
            Some(IqType::Result | IqType::Error) => {
                let resolved = self.shared.resolve(&stanza);
                let outcome = if resolved {
                    Outcome::Resolved
                } else {
                    Outcome::Unmatched
                };
                self.shared.metrics().received(Kind::Iq, outcome);
                if !resolved {
                    tracing::debug!(from = %stanza.from(), id = stanza.id().as_deref(),
                        "an answer that nobody waits for");
                }
            }
            _ => self.dispatch.admit(stanza),
        }
        Ok(())
    }

    /// A self-ping comes back as it went, as an error of the server, or, where the server routed it
    /// to another instance, as that one's answer.
    fn is_own_ping(&mut self, iq: &Stanza) -> Result<bool, Loss> {
        let keepalive = &self.shared.keepalive;
        if iq.from_prepared() != keepalive.prepared() {
            return Ok(false);
        }
        let bulk = self.shared.outbox.bulk();
        let id = iq.id().unwrap_or_default();
        let number = keepalive.number(&id);
        let is_ours = number.is_some() || bulk.is_mark(&id);
        if !is_ours || IqType::of(iq) == Some(IqType::Result) {
            self.keepalive.seen_other_instance();
        }
        if !is_ours {
            return Ok(false);
        }
        let metrics = self.shared.metrics();
        metrics.received(Kind::Iq, Outcome::OwnPing);
        let now = Instant::now();
        if let Some(sent_at) = self.keepalive.answered(number, now) {
            metrics.round_trip.set(now.duration_since(sent_at));
        }
        // servers.md, 6: `remote-server-timeout` with `<not-connected/>` is Prosody's word for
        // "there is no such component", on this very component's connection.
        match RemoteError::of(iq) {
            Some(error) if error.condition == Condition::RemoteServerTimeout => {
                Err(Loss::Forgotten)
            }
            _ => {
                bulk.resolve(&id, now);
                Ok(true)
            }
        }
    }

    fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing(_))
    }

    fn next_due(&self) -> Instant {
        let due = self.keepalive.next(Instant::now());
        match self.phase {
            Phase::Serving => due,
            Phase::Draining(until) | Phase::Parting(until) => due.min(until),
            Phase::Closing(until) => until,
        }
    }

    fn timer_fired(&mut self) -> Result<(), Loss> {
        let now = Instant::now();
        match self.keepalive.due(now) {
            // Nothing is written any more, and nothing that comes matters.
            _ if self.is_closing() => {}
            Due::Nothing => {}
            Due::Dead => {
                let time = self.timing.dead_after;
                return Err(match self.keepalive.has_received() {
                    true => Loss::Silent(time),
                    false => Loss::SilentSinceLogin(time),
                });
            }
            Due::Unanswered => return Err(Loss::Unanswered(self.timing.dead_after)),
            Due::Whitespace => {
                let added = self.shared.outbox.add(Fate::Dropped, |_, out| {
                    out.push(b' ');
                    Ok(0)
                });
                debug_assert!(added.is_ok(), "the stream has not ended");
                self.keepalive.sent(now);
            }
            Due::Ping => {
                let number = self.ping();
                self.keepalive.pinged(number, now);
                self.keepalive.sent(now);
            }
        }
        Ok(())
    }

    /// Sends a self-ping and returns its number.
    fn ping(&self) -> u64 {
        let keepalive = &self.shared.keepalive;
        let number = keepalive.next();
        let added = self.shared.outbox.add(Fate::Dropped, |stanza_writer, out| {
            keepalive.write(number, stanza_writer, out)
        });
        if let Err(why) = added {
            tracing::error!(?why, "the self-ping could not be written");
        }
        number
    }

    fn begin_to_stop(&mut self) {
        tracing::info!(grace = ?self.timing.grace, "stopping: running handlers may finish, new stanzas are refused");
        self.reporter.stopping();
        self.dispatch.stop_admitting();
        self.background_tasks.stop();
        self.phase = Phase::Draining(Instant::now() + self.timing.grace);
    }

    /// Drain, goodbye, closing tag, end: each step when the one before is done or out of time.
    fn step_towards_the_end(&mut self) -> Result<(), Loss> {
        let now = Instant::now();
        match self.phase {
            Phase::Draining(until)
                if self.dispatch.is_idle() && self.background_tasks.is_over() || now >= until =>
            {
                if !self.dispatch.is_idle() {
                    tracing::warn!("handlers were still at work when the grace period ended");
                }
                self.dispatch.abandon();
                self.tasks.abort_all();
                self.hooks.goes_offline(self.shared, &mut self.tasks);
                self.phase = Phase::Parting(now + PARTING);
            }
            Phase::Parting(until)
                if self.tasks.is_empty() && self.dispatch.is_idle() || now >= until =>
            {
                self.shared.outbox.end(handshake::closing());
                self.phase = Phase::Closing(now + PARTING);
            }
            Phase::Closing(until) if now >= until => return Err(Loss::Stopped),
            _ => {}
        }
        Ok(())
    }

    /// A stream that we end gets its reason, if the server still listens. (RFC 6120, 4.9.1.1)
    async fn send_reason(&mut self, loss: &Loss) {
        let bytes = match loss {
            Loss::Malformed(why) => StreamError::to_xml(why.condition()),
            Loss::Silent(_) | Loss::SilentSinceLogin(_) | Loss::Unanswered(_) => {
                StreamError::to_xml("connection-timeout")
            }
            Loss::Forgotten => handshake::closing().to_owned(),
            Loss::Stream(_) | Loss::Closed => handshake::closing().to_owned(),
            Loss::Stopped | Loss::Io(_) => return,
        };
        // Only whole stanzas may stand before the last words.
        if self.transport.is_between_stanzas() {
            let _result_does_not_matter =
                time::timeout(Duration::from_secs(1), self.transport.write_all(&bytes)).await;
        }
    }
}
