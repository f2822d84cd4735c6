//! [`BotHandle`]: what a bot does by itself.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use couplet::{BareJid, Handle, SendError, SentId};

use crate::{
    clock::{millis, time_of},
    conversation::Conversation,
    ids::Ids,
    outbound::{self, Marks, Recipient},
    shared::{Shared, read},
    state::{Job, State},
    store::{JobId, NewJob, StateKey, StoreError},
    text::Text,
};

/// A handle of a running bot: sends messages, and reads and changes what the bot stores.
///
/// [`Context::bot`](crate::Context::bot) returns it, and a task of
/// [`Bot::background_task`](crate::Bot::background_task) is given one. It is cheap to clone.
///
/// # Examples
///
/// ```
/// use couplet::SendError;
/// use couplet_bot::{BotHandle, Conversation, Text};
///
/// async fn ring(bot: &BotHandle, to: &[Conversation]) -> Result<(), SendError> {
///     for conversation in to {
///         bot.send(conversation, Text::new("The kettle is on fire").important()).await?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct BotHandle(pub(crate) Arc<Shared>);

impl BotHandle {
    /// Returns the address of the bot.
    #[must_use]
    pub fn address(&self) -> &BareJid {
        &self.0.address
    }

    /// Returns the handle of the component that sends from the address of the bot.
    ///
    /// Use it for stanzas that the bot kit has no method for.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.0.handle
    }

    /// Sends a text to a conversation, in several messages if it is long, and returns the id of the first.
    ///
    /// # Errors
    ///
    /// As [`Handle::send`].
    pub async fn send(
        &self,
        to: &Conversation,
        text: impl Into<Text>,
    ) -> Result<SentId, SendError> {
        let recipient = Recipient::of_conversation(to);
        let text = text.into();
        outbound::send(&self.0, &recipient, &Ids::Random, &text, Marks::default()).await
    }

    /// Returns a value of a conversation, or its default.
    ///
    /// # Errors
    ///
    /// The store fails, or has a value that the type cannot read.
    pub async fn state<S: State + Default>(&self, of: &Conversation) -> Result<S, StoreError> {
        self.value(self.0.key(of, S::NAME)).await
    }

    /// Changes a value of a conversation, or its default, and returns what `change` returns. Changes of one
    /// value do not interleave. A value that equals the default is not stored.
    ///
    /// # Errors
    ///
    /// The store fails, has a value that the type cannot read, or the value is larger than
    /// `limits.state_bytes`.
    pub async fn update<S: State + Default, T>(
        &self,
        of: &Conversation,
        change: impl FnOnce(&mut S) -> T,
    ) -> Result<T, StoreError> {
        let key = self.0.key(of, S::NAME);
        let _alone = self.0.locks.lock(&key).await;
        let mut value: S = self.value(key.clone()).await?;
        let result = change(&mut value);
        let new = self.written(&value)?;
        let is_default = self.written(&S::default())? == new;
        self.0
            .store
            .set_state(key, (!is_default).then_some(new))
            .await?;
        Ok(result)
    }

    /// Sets a value of a conversation.
    ///
    /// # Errors
    ///
    /// The store fails, or the value is larger than `limits.state_bytes`.
    pub async fn put<S: State>(&self, of: &Conversation, value: S) -> Result<(), StoreError> {
        let key = self.0.key(of, S::NAME);
        let _alone = self.0.locks.lock(&key).await;
        let value = self.written(&value)?;
        self.0.store.set_state(key, Some(value)).await
    }

    /// Removes a value of a conversation.
    ///
    /// # Errors
    ///
    /// The store fails.
    pub async fn clear<S: State>(&self, of: &Conversation) -> Result<(), StoreError> {
        let key = self.0.key(of, S::NAME);
        let _alone = self.0.locks.lock(&key).await;
        self.0.store.set_state(key, None).await
    }

    /// Returns the values of this type of all conversations that have one.
    ///
    /// # Errors
    ///
    /// The store fails, or has a value that the type cannot read.
    pub async fn everywhere<S: State>(&self) -> Result<Vec<(Conversation, S)>, StoreError> {
        let all = self.0.store.states(&self.0.bot, S::NAME).await?;
        let read = |(key, value): (String, String)| {
            let conversation = Conversation::of_key(&key).map_err(|error| {
                StoreError::Broken(format!("the stored conversation {key:?}: {error}"))
            })?;
            Ok((conversation, read(S::NAME, &value)?))
        };
        all.into_iter().map(read).collect()
    }

    /// Schedules a job of a conversation after a duration.
    ///
    /// # Errors
    ///
    /// The store fails, or the conversation has `limits.jobs` jobs.
    pub async fn after<J: Job>(
        &self,
        of: &Conversation,
        delay: Duration,
        job: J,
    ) -> Result<JobId, StoreError> {
        let due = self.0.clock.now().saturating_add(millis(delay));
        self.schedule(of, due, None, &job).await
    }

    /// Schedules a job of a conversation at a time of day.
    ///
    /// # Errors
    ///
    /// As [`BotHandle::after`].
    pub async fn at<J: Job>(
        &self,
        of: &Conversation,
        time: SystemTime,
        job: J,
    ) -> Result<JobId, StoreError> {
        self.schedule(of, time_of(time), None, &job).await
    }

    /// Schedules a job of a conversation again and again. What was missed while the bot was away runs once.
    ///
    /// # Errors
    ///
    /// As [`BotHandle::after`].
    pub async fn every<J: Job>(
        &self,
        of: &Conversation,
        period: Duration,
        job: J,
    ) -> Result<JobId, StoreError> {
        let period = millis(period).max(1_000);
        let due = self.0.clock.now().saturating_add(period);
        self.schedule(of, due, Some(period), &job).await
    }

    /// Cancels the jobs of this type of a conversation and returns their number.
    ///
    /// # Errors
    ///
    /// The store fails.
    pub async fn cancel<J: Job>(&self, of: &Conversation) -> Result<u32, StoreError> {
        self.0.store.cancel_jobs(self.0.key(of, J::NAME)).await
    }

    async fn schedule<J: Job>(
        &self,
        of: &Conversation,
        due: u64,
        every: Option<u64>,
        job: &J,
    ) -> Result<JobId, StoreError> {
        let job = NewJob {
            key: self.0.key(of, J::NAME),
            value: self.written(job)?,
            due,
            every,
        };
        let limit = self.0.settings.limits.jobs;
        let id = self.0.store.add_job(job, limit).await?;
        self.0.jobs_changed.notify_one();
        Ok(id)
    }

    async fn value<S: State + Default>(&self, key: StateKey) -> Result<S, StoreError> {
        match self.0.store.state(key).await? {
            Some(value) => read(S::NAME, &value),
            None => Ok(S::default()),
        }
    }

    fn written(&self, value: &impl serde::Serialize) -> Result<String, StoreError> {
        let text = serde_json::to_string(value)
            .map_err(|error| StoreError::Broken(format!("a value cannot be stored: {error}")))?;
        let limit = self.0.settings.limits.state_bytes;
        if text.len() > limit {
            return Err(StoreError::Full(format!(
                "That is too much to remember: {} bytes of {limit}",
                text.len()
            )));
        }
        Ok(text)
    }
}

impl fmt::Debug for BotHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.0.address.as_str();
        f.debug_tuple("BotHandle").field(&address).finish()
    }
}
