//! The outbox: one bounded buffer into which every stanza is serialised, and a second one for
//! copies of broadcasts, which are sent when the first is empty.
//!
//! The first outlives sessions: a stanza whose last byte was not written is kept for the next
//! session. Nothing here knows the socket.

mod bulk;
mod window;

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use couplet_core::{
    stanza::Kind,
    stanza_writer::{InvalidStanza, StanzaWriter},
};
use tokio::{
    sync::{Notify, oneshot},
    time,
};

pub(crate) use bulk::{Bulk, Over};

use crate::{metrics::Leaving, session_end::SessionEnd};

/// Capacity that an empty buffer keeps.
const ROOM: usize = 256 * 1024;

/// Stanzas that are checked, serialised and wait for the socket.
#[derive(Debug)]
pub(crate) struct Outbox {
    stanza_writer: StanzaWriter,
    limit: usize,
    queue: Mutex<Batch>,
    bulk: Bulk,
    /// Whether nothing more may be added; only changes while the queue is locked.
    ended: AtomicBool,
    filled: Notify,
    drained: Notify,
    leaving: OnceLock<Leaving>,
}

/// Serialised stanzas that go into one write.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    stanzas: VecDeque<(usize, Fate)>,
    /// The number of stanzas of each kind, in the order of [`Kind`].
    kinds: [u64; 3],
    written: usize,
    in_bulk: bool,
}

/// What happens to a stanza that its session could not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is sent in the next session.
    Kept,
    /// It is dropped: a request whose caller got `Disconnected`.
    Dropped,
}

/// Why a stanza was not added.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotAdded {
    /// The component has ended its stream.
    Ended,
    Refused(InvalidStanza),
}

impl Outbox {
    pub(crate) fn new(stanza_writer: StanzaWriter, limit: usize, seed: u64) -> Outbox {
        Outbox {
            bulk: Bulk::new(&stanza_writer, seed),
            stanza_writer,
            limit,
            queue: Mutex::default(),
            ended: AtomicBool::new(false),
            filled: Notify::new(),
            drained: Notify::new(),
            leaving: OnceLock::new(),
        }
    }

    pub(crate) fn stanza_writer(&self) -> &StanzaWriter {
        &self.stanza_writer
    }

    pub(crate) fn begin_to_count(&self, leaving: Leaving) {
        let _first = self.leaving.set(leaving);
    }

    /// Adds one stanza regardless of the number of waiting bytes; for responses, whose number the
    /// dispatch bounds. Returns how many characters that XML forbids were replaced.
    pub(crate) fn add(
        &self,
        fate: Fate,
        write: impl FnOnce(&StanzaWriter, &mut Vec<u8>) -> Result<usize, InvalidStanza>,
    ) -> Result<usize, NotAdded> {
        let mut queue = self.queue();
        if self.ended.load(Ordering::Relaxed) {
            return Err(NotAdded::Ended);
        }
        let (was_empty, start) = (queue.bytes.is_empty(), queue.bytes.len());
        let replaced = write(&self.stanza_writer, &mut queue.bytes).map_err(NotAdded::Refused)?;
        let waiting = queue.bytes.len();
        if waiting > start {
            queue.note(start, fate);
        }
        drop(queue);
        self.note_waiting(waiting);
        if was_empty {
            self.filled.notify_one();
        }
        Ok(replaced)
    }

    /// Adds the last bytes of the stream. Nothing can be added after them, because the component
    /// opens no other stream. (RFC 6120, 4.4)
    pub(crate) fn end(&self, last: &str) {
        self.bulk.close(SessionEnd::Other);
        let added = self.add(Fate::Dropped, |_, out| {
            out.extend_from_slice(last.as_bytes());
            self.ended.store(true, Ordering::Relaxed);
            Ok(0)
        });
        debug_assert!(added.is_ok(), "the stream ends once");
    }

