//! Messages whose turn has not begun: a correction changes their text.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// The waiting messages of all conversations.
#[derive(Default)]
pub(crate) struct WaitingMessages(Mutex<HashMap<String, Vec<Weak<Waiting>>>>);

/// A message that waits.
pub(crate) struct Waiting {
    id: Option<String>,
    text: Mutex<Option<String>>,
}

impl WaitingMessages {
    /// Adds a message of a conversation.
    pub(crate) fn add(&self, lane: &str, id: Option<String>, text: String) -> Arc<Waiting> {
        let waiting = Arc::new(Waiting {
            id,
            text: Mutex::new(Some(text)),
        });
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, of_lane| {
            of_lane.retain(|waiting| waiting.strong_count() > 0);
            !of_lane.is_empty()
        });
        let of_lane = all.entry(lane.to_owned()).or_default();
        of_lane.push(Arc::downgrade(&waiting));
        waiting
    }

    /// Replaces the text of a waiting message, and returns whether it still waited.
    pub(crate) fn change(&self, lane: &str, id: &str, text: String) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_lane = all.get(lane).into_iter().flatten();
        let mut waiting = of_lane.filter_map(Weak::upgrade);
        let found = waiting.find(|waiting| waiting.id.as_deref() == Some(id));
        let Some(found) = found else { return false };
        let mut known = found.text.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = known.is_some();
        if waits {
            *known = Some(text);
        }
        waits
    }
}

impl Waiting {
    /// Takes the text, when the turn begins.
    pub(crate) fn take(&self) -> Option<String> {
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.take()
    }
}
