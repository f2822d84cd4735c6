//! The queue of broadcast copies, which are written only while no other stanza waits.
//!
//! It ends with its session. Component streams have no acknowledgements, so a self-ping is added to
//! the copies now and then: when the server routes it back, the server has read everything before
//! it (docs/servers.md, 5: in order, on every server).

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use couplet_core::stanza_writer::StanzaWriter;
use tokio::{
    sync::{Notify, oneshot, watch},
    time::{self, Instant},
};

use super::window::Window;
use crate::{self_ping::SelfPing, session_end::SessionEnd};

/// Maximum number of bytes that wait for the socket, apart from one write; later responses wait for
/// them.
const WAITING: usize = 64 * 1024;

/// Maximum number of bytes between pings, so that the window moves in small steps.
const PING_EVERY: usize = 16 * 1024;

/// Time after which an unanswered ping is sent again. Of several ejabberd connections for one
/// domain, each gets only some of its own pings back (docs/servers.md, 4).
const PING_AGAIN: Duration = Duration::from_millis(250);

/// The session has ended; unconfirmed copies may be lost.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Over;

/// The queue of copies, and the pings without a response.
#[derive(Debug)]
pub(crate) struct Bulk {
    pings: SelfPing,
    queue: Mutex<Queue>,
    waiting: AtomicUsize,
    /// The current session, if any.
    session: watch::Sender<Option<u64>>,
    /// The last session that ended, and why.
    last_end: Mutex<(u64, SessionEnd)>,
    moved: Notify,
}

#[derive(Debug)]
struct Queue {
    session: Option<u64>,
    sessions: u64,
    bytes: Vec<u8>,
    marks: VecDeque<Mark>,
    last_ping: Instant,
    /// Bytes since the last ping.
    unmarked: usize,
    /// Unconfirmed bytes up to the last ping.
    marked: usize,
    window: Window,
}

/// A ping without a response.
#[derive(Debug)]
struct Mark {
    number: u64,
    bytes: usize,
    written: Instant,
    waiter: Option<oneshot::Sender<()>>,
}

impl Bulk {
    pub(super) fn new(stanza_writer: &StanzaWriter, seed: u64) -> Bulk {
        let queue = Queue {
            session: None,
            sessions: 0,
            bytes: Vec::new(),
            marks: VecDeque::new(),
            last_ping: Instant::now(),
            unmarked: 0,
            marked: 0,
            window: Window::new(),
        };
        Bulk {
            pings: SelfPing::new("taken", seed, stanza_writer),
            queue: Mutex::new(queue),
            waiting: AtomicUsize::new(0),
            session: watch::Sender::new(None),
            last_end: Mutex::default(),
            moved: Notify::new(),
        }
    }

    /// Starts a session.
    pub(crate) fn open(&self) {
        let mut queue = self.queue();
        queue.sessions += 1;
        queue.session = Some(queue.sessions);
        queue.window = Window::new();
        self.session.send_replace(queue.session);
    }

    /// Ends a session: drops waiting copies, and fails all marks.
    pub(crate) fn close(&self, end: SessionEnd) {
        let mut queue = self.queue();
        if let Some(session) = queue.session.take() {
            *self.last_end() = (session, end);
        }
        queue.bytes = Vec::new();
        queue.marks.clear();
        (queue.unmarked, queue.marked) = (0, 0);
        self.waiting.store(0, Ordering::Relaxed);
        self.session.send_replace(None);
        drop(queue);
        self.moved.notify_waiters();
    }

    /// Waits for a session and returns its number.
    ///
    /// Cancel safe.
    pub(crate) async fn session(&self) -> u64 {
        let mut session = self.session.subscribe();
        let known = session.wait_for(Option::is_some).await;
        // The sender is in `self`, so the channel never closes.
        known.ok().and_then(|session| *session).unwrap_or_default()
    }

    /// Waits until `session` has ended.
    ///
    /// Cancel safe.
    pub(crate) async fn over(&self, session: u64) {
        let mut now = self.session.subscribe();
        let _it_never_closes = now.wait_for(|now| *now != Some(session)).await;
    }

    /// Waits until `session` has ended and returns why.
    ///
    /// Cancel safe.
    pub(crate) async fn ended(&self, session: u64) -> SessionEnd {
        self.over(session).await;
        match &*self.last_end() {
            (last, end) if *last == session => end.clone(),
            _ => SessionEnd::Other,
        }
    }

