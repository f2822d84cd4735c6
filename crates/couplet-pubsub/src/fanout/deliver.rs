//! The sending half: claims announcements and sends a slice of each node in turn.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use couplet::{Broadcast, BroadcastSender, CopyWriter, MessageType, RequestError, Shutdown};
use tokio::{
    sync::mpsc,
    time::{self, Instant},
};

use super::{AckBatch, ClaimedJob, Fanout, SentSlice, beginning, pause, write_message_id};
use crate::{
    log_limit::LogThrottle,
    node::{NodeId, NotificationType},
    store::{Claim, Cursor, Job, Recipient, StoreError},
};

/// Copies of one announcement before the next node has its turn.
const SLICE: u32 = 500;

/// Copies per acknowledgement: few enough to repeat little, many enough to cost little.
const ACK_EVERY: u64 = 500;

/// Maximum number of announcements claimed at a time, with their payloads.
const MAX_CLAIMED: usize = 64;

/// How many more are claimed while nodes wait behind a suspect.
const MAX_PARKED: usize = 3 * MAX_CLAIMED;

/// How often the store is polled without a notification, for announcements of other instances.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// How long to wait after a failure of the store.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Sends until the session ends or shutdown is requested.
pub(super) async fn deliver(
    fanout: &Fanout,
    sender: &BroadcastSender,
    sent: mpsc::Sender<AckBatch>,
    shutdown: Shutdown,
) {
    let mut round = SendLoop {
        fanout,
        sender,
        sent,
        nodes: VecDeque::new(),
        jobs: HashMap::new(),
        count: 0,
        open: Vec::new(),
        copies: 0,
        next_slice: Instant::now(),
        began: Instant::now(),
    };
    let mut may_have_more = true;
    while !shutdown.is_requested() {
        let mut announced = std::pin::pin!(fanout.store.announced().notified());
        may_have_more |= announced.as_mut().enable();
        if may_have_more && round.room() > MAX_CLAIMED / 2 {
            may_have_more = match round.claim().await {
                Ok(more) => more,
                Err(why) => {
                    fanout.queue_failed(&why);
                    pause(RETRY_DELAY, &shutdown).await;
                    continue;
                }
            };
        }
        match round.step(&shutdown).await {
            Ok(true) => {
                // A notification is worth a query, but not worth waiting for.
                may_have_more |= announced.as_mut().enable();
            }
            Ok(false) => {
                let look = round
                    .next_due()
                    .map_or(POLL_INTERVAL, |due| due.min(POLL_INTERVAL));
                tokio::select! {
                    () = announced => {}
                    () = time::sleep(look) => {}
                    () = shutdown.requested() => {}
                }
                may_have_more = true;
            }
            Err(DeliverError::Store(why)) => {
                fanout.queue_failed(&why);
                pause(RETRY_DELAY, &shutdown).await;
            }
            Err(DeliverError::Over) => return,
        }
    }
    let _over_or_not = round.close_batch().await;
}

/// Why a step failed.
enum DeliverError {
    Over,
    Store(StoreError),
}

impl From<RequestError> for DeliverError {
    fn from(_over: RequestError) -> DeliverError {
        DeliverError::Over
    }
}

/// The state of the sending half.
struct SendLoop<'a> {
    fanout: &'a Fanout,
    sender: &'a BroadcastSender,
    sent: mpsc::Sender<AckBatch>,
    /// Nodes in the order of their turns.
    nodes: VecDeque<NodeId>,
    /// The announcements of each node in their order.
    jobs: HashMap<NodeId, VecDeque<Delivery>>,
    count: usize,
    /// Slices that are sent since the last acknowledgement was requested.
    open: Vec<SentSlice>,
    copies: u64,
    next_slice: Instant,
    /// When the session began.
    began: Instant,
}

/// An announcement that is being delivered.
struct Delivery {
    job: Job,
    upto: Option<Cursor>,
    plain: Broadcast,
    with_body: Option<Broadcast>,
}

