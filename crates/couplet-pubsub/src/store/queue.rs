//! Which announcements wait, in the order of their nodes, and who has taken which.
//!
//! Deliberately absent: what they say. A store keeps that; after a restart it pushes again what is
//! there, and nobody has taken anything.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::{moment::Moment, node::NodeId};

use super::{Claim, JobId};

/// The announcements of a store that only this process delivers from.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    nodes: HashMap<NodeId, VecDeque<JobId>>,
    /// The first of each node: all that may be taken.
    heads: BTreeMap<JobId, NodeId>,
    taken: HashMap<JobId, Lease>,
    length: u64,
}

#[derive(Debug)]
struct Lease {
    instance: String,
    until: Moment,
}

/// What is known of a job that was just done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone {
    pub(crate) node: NodeId,
    /// The node's next one, which may be claimed now.
    pub(crate) next: Option<JobId>,
}

impl Queue {
    /// How many announcements wait or are on their way.
    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// Adds one behind the others of its node.
    pub(crate) fn push(&mut self, node: NodeId, job: JobId) {
        let jobs = self.nodes.entry(node).or_default();
        if jobs.is_empty() {
            self.heads.insert(job, node);
        }
        jobs.push_back(job);
        self.length += 1;
    }

    /// Whether anything of this node waits or is on its way.
    pub(crate) fn waits(&self, node: NodeId) -> bool {
        self.nodes.contains_key(&node)
    }

    /// What of this node waits or is on its way, in order.
    pub(crate) fn of(&self, node: NodeId) -> impl Iterator<Item = JobId> + '_ {
        self.nodes.get(&node).into_iter().flatten().copied()
    }

    /// Takes the oldest that are free.
    pub(crate) fn claim(&mut self, claim: &Claim) -> Vec<(JobId, NodeId)> {
        let free: Vec<(JobId, NodeId)> = self
            .heads
            .iter()
            .filter(|(job, _)| {
                let lease = self.taken.get(*job);
                lease.is_none_or(|lease| lease.until <= claim.now)
            })
            .take(usize::try_from(claim.max).unwrap_or(usize::MAX))
            .map(|(job, node)| (*job, *node))
            .collect();
        for (job, _) in &free {
            let lease = Lease {
                instance: claim.instance.clone(),
                until: claim.until,
            };
            self.taken.insert(*job, lease);
        }
        free
    }

    /// Prolongs a lease; `false` where it is somebody else's.
    pub(crate) fn prolong(&mut self, job: JobId, instance: &str, until: Moment) -> bool {
        match self.taken.get_mut(&job) {
            Some(lease) if lease.instance == instance => {
                lease.until = until;
                true
            }
            _ => false,
        }
    }

    /// Takes out a job that this instance has delivered; none where it is somebody else's.
    pub(crate) fn done(&mut self, job: JobId, instance: &str) -> Option<Gone> {
        if self.taken.get(&job)?.instance != instance {
            return None;
        }
        self.taken.remove(&job);
        let node = self.heads.remove(&job)?;
        self.length -= 1;
        let jobs = self.nodes.get_mut(&node)?;
        jobs.pop_front();
        let next = jobs.front().copied();
        match next {
            Some(next) => {
                self.heads.insert(next, node);
            }
            None => {
                self.nodes.remove(&node);
            }
        }
        Some(Gone { node, next })
    }

    /// Begins again with these, each node's in its order. Leases of those that are there stay.
    pub(crate) fn reset(&mut self, jobs: impl IntoIterator<Item = (NodeId, JobId)>) {
        let taken = std::mem::take(&mut self.taken);
        *self = Queue::default();
        for (node, job) in jobs {
            self.push(node, job);
        }
        self.taken = taken;
        self.taken.retain(|job, _| self.heads.contains_key(job));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(queue: &mut Queue, instance: &str, now: i64) -> Vec<i64> {
        let claim = Claim {
            instance: instance.to_owned(),
            now: Moment(now),
            until: Moment(now + 10),
            max: 10,
        };
        queue.claim(&claim).iter().map(|(job, _)| job.0).collect()
    }

    fn queue(jobs: &[(i64, i64)]) -> Queue {
        let mut queue = Queue::default();
        for (node, job) in jobs {
            queue.push(NodeId(*node), JobId(*job));
        }
        queue
    }

    #[test]
    fn the_next_of_a_node_is_free_when_the_first_is_done() {
        let mut queue = queue(&[(1, 1), (1, 2), (2, 3)]);
        assert_eq!(claim(&mut queue, "a", 0), [1, 3]);
        assert_eq!(claim(&mut queue, "b", 1), [] as [i64; 0]);
        let gone = queue.done(JobId(1), "a").unwrap();
        assert_eq!((gone.node, gone.next), (NodeId(1), Some(JobId(2))));
        assert_eq!(claim(&mut queue, "b", 1), [2]);
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn a_lease_that_ran_out_is_still_held_until_somebody_takes_it() {
        let mut queue = queue(&[(1, 1)]);
        claim(&mut queue, "a", 0);
        assert!(queue.prolong(JobId(1), "a", Moment(20)));
        assert_eq!(claim(&mut queue, "b", 19), [] as [i64; 0]);
        assert_eq!(claim(&mut queue, "b", 20), [1]);
        assert!(!queue.prolong(JobId(1), "a", Moment(99)));
        assert_eq!(queue.done(JobId(1), "a"), None);
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn leases_outlive_a_reset_of_what_waits() {
        let mut queue = queue(&[(1, 1), (2, 2)]);
        claim(&mut queue, "a", 0);
        queue.reset([(NodeId(1), JobId(1)), (NodeId(1), JobId(5))]);
        assert!(queue.prolong(JobId(1), "a", Moment(20)));
        assert!(!queue.prolong(JobId(2), "a", Moment(20)));
        assert_eq!(queue.len(), 2);
    }
}
