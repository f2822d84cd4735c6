//! [`Tally`]: what each subscriber received, how often, and in which order.
//!
//! A pure value without socket or clock.

use std::collections::HashMap;
use std::fmt;

use crate::error::{CaseResult, check};
use crate::expect::Event;

/// What the subscribers received.
pub(super) struct Tally {
    domain: String,
    /// The number of the newest item of each subscriber, plus one.
    newest: Vec<usize>,
    /// The id of the message with an item, for each subscriber.
    ids: HashMap<(usize, usize), String>,
    have: Vec<usize>,
    /// How often the sink has connected.
    pub(super) connected: usize,
    twice: usize,
    strange_twins: usize,
    out_of_order: usize,
}

/// Returns the address of a subscriber.
pub(super) fn address(domain: &str, number: usize) -> String {
    format!("subscriber-{number}@{domain}")
}

impl Tally {
    pub(super) fn new(domain: &str, subscribers: usize) -> Tally {
        Tally {
            domain: domain.to_owned(),
            newest: vec![0; subscribers],
            ids: HashMap::new(),
            have: Vec::new(),
            connected: 0,
            twice: 0,
            strange_twins: 0,
            out_of_order: 0,
        }
    }

    /// Counts an event; messages without an item of the node are ignored.
    pub(super) fn received(&mut self, event: &Event, node: &str) {
        let Ok(item) = event.item(node) else { return };
        let item = item
            .attr("id")
            .and_then(|id| id.strip_prefix("item-")?.parse().ok());
        let to = event.to();
        let number = to.strip_suffix(&self.domain).and_then(|to| {
            to.strip_prefix("subscriber-")?
                .strip_suffix('@')?
                .parse()
                .ok()
        });
        if let (Some(item), Some(number)) = (item, number) {
            self.count(number, item, event.id());
        }
    }

    fn count(&mut self, number: usize, item: usize, id: String) {
        let Some(newest) = self.newest.get_mut(number) else {
            return;
        };
        if let Some(first) = self.ids.get(&(number, item)) {
            self.twice += 1;
            self.strange_twins += usize::from(*first != id);
            return;
        }
        self.out_of_order += usize::from(item < *newest);
        *newest = (*newest).max(item + 1);
        self.ids.insert((number, item), id);
        if self.have.len() <= item {
            self.have.resize(item + 1, 0);
        }
        if let Some(have) = self.have.get_mut(item) {
            *have += 1;
        }
    }

    pub(super) fn subscribers(&self) -> usize {
        self.newest.len()
    }

    /// Returns how many subscribers have this item.
    pub(super) fn have(&self, item: usize) -> usize {
        self.have.get(item).copied().unwrap_or(0)
    }

    pub(super) fn all_have(&self, item: usize) -> bool {
        self.have(item) == self.subscribers()
    }

    /// Checks that all items came in the order of publication, and repeated ones with the same id.
    pub(super) fn verdict(&self) -> CaseResult {
        let received = self.to_string();
        check(
            self.out_of_order == 0,
            "items in the order of the node",
            received.clone(),
        )?;
        check(
            self.strange_twins == 0,
            "the same id where an item comes twice",
            received,
        )
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} subscribers; items at so many of them: {:?}; twice {}, of which with another id {}; out of order {}",
            self.subscribers(),
            self.have,
            self.twice,
            self.strange_twins,
            self.out_of_order
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_counts_once_and_is_known_by_its_id() {
        let mut tally = Tally::new("sink", 2);
        tally.count(0, 0, "a".to_owned());
        tally.count(0, 0, "a".to_owned());
        assert!(tally.verdict().is_ok());
        assert_eq!((tally.have(0), tally.all_have(0)), (1, false));
        tally.count(1, 0, "b".to_owned());
        assert!(tally.all_have(0));
        tally.count(1, 0, "c".to_owned());
        assert!(tally.verdict().is_err());
    }

    #[test]
    fn an_old_item_after_a_new_one_is_out_of_order() {
        let mut tally = Tally::new("sink", 1);
        tally.count(0, 1, "a".to_owned());
        tally.count(0, 0, "b".to_owned());
        assert!(tally.verdict().is_err());
    }
}
