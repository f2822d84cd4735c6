//! Runs one turn: its deadline, its panics, what the person reads of a failure, and that the bot is writing.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use couplet::{MessageType, StanzaError};
use tokio::time::{sleep, timeout};
use xmpp_parsers::chatstates::ChatState;

use crate::{
    handlers::Call,
    ids, outbound,
    result::{BotResult, Reply, ReplyContent},
    store::StoreError,
    texts,
    turn::Turn,
};

/// A turn that is faster needs no chat state.
const COMPOSING_AFTER: Duration = Duration::from_secs(1);

/// A handler has failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the person reads.
    pub(crate) text: String,
    /// For the log, and for the reason of a parked job.
    pub(crate) cause: String,
}

/// Runs a handler to its end.
pub(crate) async fn run(turn: &Arc<Turn>, call: Call) -> Result<Reply, Failure> {
    let shared = &turn.bot.0;
    let mut is_composing = false;
    let result = {
        let handling = timeout(shared.within, caught(call(Arc::clone(turn))));
        let composing = compose(turn, &mut is_composing);
        tokio::select! {
            biased;
            result = handling => result,
            () = composing => return Err(failure(turn, "unreachable".to_owned())),
        }
    };
    let result = match result {
        Ok(Ok(Ok(reply))) => Ok(reply),
        Ok(Ok(Err(error))) => Err(explained(turn, &error)),
        Ok(Err(panic)) => Err(failure(
            turn,
            format!("the handler panicked: {}", words(&*panic)),
        )),
        Err(_elapsed) => {
            let within = humantime::format_duration(shared.within);
            Err(failure(
                turn,
                format!("the handler did not return within {within}"),
            ))
        }
    };
    if is_composing && matches!(result, Ok(Reply(ReplyContent::Nothing))) {
        outbound::send_state(shared, &turn.recipient, &ChatState::Paused).await;
    }
    result
}

/// Says after a moment that the bot is writing, to those who say so themselves. Does not end.
async fn compose(turn: &Turn, is_composing: &mut bool) {
    let shared = &turn.bot.0;
    let is_chat = turn.recipient.type_ == MessageType::Chat;
    if is_chat && shared.chat_states.wants(&turn.recipient.to.to_bare()) {
        sleep(COMPOSING_AFTER).await;
        *is_composing = true;
        outbound::send_state(shared, &turn.recipient, &ChatState::Composing).await;
    }
    std::future::pending().await
}

/// Returns what the person reads: the text of the error, if it has one for the peer.
fn explained(turn: &Turn, error: &StanzaError) -> Failure {
    if let Some(text) = error.descriptive_text() {
        return Failure {
            text: text.to_owned(),
            cause: format!("{error:?}"),
        };
    }
    let cause = error.cause();
    if let Some(StoreError::Full(text)) = cause.and_then(|cause| cause.downcast_ref()) {
        return Failure {
            text: text.clone(),
            cause: text.clone(),
        };
    }
    let cause = match cause {
        Some(cause) => cause.to_string(),
        None => format!("{:?}", error.condition()),
    };
    failure(turn, cause)
}

/// Logs a cause under a number, and returns that for the person.
pub(crate) fn failure(turn: &Turn, cause: String) -> Failure {
    let incident = format!("{:04x}", ids::random() & 0xffff);
    tracing::error!(
        %incident,
        bot = %turn.bot.address(),
        conversation = %turn.conversation,
        error = %cause,
        "a handler of the bot failed"
    );
    let texts = turn.bot.0.texts(turn.lang());
    Failure {
        text: texts.fill(texts::INCIDENT, &[("number", &incident)]),
        cause,
    }
}

type Panic = Box<dyn Any + Send>;

async fn caught(handling: impl Future<Output = BotResult>) -> Result<BotResult, Panic> {
    let mut handling = pin!(handling);
    poll_fn(|cx| {
        let poll = catch_unwind(AssertUnwindSafe(|| handling.as_mut().poll(cx)));
        match poll {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a text")
}
