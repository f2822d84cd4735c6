//! The queue of announcements, in the order of their nodes, with their leases.
//!
//! The store has their content. After a restart it pushes those it has, without leases.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::{node::NodeId, timestamp::Timestamp};

use super::{Claim, JobId};

/// The announcements of a store that a single process uses.
#[derive(Debug, Default)]
pub(crate) struct JobQueue {
    lines: HashMap<NodeId, NodeQueue>,
    nodes: HashMap<JobId, NodeId>,
    /// The jobs without a valid lease.
    free: BTreeSet<(JobId, NodeId)>,
    leased: BTreeSet<(Timestamp, JobId, NodeId)>,
}

/// The announcements of one node.
#[derive(Debug, Default)]
struct NodeQueue {
    /// The instance that holds any of them: one at a time, to keep their order.
    holder: Option<String>,
    /// The number of valid leases.
    live: u32,
    jobs: VecDeque<QueuedJob>,
}

#[derive(Debug)]
struct QueuedJob {
    job: JobId,
    /// Whether the holder has it, even on an expired lease that was not claimed since.
    handed: bool,
    until: Option<Timestamp>,
}

/// The state of the node after a job was finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FinishedJob {
    pub(crate) node: NodeId,
    /// Whether others of the node wait to be claimed.
    pub(crate) more: bool,
}

impl JobQueue {
    /// Returns the number of announcements.
    pub(crate) fn len(&self) -> u64 {
        self.nodes.len() as u64
    }

    /// Adds one after the others of its node. Keys grow.
    pub(crate) fn push(&mut self, node: NodeId, job: JobId) {
        let line = self.lines.entry(node).or_default();
        line.jobs.push_back(QueuedJob {
            job,
            handed: false,
            until: None,
        });
        self.free.insert((job, node));
        self.nodes.insert(job, node);
    }

    /// Returns whether there is any of this node.
    pub(crate) fn waits(&self, node: NodeId) -> bool {
        self.lines.contains_key(&node)
    }

    /// Returns those of this node, in order.
    pub(crate) fn of(&self, node: NodeId) -> impl Iterator<Item = JobId> + '_ {
        let line = self.lines.get(&node);
        line.into_iter()
            .flat_map(|line| line.jobs.iter().map(|one| one.job))
    }

    /// Claims the oldest that this instance may have.
    pub(crate) fn claim(&mut self, claim: &Claim) -> Vec<JobId> {
        self.expire(claim.now);
        let max = usize::try_from(claim.max).unwrap_or(usize::MAX);
        let lines = &self.lines;
        let may_have = |node: &NodeId| {
            let line = lines.get(node)?;
            let own = line.holder.as_ref() == Some(&claim.instance);
            (own || line.live == 0).then_some(())
        };
        let taken: Vec<(JobId, NodeId)> = self
            .free
            .iter()
            .filter(|(_, node)| may_have(node).is_some())
            .take(max)
            .copied()
            .collect();
        for (job, node) in &taken {
            self.hand_out(*job, *node, claim);
        }
        taken.into_iter().map(|(job, _)| job).collect()
    }

    /// Renews a lease. Returns `false` if another instance has it.
    pub(crate) fn prolong(&mut self, job: JobId, by: &str, until: Timestamp) -> bool {
        let Some((node, waiting)) = self.held(job, by) else {
            return false;
        };
        let before = waiting.until.replace(until);
        if let Some(before) = before {
            self.leased.remove(&(before, job, node));
        } else {
            self.free.remove(&(job, node));
            if let Some(line) = self.lines.get_mut(&node) {
                line.live += 1;
            }
        }
        self.leased.insert((until, job, node));
        true
    }

    /// Returns whether this instance has it.
    pub(crate) fn is_held(&mut self, job: JobId, by: &str) -> bool {
        self.held(job, by).is_some()
    }

    /// Removes a job that this instance has delivered; `None` if another instance has it.
    pub(crate) fn done(&mut self, job: JobId, by: &str) -> Option<FinishedJob> {
        let (node, waiting) = self.held(job, by)?;
        let until = waiting.until;
        let line = self.lines.get_mut(&node)?;
        match until {
            Some(until) => {
                self.leased.remove(&(until, job, node));
                line.live -= 1;
            }
            None => {
                self.free.remove(&(job, node));
            }
        }
        line.remove(job);
        self.nodes.remove(&job);
        let more = line.jobs.back().is_some_and(|last| !last.handed);
        if line.jobs.is_empty() {
            self.lines.remove(&node);
        }
        Some(FinishedJob { node, more })
    }

    /// Releases all jobs of an instance. Returns whether there were any.
    pub(crate) fn release(&mut self, by: &str) -> bool {
        let mut any = false;
        for (node, line) in &mut self.lines {
            if line.holder.as_deref() != Some(by) {
                continue;
            }
            line.holder = None;
            line.live = 0;
            for waiting in &mut line.jobs {
                any |= waiting.handed;
                waiting.handed = false;
                if let Some(until) = waiting.until.take() {
                    self.leased.remove(&(until, waiting.job, *node));
                    self.free.insert((waiting.job, *node));
                }
            }
        }
        any
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some(&(until, job, node)) = self.leased.first()
            && until <= now
        {
            self.leased.pop_first();
            self.free.insert((job, node));
            if let Some(line) = self.lines.get_mut(&node) {
                line.live -= 1;
                if let Some(waiting) = line.find(job) {
                    waiting.until = None;
                }
            }
        }
    }

    fn hand_out(&mut self, job: JobId, node: NodeId, claim: &Claim) {
        let Some(line) = self.lines.get_mut(&node) else {
            return;
        };
        if line.holder.as_ref() != Some(&claim.instance) {
            line.holder = Some(claim.instance.clone());
            // The previous holder loses what it has on expired leases.
            for waiting in &mut line.jobs {
                waiting.handed = false;
            }
        }
        line.live += 1;
        if let Some(waiting) = line.find(job) {
            waiting.handed = true;
            waiting.until = Some(claim.until);
        }
        self.free.remove(&(job, node));
        self.leased.insert((claim.until, job, node));
    }

    fn held(&mut self, job: JobId, by: &str) -> Option<(NodeId, &mut QueuedJob)> {
        let node = *self.nodes.get(&job)?;
        let line = self.lines.get_mut(&node)?;
        if line.holder.as_deref() != Some(by) {
            return None;
        }
        let waiting = line.find(job).filter(|waiting| waiting.handed)?;
        Some((node, waiting))
    }
}

