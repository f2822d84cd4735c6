//! One session: passes received stanzas on and writes outgoing ones, until it ends.

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

/// Time limit for the application's goodbye hooks, and then for the server's closing tag.
const PARTING: Duration = Duration::from_secs(2);

/// A session with its parts.
pub(crate) struct Session<'a> {
    transport: Transport,
    shared: &'a Arc<Shared>,
    dispatch: &'a mut Dispatch,
    hooks: &'a Hooks,
    reporter: &'a HealthReporter,
    background_tasks: &'a mut RunningTasks,
    /// The running hooks, which end with the session.
    tasks: JoinSet<()>,
    timing: &'a Timing,
    keepalive: Keepalive,
    phase: Phase,
}

/// The steps of a graceful end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Phase {
    /// Running normally.
    Serving,
    /// No stanza is admitted; handlers may finish.
    Draining(Instant),
    /// The goodbye hooks run.
    Parting(Instant),
    /// The closing tag is sent; the server's is awaited.
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

    /// Runs until the connection is lost or, after `stop`, was closed gracefully.
    pub(crate) async fn live(mut self, mut stop: Pin<&mut impl Future<Output = ()>>) -> Loss {
        self.shared.came_online();
        self.reporter.online();
        self.hooks.came_online(self.shared, &mut self.tasks);
        let loss = match self.read_frames(Instant::now()) {
            // The framer may already contain stanzas that arrived with the handshake.
            Ok(()) => self.turns(&mut stop).await,
            Err(loss) => loss,
        };
        // Nothing may follow our own closing tag.
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
            // Each phase has its own deadline, and there may be no other event in the next phase.
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
                // Handles finished handlers even while the server sends continuously.
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
                // RFC 6120, 4.4: later stanzas cannot be answered.
                _ if self.is_closing() => {
                    self.shared.metrics().rejected("stream_closed");
                    tracing::debug!("stanza dropped: it arrived after the end of our stream");
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

    /// Passes responses to the pending requests, and other stanzas to the handlers.
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
                        "response dropped: no pending request");
                }
            }
            _ => self.dispatch.admit(stanza),
        }
        Ok(())
    }

    /// Recognises a self-ping: it comes back as it was sent, as an error of the server, or as a
    /// response of another instance to which the server routed it.
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
        // servers.md, 6: Prosody sends `remote-server-timeout` with `<not-connected/>` for a
        // component that is not connected, here on the connection of this component.
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
            // The stream is closing: nothing is written any more, and received stanzas do not
            // matter.
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
            tracing::error!(error = ?why, "the self-ping could not be written");
        }
        number
    }

    fn begin_to_stop(&mut self) {
        tracing::info!(grace = ?self.timing.grace, "stopping: running handlers may finish, new stanzas are rejected");
        self.reporter.stopping();
        self.dispatch.stop_admitting();
        self.background_tasks.stop();
        self.phase = Phase::Draining(Instant::now() + self.timing.grace);
    }

    /// Advances the graceful end: drain, goodbye, closing tag, end. Each step follows when the
    /// previous one is done or out of time.
    fn step_towards_the_end(&mut self) -> Result<(), Loss> {
        let now = Instant::now();
        match self.phase {
            Phase::Draining(until)
                if self.dispatch.is_idle() && self.background_tasks.is_over() || now >= until =>
            {
                if !self.dispatch.is_idle() {
                    tracing::warn!("handlers were still running when the grace period ended");
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

    /// Sends the reason as a stream error before the connection is closed, if the server still
    /// reads. (RFC 6120, 4.9.1.1)
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
        // A stream error may only follow a complete stanza.
        if self.transport.is_between_stanzas() {
            let _result_does_not_matter =
                time::timeout(Duration::from_secs(1), self.transport.write_all(&bytes)).await;
        }
    }
}
