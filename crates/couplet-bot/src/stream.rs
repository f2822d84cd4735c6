//! [`ReplyStream`]: a reply that grows while it is read.

use std::{fmt, sync::Arc, time::Duration};

use couplet::{MessageType, SendError, SentId};
use tokio::time::Instant;
use xmpp_parsers::chatstates::ChatState;

use crate::{
    outbound::{self, Marks},
    split::split,
    text::Text,
    turn::Turn,
};

/// The first text is sent after this time, or when it has as many characters.
const FIRST_AFTER: Duration = Duration::from_millis(500);
const FIRST_CHARACTERS: usize = 40;

/// At most one correction in this time, and as many in all. Offline storage may keep each.
const EVERY: Duration = Duration::from_secs(1);
const CORRECTIONS: u32 = 40;

/// A reply in pieces: the first ones are sent as a message, the rest corrects it at most once a second.
/// (XEP-0308)
///
/// Archives keep the first text and the final one. Call [`ReplyStream::finish`] at the end, also when the turn
/// is interrupted.
///
/// # Examples
///
/// ```
/// use couplet_bot::{BotResult, Context, Text, no_reply};
///
/// async fn on_text(ctx: Context<Text>) -> BotResult {
///     let mut answer = ctx.stream();
///     for word in ["Let ", "me ", "think ", "..."] {
///         answer.push(word).await?;
///     }
///     answer.finish().await?;
///     no_reply()
/// }
/// ```
#[must_use = "a stream that is not finished loses what was pushed last"]
pub struct ReplyStream {
    turn: Arc<Turn>,
    text: String,
    begun: Option<Instant>,
    /// The first id, and what the person sees.
    shown: Option<(SentId, String)>,
    last: Instant,
    corrections: u32,
}

impl ReplyStream {
    pub(crate) fn new(turn: Arc<Turn>) -> ReplyStream {
        ReplyStream {
            turn,
            text: String::new(),
            begun: None,
            shown: None,
            last: Instant::now(),
            corrections: 0,
        }
    }

    /// Adds a piece, and sends the text so far if it is time to.
    ///
    /// # Errors
    ///
    /// As [`Handle::send`](couplet::Handle::send).
    pub async fn push(&mut self, piece: &str) -> Result<(), SendError> {
        self.text.push_str(piece);
        let begun = match self.begun {
            Some(begun) => begun,
            None => {
                self.compose().await;
                *self.begun.insert(Instant::now())
            }
        };
        if self.shown.is_none() {
            let is_due =
                begun.elapsed() >= FIRST_AFTER || self.text.chars().count() >= FIRST_CHARACTERS;
            if is_due && !self.text.trim().is_empty() {
                let id = self.send(Marks::default()).await?;
                self.shown = Some((id, self.text.clone()));
                self.last = Instant::now();
            }
            return Ok(());
        }
        let is_due = self.last.elapsed() >= EVERY && self.corrections < CORRECTIONS;
        if is_due && let Some(id) = self.correctable() {
            let marks = Marks {
                replaces: Some(&id),
                is_passing: true,
                ..Marks::default()
            };
            self.send(marks).await?;
            self.corrections += 1;
            self.last = Instant::now();
            self.shown = self.shown.take().map(|(id, _)| (id, self.text.clone()));
        }
        Ok(())
    }

    /// Sends the final text, if it is not what the person sees already, and returns it.
    ///
    /// # Errors
    ///
    /// As [`Handle::send`](couplet::Handle::send).
    pub async fn finish(self) -> Result<String, SendError> {
        let is_shown = |(_, shown): &(SentId, String)| *shown == self.text;
        let is_known = self.corrections == 0 && self.shown.as_ref().is_some_and(is_shown);
        if self.text.trim().is_empty() || is_known {
            return Ok(self.text);
        }
        let id = self.correctable();
        let marks = Marks {
            replaces: id.as_deref(),
            ..Marks::default()
        };
        self.send(marks).await?;
        Ok(self.text)
    }

    /// Returns the id to correct: while no other message followed, none bounced, and the text is one message.
    fn correctable(&self) -> Option<String> {
        let (id, _) = self.shown.as_ref()?;
        let person = self.turn.recipient.to.to_bare();
        let is_last = self.turn.bot.0.last_sent.is(person.prepared(), id.as_str());
        (is_last && split(&self.text).len() == 1).then(|| id.as_str().to_owned())
    }

    async fn send(&self, marks: Marks<'_>) -> Result<SentId, SendError> {
        self.turn.send(&Text::new(self.text.as_str()), marks).await
    }

    async fn compose(&self) {
        let (shared, recipient) = (&self.turn.bot.0, &self.turn.recipient);
        let wants = shared.chat_states.wants(&recipient.to.to_bare());
        if wants && recipient.type_ == MessageType::Chat {
            outbound::send_state(shared, recipient, &ChatState::Composing).await;
        }
    }
}

impl fmt::Debug for ReplyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyStream")
            .field("text", &self.text)
            .finish_non_exhaustive()
    }
}