    /// Waits for capacity, at most `timeout`; returns whether there is any.
    ///
    /// Cancel safe: it reserves nothing.
    pub(crate) async fn room(&self, timeout: Duration) -> bool {
        if !self.is_full() {
            return true;
        }
        let emptied = async {
            loop {
                let drained = self.drained.notified();
                if !self.is_full() {
                    return;
                }
                drained.await;
            }
        };
        time::timeout(timeout, emptied).await.is_ok()
    }

    /// Returns whether stanzas of the application have to wait.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.limit
    }

    /// Returns whether there is no capacity even for responses: the server reads nothing.
    pub(crate) fn is_stuck(&self) -> bool {
        self.len() >= self.limit.saturating_mul(2)
    }

    pub(crate) fn len(&self) -> usize {
        self.queue().bytes.len()
    }

    /// Waits until something was added to an empty outbox.
    ///
    /// Cancel safe: no notification is lost.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Returns the queue of broadcast copies.
    pub(crate) fn bulk(&self) -> &Bulk {
        &self.bulk
    }

    /// Calls `write` to add broadcast copies while there is capacity and it returns true.
    pub(crate) fn add_in_bulk(
        &self,
        session: u64,
        write: impl FnMut(&mut Vec<u8>) -> bool,
    ) -> Result<(), Over> {
        if self.bulk.fill(session, &self.stanza_writer, write)? {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Returns a receiver that resolves once the server has read all broadcast copies added before.
    pub(crate) fn mark(&self, session: u64) -> Result<oneshot::Receiver<()>, Over> {
        let (taken, was_empty) = self.bulk.mark(session, &self.stanza_writer)?;
        if was_empty {
            self.filled.notify_one();
        }
        Ok(taken)
    }

    /// Waits for capacity for broadcast copies.
    ///
    /// Cancel safe: it reserves nothing.
    pub(crate) async fn room_in_bulk(&self, session: u64) -> Result<(), Over> {
        while !self.bulk.room(session).await? {
            self.ping_again(session)?;
        }
        Ok(())
    }

    /// Sends another ping if the response to a [mark](Outbox::mark) is overdue.
    pub(crate) fn ping_again(&self, session: u64) -> Result<(), Over> {
        if self.bulk.ping_again(session, &self.stanza_writer)? {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Returns how many stanzas of the application and responses still wait; at the end they are
    /// lost.
    pub(crate) fn unsent(&self) -> usize {
        let queue = self.queue();
        let kept = queue.stanzas.iter().filter(|(_, fate)| *fate == Fate::Kept);
        kept.count()
    }

    /// Returns whether the outbox is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0 && self.bulk.is_empty()
    }

    /// Swaps `batch`, which is written completely, with the waiting stanzas; broadcast copies only
    /// if there are no others.
    pub(crate) fn take(&self, batch: &mut Batch) {
        batch.clear();
        let mut queue = self.queue();
        if queue.bytes.is_empty() {
            drop(queue);
            self.bulk.take(&mut batch.bytes);
            // Broadcast copies end with their session.
            batch.stanzas.push_back((batch.bytes.len(), Fate::Dropped));
            batch.in_bulk = true;
            return;
        }
        std::mem::swap(&mut *queue, batch);
        drop(queue);
        self.note_waiting(0);
        self.drained.notify_waiters();
    }

    /// Records that all of `batch` was written, and clears it.
    pub(crate) fn sent(&self, batch: &mut Batch) {
        if let Some(leaving) = self.leaving.get() {
            leaving.sent(batch.kinds);
        }
        batch.clear();
    }

    /// Puts back what a session could not write before its end.
    pub(crate) fn put_back(&self, batch: &mut Batch) {
        if let Some(leaving) = self.leaving.get() {
            leaving.sent(batch.written_kinds());
        }
        let mut queue = self.queue();
        let mut kept = Batch::default();
        kept.append_unwritten(batch);
        kept.append_unwritten(&queue);
        let waiting = kept.bytes.len();
        *queue = kept;
        drop(queue);
        self.note_waiting(waiting);
        batch.clear();
    }

    fn note_waiting(&self, bytes: usize) {
        if let Some(leaving) = self.leaving.get() {
            leaving.bytes.set(bytes as f64);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Batch> {
        // A panic while the lock is held can at worst leave a stanza without its mark.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    /// Returns the bytes that are not written yet.
    pub(crate) fn unwritten(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// Records that the socket accepted this many bytes.
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.written += bytes;
    }

    /// Returns whether the batch consists of broadcast copies.
    pub(crate) fn is_in_bulk(&self) -> bool {
        self.in_bulk
    }

    pub(crate) fn is_done(&self) -> bool {
        self.written >= self.bytes.len()
    }

    /// Returns whether the last byte written was the last of a stanza.
    pub(crate) fn is_between_stanzas(&self) -> bool {
        let mut end = 0;
        self.written == 0
            || self.stanzas.iter().any(|(bytes, _)| {
                end += bytes;
                end == self.written
            })
    }

    /// Records a stanza that begins at `start`.
    fn note(&mut self, start: usize, fate: Fate) {
        let stanza = self.bytes.get(start..).unwrap_or_default();
        let kind = kind_of(stanza);
        self.stanzas.push_back((stanza.len(), fate));
        if let Some(count) = kind.and_then(|kind| self.kinds.get_mut(kind as usize)) {
            *count += 1;
        }
    }

    /// Returns the numbers like `kinds` for the completely written stanzas.
    fn written_kinds(&self) -> [u64; 3] {
        let (mut start, mut kinds) = (0, [0; 3]);
        for (bytes, _) in &self.stanzas {
            let end = start + bytes;
            let stanza = self.bytes.get(start..end.min(self.written));
            let kind = stanza.filter(|_| end <= self.written).and_then(kind_of);
            if let Some(count) = kind.and_then(|kind| kinds.get_mut(kind as usize)) {
                *count += 1;
            }
            start = end;
        }
        kinds
    }

    /// Clears the batch and frees capacity from bursts.
    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(ROOM);
        self.stanzas.clear();
        self.stanzas.shrink_to(ROOM / 64);
        self.kinds = [0; 3];
        self.written = 0;
        self.in_bulk = false;
    }

    /// Appends the unwritten stanzas of another batch. A partly written stanza is appended whole,
    /// because the server has not processed it.
    fn append_unwritten(&mut self, other: &Batch) {
        let mut start = 0;
        for &(bytes, fate) in &other.stanzas {
            let end = start + bytes;
            if fate == Fate::Kept && end > other.written {
                let at = self.bytes.len();
                self.bytes
                    .extend_from_slice(other.bytes.get(start..end).unwrap_or_default());
                self.note(at, fate);
            }
            start = end;
        }
    }
}

/// Recognises our own stanzas by the first letter; returns `None` for a space or a closing tag.
fn kind_of(xml: &[u8]) -> Option<Kind> {
    match xml {
        [b'<', b'm', ..] => Some(Kind::Message),
        [b'<', b'p', ..] => Some(Kind::Presence),
        [b'<', b'i', ..] => Some(Kind::Iq),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(limit: usize) -> Outbox {
        Outbox::new(
            StanzaWriter::new("echo.test".parse().unwrap(), 1000),
            limit,
            7,
        )
    }

    fn add(outbox: &Outbox, fate: Fate, text: &str) {
        outbox
            .add(fate, |_, out| {
                out.extend_from_slice(text.as_bytes());
                Ok(0)
            })
            .unwrap();
    }

    fn taken(outbox: &Outbox) -> String {
        let mut batch = Batch::default();
        outbox.take(&mut batch);
        String::from_utf8(batch.unwritten().to_vec()).unwrap()
    }

    #[test]
    fn many_stanzas_leave_as_one() {
        let outbox = outbox(100);
        add(&outbox, Fate::Kept, "<a/>");
        add(&outbox, Fate::Kept, "<b/>");
        assert_eq!(taken(&outbox), "<a/><b/>");
        assert_eq!(taken(&outbox), "");
    }

    #[test]
    fn what_never_wholly_reached_the_socket_is_kept_in_order() {
        let outbox = outbox(100);
        for text in ["<a/>", "<b/>", "<c/>"] {
            add(&outbox, Fate::Kept, text);
        }
        let mut batch = Batch::default();
        outbox.take(&mut batch);
        batch.advance("<a/><b".len());
        add(&outbox, Fate::Kept, "<d/>");
        outbox.put_back(&mut batch);
        assert_eq!(taken(&outbox), "<b/><c/><d/>");
    }

    #[test]
    fn a_stanza_is_counted_when_its_last_byte_is_written() {
        let outbox = outbox(100);
        for text in ["<message/>", "<iq/>", "<presence/>", " "] {
            add(&outbox, Fate::Kept, text);
        }
        let mut batch = Batch::default();
        outbox.take(&mut batch);
        assert_eq!(batch.kinds, [1, 1, 1]);
        batch.advance("<message/><iq".len());
        assert_eq!(batch.written_kinds(), [1, 0, 0]);
        batch.advance("/>".len());
        assert_eq!(batch.written_kinds(), [1, 0, 1]);
        outbox.put_back(&mut batch);
        outbox.take(&mut batch);
        assert_eq!(batch.kinds, [0, 1, 0]);
    }

    #[test]
    fn a_request_is_not_sent_again() {
        let outbox = outbox(100);
        add(&outbox, Fate::Dropped, "<q/>");
        add(&outbox, Fate::Kept, "<a/>");
        let mut batch = Batch::default();
        outbox.take(&mut batch);
        add(&outbox, Fate::Dropped, "<r/>");
        outbox.put_back(&mut batch);
        assert_eq!(taken(&outbox), "<a/>");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_waits_for_room_and_not_for_ever() {
        let outbox = outbox(4);
        add(&outbox, Fate::Kept, "<a/>");
        assert!(!outbox.room(Duration::from_secs(1)).await);
        let (room, _taken) = tokio::join!(outbox.room(Duration::from_secs(1)), async {
            tokio::task::yield_now().await;
            taken(&outbox)
        });
        assert!(room);
    }

    #[test]
    fn a_rejected_stanza_leaves_no_trace() {
        let outbox = outbox(100);
        assert!(
            outbox
                .add(Fate::Kept, |_, _| Err(InvalidStanza::NoTo))
                .is_err()
        );
        assert_eq!(outbox.len(), 0);
    }

    #[test]
    fn nothing_is_added_after_the_end() {
        let outbox = outbox(100);
        add(&outbox, Fate::Kept, "<a/>");
        outbox.end("</stream>");
        let late = outbox.add(Fate::Kept, |_, out| {
            out.extend_from_slice(b"<b/>");
            Ok(0)
        });
        assert_eq!(late, Err(NotAdded::Ended));
        assert_eq!(taken(&outbox), "<a/></stream>");
    }

    #[tokio::test(start_paused = true)]
    async fn copies_go_when_nothing_else_waits_and_end_with_their_session() {
        let outbox = outbox(100);
        outbox.bulk().open();
        let session = outbox.bulk().session().await;
        let mut copies = ["<1/>", "<2/>"].into_iter();
        let written = outbox.add_in_bulk(session, |out| {
            let copy = copies.next();
            out.extend_from_slice(copy.unwrap_or_default().as_bytes());
            copy.is_some()
        });
        assert_eq!(written, Ok(()));
        add(&outbox, Fate::Kept, "<answer/>");
        assert_eq!(taken(&outbox), "<answer/>");
        let mut batch = Batch::default();
        outbox.take(&mut batch);
        assert_eq!(batch.unwritten(), b"<1/><2/>");
        assert!(batch.is_in_bulk());
        batch.advance("<1".len());
        outbox.put_back(&mut batch);
        assert!(outbox.is_empty());
    }
}