impl SendLoop<'_> {
    /// Claims announcements. Returns whether there may be more.
    async fn claim(&mut self) -> Result<bool, StoreError> {
        if self.nodes.is_empty() {
            self.fanout.in_flight.all_answered().await;
        }
        let max = self.room();
        let claim = Claim {
            instance: self.fanout.instance.clone(),
            now: self.fanout.now().await?,
            until: self.fanout.lease(),
            max: u32::try_from(max).unwrap_or(u32::MAX),
        };
        let claimed = self.fanout.store.claim(claim).await?;
        let more = claimed.len() >= max;
        let now = Instant::now();
        for mut job in claimed {
            job.after = job.after.filter(|after| *after != beginning());
            let held = ClaimedJob {
                upto: job.after.clone().unwrap_or_else(beginning),
                since: now,
                renewed: now,
                unconfirmed: 0,
            };
            let known = self.fanout.held().insert(job.id, held).is_some();
            if !known {
                self.add(Delivery::of(job));
            }
        }
        Ok(more)
    }

    fn add(&mut self, delivery: Delivery) {
        let node = delivery.job.node;
        let jobs = self.jobs.entry(node).or_insert_with(|| {
            self.nodes.push_back(node);
            VecDeque::new()
        });
        jobs.push_back(delivery);
        self.count += 1;
    }

    /// Returns how many more may be claimed. Those that wait behind a suspect do not block all
    /// others.
    fn room(&self) -> usize {
        let waiting = self.nodes.iter().filter(|node| self.wait(**node).is_some());
        let parked: usize = waiting
            .filter_map(|node| self.jobs.get(node))
            .map(VecDeque::len)
            .sum();
        (MAX_CLAIMED + parked.min(MAX_PARKED)).saturating_sub(self.count)
    }

    /// Returns how long the next announcement of a node has to wait because it is a suspect.
    fn wait(&self, node: NodeId) -> Option<Duration> {
        let suspects = self.fanout.suspects();
        if suspects.is_empty() {
            return None;
        }
        let next = self.jobs.get(&node)?.front()?;
        let waits = suspects.waits(next.job.id, self.fanout.settings.quiet)?;
        waits
            .checked_sub(self.began.elapsed())
            .filter(|left| !left.is_zero())
    }

    /// Returns when the first suspect may be sent, if one waits.
    fn next_due(&self) -> Option<Duration> {
        self.nodes.iter().filter_map(|node| self.wait(*node)).min()
    }

    /// Returns the next node with something to send, and moves it to the front.
    fn next_node(&mut self) -> Option<NodeId> {
        for _ in 0..self.nodes.len() {
            let node = self.nodes.front().copied()?;
            if self.wait(node).is_none() {
                return Some(node);
            }
            self.nodes.rotate_left(1);
        }
        None
    }

    /// Sends one slice of the next node. Returns `false` if nothing is left to send.
    async fn step(&mut self, shutdown: &Shutdown) -> Result<bool, DeliverError> {
        let Some(node) = self.next_node() else {
            self.close_batch().await?;
            return Ok(false);
        };
        let Some(mut delivery) = self.jobs.get_mut(&node).and_then(VecDeque::pop_front) else {
            self.nodes.pop_front();
            self.jobs.remove(&node);
            return Ok(true);
        };
        self.nodes.rotate_left(1);
        let held_by_us = self.fanout.held().contains_key(&delivery.job.id);
        let all = if held_by_us {
            match self.slice_or_alone(&mut delivery, shutdown).await {
                Ok(all) => all,
                Err(trouble) => {
                    self.jobs.entry(node).or_default().push_front(delivery);
                    return Err(trouble);
                }
            }
        } else {
            true
        };
        if all {
            self.count -= 1;
        } else {
            self.jobs.entry(node).or_default().push_front(delivery);
        }
        if self.copies >= ACK_EVERY {
            self.close_batch().await?;
        }
        Ok(true)
    }

    /// Sends a slice; that of a suspect only while no other copies are in flight.
    async fn slice_or_alone(
        &mut self,
        delivery: &mut Delivery,
        shutdown: &Shutdown,
    ) -> Result<bool, DeliverError> {
        let (fanout, job) = (self.fanout, delivery.job.id);
        if fanout
            .suspects()
            .waits(job, fanout.settings.quiet)
            .is_none()
        {
            return self.slice(delivery, shutdown).await;
        }
        self.close_batch().await?;
        // The server has read all earlier copies and still responds.
        self.sender.ack()?.taken().await?;
        fanout.suspects().goes_alone(job);
        let slice = self.slice(delivery, shutdown).await;
        if !matches!(slice, Err(DeliverError::Over)) {
            self.close_batch().await?;
            self.sender.ack()?.taken().await?;
            fanout.suspects().confirmed();
        }
        slice
    }

    /// Sends a slice of one announcement. Returns whether it was the last.
    async fn slice(
        &mut self,
        delivery: &mut Delivery,
        shutdown: &Shutdown,
    ) -> Result<bool, DeliverError> {
        let max = self.keep_pace(shutdown).await;
        let store = &self.fanout.store;
        let mut recipients = store
            .recipients(&delivery.job, delivery.upto.as_ref(), max)
            .await
            .map_err(DeliverError::Store)?;
        let all = (recipients.len() as u64) < u64::from(max);
        if !all {
            leave_the_last_to_the_next_slice(&mut recipients);
        }
        // XEP-0060, 12.14: several subscriptions of one JID share one message.
        let groups: Vec<&[Recipient]> = recipients
            .chunk_by(|a, b| a.one_of_several && a.jid == b.jid)
            .collect();
        if !groups.is_empty()
            && let Some(held) = self.fanout.held().get_mut(&delivery.job.id)
        {
            held.unconfirmed += 1;
        }
        let one_of = &*delivery;
        let mut id = String::new();
        self.sender
            .send(&groups, |held, writer| one_of.write(held, &mut id, writer))
            .await?;
        let copies = groups.len() as u64;
        if let Some(last) = recipients.into_iter().next_back() {
            delivery.upto = Some(Cursor {
                jid: last.jid,
                subid: last.subid,
            });
        }
        self.copies += copies;
        self.open.push(SentSlice {
            job: delivery.job.id,
            upto: delivery.upto.clone(),
            copies,
            all,
        });
        Ok(all)
    }

    /// Waits as long as the rate requires. Returns how many copies may follow.
    async fn keep_pace(&mut self, shutdown: &Shutdown) -> u32 {
        let Some(rate) = self.fanout.settings.rate else {
            return SLICE;
        };
        let now = Instant::now();
        if let Some(early) = self.next_slice.checked_duration_since(now) {
            pause(early, shutdown).await;
        }
        let slice = (rate.get() / 10).clamp(1, SLICE);
        let takes = Duration::from_secs_f64(f64::from(slice) / f64::from(rate.get()));
        self.next_slice = self.next_slice.max(now) + takes;
        slice
    }

    /// Requests an acknowledgement for the copies sent since the last one.
    async fn close_batch(&mut self) -> Result<(), DeliverError> {
        if self.open.is_empty() {
            return Ok(());
        }
        let receipt = match self.copies {
            0 => None,
            _ => Some(self.sender.ack()?),
        };
        self.copies = 0;
        let sent = std::mem::take(&mut self.open);
        let batch = AckBatch { receipt, sent };
        self.sent
            .send(batch)
            .await
            .map_err(|_over| DeliverError::Over)
    }
}

