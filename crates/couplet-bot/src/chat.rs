//! Chat messages to the bot: guard rails, then a turn each.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use couplet::{Condition, Incoming, Message, MessageHandler, SendError, StanzaError};
use xmpp_parsers::delay::Delay;

use crate::{
    app::App,
    conversation::Conversation,
    ids::Ids,
    interpret,
    outbound::{self, Marks, Recipient},
    rate::Permit,
    text::Text,
    texts,
    turns::Work,
};

/// A message that waited longer on the way runs nothing.
const STALE: Duration = Duration::from_secs(5 * 60);

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Handles chat messages.
pub(crate) struct Chats(pub(crate) Arc<App>);

#[async_trait]
impl MessageHandler for Chats {
    async fn handle(&self, message: Incoming<Message>) -> Result<(), StanzaError> {
        let app = &self.0;
        let shared = &app.shared;
        if message.to().to_bare() != shared.address {
            return Err(Condition::ServiceUnavailable.into());
        }
        let person = message.from().to_bare();
        if !shared.is_allowed(message.from()) {
            let is_first = shared.may_notice(&person, "forbidden", HOUR).await;
            return match is_first {
                true => Err(Condition::Forbidden.into()),
                false => Ok(()),
            };
        }
        let recipient = Recipient::of(&message);
        let lang = recipient.lang.clone().unwrap_or_default();
        let texts = shared.texts(&lang);
        if let Some(age) = self.age_if_stale(&message) {
            if shared.may_notice(&person, "late", DAY).await {
                let ago = humantime::format_duration(age).to_string();
                self.tell(&recipient, texts.fill(texts::LATE, &[("ago", &ago)]))
                    .await?;
            }
            return Ok(());
        }
        match app.rate.take(person.prepared()) {
            Permit::Go => {}
            Permit::Silence => return Ok(()),
            Permit::Slower(again) => {
                let seconds = again.as_secs().max(1).to_string();
                let text = texts.fill(texts::SLOWER, &[("seconds", &seconds)]);
                return Ok(self.tell(&recipient, text).await?);
            }
        }
        let most = shared.settings.limits.characters;
        if message.text().chars().count() > most {
            let text = texts.fill(texts::MESSAGE_TOO_LONG, &[("limit", &most.to_string())]);
            return Ok(self.tell(&recipient, text).await?);
        }
        shared.chat_states.note(&person, &message);
        self.begin(message, recipient).await
    }
}

impl Chats {
    /// Queues the turn of a message.
    async fn begin(
        &self,
        message: Incoming<Message>,
        recipient: Recipient,
    ) -> Result<(), StanzaError> {
        let app = Arc::clone(&self.0);
        let person = message.from().clone();
        let lane = app.lane(&Conversation::with(&person));
        let id = message.id().map(|id| id.into_owned());
        let text = message.text().into_owned();
        let replaced = message.corrects().map(|id| id.into_owned());
        let corrects = match &replaced {
            None => None,
            Some(earlier) if app.waiting.change(&lane, earlier, text.clone()) => return Ok(()),
            // What was understood is not done again.
            Some(earlier) => match app.recent.reply_to(&lane, earlier) {
                None => return Ok(()),
                reply => reply,
            },
        };
        let ids: Vec<String> = id.clone().into_iter().chain(replaced).collect();
        let waiting = app.waiting.add(&lane, id, text);
        let of_lane = lane.clone();
        drop(message);
        let busy = recipient.clone();
        let work: Work = Box::new(move |interrupted| {
            Box::pin(async move {
                if let Some(text) = waiting.take() {
                    let first = corrects.clone();
                    let turn = app.turn_of(&person, recipient, corrects, interrupted);
                    let reply = interpret::message(&app, &turn, text).await;
                    // A correction is corrected by the first id.
                    let bare = person.to_bare();
                    let is_last = |id: &String| app.shared.last_sent.is(bare.prepared(), id);
                    let reply = reply.map(|reply| first.filter(is_last).unwrap_or(reply));
                    for id in ids {
                        app.recent.note(&of_lane, id, reply.clone());
                    }
                }
            })
        });
        if self.0.turns.queue(lane, true, work).await {
            return Ok(());
        }
        let lang = busy.lang.clone().unwrap_or_default();
        let text = self.0.shared.texts(&lang).get(texts::BUSY).into_owned();
        Ok(self.tell(&busy, text).await?)
    }

    /// Returns how long a message was on its way, if that is too long. (XEP-0203)
    fn age_if_stale(&self, message: &Message) -> Option<Duration> {
        let delay = message.payload::<Delay>()?.ok()?;
        let sent = u64::try_from(delay.stamp.0.timestamp_millis()).ok()?;
        let age = Duration::from_millis(self.0.shared.clock.now().saturating_sub(sent));
        // In whole minutes.
        (age > STALE).then(|| Duration::from_secs(age.as_secs() / 60 * 60))
    }

    async fn tell(&self, recipient: &Recipient, text: String) -> Result<(), SendError> {
        let shared = &self.0.shared;
        let text = Text::new(text);
        outbound::send(shared, recipient, &Ids::Random, &text, Marks::default()).await?;
        Ok(())
    }
}

/// Handles messages that came back: what bounced is not corrected any more.
pub(crate) struct Bounces(pub(crate) Arc<App>);

#[async_trait]
impl MessageHandler for Bounces {
    async fn handle(&self, message: Incoming<Message>) -> Result<(), StanzaError> {
        let person = message.from().to_bare();
        self.0.shared.last_sent.forget(person.prepared());
        Ok(())
    }
}