    /// Waits for capacity in `session`; returns false if a ping is overdue.
    ///
    /// Cancel safe.
    pub(super) async fn room(&self, session: u64) -> Result<bool, Over> {
        loop {
            let moved = self.moved.notified();
            if self.of(session)?.has_room() {
                return Ok(true);
            }
            if time::timeout(PING_AGAIN, moved).await.is_err() {
                return Ok(false);
            }
        }
    }

    /// Calls `write` to add copies while there is capacity and it returns true. Returns whether the
    /// queue was empty before.
    pub(super) fn fill(
        &self,
        session: u64,
        stanza_writer: &StanzaWriter,
        mut write: impl FnMut(&mut Vec<u8>) -> bool,
    ) -> Result<bool, Over> {
        let mut queue = self.of(session)?;
        let was_empty = queue.bytes.is_empty();
        let mut more = true;
        while more && queue.has_room() {
            let before = queue.bytes.len();
            more = write(&mut queue.bytes);
            queue.unmarked += queue.bytes.len() - before;
            if queue.unmarked >= PING_EVERY {
                queue.ping(&self.pings, stanza_writer, None);
            }
        }
        self.waiting.store(queue.bytes.len(), Ordering::Relaxed);
        Ok(was_empty && !queue.bytes.is_empty())
    }

    /// Adds a ping; the returned receiver resolves once the server has read everything before it.
    /// The flag is that of [`Bulk::fill`].
    pub(super) fn mark(
        &self,
        session: u64,
        stanza_writer: &StanzaWriter,
    ) -> Result<(oneshot::Receiver<()>, bool), Over> {
        let (waiter, taken) = oneshot::channel();
        let mut queue = self.of(session)?;
        let was_empty = queue.bytes.is_empty();
        queue.ping(&self.pings, stanza_writer, Some(waiter));
        self.waiting.store(queue.bytes.len(), Ordering::Relaxed);
        Ok((taken, was_empty))
    }

    /// Sends another ping if one is overdue. Returns whether it did and the queue was empty.
    pub(super) fn ping_again(
        &self,
        session: u64,
        stanza_writer: &StanzaWriter,
    ) -> Result<bool, Over> {
        let mut queue = self.of(session)?;
        let overdue = !queue.marks.is_empty() && queue.last_ping.elapsed() >= PING_AGAIN;
        // A ping that still waits here has not been sent yet.
        if !overdue || !queue.bytes.is_empty() {
            return Ok(false);
        }
        queue.ping(&self.pings, stanza_writer, None);
        self.waiting.store(queue.bytes.len(), Ordering::Relaxed);
        Ok(true)
    }

    /// Returns whether this is the id of one of our pings.
    pub(crate) fn is_mark(&self, id: &str) -> bool {
        self.pings.number(id).is_some()
    }

    /// Handles a returned ping: the server has read everything before it, even if earlier pings are
    /// missing.
    pub(crate) fn resolve(&self, id: &str, now: Instant) {
        let Some(number) = self.pings.number(id) else {
            return;
        };
        let mut queue = self.queue();
        while let Some(mark) = queue.marks.pop_front_if(|mark| mark.number <= number) {
            let used = queue.marked + queue.unmarked;
            queue.marked = queue.marked.saturating_sub(mark.bytes);
            queue.window.confirmed(mark.bytes, used, mark.written, now);
            if let Some(waiter) = mark.waiter {
                let _nobody_waits = waiter.send(());
            }
        }
        drop(queue);
        self.moved.notify_waiters();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    /// Swaps the waiting bytes with an empty buffer.
    pub(super) fn take(&self, bytes: &mut Vec<u8>) {
        let mut queue = self.queue();
        std::mem::swap(&mut queue.bytes, bytes);
        self.waiting.store(0, Ordering::Relaxed);
        drop(queue);
        self.moved.notify_waiters();
    }

    fn of(&self, session: u64) -> Result<MutexGuard<'_, Queue>, Over> {
        let queue = self.queue();
        if queue.session == Some(session) {
            Ok(queue)
        } else {
            Err(Over)
        }
    }

