//! [`Context`]: the argument of a handler.

use std::{
    fmt,
    ops::Deref,
    sync::Arc,
    time::{Duration, SystemTime},
};

use couplet::{Jid, SendError, SentId};

use crate::{
    bot_handle::BotHandle,
    conversation::Conversation,
    outbound::Marks,
    spec::Commands,
    state::{Job, State},
    store::{JobId, StoreError},
    stream::ReplyStream,
    text::Text,
    turn::Turn,
};

/// What a handler handles, and where: the command, form, job or text, the person and the conversation, its
/// state, and the way to reply. It dereferences to what it handles.
///
/// # Examples
///
/// ```
/// use couplet_bot::{BotResult, Context, State, Text, reply};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(State, Default, Serialize, Deserialize)]
/// struct Count(u64);
///
/// async fn on_text(ctx: Context<Text>) -> BotResult {
///     let count = ctx.update(|count: &mut Count| { count.0 += 1; count.0 }).await?;
///     reply(format!("{} is number {count}, {}", ctx.text(), ctx.person()))
/// }
/// ```
pub struct Context<T> {
    value: T,
    turn: Arc<Turn>,
}

impl<T> Context<T> {
    pub(crate) fn new(value: T, turn: Arc<Turn>) -> Context<T> {
        Context { value, turn }
    }

    /// Returns the person whom the bot is talking with: the address of a device where it is known.
    #[must_use]
    pub fn person(&self) -> &Jid {
        &self.turn.person
    }

    /// Returns the conversation, which state and jobs belong to.
    #[must_use]
    pub fn conversation(&self) -> &Conversation {
        &self.turn.conversation
    }

    /// Returns the language of the person, an `xml:lang` such as `de`, if it is known.
    #[must_use]
    pub fn language(&self) -> Option<&str> {
        self.turn.recipient.lang.as_deref()
    }

    /// Returns the handle of the bot, for other conversations.
    #[must_use]
    pub fn bot(&self) -> &BotHandle {
        &self.turn.bot
    }

    /// Sends a text in this conversation before the handler returns.
    ///
    /// # Errors
    ///
    /// As [`Handle::send`](couplet::Handle::send).
    pub async fn send(&self, text: impl Into<Text>) -> Result<SentId, SendError> {
        self.turn.send(&text.into(), Marks::default()).await
    }

    /// Begins a reply that grows while the person reads it.
    pub fn stream(&self) -> ReplyStream {
        ReplyStream::new(Arc::clone(&self.turn))
    }

    /// Returns a value of this conversation, or its default.
    ///
    /// # Errors
    ///
    /// As [`BotHandle::state`].
    pub async fn state<S: State + Default>(&self) -> Result<S, StoreError> {
        self.bot().state(self.conversation()).await
    }

    /// Changes a value of this conversation, or its default, and returns what `change` returns.
    ///
    /// # Errors
    ///
    /// As [`BotHandle::update`].
    pub async fn update<S: State + Default, R>(
        &self,
        change: impl FnOnce(&mut S) -> R,
    ) -> Result<R, StoreError> {
        self.bot().update(self.conversation(), change).await
    }

    /// Sets a value of this conversation.
    ///
    /// # Errors
    ///
    /// As [`BotHandle::put`].
    pub async fn put<S: State>(&self, value: S) -> Result<(), StoreError> {
        self.bot().put(self.conversation(), value).await
    }

    /// Schedules a job of this conversation after a duration.
    ///
    /// It is stored when this function returns, and runs at least once, also if the process ends meanwhile.
    ///
    /// # Errors
    ///
    /// As [`BotHandle::after`].
    pub async fn after<J: Job>(&self, delay: Duration, job: J) -> Result<JobId, StoreError> {
        self.bot().after(self.conversation(), delay, job).await
    }

    /// Schedules a job of this conversation at a time of day.
    ///
    /// # Errors
    ///
    /// As [`BotHandle::after`].
    pub async fn at<J: Job>(&self, time: SystemTime, job: J) -> Result<JobId, StoreError> {
        self.bot().at(self.conversation(), time, job).await
    }

    /// Schedules a job of this conversation again and again. What was missed while the bot was away runs
    /// once.
    ///
    /// # Errors
    ///
    /// As [`BotHandle::after`].
    pub async fn every<J: Job>(&self, period: Duration, job: J) -> Result<JobId, StoreError> {
        self.bot().every(self.conversation(), period, job).await
    }

    /// Cancels the jobs of this type of this conversation and returns their number.
    ///
    /// # Errors
    ///
    /// As [`BotHandle::cancel`].
    pub async fn cancel<J: Job>(&self) -> Result<u32, StoreError> {
        self.bot().cancel::<J>(self.conversation()).await
    }

    /// Waits until the person writes again, which does not end the handler by itself.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn interrupted(&self) {
        let mut interrupted = self.turn.interrupted.clone();
        if interrupted.wait_for(|is| *is).await.is_err() {
            // Nothing interrupts it any more.
            std::future::pending().await
        }
    }

    /// Takes what is handled out of the context.
    #[must_use]
    pub fn into_value(self) -> T {
        self.value
    }
}

impl<C: Commands> Context<C> {
    /// Returns the command.
    #[must_use]
    pub fn command(&self) -> &C {
        &self.value
    }
}

impl<J: Job> Context<J> {
    /// Returns how much later than planned a job runs.
    #[must_use]
    pub fn late(&self) -> Duration {
        self.turn.late
    }
}

impl<T> Deref for Context<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Context<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("value", &self.value)
            .field("conversation", &self.turn.conversation)
            .finish_non_exhaustive()
    }
}