impl NodeQueue {
    fn find(&mut self, job: JobId) -> Option<&mut QueuedJob> {
        let place = self.place(job)?;
        self.jobs.get_mut(place)
    }

    fn remove(&mut self, job: JobId) {
        if let Some(place) = self.place(job) {
            self.jobs.remove(place);
        }
    }

    /// Keys grow, so the job is found by binary search.
    fn place(&self, job: JobId) -> Option<usize> {
        let place = self.jobs.binary_search_by_key(&job, |waiting| waiting.job);
        place.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [i64; 0] = [];

    fn claim(queue: &mut JobQueue, instance: &str, now: i64, max: u32) -> Vec<i64> {
        let claim = Claim {
            instance: instance.to_owned(),
            now: Timestamp(now),
            until: Timestamp(now + 10),
            max,
        };
        queue.claim(&claim).iter().map(|job| job.0).collect()
    }

    fn queue(jobs: &[(i64, i64)]) -> JobQueue {
        let mut queue = JobQueue::default();
        for (node, job) in jobs {
            queue.push(NodeId(*node), JobId(*job));
        }
        queue
    }

    #[test]
    fn one_instance_takes_several_of_a_node_in_their_order() {
        let mut queue = queue(&[(1, 1), (2, 2), (1, 3), (1, 4)]);
        assert_eq!(claim(&mut queue, "a", 0, 2), [1, 2]);
        assert_eq!(claim(&mut queue, "b", 0, 9), NONE);
        assert_eq!(claim(&mut queue, "a", 5, 9), [3, 4]);
        assert!(queue.done(JobId(3), "a").is_some());
        assert_eq!(queue.len(), 3);
    }

    #[test]
    fn a_node_goes_to_another_when_the_last_of_its_leases_has_run_out() {
        let mut queue = queue(&[(1, 1), (1, 2)]);
        assert_eq!(claim(&mut queue, "a", 0, 1), [1]);
        assert_eq!(claim(&mut queue, "a", 5, 1), [2]);
        assert_eq!(claim(&mut queue, "b", 14, 9), NONE);
        assert_eq!(claim(&mut queue, "b", 15, 1), [1]);
        // The leases on the same node are lost too, or two instances would deliver it.
        assert!(!queue.prolong(JobId(2), "a", Timestamp(99)));
        assert_eq!(queue.done(JobId(1), "a"), None);
        assert_eq!(claim(&mut queue, "b", 15, 9), [2]);
    }

    #[test]
    fn an_expired_lease_is_held_until_another_instance_claims_the_job() {
        let mut queue = queue(&[(1, 1)]);
        claim(&mut queue, "a", 0, 9);
        assert_eq!(claim(&mut queue, "b", 10, 0), NONE);
        assert!(queue.prolong(JobId(1), "a", Timestamp(20)));
        assert_eq!(claim(&mut queue, "b", 19, 9), NONE);
        assert_eq!(claim(&mut queue, "a", 20, 9), [1]);
        assert!(queue.done(JobId(1), "a").is_some());
        assert_eq!((queue.len(), queue.waits(NodeId(1))), (0, false));
    }

    #[test]
    fn what_is_released_is_free_and_no_longer_held() {
        let mut queue = queue(&[(1, 1), (1, 2), (2, 3)]);
        claim(&mut queue, "a", 0, 2);
        assert!(queue.release("a"));
        assert!(!queue.release("a"));
        assert!(!queue.prolong(JobId(1), "a", Timestamp(20)));
        assert_eq!(queue.done(JobId(1), "a"), None);
        assert_eq!(claim(&mut queue, "b", 0, 9), [1, 2, 3]);
    }

    #[test]
    fn finishing_a_job_returns_whether_more_wait() {
        let mut queue = queue(&[(1, 1), (1, 2)]);
        claim(&mut queue, "a", 0, 1);
        assert!(queue.done(JobId(1), "a").unwrap().more);
        claim(&mut queue, "a", 0, 1);
        assert!(!queue.done(JobId(2), "a").unwrap().more);
    }
}