    fn last_end(&self) -> MutexGuard<'_, (u64, SessionEnd)> {
        self.last_end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // A panic while the lock is held can at worst leave a copy uncounted.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn has_room(&self) -> bool {
        self.bytes.len() < WAITING && self.marked + self.unmarked < self.window.bytes()
    }

    fn ping(
        &mut self,
        pings: &SelfPing,
        stanza_writer: &StanzaWriter,
        waiter: Option<oneshot::Sender<()>>,
    ) {
        let number = pings.next();
        let passed = pings.write(number, stanza_writer, &mut self.bytes);
        debug_assert!(passed.is_ok(), "the ping is small and valid");
        self.last_ping = Instant::now();
        self.marks.push_back(Mark {
            number,
            bytes: std::mem::take(&mut self.unmarked),
            written: self.last_ping,
            waiter,
        });
        self.marked += self.marks.back().map_or(0, |mark| mark.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COPY: &str = "<copy/>";

    fn stanza_writer() -> StanzaWriter {
        StanzaWriter::new("news.test".parse().unwrap(), 1000)
    }

    /// Fills the queue; returns the number of copies.
    fn fill(bulk: &Bulk, session: u64, size: usize) -> usize {
        let mut copies = 0;
        let copy = COPY.repeat(size / COPY.len());
        let filled = bulk.fill(session, &stanza_writer(), |out| {
            out.extend_from_slice(copy.as_bytes());
            copies += 1;
            true
        });
        filled.unwrap();
        copies
    }

    fn taken(bulk: &Bulk) -> String {
        let mut bytes = Vec::new();
        bulk.take(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    /// Returns the ids of the pings in the text.
    fn pings(taken: &str) -> Vec<&str> {
        let ids = taken.split(" id='").skip(1);
        ids.map(|rest| rest.split('\'').next().unwrap()).collect()
    }

    async fn opened() -> (Bulk, u64) {
        let bulk = Bulk::new(&stanza_writer(), 7);
        bulk.open();
        let session = bulk.session().await;
        (bulk, session)
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_is_under_way_than_the_window_allows() {
        let (bulk, session) = opened().await;
        let mut under_way = 0;
        loop {
            let copies = fill(&bulk, session, 700);
            if copies == 0 {
                break;
            }
            under_way += copies * 700;
            assert!(taken(&bulk).len() < 2 * WAITING);
        }
        assert!((100_000..200_000).contains(&under_way), "{under_way}");
        assert_eq!(bulk.room(session).await, Ok(false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_returned_ping_confirms_all_before_it_and_none_after() {
        let (bulk, session) = opened().await;
        let (mut first, _) = bulk.mark(session, &stanza_writer()).unwrap();
        let (mut second, _) = bulk.mark(session, &stanza_writer()).unwrap();
        let (mut third, _) = bulk.mark(session, &stanza_writer()).unwrap();
        let sent = taken(&bulk);
        bulk.resolve(pings(&sent)[1], Instant::now());
        assert_eq!(first.try_recv(), Ok(()));
        assert_eq!(second.try_recv(), Ok(()));
        assert!(third.try_recv().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_confirmed_makes_room() {
        let (bulk, session) = opened().await;
        let mut sent = String::new();
        while fill(&bulk, session, 700) > 0 {
            sent += &taken(&bulk);
        }
        assert!(!bulk.of(session).unwrap().has_room());
        bulk.resolve(pings(&sent).last().unwrap(), Instant::now());
        assert_eq!(bulk.room(session).await, Ok(true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_is_over_confirms_nothing() {
        let (bulk, session) = opened().await;
        fill(&bulk, session, 700);
        let (mut taken_before, _) = bulk.mark(session, &stanza_writer()).unwrap();
        let sent = taken(&bulk);
        bulk.close(SessionEnd::Closed);
        bulk.open();
        bulk.resolve(pings(&sent).last().unwrap(), Instant::now());
        assert!(taken_before.try_recv().is_err());
        assert_eq!(bulk.room(session).await, Err(Over));
        assert!(bulk.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_session_is_known_until_the_next_one_ends() {
        let (bulk, first) = opened().await;
        bulk.close(SessionEnd::Closed);
        bulk.open();
        assert_eq!(bulk.ended(first).await, SessionEnd::Closed);
        let second = bulk.session().await;
        let reset = SessionEnd::StreamError("reset".to_owned());
        bulk.close(reset.clone());
        assert_eq!(bulk.ended(second).await, reset);
        assert_eq!(bulk.ended(first).await, SessionEnd::Other);
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_without_a_response_is_sent_again() {
        let (bulk, session) = opened().await;
        let (_waiting, _) = bulk.mark(session, &stanza_writer()).unwrap();
        let first = taken(&bulk);
        assert_eq!(bulk.ping_again(session, &stanza_writer()), Ok(false));
        time::advance(PING_AGAIN).await;
        assert_eq!(bulk.ping_again(session, &stanza_writer()), Ok(true));
        assert_ne!(pings(&first), pings(&taken(&bulk)));
    }
}
