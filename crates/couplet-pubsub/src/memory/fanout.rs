//! Announcements that are being delivered.

use crate::{
    change::Audience,
    store::{Claim, Cursor, Job, JobId, Recipient, log_set_aside},
    subscription::SubscriptionState,
    timestamp::Timestamp,
};

use super::{
    subscriptions::{Key, Packed},
    tables::{NodeEntry, Tables},
};

impl Tables {
    pub(super) fn claim(&mut self, claim: &Claim) -> Vec<Job> {
        let taken = self.queue.claim(claim);
        taken
            .iter()
            .filter_map(|job| self.jobs.get(job).cloned())
            .collect()
    }

    pub(super) fn recipients(&self, job: &Job, after: Option<&Cursor>, max: u32) -> Vec<Recipient> {
        let max = max as usize;
        if let Audience::Named(jids) = &job.announcement.to {
            return crate::store::named(jids, after, max);
        }
        let Some(kept) = self.nodes.get(&job.node) else {
            return Vec::new();
        };
        let pending_too = job.announcement.to == Audience::SubscribersAndPending;
        let gets_it = |packed: &Packed| {
            let pending = packed.state() == SubscriptionState::Pending;
            packed.since() <= job.seq && packed.options().deliver && (pending_too || !pending)
        };
        let after = after.map(Key::from);
        kept.subscriptions
            .after(after.as_ref())
            .filter(|(_, packed)| gets_it(packed))
            .take(max)
            .map(|(key, packed)| recipient(kept, key, packed))
            .collect()
    }

    pub(super) fn advance(
        &mut self,
        job: JobId,
        instance: &str,
        after: Cursor,
        until: Timestamp,
    ) -> bool {
        let held = self.queue.prolong(job, instance, until);
        if held && let Some(job) = self.jobs.get_mut(&job) {
            job.after = Some(after);
        }
        held
    }

    /// Finishes a job. Returns whether others of its node wait to be claimed.
    pub(super) fn finish(&mut self, job: JobId, instance: &str) -> bool {
        let Some(gone) = self.queue.done(job, instance) else {
            return false;
        };
        self.jobs.remove(&job);
        self.bury(gone.node);
        gone.more
    }
}

impl Tables {
    /// Drops a job that cannot be sent; there is no table for it in memory.
    pub(super) fn set_aside(&mut self, job: JobId, instance: &str, why: &str) -> bool {
        let node = self
            .jobs
            .get(&job)
            .and_then(|job| self.nodes.get(&job.node));
        let name = node.map(|kept| kept.node.name.clone());
        let waiting = self.queue.len();
        let more = self.finish(job, instance);
        if self.queue.len() < waiting {
            log_set_aside(name.as_deref(), job, why);
        }
        more
    }
}

fn recipient(kept: &NodeEntry, key: &Key, packed: &Packed) -> Recipient {
    Recipient {
        jid: key.jid().to_owned(),
        subid: key.subid().to_owned(),
        include_body: packed.options().include_body,
        one_of_several: kept.subscriptions.has_sibling(key),
    }
}
