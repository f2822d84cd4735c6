//! Decides which sender starts next, and counts running and waiting items per sender and in total.
//!
//! Knows a lane by its key and the weight of its next item only; the items are in
//! [`Lanes`](super::Lanes).

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{Key, LaneLimits, Limit, budget, budget::Bytes, key::sender_of};

/// One sender may use one part in this many of each limit.
const SHARE: usize = 4;

/// Running and waiting items.
#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) items: usize,
    pub(super) bytes: Bytes,
}

impl Count {
    fn add(&mut self, weight: usize) {
        self.items += 1;
        self.bytes.add(weight);
    }

    fn remove(&mut self, weight: usize) {
        self.items -= 1;
        self.bytes.remove(weight);
    }
}

/// The senders of lanes that are busy or have waiting items.
#[derive(Clone)]
pub(super) struct Senders {
    limits: LaneLimits,
    pub(super) busy: Count,
    pub(super) waiting: Count,
    senders: HashMap<Key, Sender>,
    /// Senders that may start an item, each once, in order.
    ready: VecDeque<Key>,
    /// Senders whose turn came when the weight of their item did not fit; none of them is in
    /// `ready`.
    short_of_room: VecDeque<Key>,
    /// Which of the two queues is tried first; alternates.
    ready_first: bool,
}

#[derive(Clone, Default)]
struct Sender {
    busy: Count,
    waiting: Count,
    /// Idle lanes with waiting items, each once, with the weight of the first item.
    ready: VecDeque<(Key, usize)>,
    /// Whether the sender is in one of the two queues.
    queued: bool,
}

/// Whether a sender's next item may start.
#[derive(PartialEq)]
enum MayStart {
    Yes,
    /// The sender has no waiting item, or has used its share.
    NoShare,
    NoRoom,
}

impl Senders {
    pub(super) fn new(limits: LaneLimits) -> Senders {
        Senders {
            limits,
            busy: Count::default(),
            waiting: Count::default(),
            senders: HashMap::new(),
            ready: VecDeque::new(),
            short_of_room: VecDeque::new(),
            ready_first: false,
        }
    }

    /// Returns whether an idle lane without waiting items may start an item out of turn.
    pub(super) fn is_free(&self, lane: &str, weight: usize) -> bool {
        self.busy.items < self.limits.at_once
            && self.ready.is_empty()
            && (self.short_of_room.is_empty() || weight <= budget::SMALL)
            && self.busy.bytes.admits(weight, self.limits.busy_bytes)
            && self
                .senders
                .get(sender_of(lane))
                .is_none_or(|sender| self.is_within_share(sender, weight))
    }

    pub(super) fn occupied(&mut self, lane: &str, weight: usize) {
        self.busy.add(weight);
        self.sender(lane).busy.add(weight);
    }

    pub(super) fn lightened(&mut self, lane: &str, before: usize, weight: usize) {
        self.busy.bytes.remove(before);
        self.busy.bytes.add(weight);
        let sender = self.sender(lane);
        sender.busy.bytes.remove(before);
        sender.busy.bytes.add(weight);
        self.queue(sender_of(lane));
    }

    pub(super) fn done(&mut self, lane: &str, weight: usize) {
        self.busy.remove(weight);
        self.sender(lane).busy.remove(weight);
        self.queue(sender_of(lane));
    }

    /// Returns the limit that a waiting item of this weight would exceed, if any.
    pub(super) fn refuses(&self, lane: &str, weight: usize) -> Option<Limit> {
        let most = self.limits.waiting_bytes;
        if !self.waiting.bytes.fits(weight, most) {
            return Some(Limit::Total);
        }
        let sender = self.senders.get(sender_of(lane));
        let waiting = sender.map_or(Bytes::default(), |sender| sender.waiting.bytes);
        (!waiting.fits(weight, most / SHARE)).then_some(Limit::Sender)
    }

    pub(super) fn waits(&mut self, lane: &str, weight: usize) {
        self.waiting.add(weight);
        self.sender(lane).waiting.add(weight);
    }

    /// Queues an idle lane whose first waiting item has this weight.
    pub(super) fn is_ready(&mut self, lane: Key, weight: usize) {
        let sender = Arc::clone(&lane);
        self.sender(&lane).ready.push_back((lane, weight));
        self.queue(sender_of(&sender));
    }