impl Delivery {
    fn of(job: Job) -> Delivery {
        let announcement = &job.announcement;
        let type_ = match announcement.type_ {
            NotificationType::Normal => MessageType::Normal,
            NotificationType::Headline => MessageType::Headline,
        };
        let with_body = announcement.body.as_deref().map(|body| {
            Broadcast::new(type_, "", |xml| {
                xml.element("body", body);
                xml.raw(&announcement.content);
            })
        });
        let plain = Broadcast::new(type_, "", |xml| xml.raw(&announcement.content));
        Delivery {
            upto: job.after.clone(),
            job,
            plain,
            with_body,
        }
    }

    /// Writes the message to one JID with these subscriptions; `id` is a reused buffer.
    fn write(&self, held: &[Recipient], id: &mut String, writer: &mut CopyWriter<'_>) {
        let Some(Recipient { jid, subid, .. }) = held.first() else {
            return;
        };
        let broadcast = match &self.with_body {
            Some(with_body) if held.iter().any(|held| held.include_body) => with_body,
            _ => &self.plain,
        };
        write_message_id(id, (self.job.node, self.job.seq), jid, subid);
        let tells_apart = held.iter().any(|held| held.one_of_several);
        let written = writer.copy_with(broadcast, id, jid, |xml| {
            if tells_apart {
                // XEP-0060, 12.14; XEP-0131
                xml.raw("<headers xmlns='http://jabber.org/protocol/shim'>");
                for Recipient { subid, .. } in held {
                    xml.raw("<header name='SubID'>");
                    xml.text(subid);
                    xml.raw("</header>");
                }
                xml.raw("</headers>");
            }
        });
        if let Err(why) = written {
            static LOG: LogThrottle = LogThrottle::new();
            if let Some(permit) = LOG.permit() {
                tracing::warn!(omitted = permit.omitted, to = jid, error = %why, "notification not sent");
            }
        }
    }
}

/// Removes the last JID of a full slice: it may have more subscriptions in the next.
fn leave_the_last_to_the_next_slice(recipients: &mut Vec<Recipient>) {
    let Some(last) = recipients.last().filter(|last| last.one_of_several) else {
        return;
    };
    let others = recipients
        .iter()
        .take_while(|held| held.jid != last.jid)
        .count();
    if others > 0 {
        recipients.truncate(others);
    }
}
