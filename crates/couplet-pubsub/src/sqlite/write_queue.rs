//! The write queue: bounded; it wakes the writer for several operations at once.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::store::StoreError;

use super::error;

/// The channel for the result of an operation.
pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// Maximum number of queued operations; further ones return `Contended`.
const QUEUE: usize = 4_096;

pub(super) struct WriteQueue<T> {
    state: Mutex<State<T>>,
    enough: Condvar,
}

struct State<T> {
    waiting: VecDeque<T>,
    /// The number of operations that wakes the writer; `None` while it works.
    wanted: Option<usize>,
    closed: bool,
}

impl<T> WriteQueue<T> {
    pub(super) fn new() -> WriteQueue<T> {
        WriteQueue {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                wanted: None,
                closed: false,
            }),
            enough: Condvar::new(),
        }
    }

    /// # Errors
    ///
    /// The queue is full or closed.
    pub(super) fn send(&self, one: T) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.closed {
            return Err(error::lost(""));
        }
        if state.waiting.len() >= QUEUE {
            return Err(StoreError::Contended("the write queue is full".to_owned()));
        }
        state.waiting.push_back(one);
        let enough = state
            .wanted
            .is_some_and(|wanted| state.waiting.len() >= wanted);
        if enough {
            state.wanted = None;
            drop(state);
            self.enough.notify_one();
        }
        Ok(())
    }

    /// Closes the queue for senders; queued operations are still taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.enough.notify_one();
    }

    /// Takes all queued operations, in order, as soon as there are `wanted` ones, or after
    /// `within`, or when the queue is closed. Returns `None` when it is closed and empty.
    pub(super) fn take(&self, wanted: usize, within: Option<Duration>) -> Option<VecDeque<T>> {
        let mut state = self.lock();
        state.wanted = Some(wanted);
        let poor = |state: &mut State<T>| state.waiting.len() < wanted && !state.closed;
        let mut state = match within {
            None => self
                .enough
                .wait_while(state, poor)
                .unwrap_or_else(PoisonError::into_inner),
            Some(within) => {
                let waited = self.enough.wait_timeout_while(state, within, poor);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        state.wanted = None;
        if state.waiting.is_empty() && state.closed {
            return None;
        }
        Some(std::mem::take(&mut state.waiting))
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_before_the_end_is_taken_before_the_end() {
        let write_queue = WriteQueue::new();
        write_queue.send(1).unwrap();
        write_queue.send(2).unwrap();
        write_queue.close();
        assert!(write_queue.send(3).is_err());
        assert_eq!(write_queue.take(9, None), Some(VecDeque::from([1, 2])));
        assert_eq!(write_queue.take(1, None), None);
    }

    #[test]
    fn too_few_are_taken_when_the_time_is_over() {
        let write_queue = WriteQueue::new();
        assert_eq!(
            write_queue.take(1, Some(Duration::ZERO)),
            Some(VecDeque::new())
        );
        write_queue.send(1).unwrap();
        assert_eq!(
            write_queue.take(9, Some(Duration::ZERO)),
            Some(VecDeque::from([1]))
        );
    }

    #[test]
    fn the_reader_wakes_at_the_wanted_number() {
        let write_queue = WriteQueue::new();
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| write_queue.take(3, None));
            for one in 1..=3 {
                write_queue.send(one).unwrap();
            }
            assert_eq!(taken.join().unwrap(), Some(VecDeque::from([1, 2, 3])));
        });
    }

    #[test]
    fn a_full_queue_returns_contended() {
        let write_queue = WriteQueue::new();
        for one in 0..QUEUE {
            write_queue.send(one).unwrap();
        }
        assert!(matches!(write_queue.send(0), Err(StoreError::Contended(_))));
        assert_eq!(write_queue.take(1, None).unwrap().len(), QUEUE);
        write_queue.send(0).unwrap();
    }
}
