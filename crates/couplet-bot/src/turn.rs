//! [`Turn`]: one call of a handler.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use couplet::{Jid, SendError, SentId};
use tokio::sync::watch;

use crate::{
    bot_handle::BotHandle,
    conversation::Conversation,
    ids::Ids,
    outbound::{self, Marks, Recipient},
    text::Text,
};

/// One call of a handler in a conversation.
pub(crate) struct Turn {
    pub(crate) bot: BotHandle,
    pub(crate) conversation: Conversation,
    pub(crate) person: Jid,
    pub(crate) recipient: Recipient,
    pub(crate) ids: Ids,
    pub(crate) late: Duration,
    /// Our reply that the first message of the turn corrects.
    pub(crate) corrects: Mutex<Option<String>>,
    pub(crate) interrupted: watch::Receiver<bool>,
}

impl Turn {
    /// Sends a text in this conversation.
    pub(crate) async fn send(&self, text: &Text, marks: Marks<'_>) -> Result<SentId, SendError> {
        let earlier = {
            let mut corrects = self.corrects.lock().unwrap_or_else(PoisonError::into_inner);
            corrects.take()
        };
        let person = self.recipient.to.to_bare();
        let last_sent = &self.bot.0.last_sent;
        let earlier = earlier.filter(|id| last_sent.is(person.prepared(), id));
        let marks = Marks {
            replaces: marks.replaces.or(earlier.as_deref()),
            ..marks
        };
        outbound::send(&self.bot.0, &self.recipient, &self.ids, text, marks).await
    }

    pub(crate) fn lang(&self) -> &str {
        self.recipient.lang.as_deref().unwrap_or_default()
    }
}
