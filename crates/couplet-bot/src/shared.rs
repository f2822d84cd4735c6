//! What all parts of a running bot share.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use couplet::{BareJid, Handle, Jid};
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, MutexGuard, Notify};

use crate::{
    chat_states::ChatStates,
    clock::Clock,
    conversation::Conversation,
    recent::LastSent,
    settings::Settings,
    store::{StateKey, Store, StoreError},
    translations::{Texts, Translations},
};

/// As many values may be changed at once; two with one lock wait for each other.
const LOCKS: usize = 64;

pub(crate) struct Shared {
    /// The bare address of the bot, and as the store has it.
    pub(crate) address: BareJid,
    pub(crate) bot: String,
    /// Sends from the address of the bot.
    pub(crate) handle: Handle,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) settings: Settings,
    /// How long a turn may last.
    pub(crate) within: Duration,
    pub(crate) translations: Option<Arc<dyn Translations>>,
    /// The scheduler looks again.
    pub(crate) jobs_changed: Notify,
    pub(crate) chat_states: ChatStates,
    pub(crate) last_sent: LastSent,
    pub(crate) locks: Locks,
}

impl Shared {
    /// Returns the key of a value in the store.
    pub(crate) fn key(&self, conversation: &Conversation, name: &'static str) -> StateKey {
        StateKey {
            bot: self.bot.clone(),
            conversation: conversation.key(),
            name,
        }
    }

    /// Returns the texts in a language.
    pub(crate) fn texts<'a>(&'a self, lang: &'a str) -> Texts<'a> {
        Texts::new(self.translations.as_deref(), lang)
    }

    /// Returns whether a person may use the bot.
    pub(crate) fn is_allowed(&self, person: &Jid) -> bool {
        self.settings.allow.contains(person) && !self.settings.block.contains(person)
    }

    /// Returns whether this notice may be sent to a person, which it then is at most once in `every`.
    pub(crate) async fn may_notice(&self, person: &BareJid, what: &str, every: Duration) -> bool {
        let now = self.clock.now();
        let since = now.saturating_sub(crate::clock::millis(every));
        let noticed = self
            .store
            .notice(&self.bot, person.prepared(), what, now, since);
        noticed.await.unwrap_or_else(|error| {
            tracing::warn!(%error, what, "notice not recorded");
            false
        })
    }
}

/// Locks of values, so that what reads and writes one is not interleaved with another.
pub(crate) struct Locks {
    all: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl Locks {
    pub(crate) fn new() -> Locks {
        Locks {
            all: (0..LOCKS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    pub(crate) async fn lock(&self, key: &StateKey) -> Option<MutexGuard<'_, ()>> {
        let hash = self.hasher.hash_one(key);
        let count = u64::try_from(LOCKS).unwrap_or(1);
        let lock = self
            .all
            .get(usize::try_from(hash % count).unwrap_or_default())?;
        Some(lock.lock().await)
    }
}

/// Reads a stored value.
pub(crate) fn read<T: DeserializeOwned>(name: &str, value: &str) -> Result<T, StoreError> {
    serde_json::from_str(value).map_err(|error| {
        StoreError::Broken(format!(
            "the stored `{name}` cannot be read: {error}; give new fields `#[serde(default)]`"
        ))
    })
}