    /// Removes a lane from the queue that became busy out of turn.
    pub(super) fn is_not_ready(&mut self, lane: &str) {
        let sender = self.sender(lane);
        sender.ready.retain(|(ready, _)| **ready != *lane);
        if sender.ready.is_empty() {
            sender.queued = false;
            let others = |queued: &Key| **queued != *sender_of(lane);
            self.ready.retain(others);
            self.short_of_room.retain(others);
        }
    }

    /// Removes and returns the lane that may start its first item now.
    pub(super) fn next(&mut self) -> Option<Key> {
        if self.busy.items >= self.limits.at_once {
            return None;
        }
        self.ready_first = !self.ready_first;
        let name = if self.ready_first {
            self.next_ready().or_else(|| self.next_short_of_room())
        } else {
            self.next_short_of_room().or_else(|| self.next_ready())
        }?;
        let sender = self.senders.get_mut(&name)?;
        let (lane, weight) = sender.ready.pop_front()?;
        sender.busy.add(weight);
        sender.waiting.remove(weight);
        self.busy.add(weight);
        self.waiting.remove(weight);
        self.queue(&name);
        Some(lane)
    }

    /// Clears everything that waits.
    pub(super) fn are_drained(&mut self) {
        self.senders.retain(|_, sender| {
            *sender = Sender {
                busy: sender.busy,
                ..Sender::default()
            };
            sender.busy.items > 0
        });
        self.ready.clear();
        self.short_of_room.clear();
        self.waiting = Count::default();
    }

    pub(super) fn shrink_to(&mut self, used: usize) {
        self.senders.shrink_to(used);
        self.ready.shrink_to(used);
        self.short_of_room.shrink_to(used);
    }

    fn next_ready(&mut self) -> Option<Key> {
        while let Some(sender) = self.ready.pop_front() {
            match self.may_start(&sender) {
                MayStart::Yes => return Some(self.unqueued(sender)),
                MayStart::NoShare => drop(self.unqueued(sender)),
                MayStart::NoRoom => self.short_of_room.push_back(sender),
            }
        }
        None
    }

    /// Returns the sender that has waited longest for capacity, however much it needs.
    fn next_short_of_room(&mut self) -> Option<Key> {
        loop {
            let may_start = self.may_start(self.short_of_room.front()?);
            if may_start == MayStart::NoRoom {
                return None;
            }
            let sender = self.short_of_room.pop_front()?;
            let sender = self.unqueued(sender);
            if may_start == MayStart::Yes {
                return Some(sender);
            }
        }
    }

    fn may_start(&self, sender: &str) -> MayStart {
        let known = self.senders.get(sender);
        match known.and_then(|known| Some((known, known.ready.front()?))) {
            Some((known, (_, weight))) if self.is_within_share(known, *weight) => {
                match self.busy.bytes.admits(*weight, self.limits.busy_bytes) {
                    true => MayStart::Yes,
                    false => MayStart::NoRoom,
                }
            }
            _ => MayStart::NoShare,
        }
    }

    fn unqueued(&mut self, sender: Key) -> Key {
        if let Some(known) = self.senders.get_mut(&sender) {
            known.queued = false;
        }
        sender
    }

    /// Queues a sender behind the others if it has an item within its share, and removes a sender
    /// that has no items.
    fn queue(&mut self, sender: &str) {
        let Some((key, known)) = self.senders.get_key_value(sender) else {
            return;
        };
        if known.busy.items == 0 && known.waiting.items == 0 {
            self.senders.remove(sender);
            return;
        }
        let first = known.ready.front();
        if !known.queued && first.is_some_and(|(_, weight)| self.is_within_share(known, *weight)) {
            self.ready.push_back(Arc::clone(key));
            if let Some(known) = self.senders.get_mut(sender) {
                known.queued = true;
            }
        }
    }

    fn is_within_share(&self, sender: &Sender, weight: usize) -> bool {
        let most = self.limits.busy_bytes / SHARE;
        sender.busy.items < self.limits.at_once.div_ceil(SHARE)
            && sender.busy.bytes.admits(weight, most)
    }

    fn sender(&mut self, lane: &str) -> &mut Sender {
        let sender = sender_of(lane);
        let key = match self.senders.get_key_value(sender) {
            Some((known, _)) => Arc::clone(known),
            None => Key::from(sender),
        };
        self.senders.entry(key).or_default()
    }
}
